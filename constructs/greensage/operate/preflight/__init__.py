"""What would stop a deployment before it begins: quotas, what the account lacks, what the files name. Reads only."""

from .check import Check
from .run import QUALIFIER, Preflight, preflight

__all__ = ["QUALIFIER", "Check", "Preflight", "preflight"]
