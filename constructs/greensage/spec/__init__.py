"""What the user asks for: one YAML file per model, read into a ModelSpec, or errors that point at the place."""

from __future__ import annotations

from .drift import DriftSpec, RetrainingSpec
from .hosting import (
    AsynchronousHosting,
    BatchHosting,
    EdgeHosting,
    Hosting,
    InferenceComponentHosting,
    MetricScaling,
    MultiContainerHosting,
    MultiModelHosting,
    RealTimeHosting,
    SerialPipelineHosting,
    ServerlessHosting,
    hosting_of,
)
from .load import load_neighbours, load_spec, load_specs
from .model import LogsSpec, ModelSpec, RegionSpec, RetentionSpec, SlaSpec, TrafficSpec
from .model_source import ModelSource, ShadowSpec, VariantSpec
from .optimize import OptimizeSpec
from .parts import CaptureSpec, DeploymentSpec, ScheduleSpec, VpcSpec
from .recommend import RecommendSpec
from .schema import json_schema
from .source import Located
from .sources import sources_of

__all__ = [
    "AsynchronousHosting",
    "BatchHosting",
    "CaptureSpec",
    "DeploymentSpec",
    "DriftSpec",
    "EdgeHosting",
    "Hosting",
    "hosting_of",
    "InferenceComponentHosting",
    "Located",
    "LogsSpec",
    "MetricScaling",
    "ModelSource",
    "ModelSpec",
    "MultiContainerHosting",
    "MultiModelHosting",
    "OptimizeSpec",
    "RealTimeHosting",
    "RecommendSpec",
    "RegionSpec",
    "RetentionSpec",
    "RetrainingSpec",
    "ScheduleSpec",
    "SerialPipelineHosting",
    "ServerlessHosting",
    "ShadowSpec",
    "SlaSpec",
    "TrafficSpec",
    "VariantSpec",
    "VpcSpec",
    "json_schema",
    "sources_of",
    "load_neighbours",
    "load_spec",
    "load_specs",
]
