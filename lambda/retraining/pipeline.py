"""What the functions of the SageMaker Pipelines engine share: a retraining's state, and the other functions as steps.

A pipeline's steps hand on short texts only, so what a retraining knows is kept in state/<name>.json; and a pipeline cannot
try a function again, so it is tried again here. Settings: model, bucket, prefix, data, deploy (ARNs of the functions),
pipeline, candidates, topic (ARN, or ""), queue (URL), approval_hours, seconds (how long a called function may take).
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from greensage.drift.runs import Run, TrainingPlace
from retraining.errors import THROTTLED, Busy, Permanent, Transient
from retraining.settings import settings
from retraining.store import Store

Json = dict[str, Any]
# By step: whose it is, and where its result goes in the state.
_STEPS = {
    "prepare": ("data", "prepared"), "next": ("data", "place"), "compare": ("data", "verdict"), "record": ("data", "recorded"),
    "register": ("deploy", "registered"), "approve": ("deploy", "approved"), "deploy": ("deploy", "deployed"),
    "check": ("deploy", "checked"), "finish": ("deploy", "champion"), "clean_up": ("deploy", "cleaned"),
}  # fmt: skip
_TRIES, _FIRST_WAIT = 3, 2.0
_PASSING = ("Transient", "Sandbox.Timedout", "Lambda.Unknown")
logger = logging.getLogger(__name__)


class Pipeline:
    """One model's retrainings by a pipeline."""

    def __init__(self, given: Json, store: Store, functions: Any, topics: Any) -> None:
        self.given, self.store, self.functions, self.topics = given, store, functions, topics

    @classmethod
    def made(cls) -> Pipeline:
        """Return it with its settings and clients; a called function is waited for, and never called twice by the client."""
        given = settings()
        once = Config(read_timeout=given["seconds"], retries={"total_max_attempts": 1})
        store = Store(boto3.client("s3"), given["bucket"], given["prefix"])
        return cls(given, store, boto3.client("lambda", config=once), boto3.client("sns"))

    def do(self, step: str, state: Run, **more: Any) -> Json:
        """Have another function do a step on the state, which gets the result. What passes is tried again.

        Raises Busy, Transient after some tries, and Permanent.
        """
        function, key = _STEPS[step]
        payload = json.dumps({"step": step, "state": state, **{name: value for name, value in more.items() if value}})
        said = ""
        for attempt in range(_TRIES):
            kind, result = self._invoked(function, payload)
            if not kind:
                state[key] = result
                return result
            said = result.get("errorMessage", "")
            if kind == "Busy":
                raise Busy(said)
            if kind not in _PASSING and "timed out" not in said.lower():
                raise Permanent(f"{step}: {said}")
            time.sleep(_FIRST_WAIT * 2**attempt)
        raise Transient(f"{step} failed {_TRIES} times: {said}")

    def state(self, name: str) -> Run | None:
        """Return what is known of a retraining."""
        return self.store.read(_key(name))

    def keep(self, state: Run) -> None:
        """Remember what is known of a retraining."""
        self.store.write(_key(state["name"]), state)

    def place(self, attempt: int, spent: float) -> TrainingPlace:
        """Return where an attempt trains; `spent` is the billed seconds of the attempts before it."""
        return {"again": True, "attempt": attempt, "candidate": self.given["candidates"][attempt], "spent": spent}

    def tell(self, subject: str, message: str) -> None:
        """Write to the topic; a message that cannot be sent does not turn a retraining into a failed one."""
        if not self.given["topic"]:
            return
        try:
            self.topics.publish(TopicArn=self.given["topic"], Subject=subject, Message=message)
        except ClientError:
            logger.exception("could not be told: %s", subject)

    def _invoked(self, function: str, payload: str) -> tuple[str, Json]:
        """Return the kind of the error, "" for none, and the answer."""
        try:
            answer = self.functions.invoke(FunctionName=self.given[function], Payload=payload.encode())
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return "Transient" if code in THROTTLED else code, {"errorMessage": str(error)}
        result = json.loads(answer["Payload"].read() or b"null") or {}
        return (result.get("errorType", "Lambda.Unknown") if "FunctionError" in answer else ""), result


def _key(name: str) -> str:
    return f"state/{name}.json"
