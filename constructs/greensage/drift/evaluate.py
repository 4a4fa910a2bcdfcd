"""Compares a window with its baseline: which columns drifted, went missing, got new values or broke the schema.

A column counts as drifted when the change is both larger than a threshold (so that a large window does not cry wolf
over nothing) and improbable as chance after Holm's correction for all tests of the window (so that many columns do not).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .columns import OTHER, Column
from .detector import Detector, Found, Kind, unseen_p_value
from .events import ColumnRow, Evaluation, Joint, ReportStatus, Role, SegmentRow, Violation
from .methods import change
from .methods.psi import change as psi
from .pictures import pictures_of
from .segments import drift_by_slice
from .significance import holm, more_p_value, share_p_value
from .window import Statistics


@dataclass(frozen=True)
class Settings:
    """What a change must exceed. `missing` and `new_values` are shares of the rows, `alpha` is for the whole window.

    `share`: of the columns that must drift before the window counts as drifted; 0 means one is enough.
    `unread`: share of the lines that may be unreadable.
    """

    method: str
    threshold: float
    alpha: float
    min_rows: int
    missing: float
    new_values: float
    share: float = 0.0
    unread: float = 0.05
    segments: Sequence[str] = ()


def evaluate(baseline: Statistics, window: Statistics, settings: Settings) -> Evaluation:
    """Return the report of a window, ready for JSON.

    Its `status` is "drift", "ok", "few-rows" when there are too few to tell, "unread" when nothing drifts and too many
    lines could not be read, or "no-data". `columns` has a row for each feature and output: `value` of the method, `p_value`
    after correction, `drifted`. `joint` says what the test of all columns together found, None where it could not be made:
    the baseline must have rows. `segments` are the slices that changed the most, `pictures` the distributions then and now of
    what changed. `violations` are in the words of Model Monitor's constraint_violations.json.
    """
    pairs: list[tuple[Column, Column | None, Role]] = [
        *((before, window.features.get(name), "feature") for name, before in baseline.features.items()),
        *((before, window.outputs.get(name), "prediction") for name, before in baseline.outputs.items()),
    ]
    enough = window.rows >= settings.min_rows
    detector = _detector(baseline, window) if enough else None
    rows = [_column(before, after or Column(before.name), role, settings, detector) for before, after, role in pairs]
    together = _joint(detector, [before for before, after, _ in pairs if after is not None])
    segments = _segments(baseline, detector, pairs, settings)
    if segments:  # half of alpha is theirs
        settings = replace(settings, alpha=settings.alpha / 2)
    if enough:
        _judge(rows, together, settings)
    violations = [*_shape(window, settings), *(_schema(baseline, window, settings) if enough else []), *_violations(rows)]
    drifted = [row["name"] for row in rows if row["drifted"]]
    counts = bool(drifted) and len(drifted) >= settings.share * len(rows)
    joint = bool(together and together["drifted"] and not settings.share)
    sliced = any(row["drifted"] for row in segments)
    return {
        "status": _status(window, settings, drift=counts or joint or sliced or bool(violations)),
        "rows": window.rows,
        "requests": window.requests,
        "method": settings.method,
        "threshold": settings.threshold,
        "alpha": settings.alpha,
        "drifted": drifted,
        "share": len(drifted) / len(rows) if rows else 0.0,
        "columns": rows,
        "joint": together,
        "segments": segments,
        "pictures": pictures_of(baseline, window, rows),
        "violations": violations,
        "bad_lines": dict(window.bad),
        "unread": unread_share(window),
        "unusable_answers": window.unusable,
    }


def constraint_violations(report: Evaluation) -> dict[str, list[Violation]]:
    """Return the violations of a report as Model Monitor's constraint_violations.json."""
    return {"violations": report["violations"]}


def unread_share(window: Statistics) -> float:
    """Return the share of the captured lines that could not be read."""
    bad = sum(window.bad.values())
    return bad / (bad + window.requests) if bad else 0.0


def _status(window: Statistics, settings: Settings, *, drift: bool) -> ReportStatus:
    if drift:
        return "drift"
    if unread_share(window) >= settings.unread:
        return "unread"
    if not window.rows:
        return "no-data"
    return "ok" if window.rows >= settings.min_rows else "few-rows"


def _detector(baseline: Statistics, window: Statistics) -> Detector | None:
    """What tests the rows; statistics that came without rows are tested by their sketches."""
    if baseline.sample is None or window.sample is None or not len(baseline.sample) or not len(window.sample):
        return None
    return Detector(baseline.sample, window.sample)


def _segments(
    baseline: Statistics, detector: Detector | None, pairs: list[tuple[Column, Column | None, Role]], settings: Settings
) -> list[SegmentRow]:
    if detector is None or not settings.segments:
        return []
    kinds: dict[str, Kind] = {before.name: _kind(before) for before, after, _ in pairs if after is not None}
    known = [name for name in settings.segments if name in baseline.features]
    return drift_by_slice(
        detector.reference, detector.window, kinds, known, method=settings.method, threshold=settings.threshold,
        alpha=settings.alpha / 2, least_rows=settings.min_rows,
    )  # fmt: skip


def _kind(before: Column) -> Kind:
    """How a column is compared, which its baseline says."""
    return "texts" if before.prose else "names" if before.discrete else "numbers"


def _column(before: Column, after: Column, role: Role, settings: Settings, detector: Detector | None) -> ColumnRow:
    """Measure one column; whether the changes count is judged when all are measured."""
    both = bool(before.present and after.present)
    value, p_value = change(settings.method, before, after) if both else (0.0, 1.0)
    total, baseline_total = after.present + after.missing, before.present + before.missing
    new = _new_share(before, after)
    if detector and detector.has(before.name) and total:
        found = detector.column(before.name, _kind(before))
    else:
        missing = share_p_value(before.missing, baseline_total, after.missing, total) if total else 1.0
        found = Found(p_value, "", missing, _new_p_value(before, new, after), float(after.present))
    return {
        "name": before.name, "role": role, "value": value, "p_value": found.p_value, "drifted": False, "why": found.why,
        "psi": (value if settings.method == "psi" else psi(before, after)[0]) if both else 0.0,
        "effective_rows": found.rows, "season": found.season,
        "missing": after.missing / total if total else 0.0,
        "missing_baseline": before.missing / baseline_total if baseline_total else 0.0,
        "missing_p_value": found.missing_p_value,
        "new_values": new, "new_values_p_value": found.new_p_value if new else 1.0,
        "new_examples": sorted(set(after.counts) - set(before.counts))[:5] if new else [],
    }  # fmt: skip


def _joint(detector: Detector | None, columns: list[Column]) -> Joint | None:
    if detector is None:
        return None
    found = detector.joint({column.name: _kind(column) for column in columns if detector.has(column.name)})
    return {
        "p_value": found.p_value, "drifted": False, "pair": list(found.pair or ()),
        "correlations": list(found.correlations or ()),
    }  # fmt: skip


_TESTS: tuple[Literal["p_value", "missing_p_value", "new_values_p_value"], ...] = (
    "p_value",
    "missing_p_value",
    "new_values_p_value",
)


def _judge(rows: list[ColumnRow], together: Joint | None, settings: Settings) -> None:
    """Correct the p-values for the number of all tests, and mark what is large and improbable."""
    # What has no gaps and no new values on either side was not tested for them.
    places = [(row, key) for row in rows for key in _TESTS if key == "p_value" or row[key] < 1]
    corrected = holm([*(row[key] for row, key in places), *([together["p_value"]] if together else [])])
    for (row, key), p_value in zip(places, corrected, strict=False):
        row[key] = p_value
    for row in rows:
        row["drifted"] = bool(row["value"] >= settings.threshold and row["p_value"] < settings.alpha)
        apart = abs(row["missing"] - row["missing_baseline"])
        row["more_missing"] = bool(apart >= settings.missing and row["missing_p_value"] < settings.alpha)
        row["has_new_values"] = bool(row["new_values"] >= settings.new_values and row["new_values_p_value"] < settings.alpha)
    if together:
        together["p_value"] = corrected[-1]
        together["drifted"] = bool(together["p_value"] < settings.alpha)


def _new_share(before: Column, after: Column) -> float:
    """The share of values that the baseline never had, for columns whose values are names."""
    if not before.discrete or before.prose or not after.present or OTHER in before.counts:
        return 0.0
    if not after.counts:  # too many to count: what is known at least is that they are not the baseline's few
        return 1.0 - min(1.0, len(before.counts) / max(after.present, 1))
    return sum(count for value, count in after.counts.items() if value not in before.counts) / after.present


def _new_p_value(before: Column, new: float, after: Column) -> float:
    """Whether that share is more than sampling explains, by what was counted."""
    once = sum(1 for count in before.counts.values() if count == 1)
    return unseen_p_value(once, before.present, new * after.present, after.present)


def _shape(window: Statistics, settings: Settings) -> list[Violation]:
    """Requests and answers that have more or fewer columns than they should."""
    count, lines = window.bad["schema"], window.requests + sum(window.bad.values())
    if not count or count < settings.unread * lines:
        return []
    return [_violation("(request)", "extra_column_check", f"{count:,} of {lines:,} requests: {window.said['schema']}")]


def _schema(baseline: Statistics, window: Statistics, settings: Settings) -> list[Violation]:
    """Types that changed, numbers that are none, columns that came, and outputs that came or went."""
    found: list[Violation] = []
    for name, before in baseline.features.items():
        after = window.features.get(name)
        if after is None or before.kind == "String":
            continue
        for count, known, what in ((after.text, before.text, "no numbers"), (after.invalid, before.invalid, "infinite")):
            seen = after.present + after.missing
            share = count / (seen or 1)
            tested = more_p_value(known, before.present + before.missing, count, seen)
            if share >= settings.new_values and tested < settings.alpha / len(baseline.features):
                found.append(_violation(name, "data_type_check", f"{share:.1%} of the values are {what}"))
    if set(window.outputs) != set(baseline.outputs) and baseline.outputs and window.outputs:
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
