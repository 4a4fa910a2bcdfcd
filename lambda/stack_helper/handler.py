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

from stack_helper import artifact, bucket, build, champion, compile, log_retention, model_packages, network, package, pin

logger = logging.getLogger()
logger.setLevel(logging.INFO)

_NO_RIGHT = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
IAM_TRIES = 4
IAM_SECONDS = 5
ACTIONS = {
    "Custom::GreensageArtifact": lambda event: artifact.handle(event, boto3.client("s3")),
    "Custom::GreensageEmptyBucket": lambda event: bucket.handle(event, boto3.client("s3")),
    "Custom::GreensageImagePin": lambda event: pin.handle(event, boto3.client("ecr")),
    "Custom::GreensageLogRetention": lambda event: log_retention.handle(event, boto3.client("logs")),
    "Custom::GreensageNetwork": lambda event: network.handle(event, boto3.client("ec2")),
    "Custom::GreensageNeoCompilation": lambda event: compile.handle(event, boto3.client("sagemaker"), boto3.client("s3")),
    "Custom::GreensageChampion": lambda event: champion.handle(
        event, boto3.client("ssm"), boto3.client("sagemaker"), boto3.client("s3")
    ),
    "Custom::GreensageModelPackage": lambda event: package.handle(event, boto3.client("sagemaker")),
    "Custom::GreensageModelPackages": lambda event: model_packages.handle(event, boto3.client("sagemaker")),
    "Custom::GreensageImageBuild": lambda event: build.handle(event, boto3.client("codebuild"), boto3.client("ecr")),
}


def on_event(event: dict[str, Any], context: Any) -> None:
    """Handle one request of CloudFormation (Create, Update or Delete)."""
    logger.info("%s %s %s", event["RequestType"], event["ResourceType"], event["LogicalResourceId"])
    fallback = event.get("PhysicalResourceId") or event["LogicalResourceId"]
    try:
        physical_id, data = _act(event)
        status, reason = "SUCCESS", ""
    except Exception as error:
        logger.exception("failed")
        physical_id, data, status, reason = fallback, {}, "FAILED", f"{type(error).__name__}: {error}"
    _answer(event, status, reason, physical_id, data)


def _act(event: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Do the work; rights that were granted a moment ago take some seconds to be known everywhere."""
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
