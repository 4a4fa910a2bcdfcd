"""Discontinued: what AWS no longer has, each with its successor."""

from __future__ import annotations

from collections.abc import Iterator

from ...catalog.checks import gone_types
from ..finding import Fail
from ..rule import rule
from ..template import Resource
from .shapes import variants


@rule("GS-GON01", "Nothing uses Elastic Inference", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::NotebookInstance",
      "AWS::EC2::Instance", "AWS::EC2::LaunchTemplate", "AWS::ECS::TaskDefinition", severity="high")  # fmt: skip
def no_elastic_inference(resource: Resource) -> Iterator[Fail]:
    words = "asks for Elastic Inference, which AWS no longer has: use inference components, or ml.inf2"
    if resource.type == "AWS::SageMaker::EndpointConfig":
        for variant in variants(resource):
            if variant.has("AcceleratorType"):
                yield variant.fails(words, "AcceleratorType")
        return
    for path in (
        ("AcceleratorTypes",),
        ("ElasticInferenceAccelerators",),
        ("LaunchTemplateData", "ElasticInferenceAccelerators"),
        ("InferenceAccelerators",),
    ):
        if resource.has(*path):
            yield resource.fails(words, *path)


@rule("GS-GON02", "Nothing uses SageMaker Edge Manager or Greengrass V1", *gone_types(), severity="high")
def no_edge_manager(resource: Resource) -> Iterator[Fail]:
    row = gone_types()[resource.type]
    yield resource.fails(f"{row['name']} is gone: use {row['successor']}")
