"""Faults on request: what happens rarely on AWS happens here when a test or a curious person asks for it.

`faults.json` in the local cloud's folder is a list of {"fault", "matching", "times"}: the next `times` occasions of `fault`
whose name contains `matching` go wrong. Faults: the name of an API operation, for instance CreateModelPackage (answers
ThrottlingException), spot-capacity (no machine within the wait), spot-interruption (the machine is taken away),
training-failure and processing-failure (the container fails), endpoint-update (an alarm goes off at its end), event-twice (of
the end of a pipeline's execution), task-timeout and task-failure (of the state of a state machine, or of the step of a
pipeline, with exactly the name `state`; see task_faults).
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

_lock = threading.Lock()


def take(fault: str, name: str) -> dict[str, Any]:
    """Return the fault if this occasion goes wrong, and count it; empty if it does not."""
    place = Path(os.environ.get("GREENSAGE_FAULTS", ""))
    if not place.is_file():
        return {}
    with _lock:
        rows = json.loads(place.read_text(encoding="utf-8") or "[]")
        for row in rows:
            if row["fault"] == fault and _meant(row, name) and row.get("times", 1) > 0:
                row["times"] = row.get("times", 1) - 1
                place.write_text(json.dumps(rows), encoding="utf-8")
                return row
    return {}


def _meant(row: dict[str, Any], name: str) -> bool:
    return row["state"] == name if "state" in row else str(row.get("matching", "")) in name
