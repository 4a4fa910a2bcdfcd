"""A construct per hosting kind. They build what their props say and decide nothing.

Names resolve on first use, so that a stack with one kind loads only what that kind needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asynchronous import AsynchronousEndpoint as AsynchronousEndpoint
    from .container import Container as Container
    from .container import Variant as Variant
    from .deployment import GuardedDeployment as GuardedDeployment
    from .image import ContainerImage as ContainerImage
    from .inference_components import InferenceComponent as InferenceComponent
    from .inference_components import InferenceComponentEndpoint as InferenceComponentEndpoint
    from .inference_components import Resources as Resources
    from .multi_container import MultiContainerEndpoint as MultiContainerEndpoint
    from .multi_model import MultiModelEndpoint as MultiModelEndpoint
    from .network import Network as Network
    from .package import ModelPackageSource as ModelPackageSource
    from .props import DataCapture as DataCapture
    from .real_time import RealTimeEndpoint as RealTimeEndpoint
    from .serial_pipeline import SerialPipelineEndpoint as SerialPipelineEndpoint
    from .serverless import ServerlessEndpoint as ServerlessEndpoint

_HOME = {
    "AsynchronousEndpoint": "asynchronous",
    "Container": "container",
    "ContainerImage": "image",
    "DataCapture": "props",
    "GuardedDeployment": "deployment",
    "InferenceComponent": "inference_components",
    "InferenceComponentEndpoint": "inference_components",
    "MultiContainerEndpoint": "multi_container",
    "MultiModelEndpoint": "multi_model",
    "Network": "network",
    "ModelPackageSource": "package",
    "RealTimeEndpoint": "real_time",
    "Resources": "inference_components",
    "SerialPipelineEndpoint": "serial_pipeline",
    "ServerlessEndpoint": "serverless",
    "Variant": "container",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'greensage.endpoints' has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
