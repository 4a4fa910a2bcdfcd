"""What a model file may say, and what is answered when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from greensage.errors import SpecError, render
from greensage.spec import load_spec, load_specs

VALID = "name: churn\nmodel: {artifact: model.tar.gz, framework: xgboost}\n"


def problems(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return render(caught.value)


def test_the_smallest_file_is_name_and_model(write):
    spec, _ = load_spec(write(VALID))
    assert spec.name == "churn"
    assert spec.retention.logs_days == 14
    assert spec.hosting == "auto"
    assert Path(spec.model.artifact).is_absolute()


def test_the_example_of_the_design_is_valid(write):
    spec, _ = load_spec(
        write("""
        name: churn
        model:
          artifact: model.tar.gz
          framework: xgboost
          version: "3.0-5"
        sla:
          latency_p95_ms: 100
          cold_start_ok: true
          availability: standard
        traffic:
          requests_per_day: 20_000
          pattern: office-hours
        region:
          allowed: [eu-north-1, eu-west-1]
        hosting: auto
        group: tabular
        drift: {schedule: daily, kpi: {auc: 0.80}, features: psi, baseline: s3://bucket-of-tests/statistics.json}
        retention: {logs_days: 14}
        """)
    )
    assert spec.traffic.requests_per_day == 20_000
    assert spec.region.allowed == ("eu-north-1", "eu-west-1")
    assert spec.drift is not None and spec.drift.kpi == {"auc": 0.8}


BAD = {
    "unknown key, near name": (VALID + "sla: {latency_p95: 1}", "model.yaml:3:7: sla.latency_p95: unknown key", "latency_p95_ms?"),
    "unit in the value": (VALID + "sla: {latency_p95_ms: 100ms}", "3:23: sla.latency_p95_ms", "a number of milliseconds, without the unit"),
    "wrong type": (VALID + "traffic: {requests_per_day: many}", "3:29: traffic.requests_per_day: a whole number is needed", "'many'"),
    "impossible value": (VALID + "traffic: {requests_per_day: -1}", "traffic.requests_per_day", "at least 0"),
    "near choice": (VALID + "traffic: {pattern: office_hours}", "3:20: traffic.pattern", "office-hours?"),
    "number for a version": (
        "name: a\nmodel: {artifact: model.tar.gz, framework: xgboost, version: 3.0}", "2:62: model.version", 'version: "3.0"',
    ),
    "yes for a name": ("name: yes\nmodel: {artifact: model.tar.gz, framework: onnx}", "1:7: name: text is needed", "true or false"),
    "name that is none": ("name: My Model\nmodel: {artifact: model.tar.gz, framework: onnx}", "1:7: name", "my-model"),
    "key missing": ("name: a\nmodel: {framework: onnx}", "2:8: model: artifact is missing", "a path or s3:// URI"),
    "key twice": (VALID + "name: again", "3:1: name: the key stands twice, first in line 1", ""),
    "artifact missing": (
        "name: a\nmodel: {artifact: nope.tar.gz, framework: onnx}", "2:19: model.artifact: the artifact does not exist", "nope.tar.gz",
    ),
    "half an S3 URI": ("name: a\nmodel: {artifact: 's3://bucket', framework: onnx}", "not a full S3 URI", "s3://bucket/key"),
    "serverless memory": (VALID + "hosting: {kind: serverless, memory_mb: 1500}", "3:40: hosting.memory_mb", "1024, 2048"),
    "option of another kind": (
        VALID + "hosting: {kind: serverless, instance_type: ml.c7g.large}", "3:29: hosting.instance_type: unknown key", "memory_mb",
    ),
    "a bucket that cannot be": (VALID.replace("model.tar.gz", "s3://b/k.tar.gz"), "not a full S3 URI", "s3://bucket/key"),
    "an object that is no archive": (VALID.replace("model.tar.gz", "s3://bucket/model.bin"), "SageMaker takes a gzipped tar", "ending in .tar.gz"),
    "unknown kind alone": (VALID + "hosting: bacth", "not a hosting kind", "batch?"),
    "kind that is none": (VALID + "hosting: realtime", "hosting: not a hosting kind", "real-time?"),
    "multi-model without group": (VALID + "hosting: multi-model", "need the same group", ""),
    "min above max": (VALID + "hosting: {kind: real-time, min_instances: 3, max_instances: 2}", "min_instances (3) is above", ""),
    "log retention": (VALID + "retention: {logs_days: 15}", "3:24: retention.logs_days", "14, 30"),
    "Elastic Inference": (VALID + "accelerator_type: ml.eia2.medium", "3:1: accelerator_type: Amazon Elastic Inference is discontinued", "Inferentia"),
    "Edge Manager": (VALID + "hosting: edge-manager", "SageMaker Edge Manager is discontinued", "Greengrass v2"),
    "Hugging Face Infinity": ("name: a\nmodel: {artifact: model.tar.gz, framework: infinity}", "Infinity is discontinued", "ONNX Runtime"),
    "a list": ("- a\n- b", "1:1: a model file is a mapping", "a list"),
    "plain text": ("hello", "1:1: a model file is a mapping", "plain text"),
    "an empty file": ("", "1:1: a model file is a mapping", "an empty file"),
    "broken YAML": ("name: [a", "not valid YAML", ""),
    "control character": ("name: \x00", "not valid YAML", ""),
    "two documents": (VALID + "---\n" + VALID, "a second document starts here", ""),
    "a tag": ("name: !!python/object:os.system x", "tags such as", ""),
    "too deep": ("a: " + "[" * 5_000, "nested deeper than 12 levels", ""),
    "aliases that explode": (
        "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]", "2:8: aliases are not allowed", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_a_place_and_a_way_out(write, case):
    text, place, way_out = BAD[case]
    shown = problems(write(text))
    assert place in shown
    assert way_out in shown
    assert "Traceback" not in shown


def test_all_problems_of_a_file_come_at_once(write):
    shown = problems(write("name: A\nmodel: {artifact: x, framework: y}\nsla: {a: 1, b: 2}\ntraffic: 3"))
    assert shown.count("model.yaml:") == 5
    assert "5 problems; nothing was deployed." in shown


def test_a_file_of_ten_megabytes_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a" * 10_000_000)
    assert "10,000,000 bytes" in problems(path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x80")
    assert "not UTF-8" in problems(path)


def test_a_name_may_stand_only_once_in_a_folder(write, tmp_path):
    write(VALID, "a.yaml")
    write(VALID, "b.yaml")
    with pytest.raises(SpecError) as caught:
        load_specs(tmp_path)
    assert "b.yaml:1:7: name: the name stands in" in str(caught.value)


def test_a_group_may_not_have_the_name_of_a_model(write, tmp_path):
    write(VALID, "a.yaml")
    write(VALID.replace("churn", "other") + "group: churn", "b.yaml")
    with pytest.raises(SpecError, match="the group has the name of the model"):
        load_specs(tmp_path)


def test_problems_of_all_files_come_at_once(write, tmp_path):
    write("name: 1", "a.yaml")
    write("- x", "b.yaml")
    with pytest.raises(SpecError) as caught:
        load_specs(tmp_path)
    assert {problem.file.rsplit("/", 1)[-1] for problem in caught.value.problems} == {"a.yaml", "b.yaml"}


def test_one_model_can_be_loaded_beside_a_broken_one(write, tmp_path):
    write(VALID, "a.yaml")
    write("- x", "b.yaml")
    assert [spec.name for spec, _ in load_specs(tmp_path, only="churn")] == ["churn"]


def test_an_unknown_model_lists_the_known_ones(write, tmp_path):
    write(VALID, "a.yaml")
    with pytest.raises(SpecError, match="no model is called 'chrun'") as caught:
        load_specs(tmp_path, only="chrun")
    assert "allowed: churn" in str(caught.value)


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(SpecError, match="no model file"):
        load_specs(tmp_path)
