"""A retraining's state machine by aws_stepfunctions' classes against greensage's dictionaries: the time to synthesize.

The classes' side is the least that it can be: tasks are CustomStates, so nothing is computed for them. Its template has
the same states and no rights.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 15


def rows(rounds: int = ROUNDS) -> list[tuple[str, str, str]]:
    """Return the row of RESULTS.md."""
    by_classes, by_dictionaries = measured(rounds)
    extra = (by_classes - by_dictionaries) * 1000
    text = f"{by_classes / by_dictionaries:.1f} x ({extra:.0f} ms more for each model that retrains)"
    return [("synthesis of a retraining's state machine: aws_stepfunctions / dictionaries", text, "≤ 1.3 x")]


def measured(rounds: int) -> tuple[float, float]:
    """Return medians in seconds: a stack with the machine by classes, and by dictionaries."""
    found = _definition()
    for build in (_by_classes, _by_dictionaries):  # the first call loads modules
        _once(build, found)
    pairs = [(_once(_by_classes, found), _once(_by_dictionaries, found)) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def _once(build: Any, definition: dict[str, Any]) -> float:
    from aws_cdk import App, Stack

    app = App()
    started = time.perf_counter()
    build(Stack(app, "Bench"), definition)
    app.synth()
    return time.perf_counter() - started


def _definition() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "constructs"))
    from greensage.retraining.machine import definition

    return definition(
        partition="aws", data="arn:data", deploy="arn:deploy", train_spot={}, train_on_demand={}, compare={},
        compare_seconds=3600, wait_seconds=7200, places=1, optimize=None, topic="arn:topic", approval_hours=72, record_at={},
        seconds=100_000,
    )  # fmt: skip


def _by_dictionaries(stack: Any, definition: dict[str, Any]) -> None:
    from aws_cdk import aws_stepfunctions as sfn

    sfn.CfnStateMachine(stack, "Machine", role_arn="arn:role", definition_string=stack.to_json_string(definition))


def _by_classes(stack: Any, definition: dict[str, Any]) -> None:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_stepfunctions as sfn

    rows: dict[str, dict[str, Any]] = definition["States"]
    states = {name: _state(stack, name, row) for name, row in rows.items()}
    for name, row in rows.items():
        state = states[name]
        for choice in row.get("Choices", ()):
            value = choice.get("StringEquals")
            met = (
                sfn.Condition.boolean_equals(choice["Variable"], True)
                if value is None
                else sfn.Condition.string_equals(choice["Variable"], value)
            )
            state.when(met, states[choice["Next"]])
        if "Default" in row:
            state.otherwise(states[row["Default"]])
        for catch in row.get("Catch", ()):
            state.add_catch(states[catch["Next"]], result_path=catch["ResultPath"])
        if "Next" in row:
            state.next(states[row["Next"]])
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111111111111:role/machine")
    body = sfn.DefinitionBody.from_chainable(states[definition["StartAt"]])
    sfn.StateMachine(stack, "Machine", definition_body=body, role=role)


def _state(stack: Any, name: str, row: dict[str, Any]) -> Any:
    from aws_cdk import Duration
    from aws_cdk import aws_stepfunctions as sfn

    if row["Type"] == "Task":
        return sfn.CustomState(stack, name, state_json={key: row[key] for key in row if key not in ("Next", "Catch")})
    if row["Type"] == "Pass":
        return sfn.Pass(stack, name, result_path=row.get("ResultPath"))
    if row["Type"] == "Wait":
        wait = (
            sfn.WaitTime.duration(Duration.seconds(row["Seconds"]))
            if "Seconds" in row
            else sfn.WaitTime.timestamp_path(row["TimestampPath"])
        )
        return sfn.Wait(stack, name, time=wait)
    return {"Choice": sfn.Choice, "Succeed": sfn.Succeed, "Fail": sfn.Fail}[row["Type"]](stack, name)


if __name__ == "__main__":
    print(rows()[0])
