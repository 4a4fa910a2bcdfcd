"""What commands that look at an account share: the window, the Regions, and reading what runs there with its metrics."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError

if TYPE_CHECKING:
    from ..operate.deployed import Deployed
    from ..operate.observed import Observed

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def add_window_arguments(parser: argparse.ArgumentParser, *, window: str) -> None:
    """Add the window, further Regions and the root of the parameters."""
    parser.add_argument(
        "--window", default=window, metavar="TIME", help=f"how far to look back: 45m, 12h, 14d or 8w (default: {window})"
    )
    add_account_arguments(parser)


def add_account_arguments(parser: argparse.ArgumentParser) -> None:
    """Add further Regions and the root of the parameters."""
    parser.add_argument("--regions", nargs="+", default=[], metavar="REGION", help="look there too")
    parser.add_argument(
        "--parameters", default=PARAMETERS_ROOT, metavar="ROOT", help="root of the SSM parameters (default: /greensage)"
    )


def seconds_of(text: str) -> int:
    """Return the seconds of 45m, 12h, 14d or 8w. Raises GreensageError for anything else."""
    found = re.fullmatch(r"(\d+)([mhdw])", text)
    if not found or not int(found[1]):
        raise GreensageError(f"{text!r} is no length of time; allowed: a number with m, h, d or w, for instance 45m, 12h or 14d")
    return int(found[1]) * _UNITS[found[2]]


def look(options: argparse.Namespace, regions: Sequence[str], *, session: Any = None) -> tuple[Deployed, list[Observed]]:
    """Return what runs in the Regions, and what it did in the window. Progress goes to standard error."""
    import boto3

    from ..operate.deployed import read_deployed
    from ..operate.metrics import Window
    from ..operate.observed import observe

    made, now = session or boto3.Session(), time.time()
    window = Window(now - seconds_of(options.window), now)
    where = sorted({*regions, *options.regions})
    deployed = read_deployed(made, where, root=options.parameters, say=say)
    return deployed, observe(made, deployed.hosts, window, say=say)


def tell_problems(problems: Sequence[str]) -> None:
    """Say on standard error what could not be read."""
    for problem in problems:
        print(f"greensage: not read: {problem}", file=sys.stderr)


def say(text: str) -> None:
    """Say on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)
