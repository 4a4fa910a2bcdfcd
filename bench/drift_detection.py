"""False alarms and power of our detector and of others on the same windows: `.venv-rivals/bin/python bench/drift_detection.py`.

Prints JSON. Windows are rows of real tables that a reference was not made of; into some one change is put, in one column that
is drawn anew each time. Everybody gets the same arrays and has its defaults.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "tools"), str(ROOT / "bench")]

import drift_rivals as rivals  # noqa: E402
import elec2  # noqa: E402

from greensage.catalog import drift as catalog  # noqa: E402
from greensage.drift.evaluate import Settings, evaluate  # noqa: E402
from greensage.drift.window import of_table  # noqa: E402

ALPHA = catalog.setting("alpha")
MOST_REFERENCE, MOST_WINDOW = 4_000, 800
_FEW = 12
Change = Callable[[np.ndarray, np.random.Generator], bool]


def main() -> None:
    warnings.simplefilter("ignore")
    quiet, powered = (int(item) for item in (sys.argv[1:3] or ("100", "20")))
    elec2.OUT.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"false alarms": {}, "found": {}}
    for name, table in tables().items():
        found["false alarms"][name] = counted(table, quiet, lambda window, random: True, seed=1)
        for kind, change in CHANGES.items():
            made = counted(table, powered, change, seed=2)
            if made:
                found["found"].setdefault(kind, {})[name] = made
        print(name, json.dumps(found["false alarms"][name]), file=sys.stderr, flush=True)
    found["seasons"] = electricity()
    sys.stdout.write(f"\n{json.dumps(found)}\n")


def tables() -> dict[str, np.ndarray]:
    """Real tables of numbers, as their packages have them: scikit-learn's, statsmodels', river's, and ELEC2's."""
    import statsmodels.api as sm
    from river import datasets as river
    from sklearn import datasets as sk

    stats = {name: getattr(sm.datasets, name).load_pandas().data.to_numpy(float) for name in ("randhie", "fair", "anes96")}
    features, _ = elec2.series()
    return {
        "diabetes": sk.load_diabetes(scaled=False).data, "breast cancer": sk.load_breast_cancer().data,
        "digits": sk.load_digits().data, **stats, "phishing": streamed(river.Phishing()),
        "image segments": streamed(river.ImageSegments()), "elec2 of 1996": features[:10_656],
    }  # fmt: skip


def streamed(stream: Any) -> np.ndarray:
    return np.array([list(row.values()) for row, _ in stream], float)


def mean(window: np.ndarray, random: np.random.Generator) -> bool:
    """A third of a standard deviation more."""
    column = varied(window, random)
    window[:, column] += window[:, column].std() / 3
    return True


def scale(window: np.ndarray, random: np.random.Generator) -> bool:
    """Half as far again from the mean."""
    column = varied(window, random)
    window[:, column] += 0.5 * (window[:, column] - window[:, column].mean())
    return True


def tail(window: np.ndarray, random: np.random.Generator) -> bool:
    """Three rows of a hundred lie three standard deviations above the largest."""
    column = varied(window, random)
    far = random.random(len(window)) < 0.03
    window[far, column] = window[:, column].max() + 3 * window[:, column].std()
    return True


def category(window: np.ndarray, random: np.random.Generator) -> bool:
    """Of a column of few values, 15 rows of a hundred take the rarest one; none where there is no such column."""
    few = [index for index in range(window.shape[1]) if 1 < len(np.unique(window[:, index])) <= _FEW]
    if not few:
        return False
    column = int(random.choice(few))
    values, counts = np.unique(window[:, column], return_counts=True)
    window[random.random(len(window)) < 0.15, column] = values[counts.argmin()]
    return True


def correlation(window: np.ndarray, random: np.random.Generator) -> bool:
    """The column that the others tell most of is shuffled: each column alone stays as it was."""
    spread = window.std(axis=0) > 0
    related = np.abs(np.corrcoef(window[:, spread].T)) - np.eye(int(spread.sum()))
    column = int(np.flatnonzero(spread)[related.max(axis=0).argmax()])
    window[:, column] = random.permutation(window[:, column])
    return True


def missing(window: np.ndarray, random: np.random.Generator) -> bool:
    """Five values of a hundred are not there."""
    window[random.random(len(window)) < 0.05, varied(window, random)] = np.nan
    return True


CHANGES: Mapping[str, Change] = {
    "mean": mean, "scale": scale, "tail": tail, "category": category, "correlation": correlation, "missing": missing,
}  # fmt: skip


def varied(window: np.ndarray, random: np.random.Generator) -> int:
    """A column that takes more than two values."""
    return int(random.choice([index for index in range(window.shape[1]) if len(np.unique(window[:, index])) > 2]))


def counted(table: np.ndarray, times: int, change: Change, *, seed: int) -> dict[str, float]:
    """Return in how many of a hundred windows each raised an alarm; {} where the table cannot change in this way."""
    random, counts = np.random.default_rng(seed), Counter[str]()
    for _ in range(times):
        order = random.permutation(len(table))
        half = len(table) // 2
        reference = table[order[: min(half, MOST_REFERENCE)]].copy()
        window = table[order[half : half + min(len(table) - half, MOST_WINDOW)]].copy()
        if not change(window, random):
            return {}
        counts.update({name: int(alarm) for name, alarm in verdicts(reference, window).items()})
    return {name: round(100 * count / times, 1) for name, count in counts.items()}


def verdicts(reference: np.ndarray, window: np.ndarray) -> dict[str, bool]:
    """Return who alarms."""
    return {"greensage": ours(reference, window), **rivals.verdicts(reference, window, ALPHA)}


def ours(reference: np.ndarray, window: np.ndarray, times: tuple[list[str], list[str]] = ([], [])) -> bool:
    names = [f"c{index}" for index in range(reference.shape[1])]
    before, after = of_table(names, reference, times=times[0]), of_table(names, window, times=times[1])
    method = catalog.methods()[0]
    given = Settings(
        method, catalog.threshold(method), ALPHA, int(catalog.setting("min_rows")), catalog.setting("missing"),
        catalog.setting("new_values"),
    )  # fmt: skip
    return evaluate(before, after, given)["status"] == "drift"


def electricity(weeks: int = 20) -> dict[str, dict[str, Any]]:
    """Weeks of half-hours (336 rows) around 2 May 1997, when the market of New South Wales was joined with Victoria's (known,
    documented), against half of 1996: alarms of a hundred weeks before, and weeks until one after."""
    from datetime import UTC, datetime, timedelta

    features, _ = elec2.series()
    start, week = datetime(1996, 5, 7, tzinfo=UTC), 336

    def times(begin: int, end: int) -> list[str]:
        return [(start + timedelta(minutes=30 * row)).isoformat() for row in range(begin, end)]

    trained = elec2.TRAINED
    reference, known = features[trained], times(trained.start, trained.stop)
    alarms: dict[str, list[int]] = {}
    for index in range(-weeks, 6):
        begin = elec2.CHANGE + index * week
        window = features[begin : begin + week]
        found = {
            "greensage": ours(reference, window, (known, times(begin, begin + week))),
            **rivals.verdicts(reference, window, ALPHA),
        }
        for name, alarm in found.items():
            alarms.setdefault(name, []).extend([index] if alarm else [])
    return {
        name: {
            "before": round(100 * sum(1 for index in rows if index < 0) / weeks, 1),
            "weeks": next((index + 1 for index in rows if index >= 0), None),
        }
        for name, rows in alarms.items()
    }


if __name__ == "__main__":
    main()
