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
    ("serverless", {"sla": {"latency_p95_ms": 6_000}, "traffic": {"requests_per_day": 500, "pattern": "intermittent"}}),
    ("real-time", {"sla": FAST}),
    ("real-time", {"sla": {"latency_p95_ms": 200}, "traffic": {"requests_per_day": 100_000_000}}),
    ("real-time", {"sla": {"latency_p95_ms": 500}, "traffic": {"payload_kb": 5_000.0}}),
], ids=["nobody waits", "minutes are fine", "now and then", "no cold start", "steady", "payload above serverless"])  # fmt: skip
def test_the_kind_follows_from_the_sla_and_the_traffic(expected, content):
    assert kind(**content) == expected


def test_a_gpu_is_taken_where_it_takes_less_or_nothing_else_is_fast_enough_and_says_why():
    (model,) = plan([spec(model=TORCH, sla={"latency_p95_ms": 20, "cold_start_ok": False})]).models
    assert model.image.processor == "gpu" and str(model.instance_type).startswith("ml.g")
    assert "no CPU type is estimated to keep the p95" in next(item.reason for item in model.choices if item.about == "silicon")
    (slow,) = plan([spec(model=TORCH, sla={"latency_p95_ms": 2_000, "cold_start_ok": False})]).models
    assert slow.image.processor == "cpu"


def test_a_looser_latency_takes_a_smaller_size():
    strict, loose = (
        plan([spec(model=TORCH, sla={"latency_p95_ms": p95, "cold_start_ok": False})]).models[0] for p95 in (75, 2_000)
    )
    assert strict.image.processor == "cpu" and strict.instance_type != loose.instance_type
    _, chosen = plan_with_choices([spec(model=TORCH, sla={"latency_p95_ms": 75, "cold_start_ok": False})])
    from greensage.footprint import estimate

    (now,) = estimate([chosen["a"].option.usage])
    said = [str(item) for item in advise(chosen["a"], now)]
    assert any(text.startswith("latency 75 -> 300 ms: -") for text in said)


def test_a_compiled_model_takes_inferentia():
    model = {**TORCH, "version": None, "compiled_for": "inf2"}
    (found,) = plan([spec(model=model, region={"allowed": ["us-east-1"]}, sla=FAST)]).models
    assert found.image.processor == "neuronx" and str(found.instance_type).startswith("ml.inf2")


def test_an_sla_that_nothing_keeps_is_said_and_not_hidden():
    (model,) = plan([spec(sla={"latency_p95_ms": 1, "cold_start_ok": False})]).models
    (note,) = [note for note in model.notes if "nothing is estimated to keep the SLA's p95 of 1 ms" in note]
    # The floor is named, and nothing larger is bought than without the SLA.
    assert "network and container take about 10 ms (assumed)" in note and "least carbon" in note
    assert model.instance_type == plan([spec(sla={"cold_start_ok": False})]).models[0].instance_type


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
    content = {"sla": {"latency_p95_ms": 500, "cold_start_ok": True}, "traffic": {"requests_per_day": 3_000_000}}
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
    large = {"framework": "pytorch", "version": "1.9.0", "size_mb": 1_800.0}
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


def test_what_needs_several_instances_never_becomes_one_component():
    large = {"framework": "pytorch", "version": "1.9.0", "size_mb": 1_800.0}
    sla = {"latency_p95_ms": 5_000, "cold_start_ok": False, "availability": "high"}
    found = plan([spec(f"m{index}", model=large, sla=sla) for index in range(2)])
    for model in found.models:
        host = found.group_of(model) or model
        assert host.scaling is not None and host.scaling.min_instances == 2 and host.kind != "inference-components"


def test_who_wants_the_least_cost_is_not_packed_by_carbon():
    region = {"allowed": ["us-east-1", "sa-east-1"]}
    pairs = [spec(name, model={"size_mb": 220.0}, sla=FAST, region=region, optimize_for="cost") for name in ("a", "b")]
    found = plan(pairs)
    assert not found.groups and {model.region for model in found.models} == {"us-east-1"}
    assert "least cost of the 2 allowed Regions" in next(
        item.reason for item in found.models[0].choices if item.about == "region"
    )


def grams(**content: Any) -> float:
    return plan_with_choices([spec(**content)])[1]["a"].winner.carbon_g


def test_variants_share_the_traffic_and_a_shadow_gets_its_part():
    model = {"artifact": "s3://bucket-of-tests/k/b.tar.gz", "framework": "xgboost", "size_mb": 1.0}
    busy = {"traffic": {"requests_per_day": 40_000_000}, "sla": FAST, "hosting": {"kind": "real-time"}}
    alone = grams(**busy)
    half = grams(**busy, variants=[{"name": "other", "weight": 1.0, "model": model}])
    copied = grams(**busy, shadow={"traffic_percent": 10, "model": model})
    assert alone <= half < 1.3 * alone and alone < copied < 1.4 * alone


def test_a_batch_job_on_many_instances_starts_them_all():
    assert grams(hosting={"kind": "batch", "instances": 50}) > 5 * grams(hosting={"kind": "batch"})


def test_copies_that_are_always_there_keep_their_instances():
    plans = [plan([spec(group="g", hosting={"kind": "inference-components", "min_copies": copies})]) for copies in (0, 1)]
    assert [found.groups[0].scaling.min_instances for found in plans] == [0, 1]


def test_a_region_without_graviton_takes_x86_and_says_why():
    (model,) = plan([spec(sla=FAST, region={"allowed": ["cn-north-1"]})]).models
    assert model.image.architecture == "x86_64"
    assert "cn-north-1 hosts no Graviton types" in next(item.reason for item in model.choices if item.about == "silicon")
    with pytest.raises(PlanError, match="silicon: auto"):
        plan([spec(sla=FAST, silicon="graviton", region={"allowed": ["cn-north-1"]})])


def test_long_requests_count_all_their_work():
    from greensage.footprint.demand import demand_of
    from greensage.footprint.kinds import asynchronous, components

    long = spec(traffic={"requests_per_day": 24, "cpu_ms_per_request": 3_600_000.0})[0]
    for usage in (
        asynchronous(demand_of(long), "eu-west-1", "ml.m5.large", 0),
        components([demand_of(long)], "eu-west-1", "ml.m5.large", 0, 1),
    ):
        work = sum(level.hours * level.instances * level.utilisation * 2 for level in usage.levels)
        assert work == pytest.approx(24 * 30, rel=0.01), "m5 vCPU-hours"


def test_why_not_of_a_compiled_and_of_a_shared_model():
    compiled = {**TORCH, "version": None, "compiled_for": "inf2"}
    chosen = plan_with_choices([spec(model=compiled, region={"allowed": ["us-east-1"]}, sla=FAST)])[1]["a"]
    assert "was chosen" in why_not(chosen, "inferentia") and "compiled for inf2" in why_not(chosen, "gpu")
    shared_one = plan_with_choices([spec("a", sla=FAST), spec("b", sla=FAST)])[1]["a"]
    assert "2 models take" in why_not(shared_one, "real-time") and "alone this one would take" in why_not(shared_one, "real-time")
    assert why_not(shared_one, "multi-container") == "multi-container was chosen"


def test_an_image_for_arm64_is_not_hosted_by_memory():
    image = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/scoring:1"
    rare = {"sla": {"latency_p95_ms": 6_000}, "traffic": {"requests_per_day": 500, "pattern": "intermittent"}}
    assert kind(**rare, model={"image": image, "image_architecture": "x86_64"}) == "serverless"
    assert kind(**rare, model={"image": image, "image_architecture": "arm64"}) != "serverless"
