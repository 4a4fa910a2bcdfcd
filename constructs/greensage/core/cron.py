"""AWS's schedule expressions: checked where a file names one, and counted for the estimate of a month."""

from __future__ import annotations

import re

_RATE = re.compile(r"^rate\((\d+) (minute|minutes|hour|hours|day|days)\)$")
_CRON = re.compile(r"^cron\(([^()]*)\)$")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Field, first and last value, names of the values, and what it may be besides (EventBridge user guide, cron expressions).
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...], str], ...] = (
    ("minutes", 0, 59, (), ""),
    ("hours", 0, 23, (), ""),
    ("day of month", 1, 31, (), r"\?|L|LW|\d{1,2}W"),
    ("month", 1, 12, _MONTHS, ""),
    ("day of week", 1, 7, _DAYS, r"\?|L|\w{1,3}L|\w{1,3}#[1-5]"),
    ("year", 1970, 2199, (), ""),
)
EXAMPLES = "for instance cron(0 2 * * ? *) or rate(6 hours)"
_DAYS_OF_MONTH = 30


def check_schedule(expression: str) -> str:
    """Return `expression` if AWS would take it. Raises ValueError that says which field is wrong, and what is allowed."""
    runs_per_day(expression)
    return expression


def runs_per_day(expression: str) -> float:
    """Return how often a `rate()` or `cron()` expression fires a day on average. Raises ValueError as `check_schedule` does."""
    if rate := _RATE.match(expression):
        if int(rate[1]) < 1:
            raise ValueError(f"a rate is at least 1 | {EXAMPLES}")
        return 1440 / (int(rate[1]) * _MINUTES[rate[2].removesuffix("s")])
    cron = _CRON.match(expression)
    parts = cron[1].split() if cron else []
    if len(parts) != len(_FIELDS):
        raise ValueError(f"a schedule is rate(N minutes, hours or days) or cron() with six fields | {EXAMPLES}")
    if parts[2] != "?" and parts[4] != "?":
        raise ValueError(f"either the day of month or the day of week is ? | {EXAMPLES}")
    minutes, hours, days, months, weekdays, _ = (_fires(part, *field) for part, field in zip(parts, _FIELDS, strict=True))
    share = days / _DAYS_OF_MONTH if parts[2] != "?" and parts[2] != "*" else 1.0
    if parts[4] not in ("?", "*"):
        share = 1 / _DAYS_OF_MONTH if re.search(r"#|.L$", parts[4]) else weekdays / len(_DAYS)
    return minutes * hours * min(share, 1.0) * months / len(_MONTHS)


def every_day(expression: str) -> re.Match[str] | None:
    """Return a match of (minute, hour, rest) if the job runs once on each day, None for any other schedule."""
    return re.match(r"^cron\((\d{1,2}) (\d{1,2}) ((?:\* \* \?|\? \* \*) \*)\)$", expression)


def _fires(text: str, name: str, first: int, last: int, names: tuple[str, ...], special: str) -> int:
    """How many values of its range a field has."""
    if special and re.fullmatch(special, text, re.IGNORECASE):
        return last - first + 1 if text == "?" else 1
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", part)
        if match is None:
            raise ValueError(f"{part!r} is no {name} | {_allowed(first, last, names)}")
        low = first if match[1] == "*" else _value(match[1], name, first, last, names)
        high = _value(match[2], name, first, last, names) if match[2] else last if match[1] == "*" or match[3] else low
        step = int(match[3] or 1)
        if step < 1:
            raise ValueError(f"{part!r}: a step is at least 1 | {_allowed(first, last, names)}")
        # 22-3 goes past midnight.
        span = range(low, high + 1) if high >= low else [*range(low, last + 1), *range(first, high + 1)]
        found.update(list(span)[::step])
    return len(found)


def _value(text: str, name: str, first: int, last: int, names: tuple[str, ...]) -> int:
    value = names.index(text.upper()) + first if text.upper() in names else int(text) if text.isdigit() else -1
    if not first <= value <= last:
        raise ValueError(f"{text!r} is no {name} | {_allowed(first, last, names)}")
    return value


def _allowed(first: int, last: int, names: tuple[str, ...]) -> str:
    return f"{first} to {last}" + (f", or {names[0]} to {names[-1]}" if names else "")
