"""What a container in private subnets has to reach: the VPC endpoints it needs without a NAT gateway."""

from __future__ import annotations

from ._data import load


def vpc_endpoints(region: str, *, optional: bool = False) -> tuple[str, ...]:
    """Return the service names of the VPC endpoints that a model container in `region` needs, or may want."""
    rows = load("network")["optional" if optional else "needed"]
    return tuple(f"com.amazonaws.{region}.{service} ({kind})" for service, kind in rows.items())
