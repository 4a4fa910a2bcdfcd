"""Greengrass v2: components, deployments to thing groups, and a stand-in device per group that runs the server."""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from . import ministack_api as cloud
from . import ministack_services as services
from .archives import unpack
from .containers import Container
from .ministack_api import Answer
from .state import store
from .wire import AwsError, refusal

logger = logging.getLogger(__name__)
_VERSION = re.compile(r"^\d{1,6}\.\d{1,6}\.\d{1,6}$")
_INSTALLED = re.compile(r"^/greengrass/v2/coreDevices/([^/]+)/installedComponents$")
_START_SECONDS = 120.0


async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Answer:
    """Answer ListInstalledComponents, by which a test finds the device; the rest is CloudFormation's."""
    match = _INSTALLED.match(path)
    if method != "GET" or match is None:
        return refusal(
            AwsError("UnknownOperationException", f"The local Greengrass does not have {method} {path}.", 404), rest=True
        )
    denied = cloud.authorize(headers, query, "greengrass:ListInstalledComponents", "*", rest=True)
    if denied:
        return denied
    rows = [
        _installed(row, part) for row in store().edge_devices.values() if row["Device"] == match.group(1) for part in row["Parts"]
    ]
    return 200, {"Content-Type": "application/json"}, json.dumps({"installedComponents": rows}).encode()


def create_component(recipe_text: str) -> dict[str, str]:
    """Register a component version after reading its recipe and its artifacts, as Greengrass does."""
    try:
        recipe = json.loads(recipe_text)
        name, version, manifests = recipe["ComponentName"], recipe["ComponentVersion"], recipe["Manifests"]
    except (ValueError, KeyError, TypeError) as error:
        raise AwsError("ValidationException", f"The recipe is not valid: {error}") from None
    if recipe.get("RecipeFormatVersion") != "2020-01-25" or not _VERSION.match(version):
        raise AwsError("ValidationException", f"The recipe's format or version is not valid: {version}")
    if (name, version) in store().edge_components:
        raise AwsError("ConflictException", f"Component [{name} : {version}] for account [{cloud.account()}] already exists", 409)
    for artifact in (row for manifest in manifests for row in manifest.get("Artifacts", [])):
        if artifact.get("Unarchive", "NONE") not in ("NONE", "ZIP"):
            raise AwsError("ValidationException", f"Unarchive {artifact['Unarchive']} is not supported: NONE or ZIP.")
        if _bytes(artifact["URI"]) is None:
            raise AwsError("ValidationException", f"Specified artifact resource cannot be accessed: {artifact['URI']}")
    arn = f"arn:aws:greengrass:{cloud.region()}:{cloud.account()}:components:{name}:versions:{version}"
    store().edge_components[name, version] = recipe
    return {"Arn": arn, "ComponentName": name, "ComponentVersion": version}


def delete_component(arn: str) -> None:
    """Forget a component version."""
    parts = arn.split(":")
    store().edge_components.pop((parts[6], parts[8]), None)


def create_deployment(props: dict[str, Any]) -> str:
    """Deploy to a group: what the group had before is replaced. Return the deployment's id."""
    target = props["TargetArn"]
    group = target.rsplit("/", 1)[-1]
    if not services.thing_group_exists(group):
        raise AwsError("ResourceNotFoundException", f"There is no thing group {group}.", 404)
    recipes = [(name, row["ComponentVersion"]) for name, row in props["Components"].items()]
    missing = [f"{name}={version}" for name, version in recipes if (name, version) not in store().edge_components]
    if missing:
        raise AwsError("ValidationException", f"Components do not exist: {', '.join(missing)}")
    # The new server runs before the old one ends: a device keeps what it has if this fails.
    parts = [_run(store().edge_components[key]) for key in recipes]
    old = store().edge_devices.pop(target, None)
    if old:
        _end(old)
    store().edge_devices[target] = {"Device": f"{group}-device", "Parts": parts, "Created": time.time()}
    identity = str(uuid.uuid4())
    store().edge_deployments.add(identity)
    return identity


def delete_deployment(identity: str) -> None:
    """Forget a deployment. Its devices keep what they have until the next one comes (API reference, DeleteDeployment)."""
    store().edge_deployments.discard(identity)


def stop_all(rows: dict[str, dict[str, Any]]) -> None:
    """Stop every device of a store, for shutting down."""
    for row in rows.values():
        _end(row)


def _end(row: dict[str, Any]) -> None:
    for part in row["Parts"]:
        part["Process"].stop()
        shutil.rmtree(part["Process"].model_dir, ignore_errors=True)


def _run(recipe: dict[str, Any]) -> dict[str, Any]:
    """Start the component's server with its archive, in place of the recipe's scripts, which need a device's own Python."""
    manifest = next(row for row in recipe["Manifests"] if (row.get("Platform") or {}).get("os", "linux") == "linux")
    archive = next(row["URI"] for row in manifest["Artifacts"] if row["URI"].endswith(".tar.gz"))
    folder = Path(tempfile.mkdtemp(prefix="device-"))
    content = _bytes(archive)
    assert content is not None
    unpack(content, folder, archive)
    # Recipe variables such as {work:path} mean nothing without Greengrass's own software.
    variables = {key: value for key, value in manifest["Lifecycle"]["run"].get("Setenv", {}).items() if "{" not in value}
    process = Container(folder, variables, multi_model=False, on_line=logger.info)
    process.wait_until_healthy(_START_SECONDS)
    return {"Name": recipe["ComponentName"], "Version": recipe["ComponentVersion"], "Process": process}


def _installed(row: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    return {
        "componentName": part["Name"], "componentVersion": part["Version"], "lifecycleState": "RUNNING", "isRoot": True,
        "lifecycleStateDetails": f"serves at http://127.0.0.1:{part['Process'].port}",
        "lastStatusChangeTimestamp": row["Created"],
    }  # fmt: skip


def _bytes(uri: str) -> bytes | None:
    """Read an artifact by its s3:// or https:// address."""
    if uri.startswith("https://"):
        host, _, path = uri.removeprefix("https://").partition("/")
        # Both of S3's styles: the bucket in the path, or in the host's name.
        bucket, _, key = path.partition("/") if host.startswith("s3.") else (host.split(".s3")[0], "", path)
        return cloud.s3_object(bucket, key)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return cloud.s3_object(bucket, key)
