"""`greensage preflight`: what would stop the deployment, before it begins, and the commands that help. Reads only."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.defaults import PARAMETERS_ROOT
from ..narrow import is_mapping
from ..text import paragraph
from . import Commands
from .models import add_model_arguments, read_fleet
from .observe import say

if TYPE_CHECKING:
    from ..operate.preflight import Check, Preflight

_EXAMPLES = """examples:
  greensage preflight                  everything that models/*.yaml would meet in this account
  greensage preflight churn            one model
  greensage preflight --all            what is well, too
  greensage preflight --json
Looked at: the CDK's bootstrap; stacks that hang and names that are taken; quotas for every instance type, twice where an
update runs both fleets, with what other endpoints take; serverless concurrency, builds and functions; images; the roles
that AWS makes; and all that files name: keys, topics, roles, networks, secrets, archives, images, packages, groups of
devices. Nothing is changed: all calls read. What AWS tells nobody is said too.
Exit code 1: something would stop the deployment, or could not be read.
"""
_MARKS = {"ok": "ok", "stops": "STOPS", "limits": "limits", "later": "later", "unknown": "unknown"}
_ORDER = tuple(_MARKS)
_WIDTH = 79


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "preflight", help="what would stop the deployment, and the commands that help", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_model_arguments(parser)
    parser.add_argument("--all", action="store_true", help="show what is well, too")
    parser.add_argument(
        "--qualifier", metavar="NAME", help="of the CDK's bootstrap (default: cdk.json's @aws-cdk/core:bootstrapQualifier)"
    )
    parser.add_argument("--serving-base", metavar="IMAGE", help="as -c serving-base= of the deployment")
    parser.add_argument("--parameters", default=PARAMETERS_ROOT, metavar="ROOT", help="of greensage (default: /greensage)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what was found; 1 where something stops the deployment or is not known."""
    import boto3

    from ..operate.preflight import QUALIFIER, preflight

    session = boto3.Session()
    plan = read_fleet(options, default_region=session.region_name, account=_account(session)).plan
    context = _context()
    found = preflight(
        session, plan, root=options.parameters, say=say,
        qualifier=options.qualifier or context.get("@aws-cdk/core:bootstrapQualifier") or QUALIFIER,
        base=options.serving_base or context.get("serving-base"),
    )  # fmt: skip
    print(json.dumps(_json(found), indent=2) if options.json else "\n".join(_lines(found, len(plan.models), options.all)))
    return int(any(check.state in ("stops", "unknown") for check in found.checks))


def _account(session: Any) -> str | None:
    """Which images are another's depends on it. None where nobody is signed in, which the checks say."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return str(session.client("sts", region_name=session.region_name or "us-east-1").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError):
        return None


def _context() -> dict[str, Any]:
    """What cdk.json here says; a deployment would read the same."""
    try:
        found: Any = json.loads(Path("cdk.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    context = found.get("context") if is_mapping(found) else None
    return dict(context) if is_mapping(context) else {}


def _json(found: Preflight) -> dict[str, Any]:
    return {"account": found.account, "caller": found.caller, "checks": [asdict(check) for check in found.checks]}


def _lines(found: Preflight, models: int, everything: bool) -> Iterator[str]:
    regions = sorted({check.region for check in found.checks})
    yield f"Account {found.account}, as {found.caller}"
    yield f"{models} model{'s'[: models != 1]}, {len(found.checks)} checks; nothing was changed."
    for region in regions:
        rows = [check for check in found.checks if check.region == region]
        yield f"\n{region}"
        for check in sorted(rows, key=lambda row: -_ORDER.index(row.state) if row.state != "stops" else -len(_ORDER)):
            if check.state != "ok" or everything:
                yield from _shown(check)
        well = sum(check.state == "ok" for check in rows)
        yield f"  {well} of {len(rows)} checks are well{'' if everything or not well else ' (--all shows them)'}"
    yield f"\n{_verdict(found.checks)}"


def _shown(check: Check) -> Iterator[str]:
    about = f" ({_some(check.models)})" if check.models else ""
    yield paragraph(f"  {_MARKS[check.state]:8}{check.what}: {check.found}{about}", _WIDTH, " " * 10)
    if check.do:
        # On a line of its own and not wrapped, so that it can be copied.
        yield f"          {check.do}"


def _some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _verdict(checks: Sequence[Check]) -> str:
    count = {state: sum(check.state == state for check in checks) for state in _ORDER}
    if count["stops"]:
        return f"{count['stops']} would stop the deployment."
    if count["unknown"]:
        return f"{count['unknown']} could not be read, so nobody knows whether the deployment works."
    if count["limits"]:
        return f"Nothing stops the deployment; {count['limits']} may stop a later update, or the peak."
    return "Nothing that can be read stops the deployment."
