"""`greensage logs`: what a model's container has written, and what it writes now."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError
from . import Commands
from .observe import seconds_of

if TYPE_CHECKING:
    from ..operate.tail import Source

_EXAMPLES = """examples:
  greensage logs churn                   of the last hour
  greensage logs churn --follow          and what comes
  greensage logs churn --since 2d --filter ERROR
  greensage logs churn --all             functions, builds, state machines and jobs of its stack, too
  greensage logs greensage-platform-eu-north-1   the builds of the images
While an endpoint is being created, and after that has failed, its stack says where it logs. A rollback deletes the stack's
log groups: npx cdk deploy NAME --no-rollback keeps them.
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
    parser.add_argument("name", help="name of a model file, of an endpoint, or of a stack")
    parser.add_argument("--all", action="store_true", help="everything of the model's stack, not its containers only")
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

    from ..operate.tail import events

    since = int((time.time() - seconds_of(options.since)) * 1000)
    session: Any = boto3.Session(region_name=options.region)
    try:
        sources, client = _sources(options, session), session.client("logs")
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


def _sources(options: argparse.Namespace, session: Any) -> list[Source]:
    """Where the containers log; else, or with --all, what the stack has. Raises GreensageError with what would help."""
    from ..client import EndpointClient
    from ..operate.tail import sources_of, sources_of_stack

    if not options.all:
        try:
            address = EndpointClient(options.name, root=options.parameters, session=session).address()
            return sources_of(options.name, address, address.get("endpoint"))
        except GreensageError as error:
            unknown = error
    else:
        unknown = GreensageError(f"there is no stack {options.name} in {session.region_name}")
    found = sources_of_stack(session, options.name)
    if not found:
        raise GreensageError(
            f"{unknown}; nor has a stack of that name any log group. If its creation failed, the rollback has deleted them: "
            f"npx cdk deploy {options.name} --no-rollback, then greensage logs {options.name}"
        )
    return found


def _print(event: Any, *, as_json: bool) -> None:
    at = datetime.fromtimestamp(event.at / 1000, UTC)
    if as_json:
        print(json.dumps({"at": at.isoformat(), "stream": event.stream, "text": event.text}))
    else:
        print(f"{at:%Y-%m-%d %H:%M:%S} {event.text.rstrip()}")
