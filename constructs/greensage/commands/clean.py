"""`greensage clean`: what nobody uses any more; shown first, deleted with --yes, and written down."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.defaults import KEEP_VERSIONS
from . import Commands
from .models import add_model_arguments, read_fleet
from .observe import add_account_arguments, say, seconds_of, tell_problems

if TYPE_CHECKING:
    from ..operate.unused import Reading, Unused
    from .orphans import Orphan

EXAMPLES = """examples:
  greensage clean                      what runs or is kept for nobody; nothing is changed
  greensage clean --yes                delete it
  greensage clean --only image --only "log group"
  greensage clean --older-than 30d --regions eu-west-1 --json
Looked at: shared endpoints that the plan no longer has, endpoints that nobody called, configurations and models that
nothing names, registry versions beyond the newest, images of the serving repository, log groups of endpoints that are
gone, archives of models that are gone, and unfinished uploads; in the plan's Regions and those of --regions. What a
stack has, what is younger than --older-than, and what has the tag greensage:keep stays. An endpoint without a stack
that nobody called is deleted with --only "idle endpoint" --yes. Each item is looked at again before it is deleted;
the ledger says how to restore it.
Exit code 1: something could not be read or deleted.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "clean", help="find and delete what nothing uses any more", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_model_arguments(parser)
    add_account_arguments(parser)
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND", help="one kind, for instance image; may be repeated"
    )
    parser.add_argument("--older-than", default="7d", metavar="TIME", help="what is younger stays (default: 7d)")
    parser.add_argument(
        "--keep-versions",
        type=int,
        default=KEEP_VERSIONS,
        metavar="N",
        help=f"versions of a model package group that stay (default: {KEEP_VERSIONS})",
    )
    parser.add_argument(
        "--repositories", nargs="+", default=[], metavar="NAME",
        help="repositories of images besides the platform's; none that a Kubernetes cluster pulls from",
    )  # fmt: skip
    parser.add_argument("--ledger", type=Path, default=Path(".greensage/clean.jsonl"), help="default: .greensage/clean.jsonl")
    parser.add_argument("--yes", action="store_true", help="delete what was found")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List, and delete if asked."""
    from ..operate.unused import Reading, find_unused
    from . import orphans as stacks

    plan = read_fleet(options, whole=True).plan
    regions = sorted({*plan.regions, *options.regions})
    session, oldest = stacks.account_session(), time.time() - seconds_of(options.older_than)
    readings = [
        Reading(session, region, oldest, max(1, options.keep_versions), options.parameters, tuple(options.repositories))
        for region in regions
    ]
    orphans = [] if options.only else stacks.find_orphans(plan, regions, root=options.parameters)
    found = [(reading, find_unused(reading, options.only, say=say)) for reading in readings]
    problems = [problem for _, part in found for problem in part.problems]
    tell_problems(problems)
    if options.json:
        print(json.dumps(_json(orphans, [item for _, part in found for item in part.items], problems), indent=2, default=str))
    else:
        print("\n".join(_lines(orphans, [item for _, part in found for item in part.items], regions, problems)))
    failed = False
    if options.yes:
        failed = _delete(orphans, [(reading, _to_delete(part.items, options)) for reading, part in found], options)
    elif not options.json and (any(part.items for _, part in found) or any(not item.used_by for item in orphans)):
        print("Delete with: greensage clean --yes")
    return 1 if problems or failed else 0


def _to_delete(items: list[Unused], options: argparse.Namespace) -> list[Unused]:
    """What is not somebody else's to do, and what is on request only where its kind was named."""
    return [item for item in items if not item.advice and (not item.on_request or item.kind in options.only)]


def _lines(orphans: list[Orphan], items: list[Unused], regions: list[str], problems: list[str]) -> list[str]:
    from ..text import number, table

    lines: list[str] = []
    for orphan in orphans:
        why = f"kept: {', '.join(orphan.used_by)} still there; deploy first" if orphan.used_by else "nothing uses it"
        lines.append(f"{orphan.region}  {orphan.stack}  {why}")
    if items:
        header = ("KIND", "NAME", "AGE", "GB", "WHY")
        days = [f"{(time.time() - item.created) / 86_400:.0f} d" for item in items]
        rows = [
            (item.kind, item.name, age, number(item.gb, 2) if item.gb else "", item.why)
            for item, age in zip(items, days, strict=True)
        ]
        lines += ["", table([header, *rows], right=(2, 3))] if lines else [table([header, *rows], right=(2, 3))]
        whole = sum(item.gb for item in items)
        lines.append(f"{len(items)} that nothing uses{f', {number(whole)} GB' if whole else ''}.")
        lines += [f"{item.name}: {item.advice}" for item in items if item.advice]
        requested = sorted({item.kind for item in items if item.on_request})
        lines += [f"Of the kind {kind}, nothing is deleted but with --only '{kind}'." for kind in requested]
    if not lines:
        lines.append(f"Nothing is left over in {', '.join(regions)}{', as far as could be read' if problems else ''}.")
    return lines


def _delete(orphans: list[Orphan], found: list[tuple[Reading, list[Unused]]], options: argparse.Namespace) -> bool:
    """Delete stacks first, because they free what was theirs; return whether anything failed."""
    from ..operate.unused import delete_unused
    from .orphans import delete

    out = sys.stderr if options.json else sys.stdout
    for orphan in delete([item for item in orphans if not item.used_by]):
        print(f"deleted {orphan.stack} in {orphan.region}", flush=True, file=out)
    failed = False
    for reading, items in found:
        for outcome in delete_unused(reading, items, options.ledger):
            reason = outcome.reason or (outcome.item.restore if outcome.state == "deleted" else "")
            print(f"{outcome.state} {outcome.item.kind} {outcome.item.name}; {reason}", flush=True, file=out)
            failed = failed or outcome.state == "failed"
    if any(items for _, items in found):
        print(f"ledger: {options.ledger}", file=out)
    return failed


def _json(orphans: list[Orphan], items: list[Unused], problems: list[str]) -> dict[str, Any]:
    return {"stacks": [asdict(item) for item in orphans], "unused": [asdict(item) for item in items], "problems": problems}
