"""Entry point of the function behind greensage's custom resources: dispatches and answers CloudFormation.

Whatever happens, an answer is sent: a custom resource without one keeps its stack waiting for an hour.
"""

from __future__ import annotations

import json
import logging
import time
import urllib.request
from typing import Any

import boto3
from botocore.exceptions import ClientError

from stack_helper import (
    artifact,
    bucket,
    build,
    champion,
    compile,
    device_groups,
    digest,
    log_retention,
    model_packages,
    network,
    package,
)

logger = logging.getLogger()
logger.setLevel(logging.INFO)

_NO_RIGHT = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
IAM_TRIES = 4
IAM_SECONDS = 5
ACTIONS = {
    "Custom::GreensageArtifact": lambda event: artifact.handle(event, boto3.client("s3")),
    "Custom::GreensageDeviceGroups": lambda event: device_groups.handle(event, boto3.client("iot")),
    "Custom::GreensageEmptyBucket": lambda event: bucket.handle(event, boto3.client("s3")),
    "Custom::GreensageImageDigest": lambda event: digest.handle(event, boto3.client("ecr")),
    "Custom::GreensageLogRetention": lambda event: log_retention.handle(event, boto3.client("logs")),
    "Custom::GreensageNetwork": lambda event: network.handle(event, boto3.client("ec2")),
    "Custom::GreensageNeoCompilation": lambda event: compile.handle(event, boto3.client("sagemaker"), boto3.client("s3")),
    "Custom::GreensageChampion": lambda event: champion.handle(
        event, boto3.client("ssm"), boto3.client("sagemaker"), boto3.client("s3")
    ),
    "Custom::GreensageModelPackage": lambda event: package.handle(event, boto3.client("sagemaker")),
    "Custom::GreensageModelPackages": lambda event: model_packages.handle(event, boto3.client("sagemaker")),
    "Custom::GreensageImageBuild": lambda event: build.begin(event, boto3.client("ecr"), boto3.client("stepfunctions")),
}
# What the state machine of a build asks for.
STEPS = {
    "start": lambda event: build.start(event["event"], boto3.client("codebuild")),
    "check": lambda event: build.check(
        event["build"], event["begun"], event["event"], boto3.client("codebuild"), boto3.client("ecr")
    ),
    "answer": lambda event: _answer(event["event"], "SUCCESS", "", *build.built(event["event"])),
    "fail": lambda event: _answer(event["event"], "FAILED", _cause(event["failure"]), _fallback(event["event"]), {}),
}


def on_event(event: dict[str, Any], context: Any) -> Any:
    """Handle one request of CloudFormation (Create, Update or Delete), or one step of the state machine of a build."""
    if "step" in event:
        return STEPS[event["step"]](event)
    logger.info("%s %s %s", event["RequestType"], event["ResourceType"], event["LogicalResourceId"])
    try:
        done = _act(event)
    except Exception as error:
        logger.exception("failed")
        return _answer(event, "FAILED", f"{type(error).__name__}: {error}", _fallback(event), {})
    # None: a state machine answers, when it is done.
    return None if done is None else _answer(event, "SUCCESS", "", *done)


def _fallback(event: dict[str, Any]) -> str:
    return event.get("PhysicalResourceId") or event["LogicalResourceId"]


def _cause(failure: dict[str, str]) -> str:
    """Step Functions gives the exception of a function as JSON."""
    try:
        return json.loads(failure["Cause"])["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return f"{failure.get('Error', '')}: {failure.get('Cause', '')}"


def _act(event: dict[str, Any]) -> tuple[str, dict[str, str]] | None:
    """Do the work; rights that were granted a moment ago take some seconds to be known everywhere."""
    if event["RequestType"] == "Delete" and event["ResourceType"] not in ACTIONS:
        # Of an older greensage, which an update has left behind; there is nothing that this one would clean up.
        return event["PhysicalResourceId"], {}
    for _ in range(IAM_TRIES):
        try:
            return ACTIONS[event["ResourceType"]](event)
        except (ClientError, PermissionError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _NO_RIGHT:
                raise
            logger.info("no right yet: %s", error)
            time.sleep(IAM_SECONDS)
    return ACTIONS[event["ResourceType"]](event)


def _answer(event: dict[str, Any], status: str, reason: str, physical_id: str, data: dict[str, str]) -> None:
    body = {
        "Status": status,
        "Reason": reason[:1000],
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    # CloudFormation's URL is signed for an empty content type.
    request = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        pass
