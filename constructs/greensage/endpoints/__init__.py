"""A construct per hosting kind. They build what their props say and decide nothing."""

from __future__ import annotations

from .image import ContainerImage
from .multi_model import MultiModelEndpoint
from .real_time import RealTimeEndpoint
from .serverless import ServerlessEndpoint

__all__ = ["ContainerImage", "MultiModelEndpoint", "RealTimeEndpoint", "ServerlessEndpoint"]
