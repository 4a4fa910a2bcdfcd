"""greensage: sustainable-by-default inference on Amazon SageMaker with the AWS CDK.

Names resolve on first use, so that `import greensage` costs nothing and the planning half never
loads `aws_cdk`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .artifacts import ModelArtifact as ModelArtifact
    from .client import EndpointClient as EndpointClient
    from .endpoints import ContainerImage as ContainerImage
    from .endpoints import MultiModelEndpoint as MultiModelEndpoint
    from .endpoints import RealTimeEndpoint as RealTimeEndpoint
    from .endpoints import ServerlessEndpoint as ServerlessEndpoint
    from .errors import GreensageError as GreensageError
    from .errors import PlanError as PlanError
    from .errors import SpecError as SpecError
    from .planner import Plan as Plan
    from .planner import plan as plan
    from .retention import ArtifactBucket as ArtifactBucket
    from .retention import ServingRepository as ServingRepository
    from .scaling import TargetTracking as TargetTracking
    from .spec import ModelSpec as ModelSpec
    from .spec import load_specs as load_specs

_HOME = {
    "ArtifactBucket": "retention",
    "ContainerImage": "endpoints",
    "EndpointClient": "client",
    "GreensageError": "errors",
    "ModelArtifact": "artifacts",
    "ModelSpec": "spec",
    "MultiModelEndpoint": "endpoints",
    "Plan": "planner",
    "PlanError": "errors",
    "RealTimeEndpoint": "endpoints",
    "ServerlessEndpoint": "endpoints",
    "ServingRepository": "retention",
    "SpecError": "errors",
    "TargetTracking": "scaling",
    "load_specs": "spec",
    "plan": "planner",
}
__all__ = [
    "ArtifactBucket",
    "ContainerImage",
    "EndpointClient",
    "GreensageError",
    "ModelArtifact",
    "ModelSpec",
    "MultiModelEndpoint",
    "Plan",
    "PlanError",
    "RealTimeEndpoint",
    "ServerlessEndpoint",
    "ServingRepository",
    "SpecError",
    "TargetTracking",
    "load_specs",
    "plan",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'greensage' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
