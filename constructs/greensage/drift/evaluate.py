"""Compares a window with its baseline: which columns drifted, went missing, got new values or broke the schema.

A column counts as drifted when the change is both larger than a threshold (so that a large window does not cry wolf
over nothing) and improbable as chance after Holm's correction for all tests of the window (so that many columns do not).
"""

from __future__ import annotations

from dataclasses import dataclass

from .columns import OTHER, Column
from .events import ColumnRow, Evaluation, Role, Violation
from .methods import change
from .significance import holm, share_p_value
from .window import Statistics


@dataclass(frozen=True)
class Settings:
    """What a change must exceed. `missing` and `new_values` are shares of the rows, `alpha` is for the whole window.

    `share`: of the columns that must drift before the window counts as drifted; 0 means one is enough.
    """

    method: str
    threshold: float
    alpha: float
    min_rows: int
    missing: float
    new_values: float
    share: float = 0.0


def evaluate(baseline: Statistics, window: Statistics, settings: Settings) -> Evaluation:
    """Return the report of a window, ready for JSON.

    Its `status` is "drift", "ok", "few-rows" when there are too few to tell, or "no-data". `columns` has a row for
    each feature and output: `value` of the method, `p_value` after correction, `drifted`. `violations` are in the
    words of Model Monitor's constraint_violations.json.
    """
    pairs: list[tuple[Column, Column | None, Role]] = [
        *((before, window.features.get(name), "feature") for name, before in baseline.features.items()),
        *((before, window.outputs.get(name), "prediction") for name, before in baseline.outputs.items()),
    ]
    enough = window.rows >= settings.min_rows
    rows = [_column(before, after or Column(before.name), role, settings) for before, after, role in pairs]
    if enough:
        _judge(rows, settings)
    violations = [*_schema(baseline, window), *_violations(rows)] if window.rows else []
    drifted = [row["name"] for row in rows if row["drifted"]]
    counts = bool(drifted) and len(drifted) >= settings.share * len(rows)
    status = "no-data" if not window.rows else "few-rows" if not enough else "drift" if counts or violations else "ok"
    return {
        "status": status,
        "rows": window.rows,
        "requests": window.requests,
        "method": settings.method,
        "threshold": settings.threshold,
        "alpha": settings.alpha,
        "drifted": drifted,
        "share": len(drifted) / len(rows) if rows else 0.0,
        "columns": rows,
        "violations": violations,
        "bad_lines": dict(window.bad),
    }


def constraint_violations(report: Evaluation) -> dict[str, list[Violation]]:
    """Return the violations of a report as Model Monitor's constraint_violations.json."""
    return {"violations": report["violations"]}


def _column(before: Column, after: Column, role: Role, settings: Settings) -> ColumnRow:
    """Measure one column; whether the changes count is judged when all are measured."""
    value, p_value = change(settings.method, before, after) if before.present and after.present else (0.0, 1.0)
    total, baseline_total = after.present + after.missing, before.present + before.missing
    new = _new_share(before, after)
    return {
        "name": before.name, "role": role, "value": value, "p_value": p_value, "drifted": False,
        "missing": after.missing / total if total else 0.0,
        "missing_baseline": before.missing / baseline_total if baseline_total else 0.0,
        "missing_p_value": share_p_value(before.missing, baseline_total, after.missing, total) if total else 1.0,
        "new_values": new, "new_examples": sorted(set(after.counts) - set(before.counts))[:5] if new else [],
    }  # fmt: skip


def _judge(rows: list[ColumnRow], settings: Settings) -> None:
    """Correct the p-values for the number of all tests, and mark what is large and improbable."""
    corrected = holm([row[key] for row in rows for key in ("p_value", "missing_p_value")])
    for index, row in enumerate(rows):
        row["p_value"], row["missing_p_value"] = corrected[2 * index], corrected[2 * index + 1]
        row["drifted"] = row["value"] >= settings.threshold and row["p_value"] < settings.alpha
        lost = row["missing"] - row["missing_baseline"]
        row["more_missing"] = lost >= settings.missing and row["missing_p_value"] < settings.alpha
        row["has_new_values"] = row["new_values"] >= settings.new_values


def _new_share(before: Column, after: Column) -> float:
    """The share of values that the baseline never had, for columns whose values are counted one by one."""
    if not before.discrete or not after.present or OTHER in before.counts:
        return 0.0
    if not after.counts:  # too many to count: what is known at least is that they are not the baseline's few
        return 1.0 - min(1.0, len(before.counts) / max(after.present, 1))
    return sum(count for value, count in after.counts.items() if value not in before.counts) / after.present


def _schema(baseline: Statistics, window: Statistics) -> list[Violation]:
    """Types that changed, and outputs that came or went."""
    found: list[Violation] = []
    for name, before in baseline.features.items():
        after = window.features.get(name)
        if after is not None and after.text and before.kind != "String":
            share = after.text / (after.present or 1)
            found.append(_violation(name, "data_type_check", f"{share:.1%} of the values are no numbers"))
    if set(window.outputs) != set(baseline.outputs) and baseline.outputs:
        found.append(
            _violation("prediction", "missing_column_check", f"{len(window.outputs)} outputs, {len(baseline.outputs)} expected")
        )
    return found


def _violations(rows: list[ColumnRow]) -> list[Violation]:
    found: list[Violation] = []
    for row in rows:
        if row.get("more_missing"):
            text = f"{row['missing']:.1%} missing, {row['missing_baseline']:.1%} in the baseline"
            found.append(_violation(row["name"], "completeness_check", text))
        if row.get("has_new_values"):
            examples = ", ".join(row["new_examples"])
            text = f"{row['new_values']:.1%} are values the baseline does not have ({examples})"
            found.append(_violation(row["name"], "categorical_values_check", text))
    return found


def _violation(name: str, check: str, text: str) -> Violation:
    return {"feature_name": name, "constraint_check_type": check, "description": text}
