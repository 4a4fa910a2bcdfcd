"""When the local cloud's target tracking takes capacity away."""

from __future__ import annotations

from typing import ClassVar

import pytest

from greensage.local import scaler
from greensage.local.clock import scaled
from greensage.local.scalable import Scalable

KEY = ("inference-component/one", "sagemaker:inference-component:DesiredCopyCount", "policy")
POLICY = {
    "CreationTime": 0.0,
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 5.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"},
    },
}
STEP = {
    "PolicyARN": "arn",
    "StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]},
}


class State:
    targets: ClassVar = {KEY[:2]: {"MinCapacity": 0, "MaxCapacity": 2}}


@pytest.fixture
def copies(monkeypatch) -> list[int]:
    known = [0]
    item = Scalable(get=lambda: known[0], set=lambda count: known.__setitem__(0, count), least=0, dimensions={})
    monkeypatch.setattr(scaler, "scalable", lambda *_: item)
    monkeypatch.setattr(scaler.services, "points", lambda *_: [])
    monkeypatch.setattr(scaler.services, "alarms", lambda: [{"AlarmActions": ["arn"], "StateValue": "ALARM"}])
    return known


def test_what_was_woken_is_not_put_to_sleep_by_the_quiet_before(copies):
    made, now = scaler.Scaler(), 1_000_000.0
    made._step(State, KEY, STEP, now)
    assert copies == [1]
    made._track(State, KEY, POLICY, now + scaled(60))
    assert copies == [1]
    made._track(State, KEY, POLICY, now + scaled(60) * 16)
    assert copies == [0]


def test_a_cooldown_holds_the_next_step_back(copies):
    made, now = scaler.Scaler(), 1_000_000.0
    made._step(
        State, KEY, {**STEP, "StepScalingPolicyConfiguration": {**STEP["StepScalingPolicyConfiguration"], "Cooldown": 60}}, now
    )
    made._step(State, KEY, STEP, now + scaled(60))
    assert copies == [1]
    made._step(State, KEY, STEP, now + scaled(3_600))
    assert copies == [2]
