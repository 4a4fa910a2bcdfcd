"""Faults on request: what happens rarely on AWS happens here when a test or a curious person asks for it.

`faults.json` in the local cloud's folder is a list of {"fault", "matching", "times"}: the next `times` occasions of `fault`
whose name contains `matching` go wrong. Faults: the name of an API operation, for instance CreateModelPackage (answers
ThrottlingException), spot-capacity (no machine within the wait), spot-interruption (the machine is taken away),
training-failure and processing-failure (the container fails), endpoint-update (an alarm goes off at its end).
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

_lock = threading.Lock()


def take(fault: str, name: str) -> bool:
    """Return whether this occasion goes wrong, and count it."""
    place = Path(os.environ.get("GREENSAGE_FAULTS", ""))
    if not place.is_file():
        return False
    with _lock:
        rows = json.loads(place.read_text(encoding="utf-8") or "[]")
        for row in rows:
            if row["fault"] == fault and row.get("matching", "") in name and row.get("times", 1) > 0:
                row["times"] = row.get("times", 1) - 1
                place.write_text(json.dumps(rows), encoding="utf-8")
                return True
    return False
