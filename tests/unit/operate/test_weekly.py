"""The weekly review: three lines that can be acted on, whatever fails; and the code that Lambda gets runs without the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from greensage.errors import GreensageError
from greensage.monitoring.upkeep_code import _gathered
from greensage.operate import weekly
from greensage.operate.deployed import Deployed
from greensage.operate.review import review_of
from greensage.operate.unused import Unused
from greensage.planner import plan
from greensage.spec import load_specs
from greensage.spec.published import from_published, published
from tests.unit.operate.test_kpi import row
from tests.unit.operate.test_rightsize import ALWAYS_ON, END, proposals, seen, write_model

ROOT = Path(__file__).parents[3]


def unused_item(kind: str, name: str) -> Unused:
    return Unused(kind, "eu-north-1", name, "no endpoint has it", 0.0, "make it again")


def test_three_lines_with_what_to_do(tmp_path):
    write_model(tmp_path, "idle", ALWAYS_ON.replace("200}", "200, cold_start_ok: true}"))
    found = list(proposals(tmp_path, seen("idle", cpu=0.002)).values())
    kpis = [row("2026-09", requests=5e5), row("2026-10")]
    said = review_of("eu-north-1", found, [unused_item("model", "old"), unused_item("model", "older")], kpis, [])
    sizes, unused, kpi = said.lines
    assert (
        sizes.startswith("Right-size 1 of 1 models: ")
        and "idle: 1.0 x ml.c7g.large -> serverless" in sizes
        and "greensage rightsize --write" in sizes
    )
    assert unused.startswith("Clean up: 2 models that nothing uses") and "greensage clean" in unused
    assert "50% less than in 2026-09" in kpi and "14% of the instance-hours idle, most of them of churn" in kpi
    assert said.subject == "greensage eu-north-1: 1 to right-size, 2 to clean up"


def test_nothing_looked_at_never_passes_for_nothing_to_do():
    said = review_of("eu-north-1", [], [], [], ["eu-north-1: denied", "more"])
    assert "nothing was looked at" in said.lines[0] and "no inference was measured" in said.lines[2]
    assert said.lines[3] == "Not read: eu-north-1: denied, and 1 more. So this is not all." and "not read" in said.subject


class Account:
    """An account whose models published what they are; everything else may be refused."""

    def __init__(self, specs: dict[str, str], *refused: str) -> None:
        self.specs, self.refused = specs, refused

    def get_credentials(self) -> str:
        return "some"

    def client(self, name: str, **_: Any) -> Any:
        return Service(self, name)


class Service:
    def __init__(self, account: Account, name: str) -> None:
        self.account, self.name = account, name

    def get_paginator(self, operation: str) -> Any:
        self.operation = operation
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        if self.name in self.account.refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"{self.name} is not yours"}}, self.operation)
        if self.operation == "get_parameters_by_path" and asked["Path"].endswith("/specs"):
            return [
                {"Parameters": [{"Name": f"/greensage/specs/{name}", "Value": text} for name, text in self.account.specs.items()]}
            ]
        return [{"Parameters": []}] if self.name == "ssm" else [{}]

    class exceptions:
        ParameterNotFound = KeyError

    def get_parameter(self, **asked: Any) -> Any:
        raise KeyError(asked["Name"])


def specs_of(folder: Path) -> dict[str, str]:
    return {spec.name: published(spec) or "" for spec, _ in load_specs(folder)}


def test_one_spec_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    write_model(tmp_path, "good", ALWAYS_ON)
    account = Account({**specs_of(tmp_path), "newer": '{"name": "newer", "unheard": 1}', "broken": "{"})
    said = weekly.review(account, "eu-north-1", now=END)
    assert "there is not enough data" in said.lines[0] and "among 1 models" in said.lines[0]
    assert "newer: the published spec cannot be read" in said.lines[3] and "1 more" in said.lines[3]


@pytest.mark.parametrize("refused", ["ssm", "sagemaker", "cloudformation", "ecr"])
def test_a_service_that_refuses_is_told_and_the_rest_is_looked_at(tmp_path, refused):
    write_model(tmp_path, "good", ALWAYS_ON)
    said = weekly.review(Account(specs_of(tmp_path), refused), "eu-north-1", now=END)
    assert len(said.lines) in (3, 4)
    if refused in ("ssm", "sagemaker"):
        assert f"{refused} is not yours" in said.lines[3]


def test_a_spec_comes_back_as_it_was_planned():
    specs = load_specs([ROOT / "models", ROOT / "models/fleet"], assume_artifacts=True)
    again = [from_published(spec.name, published(spec.as_given) or "") for spec, _ in specs]
    first, second = (plan(rows, default_region="eu-north-1") for rows in (specs, again))
    assert [(model.name, model.kind, model.instance_type, model.region) for model in first.models] == [
        (model.name, model.kind, model.instance_type, model.region) for model in second.models
    ]


def test_secrets_and_long_texts_are_not_published(tmp_path):
    write_model(tmp_path, "m", "tags: {owner: me}\n")
    ((spec, _),) = load_specs(tmp_path)
    private = spec.model_copy(update={"model": spec.model.model_copy(update={"environment": {"TOKEN": "s3cret"}})})
    assert "s3cret" not in (published(private) or "") and "owner" not in (published(private) or "")
    long = spec.model_copy(update={"region": spec.region.model_copy(update={"allowed": ("eu-north-1",) * 500})})
    assert published(long) is None
    with pytest.raises(GreensageError, match="deploy the model again"):
        from_published("m", "[]")


def test_the_code_of_the_function_imports_nothing_that_it_does_not_carry():
    """In an interpreter with nothing but the asset, pydantic and boto3: what AWS's layer and Lambda have."""
    code = """
    import sys
    sys.path.insert(0, FOLDER)
    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("aws_cdk", "constructs", "jsii", "numpy"):
                raise ImportError(name)
    sys.meta_path.insert(0, Refuse())
    import upkeep.weekly, upkeep.archive, greensage, yaml
    assert greensage.__file__.startswith(FOLDER) and yaml.__file__.startswith(FOLDER), (greensage.__file__, yaml.__file__)
    """
    text = textwrap.dedent(code).replace("FOLDER", json.dumps(str(_gathered())))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, cwd="/", env={})
    assert done.returncode == 0, done.stderr


def test_deployed_is_empty_without_credentials(tmp_path):
    account = Account({})
    account.get_credentials = lambda: None  # type: ignore[method-assign,assignment,return-value]
    problems: list[str] = []
    assert weekly._deployed(account, "eu-north-1", "/greensage", problems) == Deployed()
    assert "no AWS credentials" in problems[0]
