"""What `greensage optimize` shows: a table of the candidates for people, everything for programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..catalog.power import power
from ..optimize.choose import AS_IS, Result
from ..optimize.measure import Measured
from ..optimize.parity import Parity
from ..text import bold, green, number, table

# Whose watts turn CPU seconds into joules: the smallest type that the planner likes best.
_REFERENCES = {"arm64": "ml.c8g.large", "x86_64": "ml.c7i.large"}


def as_text(result: Result, out: Path, *, explain: bool) -> str:
    """Return the table, what was chosen and, with `explain`, why the others lost."""
    rows = [
        ("", "SIZE", "ONE ROW", f"{result.batch_rows:,} ROWS", "MEMORY", "J/1,000", "DIFFERS"),
        _row(AS_IS, result.before, "", result),
    ]
    for item in result.tried:
        if item.measured is not None:
            differs = _differs(item.parity)
            rows.append(_row(item.name + (" *" if item.name == result.chosen else ""), item.measured, differs, result))
    lines = [table(rows, right=range(1, 7)), ""]
    joules = f"J per 1,000 inferences: CPU seconds times the watts of a core of {_REFERENCES[result.architecture]}, an estimate."
    lines += [joules, *([_made_up(result)] if result.sample_is_made_up else [])]
    if explain or result.chosen == AS_IS:
        lines += ["", *(f"{item.name}: {item.lost or 'chosen'}" for item in result.tried)]
    before, after = (item.cpu_seconds(result.load) for item in (result.before, result.after))
    if result.chosen == AS_IS:
        lines += ["", "It is best as it is; nothing was written."]
    else:
        lines += [
            "",
            bold(f"{result.chosen}: {green(f'-{1 - after / before:.0%} CPU')}, written to {out} ({_size(result.archive_bytes)})"),
        ]
    return "\n".join(lines)


def _row(name: str, item: Measured, differs: str, result: Result) -> tuple[str, ...]:
    joules = item.cpu_seconds(result.load) * 1000 * _watts(result.architecture)
    return (
        name, _size(item.size_bytes), _time(item.single_seconds), _time(item.batch_seconds), _size(item.memory_bytes),
        number(joules), differs,
    )  # fmt: skip


def as_json(result: Result, out: Path) -> dict[str, Any]:
    """Return the result with its joules as plain values."""
    written = {"archive": str(out), "archive_bytes": result.archive_bytes} if result.archive_bytes else {}
    content = {**asdict(result), "source": str(result.source), "after": asdict(result.after), **written}
    return {**content, "joules_per_1000_estimated": {
        "before": result.before.cpu_seconds(result.load) * 1000 * _watts(result.architecture),
        "after": result.after.cpu_seconds(result.load) * 1000 * _watts(result.architecture),
        "instance_type": _REFERENCES[result.architecture],
    }}  # fmt: skip


def _watts(architecture: str) -> float:
    """Of one busy core."""
    from ..catalog.instances import instance

    name = _REFERENCES[architecture]
    return power(name).full_w.value / instance(name).vcpu


def _made_up(result: Result) -> str:
    return f"The answers were compared on {result.sample_rows} rows that are made up; give real ones: --sample rows.csv"


def _differs(parity: Parity | None) -> str:
    if parity is None:
        return "?"
    return f"cos {parity.cosine:.4f}" if parity.cosine is not None else f"{parity.max_delta:.1g}"


def _size(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:,.0f} µs"
