"""The one check of props: it lets tokens through, and says the prop, the value and what is allowed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sized
from typing import Any, TypeGuard

from .cron import check_schedule

# The CDK writes a number that is known at deploy time as a huge negative one (aws-cdk-lib, core/lib/private/encoding).
_NUMBERS_ABOVE = -1e280


def is_token(value: Any) -> bool:
    """Return whether `value` is known only at deploy time. Pure Python, so that a check costs no call into Node."""
    if isinstance(value, str):
        return "${Token[" in value
    if isinstance(value, (int, float)):
        return value < _NUMBERS_ABOVE
    return hasattr(value, "resolve")


def is_known(value: Any) -> bool:
    """Return whether `value` is known at synth: what compares or computes with a prop must ask first."""
    return not is_token(value)


def check_whole(prop: str, value: Any, least: int, most: int | None = None) -> None:
    """Raise ValueError unless `value` is a token or a whole number of `least` to `most`."""
    if is_known(value) and (not _is_number(value) or value != int(value)):
        raise ValueError(f"{prop} is {value!r}; allowed: a whole number, {_range(least, most)}")
    check_number(prop, value, least=least, most=most)


def check_number(prop: str, value: Any, *, least: float | None = None, above: float | None = None, most: float | None = None,
                 below: float | None = None) -> None:  # fmt: skip
    """Raise ValueError unless `value` is a token or a number in the range; `above` and `below` are not part of it."""
    if is_token(value):
        return
    fits = _is_number(value) and not (
        (least is not None and value < least)
        or (above is not None and value <= above)
        or (most is not None and value > most)
        or (below is not None and value >= below)
    )
    if not fits:
        raise ValueError(f"{prop} is {value!r}; allowed: {_range(least, most, above, below)}")


def check_choice(prop: str, value: Any, allowed: Collection[Any]) -> None:
    """Raise ValueError unless `value` is a token or one of `allowed`; a near miss gets a suggestion."""
    if is_token(value) or value in allowed:
        return
    near = difflib.get_close_matches(str(value), [str(item) for item in allowed], n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(f"{prop} is {value!r}; allowed: {', '.join(str(item) for item in allowed)}{hint}")


def check_type(prop: str, value: Any, wanted: type[Any] | tuple[type[Any], ...], allowed: str) -> None:
    """Raise TypeError unless `value` is of a type; `allowed` says how one is made."""
    if not isinstance(value, wanted):
        shown = repr(value) if isinstance(value, (str, int, float, type(None))) else f"a {type(value).__name__}"
        raise TypeError(f"{prop} is {shown}; allowed: {allowed}")


def check_text(prop: str, value: Any) -> None:
    """Raise TypeError or ValueError unless `value` is a text that says something; tokens are texts."""
    check_type(prop, value, str, "a text")
    if not value:
        raise ValueError(f"{prop} is empty; allowed: a text")


def check_order(low_prop: str, low: Any, high_prop: str, high: Any) -> None:
    """Raise ValueError when the lower limit is above the upper one and both are known."""
    if is_known(low) and is_known(high) and low > high:
        raise ValueError(f"{low_prop} is {low}, {high_prop} is {high}; allowed: {low_prop} at most {high_prop}")


def check_count(prop: str, value: Sized, least: int, most: int | None = None) -> None:
    """Raise ValueError unless there are `least` to `most` entries."""
    if len(value) < least or (most is not None and len(value) > most):
        raise ValueError(f"{prop} has {len(value)} entries; allowed: {_range(least, most)}")


def check_prefix(prop: str, value: str, *, may_be_empty: bool = False) -> None:
    """Raise ValueError unless `value` ends with a slash, as a prefix of a bucket must that is not to match its neighbour."""
    if is_token(value) or value.endswith("/") or (may_be_empty and not value):
        return
    raise ValueError(f"{prop} is {value!r}; allowed: a prefix that ends with a slash, for instance {value or 'data'}/")


def check_cron(prop: str, value: str) -> None:
    """Raise ValueError unless `value` is a token or a rate() or cron() that AWS takes."""
    if is_token(value):
        return
    try:
        check_schedule(value)
    except ValueError as problem:
        wrong, _, allowed = str(problem).partition(" | ")
        raise ValueError(f"{prop} is {value!r}: {wrong}; allowed: {allowed}") from None


def check_needed(prop: str, value: Any, why: str) -> None:
    """Raise ValueError for a token where the value is needed at synth; `why` says what for."""
    if is_token(value):
        raise ValueError(f"{prop} is a token; allowed: a value that is known at synth, because {why}")


def check_names(prop: str, given: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Raise ValueError for keys that are none of `allowed`."""
    for name in given:
        check_choice(f"a key of {prop}", name, allowed)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _range(least: float | None, most: float | None, above: float | None = None, below: float | None = None) -> str:
    low = f"at least {least:,}" if least is not None else f"above {above:,}" if above is not None else ""
    high = f"at most {most:,}" if most is not None else f"below {below:,}" if below is not None else ""
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    return ", ".join(part for part in (low, high) if part) or "a number"
