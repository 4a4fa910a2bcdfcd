"""What people answer to an alert: that they know, or that what comes now is as it should be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from greensage.drift.decide import History
from greensage.drift.monitor_files import to_statistics
from greensage.drift.window import Statistics
from retraining.errors import Permanent

if TYPE_CHECKING:
    from retraining.monitor import Monitor

_DAY = 86_400.0


def acknowledge(monitor: Monitor) -> dict[str, Any]:
    """Mark every open incident as known: drift that is known starts no retraining by itself."""

    def known(history: History) -> None:
        history.incidents = {kind: {**row, "acknowledged": True} for kind, row in history.incidents.items()}

    return {"incidents": list(monitor.store.change_history(known).incidents.values())}


def accept(monitor: Monitor) -> dict[str, Any]:
    """Make what came since the drift began, else in the last days, the baseline; windows begin anew.

    It holds until another baseline is deployed, or a retrained model brings its own. Raises Permanent with too few rows.
    """
    given, now, history = monitor.given, time.time(), monitor.store.history()
    if not given.get("drift"):
        raise Permanent("this monitor has no baseline of rows: it compares answers with labels")
    began = history.incidents["drift"]["started"] if "drift" in history.incidents else now - given["window_days"] * _DAY
    made = Statistics.of(list(monitor.baseline.features))
    for file in monitor.store.files("capture/", after=max(began, history.since), until=now):
        made.add_all(monitor.batches(file))
    least = max(given["drift"]["min_rows"], given["enough_rows"])
    if made.rows < least:
        raise Permanent(f"{made.rows:,} rows came since then, and a baseline needs {least:,}; wait, or deploy one you made")
    kept = {"source": given["baseline"]["source"], "statistics": to_statistics(made), "accepted": now}
    monitor.store.write("state/baseline.json", kept)
    monitor.store.change_history(lambda history: _begin_anew(history, now))
    return {"rows": made.rows, "since": max(began, history.since)}


def _begin_anew(history: History, now: float) -> None:
    history.since = now
    history.incidents.pop("drift", None)
