"""Text for terminals: aligned tables, units that people read, and colour only where someone looks at it."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence

# Smaller ones say nothing but that they are not zero.
_SMALLEST = 0.0001
_GREEN, _RED, _BOLD, _END = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return `rows` (the first is the header) in aligned columns; `right` are the columns to align to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def coloured() -> bool:
    """Return whether standard output is a terminal that wants colour (NO_COLOR is respected)."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def green(text: str) -> str:
    """Return `text` in green, for what is saved."""
    return f"{_GREEN}{text}{_END}" if coloured() else text


def red(text: str) -> str:
    """Return `text` in red, for what grows or fails."""
    return f"{_RED}{text}{_END}" if coloured() else text


def bold(text: str) -> str:
    """Return `text` in bold."""
    return f"{_BOLD}{text}{_END}" if coloured() else text


def number(value: float, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits and thousands separators; `?` where it is unknown."""
    if math.isnan(value):
        return "?"
    if value == 0:
        return "0"
    if abs(value) < _SMALLEST:
        return f"<{_SMALLEST}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}"


def money(value: float) -> str:
    """Return USD; small sums with the digits that say something, `?` where no price is known."""
    return "?" if math.isnan(value) else f"{value:,.2f}" if value >= 0.005 or value == 0 else number(value, 1)


def signed_percent(share: float) -> str:
    """Return a share saved (0 to 1) as a signed percentage: -83% of 0.83; = where it is next to nothing."""
    value = share * 100
    if abs(value) < 0.05:
        return "="
    # So that 99.6 % does not read as if nothing were left.
    shown = f"{min(value, 99.9):.1f}".removesuffix(".0") if 99 < value < 100 else f"{abs(value):.0f}"
    return f"{'-' if value >= 0 else '+'}{shown}%"
