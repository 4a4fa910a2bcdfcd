"""Runs inside Model Monitor's container: turns a captured request into named columns, one record for each row."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from greensage.drift.payload import captured_answers, captured_rows

_BASELINE = Path("/opt/ml/processing/baseline/stats")
_OUTPUT = Path("/opt/ml/processing/output")
_names: list[str] = []


def preprocess_handler(inference_record: Any) -> Any:
    """Return the row as a flat mapping; several rows as a list of mappings; what is no request of the model is set aside."""
    names = _columns()
    try:
        rows = captured_rows(*_side(inference_record.endpoint_input), names)
        answers = captured_answers(*_side(inference_record.endpoint_output), len(rows))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        return _set_aside(inference_record, f"not a captured request: {type(problem).__name__}: {problem}")
    if len(rows) != len(answers):
        return _set_aside(inference_record, f"{len(rows)} rows went in, {len(answers)} came out")
    if any(len(row) != len(names) for row in rows):
        return _set_aside(inference_record, f"a row has {len(rows[0])} features, {len(names)} are expected")
    # Model Monitor's Python may be older than zip's strict=True; both lengths were compared above.
    found = [{**dict(zip(names, row)), **_named(answer)} for row, answer in zip(rows, answers)]  # noqa: B905
    return found[0] if len(found) == 1 else found


def _side(side: Any) -> tuple[str, str, str]:
    return side.data, getattr(side, "encoding", ""), getattr(side, "observed_content_type", "")


def _set_aside(record: Any, reason: str) -> list[Any]:
    """Keep what was not read, in a file of this process: Spark has several."""
    sides = (getattr(record, "endpoint_input", None), getattr(record, "endpoint_output", None))
    row = {"reason": reason, "content": [str(getattr(side, "data", ""))[:10_000] for side in sides]}
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    with (_OUTPUT / f"set-aside-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return []


def _columns() -> list[str]:
    if not _names:
        content = json.loads(next(_BASELINE.glob("*.json")).read_text(encoding="utf-8"))
        # A baseline describes the answers too, which are no columns of a request.
        _names.extend(row["name"] for row in content["features"] if not row["name"].startswith("prediction"))
    return _names


def _named(answer: list[Any]) -> dict[str, Any]:
    if len(answer) == 1:
        return {"prediction": answer[0]}
    return {f"prediction_{index}": value for index, value in enumerate(answer)}
