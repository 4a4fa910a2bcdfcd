"""The function that a pipeline's steps call: does a step, remembers what came out, and answers in texts."""

from __future__ import annotations

import time
from typing import Any

from greensage.drift.runs import Run
from retraining.errors import Permanent, with_error_class
from retraining.pipeline import Json, Pipeline
from retraining.runs import reasons_of


@with_error_class
def handler(event: Json, context: Any) -> Json:
    """Do the step that the pipeline asks for; return its outputs."""
    return do_step(Pipeline.made(), event)


def do_step(pipeline: Pipeline, event: Json) -> Json:
    """Do a step. What is known before it is kept before it: if it fails, whoever cleans up needs that."""
    step = event["step"]
    state = _begun(pipeline, event) if step == "prepare" else pipeline.state(event["name"])
    if state is None:
        raise Permanent(f"there is no retraining {event['name']}")
    if "artifact" in event:
        state["artifact"] = event["artifact"]
    if "job" in event:
        state["trained"] = _described(event)
    if "by" in event:
        state["approval"] = {"by": event["by"]}
    pipeline.keep(state)
    result = pipeline.do(step, state, why=event.get("why"), outcome=event.get("outcome"))
    pipeline.keep(state)
    if step == "record":
        pipeline.tell("greensage: a retraining ended", result["message"])
    return {key: _text(result[key]) for key in ("refused", "champion", "promote") if key in result}


def _begun(pipeline: Pipeline, event: Json) -> Run:
    return {
        "number": int(event["number"]), "name": event["name"], "begun": time.time(), "report": event.get("report", ""),
        "reasons": reasons_of(event.get("reasons", "")),
        "place": pipeline.place(int(event["attempt"]), float(event["spent"])),
    }  # fmt: skip


def _described(event: Json) -> Json:
    """What a step knows of the training, in the words of DescribeTrainingJob."""
    return {
        "TrainingJobName": event["job"], "TrainingJobStatus": "Completed", "ResourceConfig": {"InstanceType": event["type"]},
        "BillableTimeInSeconds": float(event["seconds"]), "ModelArtifacts": {"S3ModelArtifacts": event["artifact"]},
    }  # fmt: skip


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
