"""`greensage logs`: what a model's container has written, and what it writes now."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError
from . import Commands
from .observe import seconds_of

_EXAMPLES = """examples:
  greensage logs churn                   of the last hour
  greensage logs churn --follow          and what comes
  greensage logs churn --since 2d --filter ERROR
"""
_EVERY_SECONDS = 2.0


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "logs",
        help="show what a model's container writes",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="name of a model file, or of an endpoint")
    parser.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--since", default="1h", metavar="TIME", help="45m, 12h, 14d or 8w (default: 1h)")
    parser.add_argument("--filter", metavar="PATTERN", help="a filter pattern of CloudWatch Logs, for instance ERROR")
    parser.add_argument("--region", help="default: of your AWS profile")
    parser.add_argument("--parameters", default=PARAMETERS_ROOT, metavar="ROOT", help="root of the SSM parameters")
    parser.add_argument("--json", action="store_true", help="a JSON object in each line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the lines, the oldest first."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from ..client import EndpointClient
    from ..operate.tail import events, sources_of

    since = int((time.time() - seconds_of(options.since)) * 1000)
    session: Any = boto3.Session(region_name=options.region)
    try:
        address = EndpointClient(options.name, root=options.parameters, session=session).address()
        sources, client = sources_of(address, address.get("endpoint")), session.client("logs")
        seen: set[str] = set()
        while True:
            for event in events(client, sources, since, options.filter):
                if event.id not in seen:
                    seen.add(event.id)
                    _print(event, as_json=options.json)
                    # Events of one moment may still come, so the last moment is asked for again.
                    since = max(since, event.at)
            if not options.follow:
                break
            sys.stdout.flush()
            time.sleep(_EVERY_SECONDS)
    except KeyboardInterrupt:
        return 0
    except (BotoCoreError, ClientError) as error:
        raise GreensageError(f"{options.name}: {error}") from None
    if not seen:
        print(f"nothing in {', '.join(source.group for source in sources)} since {options.since}", file=sys.stderr)
    return 0


def _print(event: Any, *, as_json: bool) -> None:
    at = datetime.fromtimestamp(event.at / 1000, UTC)
    if as_json:
        print(json.dumps({"at": at.isoformat(), "stream": event.stream, "text": event.text}))
    else:
        print(f"{at:%Y-%m-%d %H:%M:%S} {event.text.rstrip()}")
