"""What a container in private subnets has to reach: the VPC endpoints it needs without a NAT gateway."""

from __future__ import annotations

from ._data import load


def vpc_endpoints(region: str) -> tuple[str, ...]:
    """Return the service names of the VPC endpoints that a model container in `region` needs, gateways first."""
    data = load("network")
    return tuple(f"com.amazonaws.{region}.{service} ({kind})" for service, kind in data["vpc_endpoints"].items())
