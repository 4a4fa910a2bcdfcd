"""The report: one self-contained HTML page with what a fleet takes, what was saved, why, and the source of every figure."""

from __future__ import annotations

from .data import report_data
from .page import report_html

__all__ = ["report_data", "report_html"]
