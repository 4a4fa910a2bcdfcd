"""Finds the digest of an image by its tag, so that a model names the image and not what the tag may come to mean."""

from __future__ import annotations

from typing import Any


def handle(event: dict[str, Any], ecr: Any) -> tuple[str, dict[str, str]]:
    """Return the digest on Create and Update. RuntimeError when there is no such image."""
    props = event["ResourceProperties"]
    physical_id = f"{props['Repository']}:{props['Tag']}"
    if event["RequestType"] == "Delete":
        return event["PhysicalResourceId"], {}
    answer = ecr.batch_get_image(repositoryName=props["Repository"], imageIds=[{"imageTag": props["Tag"]}])
    if not answer.get("images"):
        raise RuntimeError(f"repository {props['Repository']} has no image {props['Tag']}; deploy the platform stack first")
    return physical_id, {"Digest": answer["images"][0]["imageId"]["imageDigest"]}
