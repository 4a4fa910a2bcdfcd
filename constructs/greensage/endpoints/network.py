"""The VPC that containers run in: subnets and security groups, yours or made for the endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs import Construct

from ..catalog import limits
from ..core.checked import check_count

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2


@dataclass(frozen=True)
class Network:
    """Where a model's containers are attached. Make one with `in_vpc` or `from_ids`.

    Parameters
    ----------
    subnet_ids:
        1 to 16; they need a route to S3 (a gateway endpoint, or NAT), since the artifact comes through them.
    security_group_ids:
        1 to 5.
    connections:
        To open the groups by; default: none, with groups that are known by id only.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    connections: ec2.Connections | None = None

    def __post_init__(self) -> None:
        check_count("subnet_ids", self.subnet_ids, 1, limits.SUBNETS_MAX)
        check_count("security_group_ids", self.security_group_ids, 1, limits.SECURITY_GROUPS_MAX)

    @classmethod
    def in_vpc(
        cls,
        scope: Construct,
        id: str,
        vpc: ec2.IVpc,
        *,
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
    ) -> Network:
        """Return the network of a CDK `vpc`; default: its private subnets, and a new group that nothing may enter.

        Open it through the endpoint's `connections`.
        """
        from aws_cdk import aws_ec2 as ec2

        groups = list(security_groups) or [
            ec2.SecurityGroup(scope, id, vpc=vpc, description="greensage: containers of a SageMaker endpoint")
        ]
        given: Mapping[str, Any] = getattr(subnets, "_values", {})  # a jsii struct's properties
        chosen = vpc.select_subnets(**given)
        return cls(
            tuple(chosen.subnet_ids), tuple(group.security_group_id for group in groups), ec2.Connections(security_groups=groups)
        )

    @classmethod
    def from_ids(cls, scope: Construct, id: str, *, subnet_ids: Sequence[str], security_group_ids: Sequence[str]) -> Network:
        """Return the network of subnets and groups that exist, by their ids."""
        from aws_cdk import aws_ec2 as ec2

        groups = [
            ec2.SecurityGroup.from_security_group_id(scope, f"{id}{index}", name) for index, name in enumerate(security_group_ids)
        ]
        return cls(tuple(subnet_ids), tuple(security_group_ids), ec2.Connections(security_groups=groups))

    @property
    def config(self) -> dict[str, Any]:
        """VpcConfig as SageMaker takes it."""
        return {"subnets": list(self.subnet_ids), "securityGroupIds": list(self.security_group_ids)}
