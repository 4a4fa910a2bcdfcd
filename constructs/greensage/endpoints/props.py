"""The keyword props that endpoints share, typed once; each construct's docstring names only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from ..core import defaults
from ..core.checked import check_prefix, check_whole

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

    from ..core.logs import LogStorage
    from .deployment import GuardedDeployment
    from .network import Network


class EndpointProps(TypedDict, total=False):
    """Props of every endpoint.

    role:
        An existing execution role; the policy is attached to it. Default: one of its own.
    encryption_key:
        Encrypts the instances' volumes (types with NVMe disks encrypt those themselves), captured data and results,
        and reads the artifact.
    log_retention_days:
        One of CloudWatch's numbers of days; default 14.
    log_storage:
        standard, or infrequent-access: half the price to write, read by Logs Insights only; a change replaces the endpoint by
        one that answers throughout. Default: standard.
    endpoint_name:
        A physical name. Without one the name is made from the stack, the id and the instance type; with one
        SageMaker will refuse a change of instance type while the endpoint is autoscaled.
    """

    role: iam.IRole | None
    encryption_key: kms.IKey | None
    log_retention_days: int
    log_storage: LogStorage
    endpoint_name: str | None


class InstanceProps(EndpointProps, total=False):
    """Props of endpoints on instances.

    network:
        The VPC that the containers run in; default: none.
    network_isolation:
        True: the container reaches nothing, not even AWS.
    deployment:
        How updates reach the traffic. Default: all at once, watched by alarms, with rollback; None: SageMaker's plain
        update.
    metric_seconds:
        10, 30, 60, 120, 180, 240 or 300: how often SageMaker publishes metrics; default 60.
    volume_size_gb:
        1 to 512; default: SageMaker's.
    """

    network: Network | None
    network_isolation: bool
    deployment: GuardedDeployment | None
    metric_seconds: int | None
    volume_size_gb: int | None


@dataclass(frozen=True)
class DataCapture:
    """Requests and answers written to S3. Let the bucket expire them: `DataBucket(self, "Captured", expire_days=7)`.

    Parameters
    ----------
    bucket:
        Where to.
    prefix:
        Below which; default capture/.
    sample_percent:
        Share of the requests, 1 to 100; default 10.
    models:
        For a container that serves several: only these are captured, by their own percentages, 1 to 100.
        Default: all.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    bucket: s3.IBucket
    prefix: str = "capture/"
    sample_percent: int = defaults.CAPTURE_PERCENT
    models: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        check_whole("sample_percent", self.sample_percent, 1, 100)
        for name, percent in self.models.items():
            check_whole(f"models: {name}", percent, 1, 100)
        check_prefix("prefix", self.prefix)
