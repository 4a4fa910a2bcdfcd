"""What the planner chooses, why, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from greensage.errors import PlanError
from greensage.planner import ModelPlan, Plan, plan
from greensage.spec import load_spec, load_specs

MODEL = "model: {artifact: model.tar.gz, framework: xgboost}\nregion: {allowed: [eu-north-1]}\n"


def planned(path: Path) -> ModelPlan:
    return plan([load_spec(path)]).models[0]


def refused(path: Path) -> str:
    with pytest.raises(PlanError) as caught:
        plan([load_spec(path)])
    return str(caught.value)


def choice(model: ModelPlan, about: str):
    return next(item for item in model.choices if item.about == about)


@pytest.fixture
def group_of(write, tmp_path):
    def _group(*texts: str) -> Plan:
        for index, text in enumerate(texts):
            write(f"name: m{index}\ngroup: tabular\n{text}", f"m{index}.yaml")
        return plan(load_specs(tmp_path))

    return _group


def test_little_traffic_goes_serverless(write):
    model = planned(write("name: a\nsla: {latency_p95_ms: 6000}\n" + MODEL))
    assert (model.kind, model.memory_mb, model.instance_type) == ("serverless", 1024, None)
    assert {loser.value for loser in choice(model, "kind").rejected} == {"batch", "asynchronous", "multi-model", "real-time"}


def test_no_cold_start_means_real_time(write):
    model = planned(write("name: a\nsla: {latency_p95_ms: 50, cold_start_ok: false}\n" + MODEL))
    assert model.kind == "real-time"
    assert "cold_start_ok is false" in next(item.why for item in choice(model, "kind").rejected if item.value == "serverless")


def test_steady_load_is_too_much_for_serverless(write):
    assert (
        planned(
            write(
                "name: a\nsla: {latency_p95_ms: 500, cold_start_ok: true}\ntraffic: {requests_per_day: 100_000_000, pattern: steady}\n"
                + MODEL
            )
        ).kind
        == "real-time"
    )


def test_a_large_model_does_not_fit_serverless(write):
    text = (
        "name: a\nsla: {latency_p95_ms: 6000}\n"
        "model: {artifact: 's3://bucket/k.tar.gz', framework: xgboost, size_mb: 2000}\nregion: {allowed: [eu-north-1]}"
    )
    model = planned(write(text))
    assert model.kind == "real-time"
    assert "serverless ends at 6,144" in next(item.why for item in choice(model, "kind").rejected if item.value == "serverless")


def test_graviton_is_the_default(write):
    model = planned(write("name: a\nhosting: real-time\n" + MODEL))
    assert model.image.architecture == "arm64"
    assert "Graviton by default" in choice(model, "silicon").reason


def test_the_user_can_rule_graviton_out_and_it_is_said(write):
    model = planned(write("name: a\nhosting: real-time\nsilicon: x86\n" + MODEL))
    assert model.image.architecture == "x86_64"
    assert model.instance_type == "ml.c7i.large" or model.instance_type == "ml.c5.large"
    assert choice(model, "silicon").rejected[0].why == "ruled out by the spec"


def test_a_framework_version_without_an_arm64_image_falls_to_x86_and_says_so(write):
    text = 'name: a\nhosting: real-time\nmodel: {artifact: model.tar.gz, framework: pytorch, version: "1.9.0"}\nregion: {allowed: [eu-west-1]}'
    model = planned(write(text))
    assert model.image.architecture == "x86_64"
    assert "AWS has no prebuilt arm64 image of pytorch 1.9.0" in choice(model, "silicon").reason


def test_a_prebuilt_graviton_image_is_found_with_its_account(write):
    text = 'name: a\nhosting: real-time\nmodel: {artifact: model.tar.gz, framework: xgboost, version: "1.5-1", image: prebuilt}\nregion: {allowed: [eu-west-1]}'
    model = planned(write(text))
    assert model.image.uri == "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.5-1-arm64"


def test_asking_for_graviton_where_there_is_none_names_the_way_out(write):
    text = 'name: a\nhosting: real-time\nsilicon: graviton\nmodel: {artifact: model.tar.gz, framework: xgboost, version: "3.0-5", image: prebuilt}\nregion: {allowed: [eu-west-1]}'
    shown = refused(write(text))
    assert "no prebuilt arm64 image of xgboost 3.0-5 (it has: 1.3-1, 1.5-1)" in shown
    assert "image: serving" in shown


REFUSED = {
    "unknown Region": ("name: a\nmodel: {artifact: model.tar.gz, framework: onnx}\nregion: {allowed: [eu-nort-1]}", "eu-north-1?"),
    "no Region": ("name: a\nmodel: {artifact: model.tar.gz, framework: onnx}", "set region.allowed, or AWS_REGION"),
    "type that does not exist": ("name: a\nhosting: {kind: real-time, instance_type: ml.c7g.larg}\n" + MODEL, "did you mean ml.c7g.large"),
    "type that hosting has not": ("name: a\nhosting: {kind: real-time, instance_type: ml.m7g.large}\n" + MODEL, "not an instance type of SageMaker hosting"),
    "type not in the Region": (
        "name: a\nhosting: {kind: real-time, instance_type: ml.c8g.large}\n" + MODEL.replace("eu-north-1", "eu-west-2"), "eu-west-2 does not host ml.c8g.large",
    ),
    "type of other silicon": ("name: a\nhosting: {kind: real-time, instance_type: ml.c5.large}\n" + MODEL, "exec format error"),
    "GPU for a CPU image": ("name: a\nhosting: {kind: real-time, instance_type: ml.g5.xlarge}\nsilicon: x86\n" + MODEL, "needs an image and artifact for gpu"),
    "Elastic Inference": ("name: a\nhosting: {kind: real-time, instance_type: ml.eia2.medium}\n" + MODEL, "Elastic Inference is discontinued"),
    "burstable and autoscaled": (
        "name: a\nhosting: {kind: real-time, instance_type: ml.t2.large}\nsilicon: x86\n" + MODEL.replace("eu-north-1", "eu-west-1"), "burstable types cannot be autoscaled",
    ),
    "batch on Graviton": ("name: a\nhosting: batch\nsilicon: graviton\n" + MODEL, "AWS does not offer Graviton on batch hosting"),
    "image URI that is none": ("name: a\n" + MODEL.replace("xgboost}", "xgboost, image: my/image}"), "neither a choice nor the URI"),
    "own image without architecture": (
        "name: a\n" + MODEL.replace("xgboost}", "xgboost, image: '111111111111.dkr.ecr.eu-north-1.amazonaws.com/a:1'}"), "needs model.image_architecture",
    ),
    "serving image for PyTorch": ("name: a\nmodel: {artifact: model.tar.gz, framework: pytorch, image: serving}\nregion: {allowed: [eu-north-1]}", "does not load pytorch"),
    "version that AWS has not": (
        'name: a\nsilicon: x86\nmodel: {artifact: model.tar.gz, framework: xgboost, version: "9.9-1", image: prebuilt}\nregion: {allowed: [eu-north-1]}', "3.2-0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_would_refuse_is_refused_with_the_place(write, case):
    text, expected = REFUSED[case]
    shown = refused(write(text))
    assert expected in shown
    assert "model.yaml:" in shown


def test_high_availability_keeps_two_instances(write):
    model = planned(write("name: a\nhosting: real-time\nsla: {availability: high}\n" + MODEL))
    assert model.scaling is not None and model.scaling.min_instances == 2


def test_more_load_raises_the_upper_limit(write):
    low = planned(write("name: a\nhosting: real-time\n" + MODEL))
    high = planned(write("name: a\nhosting: real-time\ntraffic: {peak_requests_per_second: 2_000}\n" + MODEL))
    assert low.scaling and high.scaling and high.scaling.max_instances > low.scaling.max_instances


def test_a_group_shares_one_endpoint(group_of):
    fleet = group_of(MODEL, MODEL.replace("xgboost", "lightgbm"))
    assert [model.kind for model in fleet.models] == ["multi-model", "multi-model"]
    assert fleet.groups[0].members == ("m0", "m1")


def test_a_third_model_leaves_the_groups_endpoint_as_it_is(group_of):
    two = group_of(MODEL, MODEL).groups[0]
    three = group_of(MODEL, MODEL, MODEL).groups[0]
    assert (two.instance_type, two.scaling, two.image) == (three.instance_type, three.scaling, three.image)


def test_members_of_a_group_in_two_regions_are_refused(group_of):
    with pytest.raises(PlanError, match="group tabular is one endpoint, and m0 has another Region"):
        group_of(MODEL, MODEL.replace("eu-north-1", "eu-west-1"))


def test_equal_input_gives_an_equal_plan(write):
    path = write("name: a\n" + MODEL)
    assert plan([load_spec(path)]) == plan([load_spec(path)])


DRIFT = "name: a\ndrift: {schedule: daily, baseline: s3://bucket-of-tests/statistics.json}\n" + MODEL


def test_a_watched_model_captures_what_the_tests_need_and_says_why(write):
    model = planned(write(DRIFT + "traffic: {requests_per_day: 200_000}\n"))
    assert model.monitoring is not None and model.monitoring.sample_percent == 1
    assert any("only alert" in note for note in model.notes)
    assert any(choice.about == "capture" and "2,000 rows" in choice.reason for choice in model.choices)


def test_with_little_traffic_all_is_captured_and_by_sagemaker_where_it_can(write):
    few = planned(write(DRIFT + "traffic: {requests_per_day: 10}\nhosting: serverless\n")).monitoring
    assert few is not None and (few.sample_percent, few.captured_by) == (100, "container")
    service = planned(write(DRIFT + "hosting: real-time\n")).monitoring
    assert service is not None and service.captured_by == "service"


def test_kinds_whose_requests_are_not_captured_are_refused_with_a_way_out(write):
    text = refused(write(DRIFT.replace("eu-north-1", "eu-west-1") + "hosting: {kind: edge, device_groups: [field]}\n"))
    assert "drift" in text and "multi-model" in text


def test_a_model_behind_a_shared_endpoint_is_captured_by_its_container(write):
    model = planned(write(DRIFT + "hosting: {kind: multi-model}\ngroup: g\n"))
    assert model.monitoring is not None and model.monitoring.captured_by == "container"
