"""`greensage clean`: shared endpoints whose models have all moved on; shown first, deleted with --yes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from . import Commands
from .models import add_model_arguments, read_fleet

EXAMPLES = """examples:
  greensage clean                      what runs for groups that the plan no longer has
  greensage clean --yes                delete it
The plan's Regions are looked at, and those of --regions. A stack that a deployed model still points to is kept.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "clean", help="find and delete shared endpoints that nothing uses any more", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_model_arguments(parser)
    parser.add_argument("--regions", nargs="+", default=[], metavar="REGION", help="look there too")
    parser.add_argument(
        "--parameters", default="/greensage", metavar="ROOT", help="root of the SSM parameters (default: /greensage)"
    )
    parser.add_argument("--yes", action="store_true", help="delete what was found")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List, and delete if asked."""
    from .orphans import delete, find_orphans

    plan = read_fleet(options).plan
    regions = sorted({*plan.regions, *options.regions})
    found = find_orphans(plan, regions, root=options.parameters)
    free = [orphan for orphan in found if not orphan.used_by]
    if options.json:
        print(json.dumps([asdict(orphan) for orphan in found], indent=2))
    elif not found:
        print(f"Nothing is left over in {', '.join(regions)}.")
    else:
        for orphan in found:
            why = f"kept: {', '.join(orphan.used_by)} still there; deploy first" if orphan.used_by else "nothing uses it"
            print(f"{orphan.region}  {orphan.stack}  {why}")
    for orphan in delete(free) if options.yes else ():
        print(f"deleted {orphan.stack} in {orphan.region}", flush=True, file=sys.stderr if options.json else sys.stdout)
    if free and not options.yes and not options.json:
        print("Delete with: greensage clean --yes")
    return 0
