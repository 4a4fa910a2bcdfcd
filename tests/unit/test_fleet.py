"""The reference fleet of 40: nine tenths of carbon and cost saved, the SLAs kept, each saving traceable."""

from __future__ import annotations

import math

import pytest

from greensage.footprint import USUAL
from greensage.planner import Plan, fleet_footprint, fleet_ladder, plan_with_choices, total_ladder
from greensage.planner.words import estimate_words, synth_line
from greensage.report import report_data
from greensage.spec import load_specs
from tests.conftest import MODELS

FLEET = MODELS / "fleet"


@pytest.fixture(scope="module")
def planned():
    plan, chosen = plan_with_choices(load_specs(FLEET))
    return plan, chosen, fleet_footprint(plan)


def test_the_fleet_is_40_files_of_many_kinds(planned):
    plan: Plan = planned[0]
    assert len(plan.models) == 40
    assert {model.kind for model in plan.models} >= {
        "multi-model",
        "multi-container",
        "serverless",
        "asynchronous",
        "batch",
    }
    assert len({model.region for model in plan.models}) >= 3


def test_most_carbon_and_cost_are_saved_in_the_same_region(planned):
    total, usual = planned[2].total, planned[2].baseline
    carbon, cost = total.carbon_g.saved_against(usual.carbon_g), total.cost_usd.saved_against(usual.cost_usd)
    assert carbon.mid >= 0.90 and cost.mid >= 0.85
    assert carbon.low >= 0.75, "even where every figure is off the wrong way"


def test_the_ladder_ends_at_the_plan_and_starts_at_the_usual_deployment(planned):
    plan, chosen, footprint = planned
    ladders = fleet_ladder(plan, chosen, footprint)
    whole = total_ladder(ladders)
    usual = fleet_footprint(plan, USUAL)
    assert whole.rungs[0].after.carbon_g.mid == pytest.approx(usual.baseline.carbon_g.mid)
    # The same Region is what the headline is against.
    assert whole.rungs[1].after.carbon_g.mid == pytest.approx(footprint.baseline.carbon_g.mid)
    assert whole.rungs[-1].after.carbon_g.mid == pytest.approx(footprint.total.carbon_g.mid)
    assert sum(whole.saved(index).mid for index in range(1, len(whole.rungs))) == pytest.approx(
        usual.baseline.carbon_g.mid - footprint.total.carbon_g.mid
    )
    for name, ladder in ladders.items():
        # Neither the right size nor the silicon is ever worse: where nothing is better, what was before stays.
        assert ladder.saved(2).mid >= 0 and ladder.saved(3).mid >= 0, name


def test_every_sla_is_kept(planned):
    plan, chosen, _ = planned
    assert all(item.winner.option.keeps_sla for item in chosen.values())
    for model in plan.models:
        assert not any("does not keep" in note for note in model.notes), model.name
        if model.spec.sla.cold_start_ok is False:
            assert model.kind in ("real-time", "multi-container", "inference-components"), model.name
        if model.spec.sla.availability == "high":
            host = plan.group_of(model) or model
            assert host.scaling is not None and host.scaling.min_instances >= 2
        assert not model.spec.region.allowed or model.region in model.spec.region.allowed


def test_the_models_add_up_to_the_total(planned):
    footprint = planned[2]
    assert sum(item.footprint.carbon_g.mid for item in footprint.models) == pytest.approx(footprint.total.carbon_g.mid)
    shares: dict[str, float] = {}
    for model in planned[0].models:
        if group := planned[0].group_of(model):
            shares[group.name] = shares.get(group.name, 0) + footprint.of(model.name).share
    assert shares and all(math.isclose(value, 1) for value in shares.values())
    total = footprint.total
    assert sum(part.mid for part in total.parts) == pytest.approx(total.carbon_g.mid)
    assert total.operational_g.mid + total.embodied_g.mid == pytest.approx(total.carbon_g.mid)
    assert total.carbon_g.low < total.carbon_g.mid < total.carbon_g.high


def test_each_saving_can_be_traced_to_figures_with_sources(planned):
    data = report_data(*planned)
    assert len(data["models"]) == 40
    for model in data["models"]:
        for side in ("sources", "usual_sources"):
            for feed in ("energy", "carbon", "water", "cost"):
                keys = model[side][feed]
                assert keys and all(data["figures"][key]["source"] for key in keys), (model["name"], side, feed)
        assert model["reasons"] and all(reason["why"] for reason in model["reasons"])


def test_words_for_the_console_and_the_stack(planned):
    footprint = planned[2]
    assert "40 models" in synth_line(footprint) and "an estimate" in synth_line(footprint)
    assert synth_line(footprint, "churn-de").startswith("greensage: churn-de:")
    assert "an estimate" in estimate_words(footprint.of("churn-de"))
