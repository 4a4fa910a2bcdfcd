"""The inputs of people that the project was given, each with its right answer: planned as they wrote it, or refused with the way."""

from __future__ import annotations

import shutil

import pytest

from greensage.core.archive import packed
from greensage.errors import GreensageError
from greensage.planner import plan
from greensage.spec import load_specs
from tests.conftest import ROOT, archive_of

CASES = ROOT / "tests/cases/users"
PLANNED = {
    "02": ("real-time", "16.8 GB; ml.g5.2xlarge has 1 x 24 GiB"),
    "03": ("real-time", "of account 111122223333"),
    "04": ("real-time", ""),
    "11": ("real-time", ""),
}
REFUSED = {
    "01": "secrets: {HF_TOKEN: ARN of Secrets Manager}",
    "06": "hosting.startup_timeout_seconds",
    "11b": "needs code/inference.py with model_fn",
    "12": "begins with aws:",
    "12b": "begins with aws:",
}


def loaded(folder, name):
    shutil.copy(CASES / f"case-{name}.yaml", folder)
    (folder / "code").mkdir()
    (folder / "code/inference.py").write_text("def model_fn(model_dir): ...\n")
    # Weights alone, as case 11b has them, and an archive of trees for the others.
    (folder / "m.tar.gz").write_bytes(packed({"model.pth": b"weights"}) if name == "11b" else archive_of())
    (folder / "churn.tar.gz").write_bytes(archive_of())
    return load_specs(folder, assume_artifacts=True)


@pytest.mark.parametrize("name", PLANNED)
def test_it_is_planned_as_it_was_written(tmp_path, name):
    (model,) = plan(loaded(tmp_path, name)).models
    kind, said = PLANNED[name]
    assert model.kind == kind and (not said or any(said in note for note in model.notes))


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_way(tmp_path, name):
    with pytest.raises(GreensageError) as error:
        plan(loaded(tmp_path, name))
    assert REFUSED[name] in str(error.value)


def test_routing_and_scaling_by_another_metric_are_read(tmp_path):
    (model,) = plan(loaded(tmp_path, "13")).models
    hosting = model.spec.hosting
    assert (hosting.routing, hosting.scaling.metric, hosting.scaling.target) == ("least-outstanding", "GPUUtilization", 60)


def test_the_examples_to_copy_from_are_planned():
    found = plan(load_specs(ROOT / "examples/models"))
    assert {model.image.origin for model in found.models} == {"serving", "prebuilt", "custom", "registry", "package"}
    said = (ROOT / "examples/models/README.md").read_text()
    assert all(path.name in said for path in (ROOT / "examples/models").glob("*.yaml"))


def test_every_case_has_its_answer():
    names = {path.stem.removeprefix("case-") for path in CASES.glob("*.yaml")}
    assert names == {*PLANNED, *REFUSED, "13"}
