"""What files share: `_defaults.yaml` and `environments`, merged, with the place that each value came from."""

from __future__ import annotations

import pytest

from greensage.cli import main
from greensage.errors import SpecError
from greensage.spec import load_specs

DEFAULTS = """\
sla: {latency_p95_ms: 300, cold_start_ok: false}
region: {allowed: [eu-north-1]}
hosting: {kind: serverless, memory_mb: 2048}
environments:
  prod:
    sla: {availability: high}
    traffic: {requests_per_day: 500000}
"""
MODEL = """\
name: churn
model: {artifact: s3://my-models/churn/model.tar.gz, framework: xgboost}
sla:
  latency_p95_ms: 100
environments:
  prod: {logs: {level: error}, tags: {stage: prod}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "_defaults.yaml").write_text(DEFAULTS)
    (tmp_path / "churn.yaml").write_text(MODEL)
    return tmp_path


def read(folder, environment=None):
    ((spec, located),) = load_specs(folder, environment=environment)
    return spec, {key: where for key, _, where in located.settings()}


def test_a_file_says_what_is_its_own_and_the_defaults_the_rest(folder):
    spec, places = read(folder)
    assert (spec.sla.latency_p95_ms, spec.sla.cold_start_ok, spec.traffic.requests_per_day) == (100, False, 1_000)
    assert places["sla.latency_p95_ms"].endswith("churn.yaml:4")
    assert places["sla.cold_start_ok"].endswith("_defaults.yaml:1")


def test_an_environment_is_laid_over_both(folder):
    spec, places = read(folder, "prod")
    assert (spec.sla.availability, spec.logs.level, spec.tags) == ("high", "error", {"stage": "prod"})
    assert places["traffic.requests_per_day"].endswith("_defaults.yaml:7 (environment prod)")
    assert places["logs.level"].endswith("churn.yaml:6 (environment prod)")


def test_hosting_of_another_kind_is_replaced_and_of_the_same_kind_merged(folder):
    (folder / "churn.yaml").write_text(MODEL + "hosting: {kind: real-time, instance_type: ml.c8g.large}\n")
    assert read(folder)[0].hosting.kind == "real-time"
    (folder / "churn.yaml").write_text(MODEL + "hosting: {kind: serverless, max_concurrency: 3}\n")
    assert (read(folder)[0].hosting.memory_mb, read(folder)[0].hosting.max_concurrency) == (2048, 3)


@pytest.mark.parametrize(
    ("shared", "own", "said"),
    [
        ("traffic: {requests_per_day: many}\n", "", "_defaults.yaml:1:29: traffic.requests_per_day"),
        ("name: all\n", "", "each model has a name of its own"),
        ("environments: [prod]\n", "", "a mapping of names to settings"),
        ("environments: {prod: {name: x}}\n", "", "the same in every environment"),
        ("", "environments: {prod: {trafic: {}}}\n", "churn.yaml:5:"),
        ("environments: {production: {}}\n", "", "try: production?"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(folder, shared, own, said):
    (folder / "_defaults.yaml").write_text(shared)
    (folder / "churn.yaml").write_text(MODEL.partition("environments")[0] + own)
    with pytest.raises(SpecError) as error:
        read(folder, "prod" if "traffic" not in shared else None)
    assert said in str(error.value)


def test_a_problem_of_the_defaults_is_said_once(folder):
    (folder / "_defaults.yaml").write_text("sla: {latency_p95_ms: fast}\n")
    (folder / "other.yaml").write_text(MODEL.replace("churn", "other").replace("  latency_p95_ms: 100", "  cold_start_ok: true"))
    (folder / "churn.yaml").write_text(MODEL.replace("  latency_p95_ms: 100", "  cold_start_ok: true"))
    with pytest.raises(SpecError) as error:
        load_specs(folder)
    assert len(error.value.problems) == 1


def test_plan_takes_a_folder_a_file_and_a_name_and_says_where_values_came_from(folder, monkeypatch, capsys):
    (folder / "models").mkdir()
    for file in ("_defaults.yaml", "churn.yaml"):
        # A kind that keeps cold_start_ok: false.
        text = (folder / file).read_text().replace("{kind: serverless, memory_mb: 2048}", "{kind: real-time, min_instances: 1}")
        (folder / "models" / file).write_text(text)
    (folder / "models/second.yaml").write_text(MODEL.replace("churn", "second"))
    monkeypatch.chdir(folder)
    assert main(["plan"]) == 0 and "second" in capsys.readouterr().out
    for what in ("models/churn.yaml", "churn"):
        assert main(["plan", what]) == 0
        said = capsys.readouterr().out
        assert "churn" in said and "second" not in said and "1 model" in said
    assert main(["plan", "--explain", "churn", "--environment", "prod"]) == 0
    assert "models/_defaults.yaml:7 (environment prod)" in capsys.readouterr().out
    assert main(["plan", "chrn"]) == 2 and "churn?" in capsys.readouterr().err
    assert main(["plan", "models/none.yaml"]) == 2 and "no such file" in capsys.readouterr().err


def test_a_mistake_in_another_environment_is_said_at_once(folder):
    (folder / "churn.yaml").write_text(MODEL.replace("level: error", "level: eror"))
    with pytest.raises(SpecError, match=r"churn.yaml:6[\s\S]*logs.level[\s\S]*in environment prod"):
        read(folder)
    with pytest.raises(SpecError, match=r"logs\.level"):
        read(folder, "prod")
