"""How soon answers that got worse are noticed, by labels: `.venv-rivals/bin/python bench/drift_kpi.py`. Prints JSON.

Errors from 12 to 21 %, those of SEA's two concepts (Street and Kim, KDD 2001), change at a known row; the inputs do not. Ours is
the sequential test of the KPI accuracy 0.85, theirs are detectors on the stream of errors, with their defaults. And streams of
2,000 rows whose accuracy is exactly the KPI's, in which nothing should alarm.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "bench")]

import drift_rivals as rivals  # noqa: E402

from greensage.drift.quality import understood  # noqa: E402
from greensage.drift.sequential import fall  # noqa: E402

_KPI, _EVERY = 0.85, 50
_FROUROS, _RIVER = ("ADWIN", "DDM", "HDDMA"), ("ADWIN", "PageHinkley")


def main() -> None:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    worse = [alarms(np.where(np.arange(14_000) < 10_000, 0.12, 0.21), seed) for seed in range(streams)]
    limit = [alarms(np.full(2_000, 1 - _KPI), 1_000 + seed) for seed in range(streams)]
    sys.stdout.write(f"{json.dumps({name: _row(name, worse, limit, streams) for name in worse[0]})}\n")


def alarms(rates: np.ndarray, seed: int) -> dict[str, list[int]]:
    """Return the rows at which each alarms in a stream of errors of these probabilities."""
    errors = (np.random.default_rng(seed).random(len(rates)) < rates).astype(int)
    found = {"greensage KPI": ours(errors)}
    found |= {f"frouros {kind}": rivals.frouros_stream(kind, errors.tolist()) for kind in _FROUROS}
    return found | {f"river {kind}": rivals.river_stream(kind, errors.tolist()) for kind in _RIVER}


def ours(errors: np.ndarray) -> list[int]:
    """Looked at every 50 rows, as windows would; the labels are all of one class, the answers right or wrong."""
    truth = np.tile([0.0, 1.0], len(errors) // 2 + 1)[: len(errors)]
    answers = understood(truth, np.where(errors == 1, 1 - truth, truth), ["accuracy"], ())
    ends = range(_EVERY, len(errors) + 1, _EVERY)
    return [end for end in ends if fall(answers.taken(np.arange(end)), "accuracy", _KPI).below]


def _row(name: str, worse: list[dict[str, list[int]]], limit: list[dict[str, list[int]]], streams: int) -> dict[str, Any]:
    late = [next((row - 10_000 for row in found[name] if row >= 10_000), None) for found in worse]
    known = [row for row in late if row is not None]
    return {
        "false alarms in 10,000 rows": 100 * sum(any(row < 10_000 for row in found[name]) for found in worse) / streams,
        "false alarms on the limit": 100 * sum(bool(found[name]) for found in limit) / streams,
        "missed": len(late) - len(known), "rows": float(np.median(known)) if known else None,
    }  # fmt: skip


if __name__ == "__main__":
    main()
