"""`greensage drift`: how a watched model stands, what people answer to an alert, and the detector over old captures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError
from . import Commands

if TYPE_CHECKING:
    from ..operate.drift import Loop, Watch

_EXAMPLES = """examples:
  greensage drift churn                    what drifts, how far, since when, and pictures in the terminal
  greensage drift churn --html drift.html  the same as a page
  greensage drift churn --acknowledge      you know: drift that is known starts no retraining
  greensage drift churn --accept           what came since it began is the new baseline; windows begin anew
  greensage drift replay captures/ --baseline churn.statistics.json
                                           when the detector would have alarmed on captures that you have
  greensage drift replay s3://bucket/churn/capture/ --baseline churn.statistics.json --every 500 --threshold 0.1
Exit code 1: something is open (or would have alarmed).
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "drift", help="show what drifts, answer an alert, or replay old captures", epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", metavar="MODEL", help="name of a deployed model; or the word replay")
    parser.add_argument("captures", nargs="?", help="for replay: a folder, a file, or s3://BUCKET/PREFIX/")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with the pictures")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--region", help="default: of your AWS profile")
    parser.add_argument("--parameters", default=PARAMETERS_ROOT, metavar="ROOT", help="root of the SSM parameters")
    answers = parser.add_mutually_exclusive_group()
    answers.add_argument("--acknowledge", action="store_true", help="mark what is open as known")
    answers.add_argument("--accept", action="store_true", help="take what came since the drift began as the new baseline")
    group = parser.add_argument_group("replay")
    group.add_argument("--baseline", type=Path, metavar="FILE", help="statistics.json to compare with (greensage baseline)")
    group.add_argument("--every", default="day", metavar="WINDOW", help="hour, day (default), week, or a number of rows")
    group.add_argument("--method", metavar="NAME", help="how large a change is (default: wasserstein)")
    group.add_argument("--threshold", type=float, help="change that counts, in the unit of the method")
    group.add_argument("--alpha", type=float, help="chance of a false alarm in a window (default: 0.05)")
    group.add_argument("--min-rows", type=int, help="with fewer rows a window says nothing")
    group.add_argument("--segment", action="append", default=[], metavar="COLUMN", help="look at its values, or quarters, too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show, answer or replay; 1 while something is open."""
    if options.captures is not None and options.name != "replay":
        raise GreensageError(f"captures are for replay: greensage drift replay {options.captures}")
    if options.captures is not None:
        from .replay import run as replay

        return replay(options)
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from ..operate.drift import Loop as OfModel

    try:
        session = boto3.Session(region_name=options.region)
        loop = OfModel(session, options.name, root=options.parameters)
        if options.acknowledge or options.accept:
            return _answer(loop, "accept" if options.accept else "acknowledge", options.json)
        watch = loop.watch()
    except (ClientError, BotoCoreError) as error:
        raise GreensageError(f"{options.name}: {error}") from None
    if options.html:
        _write_page(options.html, watch)
    if options.json:
        from dataclasses import asdict

        print(json.dumps(asdict(watch), indent=2))
    else:
        from .drift_output import lines_of

        print("\n".join(lines_of(watch)))
        if options.html:
            print(f"Pictures: {options.html}")
    return 1 if watch.incidents else 0


def _answer(loop: Loop, step: str, as_json: bool) -> int:
    found = loop.answer(step)
    if as_json:
        print(json.dumps(found, indent=2))
    elif step == "accept":
        print(
            f"{loop.model}: {found['rows']:,} rows are the baseline from now on; a deployment with another baseline replaces it"
        )
    else:
        known = [row["kind"] for row in found["incidents"]]
        print(f"{loop.model}: {', '.join(known) or 'nothing'} {'is' if len(known) < 2 else 'are'} known now")
    return 0


def _write_page(path: Path, watch: Watch) -> None:
    from ..drift.page import page

    if watch.report is None:
        raise GreensageError(f"{watch.model} has no report yet: nothing was captured, or too little, or no window has ended")
    path.write_text(page(watch.report, watch.incidents), encoding="utf-8")
