"""Faults of a state machine's tasks, by the name of the state: an answer that is lost, or a task that fails at once."""

from __future__ import annotations

import contextvars
from typing import Any

from . import faults

_state: contextvars.ContextVar[str] = contextvars.ContextVar("state", default="")


def install() -> None:
    """Ask `faults` at every attempt of every task.

    task-timeout: the task does its work, and Step Functions never hears of it (Sandbox.Timedout, as when a function runs
    into its time limit at its very end): what follows shows whether the work can be repeated. task-failure: it is not even
    begun (States.TaskFailed, or the `error` of the fault).
    """
    from ministack.services import stepfunctions

    execute, invoke, ask = (
        stepfunctions._execute_task, stepfunctions._invoke_resource, stepfunctions._invoke_with_callback,
    )  # fmt: skip

    def remember(definition: Any, given: Any, execution: Any, context: Any) -> Any:
        # What does the work is told the resource only; the state's name travels beside it.
        _state.set(context["State"]["Name"])
        return execute(definition, given, execution, context)

    def refuse() -> None:
        fault = faults.take("task-failure", _state.get())
        if fault:
            raise stepfunctions._ExecutionError(fault.get("error", "States.TaskFailed"), "a fault that was asked for")

    def invoke_or_not(resource: str, given: Any) -> Any:
        refuse()
        answer = invoke(resource, given)
        if faults.take("task-timeout", _state.get()):
            raise stepfunctions._ExecutionError("Sandbox.Timedout", "Task timed out, by a fault that was asked for")
        return answer

    def ask_or_not(*arguments: Any) -> Any:
        refuse()
        return ask(*arguments)

    stepfunctions._execute_task = remember
    stepfunctions._invoke_resource = invoke_or_not
    stepfunctions._invoke_with_callback = ask_or_not
