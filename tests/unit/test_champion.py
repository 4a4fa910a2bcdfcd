"""The champion survives a deployment, gives way to a new archive, and comes back when that is rolled back."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from stack_helper import champion


class Missing(Exception):
    """ParameterNotFound."""


class Parameters:
    """SSM, as far as it is used."""

    exceptions = SimpleNamespace(ParameterNotFound=Missing)

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get_parameter(self, Name: str) -> dict[str, Any]:
        if Name not in self.values:
            raise Missing
        return {"Parameter": {"Value": self.values[Name]}}

    def put_parameter(self, Name: str, Value: str, **_: Any) -> None:
        self.values[Name] = Value

    def delete_parameter(self, Name: str) -> None:
        self.values.pop(Name)


def event(kind: str, key: str) -> dict[str, Any]:
    properties = {"Parameter": "/p", "Bucket": "b", "Key": key, "Base": "base", "Retrained": "models/m/retrained/"}
    return {"RequestType": kind, "PhysicalResourceId": "/p", "ResourceProperties": properties}


@pytest.fixture
def ssm() -> Parameters:
    return Parameters()


def keyed(ssm: Parameters, kind: str, key: str) -> str:
    return champion.handle(event(kind, key), ssm, None, None)[1]["Key"]


def retrained(ssm: Parameters) -> None:
    known = json.loads(ssm.values["/p"])
    ssm.values["/p"] = json.dumps({**known, "artifact": "s3://b/models/m/retrained/r1.tar.gz", "id": "r1"})


def test_a_deployment_of_the_same_archive_keeps_the_retrained_one(ssm):
    assert keyed(ssm, "Create", "models/m/one.tar.gz") == "models/m/one.tar.gz"
    retrained(ssm)
    assert keyed(ssm, "Update", "models/m/one.tar.gz") == "models/m/retrained/r1.tar.gz"


def test_a_new_archive_becomes_the_champion_and_a_rollback_brings_the_old_one_back(ssm):
    keyed(ssm, "Create", "models/m/one.tar.gz")
    retrained(ssm)
    assert keyed(ssm, "Update", "models/m/two.tar.gz") == "models/m/two.tar.gz"
    assert keyed(ssm, "Update", "models/m/one.tar.gz") == "models/m/retrained/r1.tar.gz"
    assert "before" not in json.loads(ssm.values["/p"])


def test_another_bucket_starts_from_the_deployed_archive_and_a_rollback_comes_back(ssm):
    keyed(ssm, "Create", "models/m/one.tar.gz")
    retrained(ssm)
    moved = event("Update", "models/m/one.tar.gz")
    moved["ResourceProperties"]["Bucket"] = "other"
    assert champion.handle(moved, ssm, None, None)[1]["Key"] == "models/m/one.tar.gz"
    assert keyed(ssm, "Update", "models/m/one.tar.gz") == "models/m/retrained/r1.tar.gz"
