"""Changing one constraint moves the answer the way the reasons say: for any spec, found by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from greensage.errors import PlanError
from greensage.footprint import mid_figures
from greensage.planner import fleet_footprint, plan, plan_with_choices
from greensage.planner.options import options_of
from tests.unit.fleets import Pair, spec

REGIONS = ["eu-west-1", "eu-north-1", "eu-central-1", "eu-west-3", "us-east-1", "us-west-2", "ap-south-1", "ca-central-1"]
# The same to six digits is the same: sums are not taken in one order.
SAME = 1 + 2e-6
thorough = settings(max_examples=60, deadline=None)


@st.composite
def contents(draw) -> dict[str, Any]:
    framework = draw(st.sampled_from(["xgboost", "lightgbm", "sklearn", "onnx", "pytorch"]))
    return {
        "model": {"framework": framework, "size_mb": draw(st.sampled_from([0.1, 5.0, 60.0, 200.0, 900.0]))},
        "traffic": {
            "requests_per_day": draw(st.integers(0, 50_000_000)),
            "pattern": draw(st.sampled_from(["steady", "office-hours", "bursty", "intermittent", "nightly"])),
        },
        "sla": {
            "latency_p95_ms": draw(st.sampled_from([None, 30, 100, 400, 2_000, 60_000, 900_000])),
            "cold_start_ok": draw(st.booleans()),
            "availability": draw(st.sampled_from(["standard", "high"])),
        },
        "silicon": draw(st.sampled_from(["auto", "auto", "x86"])),
        "region": {"allowed": draw(st.lists(st.sampled_from(REGIONS), min_size=1, max_size=3, unique=True))},
    }


def carbon_and_sla(content: dict[str, Any]) -> tuple[bool, float]:
    """Whether the SLA is kept by estimate, and the carbon a month."""
    _, chosen = plan_with_choices([spec(**content)])
    winner = chosen["a"].winner
    return winner.option.keeps_sla, winner.carbon_g


def keeping(content: dict[str, Any]) -> set[str]:
    """The kinds that keep the SLA by estimate."""
    _, chosen = plan_with_choices([spec(**content)])
    return {item.option.kind for item in chosen["a"].options if item.option.keeps_sla}


def relaxed(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**content, "sla": {**content["sla"], **changes}}


@thorough
@given(contents(), st.sampled_from(["cold", "slower", "nobody", "standard"]))
def test_relaxing_the_sla_never_raises_the_footprint(content, how):
    changes = {
        "cold": {"cold_start_ok": True}, "slower": {"latency_p95_ms": (content["sla"]["latency_p95_ms"] or 900_000) * 4},
        "nobody": {"latency_p95_ms": None, "cold_start_ok": True}, "standard": {"availability": "standard"},
    }[how]  # fmt: skip
    if how == "slower" and content["sla"]["latency_p95_ms"] is None:
        return  # a latency where there was none is stricter
    kept, before = carbon_and_sla(content)
    kept_too, after = carbon_and_sla(relaxed(content, **changes))
    assert kept_too >= kept
    if kept == kept_too:
        assert after <= before * SAME


@thorough
@given(contents(), st.sampled_from(REGIONS))
def test_another_allowed_region_never_raises_the_footprint(content, region):
    wider = {**content, "region": {"allowed": list(dict.fromkeys([*content["region"]["allowed"], region]))}}
    kept, before = carbon_and_sla(content)
    kept_too, after = carbon_and_sla(wider)
    assert kept_too >= kept
    if kept == kept_too:
        assert after <= before * SAME


@thorough
@given(contents(), st.floats(1.01, 100))
def test_more_requests_never_lower_the_footprint(content, factor):
    more = {
        **content,
        "traffic": {**content["traffic"], "requests_per_day": int(content["traffic"]["requests_per_day"] * factor) + 1},
    }
    # The more calls there are, the fewer are cold: a kind that keeps the p95 only then may take less than what was left before.
    if keeping(more) <= keeping(content):
        assert carbon_and_sla(more)[1] * SAME >= carbon_and_sla(content)[1]


@thorough
@given(contents(), st.floats(1.01, 100))
def test_more_requests_never_lower_the_energy_of_what_was_chosen(content, factor):
    """For the kind and the size that are hosted, in one Region; another choice may need less energy and more hardware."""
    from greensage.planner.breakeven import with_traffic

    _, chosen = plan_with_choices([spec(**content)])
    option = chosen["a"].option
    more = with_traffic(option.request, int(option.request.spec.traffic.requests_per_day * factor) + 1)
    options, _ = options_of(more, [option.kind], [option.request.region])
    same = [item for item in options if item.size == option.size]
    if same:
        before, after = mid_figures([option.usage, same[0].usage])
        assert after.energy_kwh * SAME >= before.energy_kwh


@settings(max_examples=25, deadline=None)
@given(st.lists(contents(), min_size=2, max_size=6))
def test_sharing_never_raises_the_fleets_footprint(many):
    pairs: list[Pair] = [spec(f"m{index}", **content) for index, content in enumerate(many)]
    alone = [spec(f"m{index}", sharing="never", **content) for index, content in enumerate(many)]
    try:
        together = fleet_footprint(plan(pairs)).total.carbon_g.mid
    except PlanError as error:
        raise AssertionError(str(error)) from None
    assert together <= fleet_footprint(plan(alone)).total.carbon_g.mid * SAME
