"""`greensage local`: the local cloud up, down, its status, and the variables that point at it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    _add_actions(commands.add_parser("local", help="the local cloud: up, down, status, env"))


def _add_actions(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    up = actions.add_parser("up", help="start it, or say that it runs")
    up.add_argument("--port", type=int, help="default: 4566 if free, else any free port")
    up.add_argument("--auth", action="store_true", help="check signatures and IAM policies")
    up.add_argument(
        "--quotas", choices=["new-account"], default="", help="what an account without history may run (default: much)"
    )
    up.add_argument(
        "--chaos", type=int, metavar="SEED", help="throttling, and what was just made and is not seen yet, as now and then on AWS"
    )
    up.set_defaults(run=_up)
    for name, run, text in (
        ("down", _down, "stop it and everything it started"),
        ("status", _status, "say whether it runs, where, and where its log is"),
        ("env", _env, "print the variables to export"),
    ):
        action = actions.add_parser(name, help=text)
        action.set_defaults(run=run)
        if name == "env":
            action.add_argument("--region", default="eu-north-1", help="default: eu-north-1")
        if name in ("status", "env"):
            action.add_argument("--json", action="store_true", help="for programs")
    for action in actions.choices.values():
        action.add_argument("--dir", type=Path, help="state folder (default: $GREENSAGE_LOCAL_DIR or .greensage/local)")


def _up(options: argparse.Namespace) -> int:
    from ..local.cloud import LocalCloud

    cloud = LocalCloud(options.dir)
    running = cloud.up(
        port=options.port,
        auth=options.auth,
        quotas=options.quotas,
        chaos=options.chaos,
        say=lambda text: print(text, file=sys.stderr),
    )
    print(f"The local cloud runs at {running.url} (process {running.pid}); log: {cloud.log_file}")
    print('Point your shell at it: eval "$(greensage local env)"')
    return 0


def _down(options: argparse.Namespace) -> int:
    from ..local.cloud import LocalCloud

    print("The local cloud is stopped." if LocalCloud(options.dir).down() else "No local cloud was running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    from ..local.cloud import LocalCloud

    cloud = LocalCloud(options.dir)
    running = cloud.status()
    if options.json:
        facts = {"url": running.url, "pid": running.pid, "auth": running.auth} if running else {}
        print(json.dumps({"running": running is not None, "log": str(cloud.log_file), **facts}))
    elif running:
        auth = "on" if running.auth else "off"
        print(f"runs at {running.url} (process {running.pid}, authorization {auth}); log: {cloud.log_file}")
    else:
        print(f"does not run; log: {cloud.log_file}")
    return 0 if running else 1


def _env(options: argparse.Namespace) -> int:
    from ..local.cloud import LocalCloud

    variables = LocalCloud(options.dir).environment(options.region)
    if options.json:
        print(json.dumps(variables))
    else:
        # A profile or a session token that is set already would be mixed with the keys below.
        print("unset AWS_PROFILE AWS_SESSION_TOKEN")
        print("\n".join(f"export {key}={value}" for key, value in variables.items()))
    return 0
