"""All checks of a plan, Region by Region."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.defaults import PARAMETERS_ROOT
from ...errors import GreensageError
from ...planner import Plan
from .check import Check
from .look import Look, NotReadable, reading
from .named import check_named
from .needs import needs_of
from .quotas import check_builds, check_functions, check_quotas
from .stacks import check_bootstrap, check_images, check_scaling_role, check_stacks

# Of the CDK's bootstrap, unless a project has one of its own.
QUALIFIER = "hnb659fds"


@dataclass(frozen=True)
class Preflight:
    """Who looked, and what was found."""

    account: str
    caller: str
    checks: tuple[Check, ...]


def preflight(
    session: Any, plan: Plan, *, qualifier: str = QUALIFIER, base: str | None = None, root: str = PARAMETERS_ROOT,
    say: Callable[[str], None] = lambda text: None,
) -> Preflight:  # fmt: skip
    """Look at everything that would stop the deployment of `plan`, with calls that read only.

    Parameters
    ----------
    session:
        boto3's, with the credentials that deploy.
    plan:
        Of `greensage.planner.plan`.
    qualifier:
        Of the CDK's bootstrap; default: the CDK's own.
    base:
        The base image of `-c serving-base=`, which the tags of the images depend on; default: none.
    root:
        Of greensage's SSM parameters.
    say:
        Told of what takes a while.

    Raises GreensageError where nobody is signed in.
    """
    try:
        who = reading(lambda: session.client("sts", region_name=session.region_name or "us-east-1").get_caller_identity())
    except NotReadable as error:
        raise GreensageError(f"AWS does not know who you are: {error}. Sign in, for instance: aws sso login") from None
    account, found = str(who["Account"]), list[Check]()
    needs = needs_of(plan)
    for region in plan.regions:
        say(f"{region} ...")
        look = Look(session, region, root)
        models = [model for model in plan.models if model.region == region]
        check_bootstrap(look, account, qualifier)
        check_stacks(look, plan)
        if check_images(look, plan, base):
            check_builds(look)
        check_functions(look)
        if any(model.scaling for model in models):
            check_scaling_role(look)
        check_quotas(look, [need for need in needs if need.region == region], _ours(look, plan))
        check_named(look, models)
        found += look.checks
    return Preflight(account, str(who["Arn"]), tuple(found))


def _ours(look: Look, plan: Plan) -> frozenset[str]:
    """The endpoints that the stacks of the plan have already."""
    names = [f"{look.root}/models/{model.name}" for model in plan.models if model.region == look.region]
    names += [f"{look.root}/groups/{group.name}/{group.kind}/endpoint" for group in plan.groups if group.region == look.region]
    found: set[str] = set()
    for start in range(0, len(names), 10):
        try:
            rows = (look.ask("ssm", "get_parameters", Names=names[start : start + 10]) or {}).get("Parameters", [])
        except NotReadable as error:
            # Or the instances of an endpoint that is updated would count as another's, and nobody would know why.
            look.says("endpoints of this plan", "unknown", f"{error}; all endpoints are counted as somebody else's")
            break
        for row in rows:
            value = row["Value"]
            found.add(str(json.loads(value).get("endpoint", "")) if value.startswith("{") else value)
    return frozenset(found)
