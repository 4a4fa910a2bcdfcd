"""The keyword props that endpoints share, typed once; each construct's docstring names only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ..catalog import limits
from ..core import defaults
from ..core.checked import check_choice, check_prefix, check_whole

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

    from ..core.logs import LogStorage
    from .deployment import GuardedDeployment
    from .network import Network


Routing = Literal["least-outstanding", "prefix-aware", "random"]
_STRATEGIES: dict[str, str] = {
    "least-outstanding": "LEAST_OUTSTANDING_REQUESTS", "prefix-aware": "PREFIX_AWARE", "random": "RANDOM",
}  # fmt: skip


def instance_settings(
    *, volume_size_gb: int | None, startup_timeout_seconds: int | None, download_timeout_seconds: int | None,
    inference_ami: str | None, routing: Routing | None, with_model: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return what a variant says of its instances. `with_model`: the variant waits for one; components have times of their own.

    Raises ValueError, naming the property, the value and what is allowed.
    """
    if volume_size_gb is not None:
        check_whole("volume_size_gb", volume_size_gb, 1, limits.VOLUME_GB_MAX)
    waits = {"startup_timeout_seconds": startup_timeout_seconds, "download_timeout_seconds": download_timeout_seconds}
    for name, seconds in waits.items():
        if seconds is not None:
            check_whole(name, seconds, limits.WAIT_FOR_MODEL_SECONDS_MIN, limits.WAIT_FOR_MODEL_SECONDS_MAX)
    if routing is not None:
        check_choice("routing", routing, tuple(_STRATEGIES))
    made: dict[str, Any] = {
        "volumeSizeInGb": volume_size_gb, "inferenceAmiVersion": inference_ami,
        "routingConfig": {"routingStrategy": _STRATEGIES[routing]} if routing else None,
    }  # fmt: skip
    if with_model:
        made["containerStartupHealthCheckTimeoutInSeconds"] = startup_timeout_seconds
        made["modelDataDownloadTimeoutInSeconds"] = download_timeout_seconds
    return {key: value for key, value in made.items() if value is not None}


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
    model_name:
        The name by which `EndpointClient` and the command line find the model; default: none, `publish` does it later.

    Raises, in the constructs, ValueError or TypeError, naming the property, the value and what is allowed.
    """

    role: iam.IRole | None
    encryption_key: kms.IKey | None
    log_retention_days: int
    log_storage: LogStorage
    endpoint_name: str | None
    model_name: str | None


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
    startup_timeout_seconds, download_timeout_seconds:
        60 to 3600: until the container has to answer /ping, and until the model has to be there. Default: SageMaker's.
    inference_ami:
        AWS's machine image for the instances, for instance al2-ami-sagemaker-inference-gpu-3-1. Default: AWS's; of Neuron
        types the one with its driver.
    routing:
        least-outstanding (the instance with the fewest requests under way), prefix-aware or random. Default: random.
    retain_counts:
        Leave the instance count as scaling has set it when the endpoint is updated: True for a scalable target of your own.
        Default: with `scaling`, True.

    Raises, in the constructs, ValueError or TypeError, naming the property, the value and what is allowed.
    """

    network: Network | None
    network_isolation: bool
    deployment: GuardedDeployment | None
    metric_seconds: int | None
    volume_size_gb: int | None
    startup_timeout_seconds: int | None
    download_timeout_seconds: int | None
    inference_ami: str | None
    routing: Routing | None
    retain_counts: bool | None


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
