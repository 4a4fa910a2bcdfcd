"""Gives the image a stack uses a tag of its own, which the repository's lifecycle rules spare."""

from __future__ import annotations

import contextlib
from typing import Any


def handle(event: dict[str, Any], ecr: Any) -> tuple[str, dict[str, str]]:
    """Move the pin tag onto the image on Create and Update; remove it on Delete."""
    props = event["ResourceProperties"]
    repository, pin = props["Repository"], props["PinTag"]
    physical_id = f"{repository}/{pin}"
    if event["RequestType"] == "Delete":
        _unpin(ecr, repository, pin)
        return physical_id, {}
    answer = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": props["Tag"]}])
    if not answer.get("images"):
        raise RuntimeError(f"repository {repository} has no image {props['Tag']}; deploy the platform stack first")
    image = answer["images"][0]
    digest = image["imageId"]["imageDigest"]
    media = {"imageManifestMediaType": image["imageManifestMediaType"]} if image.get("imageManifestMediaType") else {}
    # Putting moves the tag. Removing it first could delete an image whose last tag it is.
    with contextlib.suppress(ecr.exceptions.ImageAlreadyExistsException):
        ecr.put_image(repositoryName=repository, imageManifest=image["imageManifest"], imageTag=pin, **media)
    return physical_id, {"Digest": digest}


def _unpin(ecr: Any, repository: str, pin: str) -> None:
    with contextlib.suppress(ecr.exceptions.RepositoryNotFoundException):  # the repository went first, with all its tags
        ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": pin}])
