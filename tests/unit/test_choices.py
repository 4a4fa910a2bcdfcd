"""What the planner takes for what a file says, and why: kinds by SLA, silicon, Regions, the objective, sharing."""

from __future__ import annotations

from typing import Any

import pytest

from greensage.catalog.intensity import HourlyIntensity
from greensage.errors import PlanError
from greensage.planner import Plan, advise, plan, plan_with_choices, why_not
from greensage.planner.window import best_start_hour
from tests.unit.fleets import spec

FAST = {"latency_p95_ms": 200, "cold_start_ok": False}
TORCH = {"framework": "pytorch", "version": "2.6.0", "size_mb": 300.0}


def kind(**content: Any) -> str:
    return plan([spec(**content)]).models[0].kind


@pytest.mark.parametrize("expected, content", [
    ("batch", {"traffic": {"requests_per_day": 2_000_000, "pattern": "nightly"}}),
    ("asynchronous", {"sla": {"latency_p95_ms": 900_000}, "model": {"size_mb": 1_200.0}, "traffic": {"requests_per_day": 20}}),
    ("serverless", {"sla": {"latency_p95_ms": 1_000}, "traffic": {"requests_per_day": 500, "pattern": "intermittent"}}),
    ("real-time", {"sla": FAST}),
    ("real-time", {"sla": {"latency_p95_ms": 200}, "traffic": {"requests_per_day": 100_000_000}}),
    ("real-time", {"sla": {"latency_p95_ms": 500}, "traffic": {"payload_kb": 5_000.0}}),
], ids=["nobody waits", "minutes are fine", "now and then", "no cold start", "steady", "payload above serverless"])  # fmt: skip
def test_the_kind_follows_from_the_sla_and_the_traffic(expected, content):
    assert kind(**content) == expected


def test_a_gpu_comes_last_and_says_why():
    (model,) = plan([spec(model=TORCH, sla={"latency_p95_ms": 20, "cold_start_ok": False})]).models
    assert model.image.processor == "gpu" and str(model.instance_type).startswith("ml.g")
    assert "no CPU type is estimated to keep the p95" in next(item.reason for item in model.choices if item.about == "silicon")
    (slow,) = plan([spec(model=TORCH, sla={"latency_p95_ms": 2_000, "cold_start_ok": False})]).models
    assert slow.image.processor == "cpu"


def test_a_looser_latency_takes_a_smaller_size():
    strict, loose = (
        plan([spec(model=TORCH, sla={"latency_p95_ms": p95, "cold_start_ok": False})]).models[0] for p95 in (40, 2_000)
    )
    assert strict.image.processor == "cpu" and strict.instance_type != loose.instance_type
    _, chosen = plan_with_choices([spec(model=TORCH, sla={"latency_p95_ms": 40, "cold_start_ok": False})])
    from greensage.footprint import estimate

    (now,) = estimate([chosen["a"].option.usage])
    said = [str(item) for item in advise(chosen["a"], now)]
    assert any(text.startswith("latency 40 -> 160 ms: -") for text in said)


def test_a_compiled_model_takes_inferentia():
    model = {**TORCH, "version": None, "compiled_for": "inf2"}
    (found,) = plan([spec(model=model, region={"allowed": ["us-east-1"]}, sla=FAST)]).models
    assert found.image.processor == "neuronx" and str(found.instance_type).startswith("ml.inf2")


def test_an_sla_that_nothing_keeps_is_said_and_not_hidden():
    (model,) = plan([spec(sla={"latency_p95_ms": 1, "cold_start_ok": False})]).models
    assert any("does not keep the SLA's 1 ms" in note for note in model.notes)


def test_the_cleanest_allowed_region_wins_and_the_constraint_has_a_price():
    (model,) = plan([spec(sla=FAST, region={"allowed": ["us-east-1", "eu-west-1", "eu-north-1"]})]).models
    assert model.region == "eu-north-1"
    (bound,) = plan([spec(sla=FAST, region={"allowed": ["ap-south-1"]})]).models
    why = next(item.reason for item in bound.choices if item.about == "region")
    assert "the constraint costs" in why and "against eu-north-1" in why


def test_users_far_away_rule_a_region_out():
    region = {"allowed": ["eu-north-1", "us-east-1"], "users_near": "us-east-2", "max_network_ms": 40}
    chosen = plan_with_choices([spec(sla=FAST, region=region)])[1]["a"]
    assert chosen.option.request.region == "us-east-1"
    assert "from us-east-2, region.max_network_ms is 40" in why_not(chosen, "eu-north-1")
    with pytest.raises(PlanError, match="no allowed Region is that near"):
        plan([spec(sla=FAST, region={**region, "allowed": ["eu-north-1"]})])


def test_max_network_ms_without_users_is_a_mistake():
    with pytest.raises(ValueError, match=r"needs region\.users_near"):
        spec(region={"max_network_ms": 40})
    with pytest.raises(ValueError, match="not a time zone"):
        spec(traffic={"timezone": "Mars/Olympus"})


def test_cost_may_come_first():
    content = {"sla": {"latency_p95_ms": 500}, "traffic": {"requests_per_day": 3_000_000}}
    green = plan_with_choices([spec(**content)])[1]["a"].winner
    cheap = plan_with_choices([spec(**content, optimize_for="cost")])[1]["a"].winner
    assert cheap.cost_usd < green.cost_usd and cheap.carbon_g > green.carbon_g


def shared(*pairs: Any) -> Plan:
    return plan(pairs)


def test_models_that_wait_share_an_endpoint_by_themselves():
    (group,) = shared(spec("b", sla=FAST), spec("a", sla=FAST)).groups
    assert (group.name, group.kind, group.members) == ("shared-a", "multi-container", ("b", "a"))


def test_like_models_that_may_load_late_share_one_server():
    slow = {"sla": {"latency_p95_ms": 500}, "traffic": {"requests_per_day": 3_000_000}, "model": {"size_mb": 60.0}}
    found = shared(*(spec(f"m{index}", **slow) for index in range(6)))
    assert [group.kind for group in found.groups] == ["multi-model"]


@pytest.mark.parametrize("apart", [
    {"sharing": "never"}, {"vpc": {"subnets": ["a", "b"], "security_groups": ["c"]}}, {"network_isolation": True}, {"capture": {}},
    {"kms_key_arn": "arn:aws:kms:eu-west-1:111111111111:key/a"}, {"region": {"allowed": ["us-east-1"]}}, {"group": "own"},
    {"hosting": {"kind": "real-time"}},
], ids=["never", "vpc", "isolation", "capture", "key", "region", "group", "hosting"])  # fmt: skip
def test_what_sets_a_model_apart_keeps_it_apart(apart):
    assert not [group for group in shared(spec("a", sla=FAST), spec("b", sla=FAST, **apart)).groups if len(group.members) > 1]


def test_large_models_on_x86_become_components():
    large = {"framework": "pytorch", "version": "1.9.0", "size_mb": 600.0}
    pairs = [spec(f"m{index}", model=large, sla={"latency_p95_ms": 5_000, "cold_start_ok": False}) for index in range(2)]
    found = plan(pairs)
    (group,) = found.groups
    assert group.kind == "inference-components" and group.scaling.min_instances == 1
    assert all(model.component is not None and model.component.min_copies == 1 for model in found.models)


def test_a_window_takes_the_cleanest_hour_and_may_pass_midnight():
    hourly = tuple(100.0 if hour != 2 else 10.0 for hour in range(24))
    assert best_start_hour(hourly, 22, 6) == 2
    assert best_start_hour(hourly, 22, 3) == 22
    assert best_start_hour(hourly, 0, 8, duration_hours=3) == 0


@pytest.mark.parametrize(("schedule", "moved"), [
    ("cron(30 22 * * ? *)", "cron(30 2 * * ? *)"), ("cron(0 22 ? * SUN *)", "cron(0 22 ? * SUN *)"), ("cron(0 1 ? * MON-FRI *)", "cron(0 2 ? * MON-FRI *)"),
])  # fmt: skip
def test_a_job_of_certain_days_stays_on_its_day(schedule, moved):
    hourly = HourlyIntensity("grid.csv", {"eu-west-1": tuple(100.0 if hour != 2 else 10.0 for hour in range(24))})
    hosting = {"kind": "batch", "schedule": schedule, "window_hours": 6}
    (model,) = plan([spec(hosting=hosting)], intensity=hourly).models
    assert getattr(model.spec.hosting, "schedule", None) == moved
