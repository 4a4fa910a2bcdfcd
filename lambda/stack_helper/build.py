"""Builds an image with CodeBuild, so that stacks after this one find it. A state machine waits; no function does.

CloudFormation gives a custom resource an hour. A build may wait long for its turn, because new accounts run one at a time.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

# CloudFormation's hour less what answering takes.
LONGEST_SECONDS = 3_480
_RUNNING = "IN_PROGRESS"
# Of the project: more than one runs only where deployments have overtaken each other.
_LATEST = 10


class QueueFull(Exception):
    """The account's builds are at their limit; the state machine tries again."""


def begin(event: dict[str, Any], ecr: Any, stepfunctions: Any) -> tuple[str, dict[str, str]] | None:
    """Return the answer where there is nothing to build: the image is there, since its tag is the hash of its sources.

    Otherwise start the state machine that builds, waits and answers CloudFormation, and return None.
    """
    props = event["ResourceProperties"]
    if event["RequestType"] == "Delete":
        return event["PhysicalResourceId"], {}
    if _image(event, ecr):
        return built(event)
    stepfunctions.start_execution(stateMachineArn=props["Builder"], name=event["RequestId"], input=json.dumps(event))
    return None


def start(event: dict[str, Any], codebuild: Any) -> dict[str, str]:
    """Start the build, or find one of the same tag that an earlier deployment left running; its id. QueueFull: later."""
    project, tag = event["ResourceProperties"]["Project"], event["ResourceProperties"]["Tag"]
    ids = codebuild.list_builds_for_project(projectName=project, sortOrder="DESCENDING").get("ids", [])[:_LATEST]
    for build in codebuild.batch_get_builds(ids=ids)["builds"] if ids else []:
        if build["buildStatus"] == _RUNNING and _tag(build) == tag:
            return {"id": build["id"]}
    try:
        return {"id": codebuild.start_build(projectName=project)["build"]["id"]}
    except codebuild.exceptions.AccountLimitExceededException as error:
        raise QueueFull(
            f"{error}. An account that is new may run no builds at all until AWS has verified it, whatever Service Quotas shows: "
            "open a case of kind 'Account and billing' with AWS Support"
        ) from None


def check(build_id: str, begun: str, event: dict[str, Any], codebuild: Any, ecr: Any) -> dict[str, bool]:
    """Return whether the image is there. RuntimeError when its build failed, or when CloudFormation's hour is over."""
    build = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
    status = build["buildStatus"]
    if status == "SUCCEEDED":
        if not _image(event, ecr):
            wanted = f"{event['ResourceProperties']['Repository']}:{event['ResourceProperties']['Tag']}"
            raise RuntimeError(f"the build {build_id} succeeded, but {wanted} is not there. {_where(build)}")
        return {"done": True}
    if status != _RUNNING:
        raise RuntimeError(f"the build {build_id} ended {status}{_why(build)}. {_where(build)}")
    if time.time() - datetime.fromisoformat(begun).timestamp() > LONGEST_SECONDS:
        raise RuntimeError(f"the build {build_id} is not done after CloudFormation's hour{_then(event)}. {_where(build)}")
    return {"done": False}


def built(event: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return physical id and attributes of an image that is there."""
    props = event["ResourceProperties"]
    return f"{props['Project']}/{props['Tag']}", {"Tag": props["Tag"]}


def _image(event: dict[str, Any], ecr: Any) -> bool:
    props = event["ResourceProperties"]
    asked = {"repositoryName": props["Repository"], "imageIds": [{"imageTag": props["Tag"]}]}
    return bool(ecr.batch_get_image(**asked).get("images"))


def _tag(build: dict[str, Any]) -> str:
    rows = build.get("environment", {}).get("environmentVariables", [])
    return next((row["value"] for row in rows if row["name"] == "TAG"), "")


def _then(event: dict[str, Any]) -> str:
    """A first deployment is rolled back, its project and repository with it; what was there before stays."""
    if event["RequestType"] == "Create":
        return (
            ", and goes with the stack, which is rolled back: ask for more builds at a time (Service Quotas, CodeBuild), or "
            "deploy with --no-rollback and again when the build has ended"
        )
    return ", and goes on: deploy again in a while"


def _why(build: dict[str, Any]) -> str:
    """What CodeBuild says of the phase that failed."""
    said = (
        f" in {phase['phaseType']}: {context['message']}"
        for phase in build.get("phases", [])
        for context in phase.get("contexts", [])
        if context.get("message")
    )
    return next(said, "")


def _where(build: dict[str, Any]) -> str:
    group = (build.get("logs") or {}).get("groupName")
    return f"Its log: aws logs tail {group}" if group else "Its log is in the console of CodeBuild"
