"""States of Amazon States Language as dictionaries: the one place that writes its field names.

aws_stepfunctions' classes would say the same, and their chain could be extended; they take 4.5 times as long to synthesize
(bench/state_machines.py: 145 ms more for each model that retrains), over the bar of bench/RESULTS.md for the whole app.
A user extends a machine by `add_property_override("DefinitionString", …)`, or starts another from its events.
(States Language specification, https://states-language.net/spec.html.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..narrow import is_mapping

# What CreateXJob of the SDK says of a name that is taken (API reference, ResourceInUse).
_TAKEN = "SageMaker.ResourceInUseException"
_STARTED = "$.started"

State = dict[str, Any]
States = dict[str, State]
_EVERY_ERROR = ["States.ALL"]


def task(
    resource: str,
    parameters: Mapping[str, Any],
    then: str | None,
    *,
    retry: Sequence[State],
    catch: State | None = None,
    result_path: str | None = None,
    result_selector: Mapping[str, str] | None = None,
    timeout_seconds: int | None = None,
) -> State:
    """Return a task; without `then` it is the last state. `result_path` None: the result becomes the whole input."""
    optional = {
        "ResultPath": result_path, "ResultSelector": result_selector, "TimeoutSeconds": timeout_seconds,
        "Catch": [catch] if catch else None, "Next": then, "End": True if then is None else None,
    }  # fmt: skip
    given = {key: value for key, value in optional.items() if value is not None}
    return {"Type": "Task", "Resource": resource, "Parameters": dict(parameters), "Retry": list(retry), **given}


def job(operation: str, request: Mapping[str, Any], then: str, *, retry: Sequence[State], catch: State | None = None) -> State:
    """Return a task that starts a job by an `operation` of the SDK; its answer is not kept, since `until` asks for it.

    The name of a job is the run's own: one that exists was started by an attempt whose answer was lost.
    """
    there = {"ErrorEquals": [_TAKEN], "ResultPath": _STARTED, "Next": then}
    caught = [there, *([catch] if catch else [])]
    made = task(operation, request, then, retry=retry, result_path=_STARTED)
    return {**made, "Catch": caught}


def until(
    what: str, operation: str, named: Mapping[str, Any], path: str, status: str, ends: Mapping[str, str], *, seconds: int,
    retry: Sequence[State], catch: State | None = None,
) -> States:  # fmt: skip
    """Return the states WaitFor`what`, LookAt`what` and Is`what`Done, which ask until `status` of what `operation` describes is
    one of `ends`, and go where that says; the description is at `path`."""
    look, done = f"LookAt{what}", f"Is{what}Done"
    return {
        f"WaitFor{what}": wait(look, seconds=seconds),
        look: task(operation, named, done, result_path=path, retry=retry, catch=catch),
        done: choice({(f"{path}.{status}", end): state for end, state in ends.items()}, f"WaitFor{what}"),
    }


def retry(errors: Sequence[str], seconds: int, *, attempts: int = 3, backoff: float = 2.0) -> State:
    """Return a retrier: `attempts` more, the first after `seconds`, each wait `backoff` times the one before."""
    return {"ErrorEquals": list(errors), "IntervalSeconds": seconds, "MaxAttempts": attempts, "BackoffRate": backoff}


def catch(then: str, path: str) -> State:
    """Return a catcher of every error, which is put at `path`."""
    return {"ErrorEquals": _EVERY_ERROR, "ResultPath": path, "Next": then}


def choice(rules: Mapping[tuple[str, str | bool], str], otherwise: str) -> State:
    """Return a choice. `rules`: from (path, text or truth value that it must equal) to the next state."""
    rows = [
        {"Variable": path, "BooleanEquals" if isinstance(value, bool) else "StringEquals": value, "Next": then}
        for (path, value), then in rules.items()
    ]
    return {"Type": "Choice", "Choices": rows, "Default": otherwise}


def copy(source: str, path: str, then: str) -> State:
    """Return a state that puts what is at `source` to `path`."""
    return {"Type": "Pass", "InputPath": source, "ResultPath": path, "Next": then}


def put(result: Any, path: str, then: str) -> State:
    """Return a state that puts `result` to `path`; keys of a mapping that end in .$ are paths."""
    dynamic = is_mapping(result) and any(key.endswith(".$") for key in result)
    return {"Type": "Pass", "Parameters" if dynamic else "Result": result, "ResultPath": path, "Next": then}


def skip(then: str) -> State:
    """Return a state that does nothing."""
    return {"Type": "Pass", "Next": then}


def wait(then: str, *, seconds: int | None = None, until: str | None = None) -> State:
    """Return a state that waits so many seconds, or until the time at the path `until`."""
    return {"Type": "Wait", **({"TimestampPath": until} if until else {"Seconds": seconds}), "Next": then}


def succeed() -> State:
    """Return an end that is a success."""
    return {"Type": "Succeed"}


def last(result: Any) -> State:
    """Return an end that answers with `result`; keys of a mapping that end in .$ are paths."""
    return {"Type": "Pass", "Parameters": result, "End": True}


def end_with(path: str) -> State:
    """Return an end that answers with what is at `path`."""
    return {"Type": "Pass", "OutputPath": path, "End": True}


def fail(error: str, cause: str) -> State:
    """Return an end that is a failure; a cause that begins with $. is a path to its words."""
    return {"Type": "Fail", "Error": error, "CausePath" if cause.startswith("$.") else "Cause": cause}
