"""Finds endpoints that were shared and are no longer: stacks of groups that the plan does not have and no model points to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.defaults import PARAMETERS_ROOT
from ..core.tags import GROUP_TAG, KIND_TAG, ROOT_TAG
from ..errors import GreensageError
from ..planner import Plan


@dataclass(frozen=True)
class Orphan:
    """The stack of a group that nothing uses; `used_by` names models that still point to it, and keeps it."""

    region: str
    stack: str
    group: str
    used_by: tuple[str, ...]


def find_orphans(plan: Plan, regions: Iterable[str], *, root: str = PARAMETERS_ROOT, session: Any = None) -> list[Orphan]:
    """Return the group stacks in `regions` that are not in `plan`. Reads only; raises GreensageError for what AWS refuses."""
    made = session or account_session()
    planned = {(group.region, group.stack_name) for group in plan.groups}
    return [orphan for region in regions for orphan in _in_region(made, region, root) if (region, orphan.stack) not in planned]


def delete(orphans: Sequence[Orphan], *, session: Any = None) -> Iterator[Orphan]:
    """Delete the stacks one after the other and yield each when it is gone. Raises GreensageError with AWS's reason."""
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

    made = session or account_session()
    for orphan in orphans:
        cloudformation = made.client("cloudformation", region_name=orphan.region)
        try:
            cloudformation.delete_stack(StackName=orphan.stack)
            cloudformation.get_waiter("stack_delete_complete").wait(
                # An hour, as by default, but asked every two seconds instead of every thirty.
                StackName=orphan.stack,
                WaiterConfig={"Delay": 2, "MaxAttempts": 1800},
            )
        except (BotoCoreError, ClientError, WaiterError) as error:
            raise GreensageError(f"{orphan.stack} in {orphan.region} was not deleted: {error}") from None
        yield orphan


def _in_region(session: Any, region: str, root: str) -> Iterator[Orphan]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        pages = session.client("cloudformation", region_name=region).get_paginator("describe_stacks").paginate()
        # What is under way may be a group whose models come next, or is going anyway.
        settled = [stack for page in pages for stack in page["Stacks"] if stack["StackStatus"].endswith(("_COMPLETE", "_FAILED"))]
        pointers = dict(_pointers(session, region, root))
    except (BotoCoreError, ClientError) as error:
        raise GreensageError(f"{region}: {error}") from None
    for stack in settled:
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        # Another root is another app in the same account: not ours to delete.
        if stack["StackStatus"] == "DELETE_COMPLETE" or GROUP_TAG not in tags or tags.get(ROOT_TAG) != root:
            continue
        endpoint = f"{root}/groups/{tags[GROUP_TAG]}/{tags.get(KIND_TAG, '')}/endpoint"
        used_by = tuple(sorted(model for model, pointer in pointers.items() if pointer == endpoint))
        yield Orphan(region, stack["StackName"], tags[GROUP_TAG], used_by)


def _pointers(session: Any, region: str, root: str) -> Iterator[tuple[str, str]]:
    """Each deployed model with the parameter of the shared endpoint that it points to."""
    pages = session.client("ssm", region_name=region).get_paginator("get_parameters_by_path").paginate(Path=f"{root}/models")
    for page in pages:
        for row in page["Parameters"]:
            try:
                place = json.loads(row["Value"])
            except ValueError:
                raise GreensageError(
                    f"{region}: the parameter {row['Name']} is not greensage's JSON; is --parameters right?"
                ) from None
            yield row["Name"].rsplit("/", 1)[-1], place.get("endpointParameter", "")


def account_session() -> Any:
    """Return boto3's session of the credentials at hand."""
    import boto3

    return boto3.Session()
