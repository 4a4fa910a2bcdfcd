"""How a report is written: for people, programs, code scanning, test reports and pull requests."""

from __future__ import annotations

from collections.abc import Callable

from ..run import Report
from . import github, json, junit, sarif, text

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": text.write,
    "json": json.write,
    "sarif": sarif.write,
    "junit": junit.write,
    "github": github.write,
}

__all__ = ["FORMATS"]
