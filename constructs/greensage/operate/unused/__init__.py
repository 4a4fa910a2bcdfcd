"""What nobody uses in a Region: found by what refers to it, looked at again before it is deleted, and written down."""

from __future__ import annotations

from .item import KEEP_TAG, Reading, Unused
from .run import Found, Outcome, delete_unused, find_unused

__all__ = ["KEEP_TAG", "Found", "Outcome", "Reading", "Unused", "delete_unused", "find_unused"]
