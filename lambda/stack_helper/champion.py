"""Remembers which archive serves: the deployed one, until a retraining writes another into the parameter."""

from __future__ import annotations

import contextlib
import json
from typing import Any

_GONE = ("ValidationException", "ResourceNotFound")


def handle(event: dict[str, Any], ssm: Any, sagemaker: Any, s3: Any) -> tuple[str, dict[str, str]]:
    """Return the key of the archive to serve. A new deployed archive becomes the champion; the one before is remembered,
    because CloudFormation asks for it again when the deployment is rolled back."""
    props = event["ResourceProperties"]
    name = props["Parameter"]
    if event["RequestType"] == "Delete":
        if event["PhysicalResourceId"] == name:
            _forget(props, ssm, sagemaker, s3)
        return event["PhysicalResourceId"], {}
    known = _read(ssm, name)
    champion = _choose(known, props)
    if champion != known:
        ssm.put_parameter(Name=name, Value=json.dumps(champion), Type="String", Overwrite=True)
    return name, {"Key": champion["artifact"].split("/", 3)[3], "Id": champion["id"]}


def _choose(known: dict[str, Any] | None, props: dict[str, str]) -> dict[str, Any]:
    """Go by the deployed archive and its bucket: a retrained archive does not move to another bucket with the deployed one."""
    deployed = {"source": props["Key"], "artifact": f"s3://{props['Bucket']}/{props['Key']}", "id": "deployed"}

    def fits(champion: dict[str, Any]) -> bool:
        return champion["source"] == props["Key"] and champion["artifact"].split("/")[2] == props["Bucket"]

    if known is None:
        return deployed
    if fits(known):
        return known
    # One step back is all that a rollback asks for; kept inside each other they would grow without end.
    before = known.pop("before", None)
    if before is not None and fits(before):
        return before
    return {**deployed, "before": known}


def _forget(props: dict[str, str], ssm: Any, sagemaker: Any, s3: Any) -> None:
    """Delete what retrainings made outside of CloudFormation: models and configs by number, archives, the parameter."""
    known = _read(ssm, props["Parameter"]) or {"id": "deployed"}
    last = max([0, *(int(item["id"][1:]) for item in (known, known.get("before") or known) if item["id"].startswith("r"))])
    for number in range(1, last + 1):
        name = f"{props['Base']}-r{number}"
        for delete, key in ((sagemaker.delete_endpoint_config, "EndpointConfigName"), (sagemaker.delete_model, "ModelName")):
            with _unless(sagemaker.exceptions.ClientError, _GONE):
                delete(**{key: name})
    with contextlib.suppress(s3.exceptions.NoSuchBucket):  # the bucket went first
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=props["Bucket"], Prefix=props["Retrained"])
        for row in (row for page in pages for row in page.get("Contents", [])):
            s3.delete_object(Bucket=props["Bucket"], Key=row["Key"])
    with contextlib.suppress(ssm.exceptions.ParameterNotFound):
        ssm.delete_parameter(Name=props["Parameter"])


def _read(ssm: Any, name: str) -> dict[str, Any] | None:
    try:
        return json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


@contextlib.contextmanager
def _unless(kind: Any, codes: tuple[str, ...]) -> Any:
    try:
        yield
    except kind as error:
        if error.response["Error"]["Code"] not in codes:
            raise
