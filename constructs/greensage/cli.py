"""The command line: `greensage plan`, `greensage schema` and `greensage local`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import GreensageError, ProblemsError, render

_EXAMPLES = """examples:
  greensage plan                       what would be deployed for models/*.yaml, and why
  greensage plan other/models --json   the same for a program
  greensage schema > model.schema.json for your editor
  greensage local up                   start the local cloud
  eval "$(greensage local env)"        point the AWS CLI, SDKs and the CDK at it
  greensage local down                 stop it and everything it started
"""
USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 for what the user can mend (never a traceback for that)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except GreensageError as error:
        print(render(error) if isinstance(error, ProblemsError) else f"greensage: {error}", file=sys.stderr)
        return USER_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greensage", description="Sustainable-by-default inference on Amazon SageMaker.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    plan = commands.add_parser("plan", help="show what would be deployed, and why")
    plan.add_argument("models", nargs="?", default="models", type=Path, help="folder of model files (default: models)")
    plan.add_argument("--json", action="store_true", help="for programs")
    plan.add_argument("--region", help="for files that allow any Region (default: $AWS_REGION)")
    plan.set_defaults(run=_plan)
    schema = commands.add_parser("schema", help="print the JSON Schema of a model file")
    schema.set_defaults(run=_schema)
    _add_local(commands.add_parser("local", help="the local cloud: up, down, status, env"))
    return parser


def _add_local(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    up = actions.add_parser("up", help="start it, or say that it runs")
    up.add_argument("--port", type=int, help="default: 4566 if free, else any free port")
    up.add_argument("--auth", action="store_true", help="check signatures and IAM policies")
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


def _plan(options: argparse.Namespace) -> int:
    from .planner import plan
    from .show import plan_json, plan_reasons, plan_table
    from .spec import load_specs

    found = plan(load_specs(options.models), default_region=options.region or os.environ.get("AWS_REGION"))
    if options.json:
        print(json.dumps(plan_json(found), indent=2))
    else:
        print(f"{plan_table(found)}\n\n{plan_reasons(found)}")
    return 0


def _schema(options: argparse.Namespace) -> int:
    from .spec.schema import schema_text

    print(schema_text(), end="")
    return 0


def _up(options: argparse.Namespace) -> int:
    from .local.cloud import LocalCloud

    cloud = LocalCloud(options.dir)
    running = cloud.up(port=options.port, auth=options.auth, say=lambda text: print(text, file=sys.stderr))
    print(f"The local cloud runs at {running.url} (process {running.pid}); log: {cloud.log_file}")
    print('Point your shell at it: eval "$(greensage local env)"')
    return 0


def _down(options: argparse.Namespace) -> int:
    from .local.cloud import LocalCloud

    print("The local cloud is stopped." if LocalCloud(options.dir).down() else "No local cloud was running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    from .local.cloud import LocalCloud

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
    from .local.cloud import LocalCloud

    variables = LocalCloud(options.dir).environment(options.region)
    if options.json:
        print(json.dumps(variables))
    else:
        print("unset AWS_PROFILE AWS_SESSION_TOKEN")
        print("\n".join(f"export {key}={value}" for key, value in variables.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
