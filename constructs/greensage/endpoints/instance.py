"""Checks an instance type against the catalog and the image before anything is created."""

from __future__ import annotations

from aws_cdk import Token

from ..catalog.discontinued import discontinued
from ..catalog.instances import instance, is_hosting_type
from ..errors import CatalogError
from .image import ContainerImage


def check_instance(instance_type: str, image: ContainerImage) -> None:
    """Raise ValueError for a type that hosting does not have, or whose silicon cannot run `image`.

    Tokens, and types whose facts are not in the catalog, are let through.
    """
    if Token.is_unresolved(instance_type):
        raise ValueError("instance_type is a token; it must be known at synth, because the endpoint's name depends on it")
    gone = discontinued(instance_type)
    if gone:
        raise ValueError(f"instance_type {instance_type}: {gone.name} is discontinued; use {gone.successor}")
    try:
        item = instance(instance_type)
    except CatalogError as error:
        if is_hosting_type(instance_type):
            return
        raise ValueError(f"instance_type: {error}") from None
    if item.processor != image.processor:
        raise ValueError(
            f"instance_type {instance_type} is for {item.processor} containers, but the image is for {image.processor}"
        )
    if item.architecture != image.architecture:
        raise ValueError(
            f"instance_type {instance_type} is {item.architecture}, but the image is built for {image.architecture}; "
            "the container would fail with 'exec format error'"
        )
