"""`optimize` in a model file: what was measured is read from the overlay, used by the planner, and said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from greensage.catalog.optimized import Cost, Optimized, digest_of, optimized, remember
from greensage.cli import main
from greensage.errors import CatalogError, PlanError, SpecError
from greensage.footprint.baseline import usual
from greensage.footprint.demand import container_mb, cpu_seconds
from greensage.planner import plan_with_choices
from greensage.spec import load_spec, load_specs
from tests.conftest import archive_of

FILE = """
name: churn
model: {artifact: churn.tar.gz, framework: xgboost}
sla: {latency_p95_ms: 100, cold_start_ok: false}
traffic: {requests_per_day: 20_000_000}
region: {allowed: [eu-north-1]}
optimize: true
"""
ROW = Optimized(
    archive="../models/churn.optimized.tar.gz", archive_digest="", given_digest="", framework="xgboost", how="trees compiled",
    architectures=("arm64", "x86_64"), before=Cost(0.002, 90.0, 1.0), after=Cost(0.0001, 1.0, 0.2), rows=500, made_up=False,
    machine="x86_64 of 2 processors", date="2026-11-28",
)  # fmt: skip


@pytest.fixture
def models(tmp_path, monkeypatch) -> Path:
    """A file with `optimize`, an archive, an optimized one, and the row that names both."""
    folder, overlay = tmp_path / "models", tmp_path / "overlay"
    folder.mkdir()
    overlay.mkdir()
    monkeypatch.setenv("GREENSAGE_CATALOG", str(overlay))
    (folder / "churn.yaml").write_text(FILE)
    (folder / "churn.tar.gz").write_bytes(archive_of(seed=1))
    (folder / "churn.optimized.tar.gz").write_bytes(archive_of(seed=2))
    keep(folder, ROW)
    return folder


def keep(folder: Path, row: Optimized) -> None:
    digests = (digest_of(folder / name) for name in ("churn.optimized.tar.gz", "churn.tar.gz"))
    remember("churn", replace(row, **dict(zip(("archive_digest", "given_digest"), digests, strict=True))))


def read(folder: Path):
    return load_spec(folder / "churn.yaml")[0]


def test_the_optimized_archive_takes_the_place_of_the_given_one(models):
    spec = read(models)
    assert spec.model.artifact.endswith("churn.optimized.tar.gz") and spec.model.allow_code and not spec.model.not_optimized
    assert spec.as_given.model.artifact.endswith("churn.tar.gz") and not spec.as_given.model.allow_code
    assert spec.model.size_mb == 0.2 and optimized("churn") is not None


def test_what_was_measured_takes_the_place_of_what_was_assumed(models):
    spec = read(models)
    assert cpu_seconds(spec) == pytest.approx(0.0001 + 0.0002) and cpu_seconds(spec.as_given) == pytest.approx(0.002 + 0.0002)
    assert container_mb(spec.model) < container_mb(spec.as_given.model) - 80
    # The usual deployment does not optimize.
    assert usual(spec, "real-time", "eu-north-1") == usual(spec.as_given, "real-time", "eu-north-1")


def test_of_what_the_file_states_goes_what_was_measured_to_go(models):
    (models / "churn.yaml").write_text(FILE.replace("20_000_000", "20_000_000, cpu_ms_per_request: 5.0"))
    assert cpu_seconds(read(models)) == pytest.approx(0.005 - 0.0019)
    (models / "churn.yaml").write_text(FILE.replace("20_000_000", "20_000_000, cpu_ms_per_request: 1.0"))
    # Never more than the measured share: 5 % of it are left.
    assert cpu_seconds(read(models)) == pytest.approx(0.00005)


def test_the_plan_gets_smaller_and_says_why(models, capsys, monkeypatch):
    plan, _ = plan_with_choices(load_specs(models))
    (model,) = plan.models
    (choice,) = [item for item in model.choices if item.about == "optimize"]
    assert choice.value == "trees compiled" and "-86% CPU a request (2.2 to 0.3 ms)" in choice.reason
    assert "500 rows of yours" in choice.reason and "would take" in choice.rejected[0].why
    assert model.image.engine == "trees" and plan.serving_images("eu-north-1") == (("arm64", "trees"),)
    assert main(["plan", str(models)]) == 0
    assert "churn: trees compiled, -86% CPU a request" in capsys.readouterr().out
    assert main(["why", "churn", "--models", str(models)]) == 0
    assert "optimize  trees compiled" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda folder: remember("churn", None), "has not been run: greensage optimize churn"),
        (lambda folder: (folder / "churn.tar.gz").write_bytes(archive_of(seed=3)), "was run on another archive"),
        (lambda folder: (folder / "churn.optimized.tar.gz").unlink(), "is missing or another one"),
        (lambda folder: (folder / "churn.optimized.tar.gz").write_bytes(archive_of(seed=4)), "is missing or another one"),
    ],
)
def test_without_what_it_names_the_model_is_planned_as_it_is_and_that_is_said(models, capsys, change, text):
    change(models)
    spec = read(models)
    assert spec.model.artifact.endswith("churn.tar.gz") and text in spec.model.not_optimized and not spec.model.allow_code
    assert main(["plan", str(models)]) == 0
    assert text in capsys.readouterr().out
    assert any(text in note for note in plan_with_choices(load_specs(models))[0].models[0].notes)


def test_an_archive_for_other_silicon_is_refused_with_the_way_out(models):
    keep(models, replace(ROW, architectures=("x86_64",)))
    with pytest.raises(PlanError, match="greensage optimize churn --for arm64"):
        plan_with_choices(load_specs(models))


def test_retrained_models_may_come_compiled(models):
    from tests.looped import RETRAINED, write_models

    folder = write_models(models / "more", RETRAINED + "optimize: true\n")
    spec, located = load_spec(folder / "retrained.yaml")
    assert spec.model.allow_code and spec.model.not_optimized
    plan, _ = plan_with_choices([(spec, located)])
    # Trained by the library, optimized by a job, served by an image that can load both.
    assert set(plan.serving_images("eu-north-1")) == {("arm64", "xgboost"), ("x86_64", "xgboost"), ("x86_64", "optimize")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (FILE.replace("churn.tar.gz", "s3://bucket-of-tests/model.tar.gz"), "needs the archive as a file"),
        (FILE.replace("framework", "image: prebuilt, version: '3.0-5', framework"), "greensage's serving image"),
        (FILE.replace("optimize: true", "optimize: {max_delta: 2}"), "allowed: at most 1.0"),
        (FILE.replace("optimize: true", "optimize: {sample: nothing.csv}"), "the file does not exist"),
        (FILE.replace("optimize: true", "optimize: yes please"), "optimize"),
    ],
)
def test_what_cannot_be_optimized_is_refused_at_its_line(models, text, problem):
    (models / "churn.yaml").write_text(text)
    with pytest.raises(SpecError, match=problem):
        read(models)


def test_a_broken_overlay_names_itself(models, tmp_path):
    path = tmp_path / "overlay/optimized.json"
    path.write_text("{")
    with pytest.raises(CatalogError, match="delete it, and run greensage optimize again"):
        read(models)
    path.write_text(json.dumps({"churn": {"archive": "x"}}))
    with pytest.raises(CatalogError, match="run it again"):
        read(models)
    path.write_text("[]")
    with pytest.raises(CatalogError, match="a mapping"):
        read(models)
