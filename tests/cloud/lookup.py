"""What several cloud tests look up: a fleet's files, a model's place and endpoint, and what comes with time."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import boto3

from tests.conftest import MODELS


def copy_models(folder: Path, names: Iterable[str]) -> Path:
    """Copy the example files `names` with all archives below `folder`; return the folder of model files."""
    models = folder / "models"
    models.mkdir()
    for name in names:
        shutil.copy(MODELS / f"{name}.yaml", models)
    shutil.copytree(MODELS / "artifacts", models / "artifacts")
    return models


def expected_of(name: str) -> dict[str, Any]:
    """Return rows that a model has not seen, and its own predictions for them."""
    return json.loads((MODELS / f"artifacts/{name}.expected.json").read_text())


def place_of(session: boto3.Session, name: str) -> dict[str, Any]:
    """Return where clients find a model, with the endpoint's name if it has one."""
    ssm = session.client("ssm")
    place = json.loads(ssm.get_parameter(Name=f"/greensage/models/{name}")["Parameter"]["Value"])
    if "endpointParameter" in place:
        place["endpoint"] = ssm.get_parameter(Name=place["endpointParameter"])["Parameter"]["Value"]
    return place


def endpoint_of(session: boto3.Session, name: str) -> str:
    """Return the name of the endpoint that hosts a model."""
    return place_of(session, name)["endpoint"]


def instances_of(session: boto3.Session, endpoint: str) -> int:
    """Return how many instances an endpoint's first variant has."""
    return session.client("sagemaker").describe_endpoint(EndpointName=endpoint)["ProductionVariants"][0]["CurrentInstanceCount"]


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Return what `what` returns as soon as it is true; fail when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def invoke(session: boto3.Session, description: str) -> dict[str, Any]:
    """Invoke the function with this description, as its schedule would, and return its answer; fail when it fails."""
    functions = session.client("lambda")
    rows = [row for page in functions.get_paginator("list_functions").paginate() for row in page["Functions"]]
    name = next(row["FunctionName"] for row in rows if row.get("Description") == description)
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    text = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, text
    return json.loads(text)
