"""`greensage diff A B`: what a change does to carbon and cost, for people, programs and pull requests; budgets too."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import Commands

if TYPE_CHECKING:
    from .changes import Budget, Change, Side

EXAMPLES = """examples:
  greensage diff main HEAD                          two git revisions of models/
  greensage diff main .                             a revision and the work tree
  greensage diff old/models new/models              two folders
  greensage diff main HEAD --markdown > comment.md  a comment for a pull request
  greensage diff main HEAD --fail-if 'carbon +5%' --fail-if 'cost +10 usd'
exit status: 0; 1 where a budget is exceeded; 2 where the files are wrong
"""
BROKEN_BUDGET = 1


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "diff", help="show what a change does to carbon and cost", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("before", metavar="A", help="a folder or a git revision")
    parser.add_argument("after", metavar="B", help="a folder, a git revision, or . for the work tree")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="FOLDER", help="for revisions (default: models)")
    parser.add_argument("--region", help="for files that allow any Region (default: $AWS_REGION)")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--markdown", action="store_true", help="for a pull request")
    parser.add_argument("--fail-if", action="append", default=[], metavar="BUDGET", help="exit with 1 if exceeded: 'carbon +5%%'")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the difference; 1 where a budget is exceeded."""
    from .changes import changes, parse_budget

    # Read first: a mistyped budget is said before anything is planned.
    budgets = [parse_budget(text) for text in options.fail_if]
    with tempfile.TemporaryDirectory(prefix="greensage-diff-") as scratch:
        before, assumed = _side(options.before, options, Path(scratch) / "a")
        after, assumed_too = _side(options.after, options, Path(scratch) / "b")
    # Budgets are about the fleet: a model may grow if others shrink by as much.
    broken = [budget for budget in budgets if budget.exceeded(before.footprint.total, after.footprint.total)]
    found = changes(before, after)
    if options.json:
        print(json.dumps(_json(before, after, found, broken), indent=2))
    else:
        print(
            _markdown(before, after, found, broken, asked=bool(budgets))
            if options.markdown
            else _text(before, after, found, broken)
        )
        if missing := sorted({*assumed, *assumed_too}):
            print(f"\nNot here, so taken as 100 MB (an assumption): the archives of {', '.join(missing)}.")
    return BROKEN_BUDGET if broken else 0


def _side(name: str, options: argparse.Namespace, scratch: Path) -> tuple[Side, list[str]]:
    from ..planner import fleet_footprint, plan
    from ..spec import load_specs
    from .changes import Side

    # A revision has no archives where git does not keep them, and the comparison should work all the same.
    specs = load_specs(_folder(name, options.models, scratch), assume_artifacts=True)
    found = plan(specs, default_region=options.region or os.environ.get("AWS_REGION"))
    assumed = [spec.name for spec, _ in specs if spec.model.size_mb is None and not spec.model.artifact.startswith("s3://")]
    return Side(name, found, fleet_footprint(found)), assumed


def _folder(name: str, models: Path, scratch: Path) -> Path:
    from ..errors import GreensageError
    from .git import folder_at, is_revision

    # A dot is a folder too, but means the model files of the work tree.
    if name == ".":
        return models
    if Path(name).is_dir():
        return Path(name)
    if is_revision(name):
        return folder_at(name, models, scratch)
    raise GreensageError(f"{name!r} is neither a folder nor a git revision")


def _rows(before: Side, after: Side, found: tuple[Change, ...]) -> list[tuple[str, ...]]:
    rows = [(change.name, change.what, *_cells(change.before, change.after)) for change in found]
    total = ("total", f"{len(found)} changed", *_cells(before.footprint.total, after.footprint.total))
    return [("MODEL", "CHANGE", "gCO2e", "", "USD", ""), *rows, total]


def _cells(before: Any, after: Any) -> tuple[str, str, str, str]:
    from ..text import money, number

    carbon, cost = ((getattr(before, name, None), getattr(after, name, None)) for name in ("carbon_g", "cost_usd"))
    return (*_pair(*carbon, number), *_pair(*cost, money))


def _pair(before: Any, after: Any, shown: Any) -> tuple[str, str]:
    old, new = (shown(side.mid) if side else "-" for side in (before, after))
    if before is None or after is None or not before.mid:
        return f"{old} -> {new}", ""
    growth = after.mid / before.mid - 1
    # True of NaN only: a figure on one side is unknown.
    if growth != growth:
        return f"{old} -> {new}", "?"
    return f"{old} -> {new}", f"{growth:+.0%}" if abs(growth) >= 0.005 else "="


def _text(before: Side, after: Side, found: tuple[Change, ...], broken: list[Budget]) -> str:
    from ..text import fitted, red, terminal_width

    lines = [fitted(_rows(before, after, found), terminal_width(), right=range(2, 6), whole=[0])]
    if not found:
        lines.append("Nothing changes.")
    lines += [red(f"over budget: {budget.text}") for budget in broken]
    return "\n".join([*lines, "A month of 30 days, estimated; gCO2e and USD."])


def _markdown(before: Side, after: Side, found: tuple[Change, ...], broken: list[Budget], *, asked: bool) -> str:
    header, *rows = _rows(before, after, found)
    escaped = [" | ".join(cell.replace("|", "\\|").replace("->", "→") for cell in row) for row in rows]
    over = ", ".join(f"`{item.text}`" for item in broken)
    state = f"❌ over budget: {over}. " if broken else "✅ within budget. " if asked else ""
    lines = [
        "### greensage: what this change does", "", f"| {' | '.join(header)} |", "|---|---|---:|---:|---:|---:|",
        *(f"| {row} |" for row in escaped), "", f"{state}A month of 30 days, estimated, `{before.name}` to `{after.name}`.",
    ]  # fmt: skip
    return "\n".join(lines)


def _json(before: Side, after: Side, found: tuple[Change, ...], broken: list[Budget]) -> dict[str, Any]:
    from .plan_json import footprint_json

    def side(footprint: Any) -> Any:
        return footprint_json(footprint) if footprint else None

    return {
        "before": {"name": before.name, **footprint_json(before.footprint.total)},
        "after": {"name": after.name, **footprint_json(after.footprint.total)},
        "changes": [
            {"name": item.name, "what": item.what, "before": side(item.before), "after": side(item.after)} for item in found
        ],
        "over_budget": [budget.text for budget in broken],
    }
