"""Statistics to and from Model Monitor's files: statistics.json and constraints.json, in both directions.

Schemas: AWS developer guide, "Schema for Statistics" and "Schema for Constraints". Outputs are features there, so
which of the features are outputs is read from their names (`prediction...`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from .columns import Column
from .kll import Kll
from .rows import Rows
from .window import PREDICTION, Statistics

ROWS = "greensage_rows"
_BUCKETS = 10
_MOST_DOMAINS = 100


def to_statistics(made: Statistics) -> dict[str, Any]:
    """Return the content of a statistics.json."""
    columns = [*made.features.values(), *made.outputs.values()]
    content = {"version": 0.0, "dataset": {"item_count": made.rows}, "features": [_feature(column) for column in columns]}
    # What Model Monitor's own file does not have: rows, which the tests compare. It looks at the keys that it knows.
    return content if made.sample is None else {**content, ROWS: made.sample.to_json()}


def from_statistics(content: dict[str, Any]) -> Statistics:
    """Return the statistics of a statistics.json, Model Monitor's or ours. Raises ValueError when it is none."""
    try:
        made = Statistics(rows=int(content["dataset"]["item_count"]))
        for feature in content["features"]:
            column = _column(feature)
            (made.outputs if column.name.startswith(PREDICTION) else made.features)[column.name] = column
        if ROWS in content:
            made.sample = Rows.from_json(content[ROWS])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ValueError(f"not a statistics.json of Model Monitor: {type(problem).__name__}: {problem}") from None
    return made


def to_constraints(made: Statistics, *, distance: float, method: str) -> dict[str, Any]:
    """Return the content of a constraints.json: types, completeness, signs and known values, and the drift threshold."""
    columns = [*made.features.values(), *made.outputs.values()]
    return {
        "version": 0.0,
        "features": [_constraint(column) for column in columns],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": distance,
                "comparison_method": method,
                "categorical_comparison_threshold": distance,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def _feature(column: Column) -> dict[str, Any]:
    common = {"num_present": column.present, "num_missing": column.missing}
    row: dict[str, Any] = {"name": column.name, "inferred_type": column.kind}
    if column.kind == "String":
        buckets = [{"value": value, "count": count} for value, count in column.counts.most_common()]
        row["string_statistics"] = {
            "common": common, "distinct_count": float(len(column.counts)), "distribution": {"categorical": {"buckets": buckets}},
        }  # fmt: skip
        return row
    numbers: dict[str, Any] = {"common": common}
    if column.present:
        numbers |= {
            "mean": column.mean, "sum": column.mean * column.present, "std_dev": column.deviation,
            "min": column.low, "max": column.high,
            "distribution": {"kll": {"buckets": _buckets(column), "sketch": column.kll.to_json()}},
        }  # fmt: skip
    row["numerical_statistics"] = numbers
    return row


def _buckets(column: Column) -> list[dict[str, float]]:
    values, weights = column.kll.weighted()
    high = column.high if column.high > column.low else column.low + 1
    counts, edges = np.histogram(values, bins=_BUCKETS, range=(column.low, high), weights=weights)
    return [
        {"lower_bound": float(low), "upper_bound": float(top), "count": float(count)}
        for low, top, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _column(feature: dict[str, Any]) -> Column:
    name, kind = feature["name"], feature["inferred_type"]
    words = feature.get("string_statistics")
    part: dict[str, Any] = words or feature.get("numerical_statistics") or {}
    common = part.get("common") or {"num_present": 0, "num_missing": 0}
    column = Column(name, present=int(common["num_present"]), missing=int(common["num_missing"]))
    if words is not None:
        distribution: dict[str, Any] = words.get("distribution") or {}
        buckets: list[dict[str, Any]] = distribution.get("categorical", {}).get("buckets", [])
        column.counts = Counter({str(row["value"]): int(row["count"]) for row in buckets})
        column.text = column.present
        return column
    column.whole = kind == "Integral"
    if "mean" in part:
        column.mean, column.squares = float(part["mean"]), float(part["std_dev"]) ** 2 * column.present
        column.low, column.high = float(part["min"]), float(part["max"])
        column.kll = Kll.from_json(part["distribution"]["kll"]["sketch"])
    _count_whole(column)
    return column


def _count_whole(column: Column) -> None:
    """The values of an Integral column while the sketch still holds every one of them, or close to it."""
    values, weights = column.kll.weighted()
    found, places = np.unique(values, return_inverse=True)
    few = column.whole and 0 < len(found) <= _MOST_DOMAINS
    column.counted = few
    if few:
        totals = np.bincount(places, weights=weights)
        column.counts = Counter({str(int(value)): round(count) for value, count in zip(found.tolist(), totals, strict=True)})


def _constraint(column: Column) -> dict[str, Any]:
    seen = column.present + column.missing
    row: dict[str, Any] = {
        "name": column.name, "inferred_type": column.kind, "completeness": column.present / seen if seen else 1.0,
    }  # fmt: skip
    if column.kind == "String":
        if len(column.counts) <= _MOST_DOMAINS:
            row["string_constraints"] = {"domains": sorted(column.counts)}
    else:
        row["num_constraints"] = {"is_non_negative": bool(column.low >= 0)}
    return row
