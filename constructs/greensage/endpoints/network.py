"""The VPC that containers run in: subnets and security groups, yours or made for the endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import Fn

from constructs import Construct

from ..catalog import limits
from ..core import defaults
from ..core.checked import check_count, check_whole
from ..core.stack_helper import StackHelper

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2


@dataclass(frozen=True)
class Network:
    """Where a model's containers are attached. Make one with `in_vpc`, `from_ids` or `by_tags`.

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

    @classmethod
    def by_tags(cls, scope: Construct, id: str, *, tags: Mapping[str, str], zones: int = defaults.ZONES) -> Network:
        """Return the network of what has all of `tags`: a subnet in each of `zones` zones (1 to 16), and one security group.

        They are looked up when the stack is deployed, and once: a change of the tags' names or values looks again. Raises
        ValueError for no tags; what is not found, or found in several VPCs, stops the deployment.
        """
        check_count("tags", tags, 1, limits.TAGS_MAX)
        check_whole("zones", zones, 1, limits.SUBNETS_MAX)
        helper = StackHelper.of(scope)
        why = "ec2:Describe... cannot be limited to an ARN by IAM."
        helper.allow(["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"], "*", because=why)
        asked = {"Tags": json.dumps(dict(tags), sort_keys=True), "Zones": str(zones)}
        found = helper.resource(scope, id, "Network", asked)
        subnets = Fn.split(",", found.get_att_string("Subnets"), zones)
        ids = [Fn.select(index, subnets) for index in range(zones)]
        return cls.from_ids(scope, f"{id}Group", subnet_ids=ids, security_group_ids=[found.get_att_string("Group")])

    @property
    def config(self) -> dict[str, Any]:
        """VpcConfig as SageMaker takes it."""
        return {"subnets": list(self.subnet_ids), "securityGroupIds": list(self.security_group_ids)}
