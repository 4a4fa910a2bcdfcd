"""greensage: sustainable-by-default inference on Amazon SageMaker with the AWS CDK.

Names resolve on first use, so that `import greensage` costs nothing and the planning half never
loads `aws_cdk`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# For type checkers and editors, which cannot follow __getattr__ below.
if TYPE_CHECKING:
    from .checks import SustainabilityChecks as SustainabilityChecks
    from .client import EndpointClient as EndpointClient
    from .endpoints import AsynchronousEndpoint as AsynchronousEndpoint
    from .endpoints import Container as Container
    from .endpoints import ContainerImage as ContainerImage
    from .endpoints import DataCapture as DataCapture
    from .endpoints import GuardedDeployment as GuardedDeployment
    from .endpoints import InferenceComponent as InferenceComponent
    from .endpoints import InferenceComponentEndpoint as InferenceComponentEndpoint
    from .endpoints import ModelPackageSource as ModelPackageSource
    from .endpoints import MultiContainerEndpoint as MultiContainerEndpoint
    from .endpoints import MultiModelEndpoint as MultiModelEndpoint
    from .endpoints import Network as Network
    from .endpoints import RealTimeEndpoint as RealTimeEndpoint
    from .endpoints import Resources as Resources
    from .endpoints import SerialPipelineEndpoint as SerialPipelineEndpoint
    from .endpoints import ServerlessEndpoint as ServerlessEndpoint
    from .endpoints import Variant as Variant
    from .endpoints.batch import BatchTransform as BatchTransform
    from .endpoints.compilation import ModelCompilation as ModelCompilation
    from .endpoints.edge import EdgeComponent as EdgeComponent
    from .endpoints.imported import ImportedEndpoint as ImportedEndpoint
    from .endpoints.neo import NeoCompilation as NeoCompilation
    from .endpoints.props import EndpointProps as EndpointProps
    from .endpoints.props import InstanceProps as InstanceProps
    from .endpoints.recommendation import InferenceRecommendation as InferenceRecommendation
    from .endpoints.scaling import BacklogTracking as BacklogTracking
    from .endpoints.scaling import CopyTracking as CopyTracking
    from .endpoints.scaling import ProvisionedConcurrency as ProvisionedConcurrency
    from .endpoints.scaling import ScheduledLimits as ScheduledLimits
    from .endpoints.scaling import TargetTracking as TargetTracking
    from .errors import GreensageError as GreensageError
    from .errors import PlanError as PlanError
    from .errors import SpecError as SpecError
    from .footprint import Footprint as Footprint
    from .monitoring import Baseline as Baseline
    from .monitoring import DriftMonitor as DriftMonitor
    from .monitoring import DriftSettings as DriftSettings
    from .monitoring import ModelQualityMonitor as ModelQualityMonitor
    from .monitoring import MonitoringBucket as MonitoringBucket
    from .monitoring import QualitySettings as QualitySettings
    from .monitoring.dashboard import EndpointDashboard as EndpointDashboard
    from .monitoring.dashboard import UseDashboard as UseDashboard
    from .monitoring.log_archive import LogArchive as LogArchive
    from .monitoring.proxies import ProxyMetrics as ProxyMetrics
    from .monitoring.review import WeeklyReview as WeeklyReview
    from .packaging import Packaged as Packaged
    from .packaging import package as package
    from .planner import FleetFootprint as FleetFootprint
    from .planner import Plan as Plan
    from .planner import fleet_footprint as fleet_footprint
    from .planner import plan as plan
    from .retraining import Champion as Champion
    from .retraining import DataFile as DataFile
    from .retraining import DriftAlerts as DriftAlerts
    from .retraining import DriftTriggeredRetraining as DriftTriggeredRetraining
    from .retraining import Optimization as Optimization
    from .retraining import RetrainingPolicy as RetrainingPolicy
    from .retraining import TrainingSource as TrainingSource
    from .spec import ModelSpec as ModelSpec
    from .spec import load_specs as load_specs
    from .storage.artifacts import ArtifactLocation as ArtifactLocation
    from .storage.artifacts import ModelArtifact as ModelArtifact
    from .storage.retention import ArtifactBucket as ArtifactBucket
    from .storage.retention import DataBucket as DataBucket
    from .storage.retention import ServingRepository as ServingRepository
    from .storage.serving_image import ServingImage as ServingImage

_HOME = {
    "ArtifactBucket": "storage.retention",
    "ArtifactLocation": "storage.artifacts",
    "AsynchronousEndpoint": "endpoints",
    "BacklogTracking": "endpoints.scaling",
    "Baseline": "monitoring",
    "BatchTransform": "endpoints.batch",
    "Champion": "retraining",
    "ModelCompilation": "endpoints.compilation",
    "Optimization": "retraining",
    "Container": "endpoints",
    "ContainerImage": "endpoints",
    "CopyTracking": "endpoints.scaling",
    "DataBucket": "storage.retention",
    "DataCapture": "endpoints",
    "DataFile": "retraining",
    "DriftAlerts": "retraining",
    "DriftMonitor": "monitoring",
    "DriftSettings": "monitoring",
    "DriftTriggeredRetraining": "retraining",
    "EdgeComponent": "endpoints.edge",
    "EndpointClient": "client",
    "EndpointDashboard": "monitoring.dashboard",
    "EndpointProps": "endpoints.props",
    "FleetFootprint": "planner",
    "Footprint": "footprint",
    "GreensageError": "errors",
    "GuardedDeployment": "endpoints",
    "ImportedEndpoint": "endpoints.imported",
    "InferenceComponent": "endpoints",
    "InferenceComponentEndpoint": "endpoints",
    "LogArchive": "monitoring.log_archive",
    "InferenceRecommendation": "endpoints.recommendation",
    "InstanceProps": "endpoints.props",
    "ModelArtifact": "storage.artifacts",
    "ModelQualityMonitor": "monitoring",
    "ModelSpec": "spec",
    "MonitoringBucket": "monitoring",
    "MultiContainerEndpoint": "endpoints",
    "MultiModelEndpoint": "endpoints",
    "Network": "endpoints",
    "Packaged": "packaging",
    "Plan": "planner",
    "PlanError": "errors",
    "ProvisionedConcurrency": "endpoints.scaling",
    "ProxyMetrics": "monitoring.proxies",
    "QualitySettings": "monitoring",
    "ModelPackageSource": "endpoints",
    "NeoCompilation": "endpoints.neo",
    "RealTimeEndpoint": "endpoints",
    "Resources": "endpoints",
    "RetrainingPolicy": "retraining",
    "ScheduledLimits": "endpoints.scaling",
    "SerialPipelineEndpoint": "endpoints",
    "ServerlessEndpoint": "endpoints",
    "ServingImage": "storage.serving_image",
    "ServingRepository": "storage.retention",
    "SpecError": "errors",
    "SustainabilityChecks": "checks",
    "TargetTracking": "endpoints.scaling",
    "TrainingSource": "retraining",
    "UseDashboard": "monitoring.dashboard",
    "Variant": "endpoints",
    "WeeklyReview": "monitoring.review",
    "fleet_footprint": "planner",
    "load_specs": "spec",
    "package": "packaging",
    "plan": "planner",
}
__all__ = [
    "ArtifactBucket",
    "ArtifactLocation",
    "AsynchronousEndpoint",
    "BacklogTracking",
    "Baseline",
    "BatchTransform",
    "Champion",
    "Container",
    "ContainerImage",
    "CopyTracking",
    "DataBucket",
    "DataCapture",
    "DataFile",
    "DriftAlerts",
    "DriftMonitor",
    "DriftSettings",
    "DriftTriggeredRetraining",
    "EdgeComponent",
    "EndpointClient",
    "EndpointDashboard",
    "EndpointProps",
    "FleetFootprint",
    "Footprint",
    "GreensageError",
    "GuardedDeployment",
    "ImportedEndpoint",
    "InferenceComponent",
    "InferenceComponentEndpoint",
    "InferenceRecommendation",
    "InstanceProps",
    "LogArchive",
    "ModelArtifact",
    "ModelCompilation",
    "ModelQualityMonitor",
    "ModelSpec",
    "MonitoringBucket",
    "MultiContainerEndpoint",
    "MultiModelEndpoint",
    "Network",
    "Optimization",
    "Packaged",
    "Plan",
    "PlanError",
    "ProvisionedConcurrency",
    "ProxyMetrics",
    "QualitySettings",
    "ModelPackageSource",
    "NeoCompilation",
    "RealTimeEndpoint",
    "Resources",
    "RetrainingPolicy",
    "ScheduledLimits",
    "SerialPipelineEndpoint",
    "ServerlessEndpoint",
    "ServingImage",
    "ServingRepository",
    "SpecError",
    "SustainabilityChecks",
    "TargetTracking",
    "TrainingSource",
    "UseDashboard",
    "Variant",
    "WeeklyReview",
    "fleet_footprint",
    "load_specs",
    "package",
    "plan",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'greensage' has no attribute {name!r}")
    found = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return import_module(".core.signature", __name__).explained(found)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
