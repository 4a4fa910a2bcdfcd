"""A model's spec as its stack publishes it, so that what reviews a Region every week knows what its models are for."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from ..errors import GreensageError
from .model import ModelSpec
from .source import Located

# SSM takes 4 KB in a standard parameter, which is free (Systems Manager user guide, parameter tiers).
_MOST = 4_096
# What the planner does not look at, and may be long or private.
_LEFT_OUT: Any = {"tags": True, "model": {"environment"}, "retraining": True, "recommend": True}


def published(spec: ModelSpec) -> str | None:
    """Return `spec` as JSON without what is as default; None where that is longer than a free parameter may be."""
    content = spec.model_dump(mode="json", exclude_defaults=True, exclude=_LEFT_OUT)
    text = json.dumps(content, separators=(",", ":"))
    return text if len(text.encode()) <= _MOST else None


def from_published(name: str, text: str) -> tuple[ModelSpec, Located]:
    """Return the spec that was published. Raises GreensageError where it is of another release, or none."""
    try:
        content = json.loads(text)
        return ModelSpec.model_validate(content), Located(name, content)
    except (ValueError, ValidationError) as error:
        said = str(error).splitlines()[0]
        raise GreensageError(f"{name}: the published spec cannot be read ({said}); deploy the model again") from None
