"""What a monitor looks for: defaults come from catalog/data/drift.json, each with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..catalog import drift
from ..core.checked import check_choice, check_names, check_number, check_whole


@dataclass(frozen=True)
class DriftSettings:
    """A column drifts when the change is at least `threshold` and its corrected p-value is below `alpha`.

    Parameters
    ----------
    method:
        wasserstein (default; of categories the total variation), psi, ks or jensen-shannon: how large a change is. Whether it
        may be chance is told by the same tests whatever the method.
    threshold:
        In the unit of `method`; default by method, see catalog/data/drift.json.
    alpha:
        Probability of a false alarm in a window, over all columns (Holm), above 0 and below 1; default 0.05.
    min_rows:
        With fewer captured rows a window says nothing; default 100.
    missing:
        Share of rows that may be missing more or less than in the baseline, 0 to 1; default 0.02.
    new_values:
        Share of values that the baseline does not have, 0 to 1; default 0.01.
    share:
        Of all columns that must drift before it counts, 0 to 1; default 0: one is enough.
    unread:
        Share of the captured lines that may be unreadable, 0 to 1; default 0.05.
    segments:
        Features by whose values (of numbers: quarters) drift and KPIs are looked at besides; default none. Half of `alpha` is
        then theirs.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    method: str = drift.methods()[0]
    threshold: float | None = None
    alpha: float = drift.setting("alpha")
    min_rows: int = int(drift.setting("min_rows"))
    missing: float = drift.setting("missing")
    new_values: float = drift.setting("new_values")
    share: float = 0.0
    unread: float = drift.setting("unread")
    segments: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_choice("method", self.method, drift.methods())
        if self.threshold is not None:
            check_number("threshold", self.threshold, above=0)
        check_number("alpha", self.alpha, above=0, below=1)
        check_whole("min_rows", self.min_rows, 1)
        for prop in ("missing", "new_values", "share", "unread"):
            check_number(prop, getattr(self, prop), least=0, most=1)

    @property
    def limit(self) -> float:
        """The size of a change that counts."""
        return drift.threshold(self.method) if self.threshold is None else self.threshold

    def to_json(self) -> dict[str, Any]:
        """Return the settings of the evaluator."""
        return {
            "method": self.method, "threshold": self.limit, "alpha": self.alpha, "min_rows": self.min_rows,
            "missing": self.missing, "new_values": self.new_values, "share": self.share, "unread": self.unread,
            "segments": list(self.segments),
        }  # fmt: skip


@dataclass(frozen=True)
class QualitySettings:
    """KPIs that must hold, and how they are judged.

    Parameters
    ----------
    kpi:
        By the names of Model Monitor's metrics: {"auc": 0.8}, {"rmse": 55}. For auc, accuracy, precision,
        recall, f1 and r2 the value is the least, for log_loss, mse, rmse and mae the most that is allowed.
        Default: none.
    min_labels:
        With fewer labelled answers a KPI is not judged; default 200.
    label_days:
        Days after an answer that its label may come; default 7. Captures must be kept for longer.
    judged_rows:
        The newest labelled answers that are judged, at least `min_labels`; default 2000.
    most_rows:
        Labelled answers that are read and kept for a retraining, at least `judged_rows`; default 20000.
    classes:
        Names of the classes, or whole numbers, in the order of the model's answers, the positive one of two last; default:
        inferred from labels and answers.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    kpi: Mapping[str, float] = field(default_factory=dict[str, float])
    min_labels: int = int(drift.setting("min_labels"))
    label_days: int = int(drift.setting("label_days"))
    judged_rows: int = int(drift.setting("judged_rows"))
    most_rows: int = int(drift.setting("most_rows"))
    classes: Sequence[str | int] = ()

    def __post_init__(self) -> None:
        check_names("kpi", self.kpi, drift.kpis())
        for name, value in self.kpi.items():
            check_number(f"kpi: {name}", value)
        for prop in ("min_labels", "label_days", "judged_rows", "most_rows"):
            check_whole(prop, getattr(self, prop), 1)

    @property
    def names(self) -> list[str]:
        """The classes whose labels are words."""
        return [item for item in self.classes if isinstance(item, str)]

    @property
    def codes(self) -> list[int]:
        """What labels of the classes are as numbers: a name's place."""
        return list(range(len(self.names))) if self.names else [int(item) for item in self.classes]
