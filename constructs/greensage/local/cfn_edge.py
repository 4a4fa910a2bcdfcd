"""CloudFormation's resource types for Greengrass v2."""

from __future__ import annotations

from typing import Any

from . import greengrass
from . import ministack_api as cloud
from .wire import AwsError

Props = dict[str, Any]
Result = tuple[str, dict[str, str]]


def install() -> None:
    """Register the two types; both are replaced on any change but that of tags."""
    cloud.add_resource_type(
        "AWS::GreengrassV2::ComponentVersion", create=_create_component, update=_same, delete=_delete_component,
        replacing=("InlineRecipe", "LambdaFunction"), named_by=None, tagged=False, slow=False,
    )  # fmt: skip
    cloud.add_resource_type(
        "AWS::GreengrassV2::Deployment", create=_create_deployment, update=_same, delete=_delete_deployment,
        replacing=("TargetArn", "Components", "DeploymentName", "DeploymentPolicies", "IotJobConfiguration", "ParentTargetArn"),
        named_by=None, tagged=False, slow=True,
    )  # fmt: skip


def _create_component(logical_id: str, props: Props, stack: str) -> Result:
    made = _or_fail(lambda: greengrass.create_component(props["InlineRecipe"]))
    return made["Arn"], made


def _delete_component(physical_id: str, props: Props) -> None:
    greengrass.delete_component(physical_id)


def _create_deployment(logical_id: str, props: Props, stack: str) -> Result:
    identity = _or_fail(lambda: greengrass.create_deployment(props))
    return identity, {"DeploymentId": identity}


def _delete_deployment(physical_id: str, props: Props) -> None:
    greengrass.delete_deployment(physical_id)


def _same(physical_id: str, old: Props, new: Props, stack: str, logical_id: str) -> Result:
    return physical_id, {}


def _or_fail(work: Any) -> Any:
    try:
        return work()
    except AwsError as error:
        raise ValueError(f"{error.message} (Service: GreengrassV2, Status Code: {error.status}, {error.code})") from None
