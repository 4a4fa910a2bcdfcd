"""What the user asks for: one YAML file per model, read into a ModelSpec, or errors that point at the place."""

from __future__ import annotations

from .load import load_spec, load_specs
from .model import (
    DriftSpec,
    ModelSource,
    ModelSpec,
    MultiModelHosting,
    RealTimeHosting,
    RegionSpec,
    RetentionSpec,
    ServerlessHosting,
    SlaSpec,
    TrafficSpec,
)
from .schema import json_schema
from .source import Located

__all__ = [
    "DriftSpec",
    "Located",
    "ModelSource",
    "ModelSpec",
    "MultiModelHosting",
    "RealTimeHosting",
    "RegionSpec",
    "RetentionSpec",
    "ServerlessHosting",
    "SlaSpec",
    "TrafficSpec",
    "json_schema",
    "load_spec",
    "load_specs",
]
