"""Builds an image with CodeBuild and waits for it, so that stacks after this one find the image."""

from __future__ import annotations

import time
from typing import Any

FIRST_POLL_SECONDS = 0.5
LONGEST_POLL_SECONDS = 8
LONGEST_SECONDS = 840


def handle(event: dict[str, Any], codebuild: Any, ecr: Any) -> tuple[str, dict[str, str]]:
    """Start the project's build on Create and Update and return when it succeeded; raise when it did not.

    An image that is there is not built again: its tag is the hash of its sources. A rollback asks for an old one.
    """
    props = event["ResourceProperties"]
    if event["RequestType"] == "Delete":
        return event["PhysicalResourceId"], {}
    answer = ecr.batch_get_image(repositoryName=props["Repository"], imageIds=[{"imageTag": props["Tag"]}])
    if answer.get("images"):
        return f"{props['Project']}/{props['Tag']}", {"Tag": props["Tag"]}
    build_id = codebuild.start_build(projectName=props["Project"])["build"]["id"]
    status = _wait(codebuild, build_id)
    if status != "SUCCEEDED":
        raise RuntimeError(f"the build {build_id} ended {status}; see the log group of project {props['Project']}")
    return f"{props['Project']}/{props['Tag']}", {"Tag": props["Tag"]}


def _wait(codebuild: Any, build_id: str) -> str:
    deadline, pause = time.monotonic() + LONGEST_SECONDS, FIRST_POLL_SECONDS
    while time.monotonic() < deadline:
        status = codebuild.batch_get_builds(ids=[build_id])["builds"][0]["buildStatus"]
        if status != "IN_PROGRESS":
            return status
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_POLL_SECONDS)
    return "TIMED OUT"
