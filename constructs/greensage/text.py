"""Text for terminals: aligned tables, units that people read, and colour only where someone looks at it."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

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


NARROW = 80
_WORD = re.compile(r"[^\s-]+-?|-+")


def terminal_width() -> int:
    """Return how many columns there are to print in: the terminal's or $COLUMNS, else 80."""
    asked = sys.stdout.isatty() or "COLUMNS" in os.environ
    return shutil.get_terminal_size((NARROW, 24)).columns if asked else NARROW


def fitted(
    rows: Sequence[Sequence[str]], width: int, *, right: Sequence[int] = (), whole: Sequence[int] = (), drop: Sequence[int] = ()
) -> str:
    """Return `rows` (the first is the header) as a table of at most `width` columns.

    What does not fit is wrapped in columns that are not in `right` or `whole`, at spaces and hyphens; columns of `drop` go first,
    in that order, until the rest can be wrapped.
    """
    kept = list(range(len(rows[0])))
    gone = iter(drop)
    while True:
        shown = [[row[column] for column in kept] for row in rows]
        widths = _narrowed(shown, width, {kept.index(column) for column in (*right, *whole) if column in kept})
        dropped = None if widths else next(gone, None)
        if dropped is None:
            break
        kept.remove(dropped)
    aligned = [kept.index(column) for column in right if column in kept]
    if widths is None:
        return table(shown, aligned)
    lines = [line for row in shown for line in _wrapped(row, widths)]
    return table(lines, aligned)


def _narrowed(rows: Sequence[Sequence[str]], width: int, fixed: set[int]) -> list[int] | None:
    """Return widths that fit, the widest text narrowed first; None where even the narrowest do not."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    # No word is broken but at its hyphens.
    least = [max(max(map(len, _WORD.findall(row[column])), default=0) for row in rows) for column in range(len(rows[0]))]
    while sum(widths) + 2 * (len(widths) - 1) > width:
        loose = [column for column in range(len(widths)) if column not in fixed and widths[column] > least[column]]
        if not loose:
            return None
        widths[max(loose, key=lambda column: widths[column])] -= 1
    return widths


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[list[str]]:
    cells = [textwrap.wrap(cell, size, break_on_hyphens=True) or [""] for cell, size in zip(row, widths, strict=True)]
    for index in range(max(map(len, cells))):
        yield [cell[index] if index < len(cell) else "" for cell in cells]


def paragraph(text: str, width: int, indent: str = "") -> str:
    """Return `text` wrapped at `width`; lines after the first begin with `indent`."""
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def plural(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun: 1 request, 2 requests, 1,000 requests."""
    shown = f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:,.1f}"
    return f"{shown} {one if shown == '1' else many or f'{one}s'}"


def duration_ms(value: float) -> str:
    """Return milliseconds for people: 12 ms, 1,200 ms, 45 s, 23 minutes, 6.3 hours."""
    for most, divisor, unit in ((10_000, 1, "ms"), (600_000, 1_000, "s"), (36_000_000, 60_000, "minutes")):
        if abs(value) < most:
            return f"{value / divisor:,.0f} {unit}"
    return f"{value / 3_600_000:,.1f} hours"


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
    """Return a share saved (0 to 1) as a signed percentage: -83% of 0.83; = where it is next to nothing, 20 x for -19."""
    value = share * 100
    if abs(value) < 0.05:
        return "="
    if value < -1000:
        # As a percentage it would be a long number that says no more.
        return f"{1 - share:,.0f} x" if share > -1e6 else "> 1,000,000 x"
    # So that 99.6 % does not read as if nothing were left.
    fine = 99 < value < 100 or abs(value) < 1
    shown = f"{min(abs(value), 99.9):.1f}".removesuffix(".0") if fine else f"{abs(value):.0f}"
    return f"{'-' if value >= 0 else '+'}{shown}%"
