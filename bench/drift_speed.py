"""One evaluation of one file of captures in a process of its own: `python bench/drift_speed.py WHO CAPTURES REFERENCE`.

Prints JSON: seconds to read and to judge, and the peak of resident memory in MB (VmHWM: ru_maxrss would count the parent's).
WHO is greensage (needs numpy only), or evidently, evidently-preset or frouros (in .venv-rivals).
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "bench")]


def main() -> None:
    warnings.simplefilter("ignore")
    who, captures, reference = sys.argv[1:]
    prepare: Callable[[str, str], tuple[Callable[[], Any], Callable[[Any], Any]]] = ours if who == "greensage" else theirs(who)
    read, judge = prepare(captures, reference)
    begun = time.perf_counter()
    window = read()
    between = time.perf_counter()
    judge(window)
    ended = time.perf_counter()
    status = Path("/proc/self/status").read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    print(json.dumps({"read": between - begun, "judge": ended - between, "peak": peak}))


def ours(captures: str, reference: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from greensage.catalog import drift as catalog
    from greensage.drift import capture
    from greensage.drift.evaluate import Settings, evaluate
    from greensage.drift.monitor_files import from_statistics
    from greensage.drift.window import Statistics

    baseline = from_statistics(json.loads(Path(reference).with_suffix(".statistics.json").read_text()))
    method = catalog.methods()[0]
    settings = Settings(method, catalog.threshold(method), catalog.setting("alpha"), 200, 0.05, 0.01)

    def read() -> Statistics:
        made = Statistics.of(list(baseline.features))
        with open(captures, "rb") as file:
            for batch in capture.read(file, len(made.features)):
                made.add(batch)
        return made

    return read, lambda window: evaluate(baseline, window, settings)


def theirs(who: str) -> Callable[[str, str], tuple[Callable[[], Any], Callable[[Any], Any]]]:
    import drift_rivals as rivals
    import pandas as pd

    def prepare(captures: str, reference: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
        table = rivals.named(pd.read_csv(reference, header=None))
        judges: dict[str, Callable[[Any], Any]] = {
            "evidently": lambda window: rivals.evidently(table, window),
            "evidently-preset": lambda window: rivals.evidently_preset(table, window),
            "frouros": lambda window: rivals.frouros_ks(table.to_numpy(), window.to_numpy(), 0.05),
        }
        if who.startswith("evidently"):
            __import__("evidently")  # its import is not counted
        return lambda: rivals.read_captures(captures), judges[who]

    return prepare


if __name__ == "__main__":
    main()
