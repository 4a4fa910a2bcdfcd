"""What the planner says about the kinds that a file names: sizes, groups, updates, quotas, notes, and refusals."""

from __future__ import annotations

import pytest

from greensage.catalog.kinds import hosting_kinds as all_kinds
from greensage.commands.plan_json import plan_json
from greensage.commands.plan_output import plan_reasons, plan_table
from greensage.errors import PlanError, SpecError
from greensage.footprint.demand import jobs_per_day
from greensage.planner import ModelPlan, Plan, fleet_footprint, plan
from greensage.spec import load_specs
from tests.conftest import MODELS

HEAD = "region: {allowed: [eu-west-1]}\n"
XGB = "model: {artifact: model.tar.gz, framework: xgboost}\n"
TORCH = "model: {artifact: model.tar.gz, framework: pytorch, compiled_for: inf2}\n"


@pytest.fixture
def fleet(write, tmp_path):
    def _fleet(*texts: str, model: str = XGB) -> Plan:
        for index, text in enumerate(texts):
            write(f"name: m{index}\n{model}{HEAD}{text}", f"m{index}.yaml")
        return plan(load_specs(tmp_path))

    return _fleet


def one(found: Plan) -> ModelPlan:
    (model,) = found.models
    return model


def refused(fleet, *texts: str, **more) -> str:
    with pytest.raises((PlanError, SpecError)) as caught:
        fleet(*texts, **more)
    return str(caught.value)


COMPONENT = "group: g\nhosting: {kind: inference-components, memory_mb: 2000, cpu_cores: 1}\n"


def test_components_get_the_smallest_instance_that_holds_a_copy_and_the_fit_is_shown(fleet):
    (group,) = fleet(COMPONENT, COMPONENT).groups
    assert group.instance_type == "ml.c7i.large" or group.instance_type == "ml.c6i.large" or group.instance_type == "ml.c5.large"
    assert group.placement is not None and len(group.placement.instances) == 4
    assert "all copies fit 4 instances" in plan_reasons(fleet(COMPONENT, COMPONENT), width=1_000)
    assert (group.scaling.min_instances, group.scaling.max_instances) == (0, 4)


def test_a_component_without_memory_gets_an_estimate(fleet):
    component = one(fleet("group: g\nhosting: inference-components\n")).component
    assert component is not None and component.memory_mb >= 128


def test_components_on_accelerators_are_placed_by_accelerator(fleet):
    text = "group: g\nhosting: {kind: inference-components, memory_mb: 4000, accelerators: 1, max_copies: 3}\n"
    (group,) = fleet(text, model=TORCH).groups
    assert group.instance_type == "ml.inf2.xlarge" and group.placement is not None and len(group.placement.instances) == 3


REFUSED = {
    "a component that fits nothing": (("group: g\nhosting: {kind: inference-components, memory_mb: 2000000}\n",), "no instance type holds the component"),
    "too few instances": ((COMPONENT.replace("cpu_cores: 1", "cpu_cores: 2, instance_type: ml.c5.large, max_instances: 1"),) * 2, "one copy of each component needs 2 instances"),
    "one container alone": (("group: g\nhosting: multi-container\n",), "group g has 1 file with multi-container hosting"),
    "sixteen containers": (("group: g\nhosting: multi-container\n",) * 16, "has 16 files"),
    "a pipeline of one": (("hosting: serial-pipeline\n",), "the pipeline has 1 container"),
    "no group": (("hosting: multi-container\n",), "need the same group"),
    "members that differ": (("group: g\nhosting: {kind: multi-model, cache_models: false}\n", "group: g\nhosting: multi-model\n"), "has another hosting options"),
    "members in different networks": (("group: g\nhosting: multi-model\n", "group: g\nhosting: multi-model\nnetwork_isolation: true\n"), "has another network isolation"),
    "a batch type that is none": (("hosting: {kind: batch, instance_type: ml.t2.large}\n",), "batch transform does not have ml.t2.large"),
    "no device group": (("hosting: edge\n",), "needs the groups of devices"),
    "an unknown device": (("hosting: {kind: edge, device_groups: [a], device: rasp4}\n",), "rasp4b?"),
    "a schedule in vain": (("hosting: serverless\nschedule: [{name: a, at: rate(1 hour), min: 1}]\n",), "there are none"),
    "steps of nothing": (("hosting: real-time\ndeployment: {step_percent: 10}\n",), "all-at-once has no steps"),
    "a step out of range": (("hosting: real-time\ndeployment: {strategy: linear, step_percent: 5}\n",), "10 to 50"),
    "warm above the limit": (("hosting: {kind: serverless, max_concurrency: 2, provisioned_concurrency: 3}\n",), "above hosting.max_concurrency"),
    "copies the wrong way round": (("group: g\nhosting: {kind: inference-components, min_copies: 3, max_copies: 2}\n",), "above hosting.max_copies"),
    "Elastic Inference as silicon": (("silicon: elastic-inference\n",), "Elastic Inference is discontinued"),
    "Edge Manager": (("hosting: edge-manager\n",), "Edge Manager is discontinued"),
    "Infinity": (("hosting: infinity\n",), "Hugging Face Infinity is discontinued"),
    "the Data Science SDK": (("stepfunctions-data-science: true\n",), "the Step Functions Data Science SDK is discontinued"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_point_at_the_line_and_say_what_to_do(fleet, case):
    texts, message = REFUSED[case]
    shown = refused(fleet, *texts)
    assert message in shown and "model" not in shown.split(":")[1] and ".yaml:" in shown
    assert "try: " in shown or "allowed: " in shown or "above" in shown or "same group" in shown


def test_neo_needs_the_shape_of_the_input_but_of_trees(fleet):
    edge = "hosting: {kind: edge, device_groups: [a], device: rasp4b}\n"
    assert "Neo needs the shape" in refused(fleet, edge, model=XGB.replace("xgboost", "onnx"))
    assert one(fleet(edge)).kind == "edge"


def test_inferentia_needs_a_neuron_artifact(fleet):
    shown = refused(fleet, "hosting: real-time\nsilicon: inferentia\n", model=TORCH.replace(", compiled_for: inf2", ""))
    assert "runs only artifacts compiled for it by Neuron" in shown and "Neuron SDK" in shown


def test_a_neuron_artifact_runs_on_nothing_else(fleet):
    assert "a Neuron artifact does not run on graviton" in refused(fleet, "hosting: real-time\nsilicon: graviton\n", model=TORCH)


def test_edge_is_refused_where_greengrass_is_not(write):
    text = "name: a\nhosting: {kind: edge, device_groups: [x]}\nregion: {allowed: [eu-north-1]}\n" + XGB
    with pytest.raises(PlanError, match="Greengrass v2 is not in eu-north-1"):
        plan(load_specs(write(text).parent))


def test_updates_are_guarded_by_default_and_watch_the_sla(fleet):
    model = one(fleet("hosting: real-time\nsla: {latency_p95_ms: 100}\n"))
    assert model.deployment is not None
    assert (model.deployment.strategy, model.deployment.max_latency_ms) == ("all-at-once", 150)


def test_an_update_is_plain_where_aws_has_no_guard(fleet):
    assert one(fleet("hosting: serverless\n")).deployment is None


def test_quotas_are_named_with_their_size(fleet):
    model = one(
        fleet("hosting: {kind: real-time, max_instances: 3}\nshadow: {model: {artifact: model.tar.gz, framework: xgboost}}\n")
    )
    assert model.quotas == (
        f"{model.instance_type} for endpoint usage: at least 6, and twice that while an update runs both fleets",
    )
    assert "transform job usage: at least 1" in one(fleet("hosting: batch\n")).quotas[0]


def test_a_vpc_names_the_endpoints_it_needs(fleet):
    notes = one(fleet("hosting: real-time\nvpc: {subnets: [a], security_groups: [b]}\n")).notes
    assert any("com.amazonaws.eu-west-1.s3 (gateway)" in note for note in notes)
    assert any("at least two subnets" in note for note in notes)


def test_table_reasons_and_json_cope_with_every_kind():
    found = plan(load_specs(MODELS))
    assert len(plan_table(found, fleet_footprint(found), width=1_000).splitlines()) == 2 + len(found.models)
    assert all(f"{model.name}:" in plan_reasons(found, width=1_000) for model in found.models)
    kinds = {row["kind"] for row in plan_json(found)["models"]}
    assert kinds == set(all_kinds()), "models/ has an example of every kind"


@pytest.mark.parametrize(("schedule", "each_day"), [
    ("cron(0 2 * * ? *)", 1), ("cron(0/15 8-18 ? * MON-FRI *)", 4 * 11 * 5 / 7), ("cron(0 */6 * * ? *)", 4), ("rate(2 hours)", 12),
    ("cron(30 1,13 * * ? *)", 2), ("cron(0 0 1 * ? *)", 1 / 30), ("cron(0 4 ? * SUN *)", 1 / 7), ("cron(0 4 L * ? *)", 1 / 30),
    ("cron(0 22-3 * * ? *)", 6), ("rate(1 day)", 1), ("cron(0 4 ? JAN-MAR SAT#1 *)", 1 / 30 / 4), ("cron(0 2 ? * 6L *)", 1 / 30),
    ("cron(0 2 ? JAN-JUN 2-6 *)", 5 / 14),
])  # fmt: skip
def test_batch_jobs_are_counted_by_their_schedule(fleet, schedule, each_day):
    model = one(fleet(f"hosting: {{kind: batch, schedule: '{schedule}'}}\n"))
    assert jobs_per_day(model.spec) == pytest.approx(each_day)


@pytest.mark.parametrize(("schedule", "why"), [
    ("rate(0 minutes)", "a rate is at least 1"), ("rate(5 weeks)", "rate(N minutes, hours or days)"), ("cron( )", "six fields"),
    ("cron(99/5 1 * * ? *)", "'99' is no minutes"), ("cron(0 99 * * ? *)", "'99' is no hours"), ("cron(*/x 1 * * ? *)", "is no minutes"),
    ("cron(0 2 * * * *)", "is ?"), ("cron(0 2 ? * FUN *)", "'FUN' is no day of week"), ("cron(0/0 2 * * ? *)", "a step is at least 1"),
])  # fmt: skip
def test_a_schedule_that_aws_would_refuse_says_which_field(fleet, schedule, why):
    shown = refused(fleet, f"hosting: {{kind: batch, schedule: '{schedule}'}}\n")
    assert why in shown and "m0.yaml:" in shown and ("cron(0 2 * * ? *)" in shown or " to " in shown)
