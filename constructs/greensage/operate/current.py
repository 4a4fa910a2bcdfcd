"""What models run on now, for a comparison: greensage's endpoints, and others that are called as a model is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..footprint import Machines
from .deployed import Host, describe_host, read_deployed


def current_machines(
    session: Any, regions: list[str], names: Iterable[str], *, say: Callable[[str], None] = lambda text: None
) -> tuple[dict[str, Machines], list[str]]:
    """Return what each of `names` runs on, where an endpoint of greensage's serves it or one has its name, and problems.

    An endpoint that several models share counts in equal parts; serverless has no instances and is left out. Calls nothing but
    Get, Describe and List. Raises GreensageError without credentials.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    wanted = set(names)
    deployed = read_deployed(session, regions, say=say)
    hosts, problems = [*deployed.hosts], [*deployed.problems]
    known = {host.endpoint for host in hosts}
    for region in regions:
        client = session.client("sagemaker", region_name=region)
        try:
            for page in client.get_paginator("list_endpoints").paginate():
                for row in page["Endpoints"]:
                    endpoint = row["EndpointName"]
                    if endpoint in wanted and endpoint not in known:
                        hosts.append(describe_host(client, region, endpoint, [(endpoint, None)]))
        except (BotoCoreError, ClientError) as error:
            problems.append(f"{region}: {error}")
    found: dict[str, Machines] = {}
    for host in hosts:
        for name in host.models:
            made = _machines(host)
            if name in wanted and made is not None:
                found[name] = made
    return found, problems


def _machines(host: Host) -> Machines | None:
    variants = [item for item in host.variants if item.instance_type]
    count = sum(item.instances for item in variants)
    if not variants or not count or variants[0].instance_type is None:
        return None
    return Machines(variants[0].instance_type, count / len(host.models), host.region)
