"""Finds endpoints that were shared and are no longer: stacks of groups that the plan does not have and no model points to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import GreensageError
from .planner import Plan

_GROUP_TAG = "greensage:group"
_GONE = ("DELETE_COMPLETE", "DELETE_IN_PROGRESS")


@dataclass(frozen=True)
class Orphan:
    """The stack of a group that nothing uses; `used_by` names models that still point to it, and keeps it."""

    region: str
    stack: str
    group: str
    used_by: tuple[str, ...]


def find_orphans(plan: Plan, regions: Iterable[str], *, root: str = "/greensage", session: Any = None) -> list[Orphan]:
    """Return the group stacks in `regions` that are not in `plan`. Reads only; raises GreensageError for what AWS refuses."""
    made = session or _session()
    planned = {(group.region, group.stack_name) for group in plan.groups}
    return [orphan for region in regions for orphan in _in_region(made, region, root) if (region, orphan.stack) not in planned]


def delete(orphans: Sequence[Orphan], *, session: Any = None) -> Iterator[Orphan]:
    """Delete the stacks one after the other and yield each when it is gone. Raises GreensageError with AWS's reason."""
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

    made = session or _session()
    for orphan in orphans:
        cloudformation = made.client("cloudformation", region_name=orphan.region)
        try:
            cloudformation.delete_stack(StackName=orphan.stack)
            cloudformation.get_waiter("stack_delete_complete").wait(
                StackName=orphan.stack, WaiterConfig={"Delay": 2, "MaxAttempts": 1800}
            )
        except (BotoCoreError, ClientError, WaiterError) as error:
            raise GreensageError(f"{orphan.stack} in {orphan.region} was not deleted: {error}") from None
        yield orphan


def _in_region(session: Any, region: str, root: str) -> Iterator[Orphan]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        pages = session.client("cloudformation", region_name=region).get_paginator("describe_stacks").paginate()
        stacks = [stack for page in pages for stack in page["Stacks"] if stack["StackStatus"] not in _GONE]
        pointers = dict(_pointers(session, region, root))
    except (BotoCoreError, ClientError) as error:
        raise GreensageError(f"{region}: {error}") from None
    for stack in stacks:
        group = next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == _GROUP_TAG), None)
        if group is not None:
            kind = next((tag["Value"] for tag in stack["Tags"] if tag["Key"] == "greensage:kind"), "")
            endpoint = f"{root}/groups/{group}/{kind}/endpoint"
            used_by = tuple(sorted(model for model, pointer in pointers.items() if pointer == endpoint))
            yield Orphan(region, stack["StackName"], group, used_by)


def _pointers(session: Any, region: str, root: str) -> Iterator[tuple[str, str]]:
    """Each deployed model with the parameter of the shared endpoint that it points to."""
    pages = session.client("ssm", region_name=region).get_paginator("get_parameters_by_path").paginate(Path=f"{root}/models")
    for page in pages:
        for row in page["Parameters"]:
            yield row["Name"].rsplit("/", 1)[-1], json.loads(row["Value"]).get("endpointParameter", "")


def _session() -> Any:
    import boto3

    return boto3.Session()
