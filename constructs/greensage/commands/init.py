"""`greensage init`: a project that deploys, from an empty folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import cast

from . import Commands

_EXAMPLES = """examples:
  greensage init                      here: an app, its stacks, and one model that answers
  greensage init my-models            in a new folder
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "init", help="write a project that deploys", epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help="default: this one")
    parser.add_argument("--region", help="that models may run in (default: of your AWS profile, else eu-north-1)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the project and say what to do next."""
    from ..project import write_project

    region = options.region or os.environ.get("AWS_REGION") or _of_profile()
    written = write_project(options.folder, region=region) if region else write_project(options.folder)
    print("\n".join(written.files))
    print("\nNext:")
    if options.folder.resolve() != Path.cwd():
        print(f"  cd {options.folder}")
    print("""\
  npm install                                  the CDK CLI that matches
  greensage plan                               what would be deployed, and what it takes
  greensage local up && eval "$(greensage local env)"
  npx cdk bootstrap && npx cdk deploy --all --require-approval never
  greensage invoke churn row.csv               an answer, from this machine
Your own model: greensage package PATH""")
    return 0


def _of_profile() -> str | None:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return cast(str | None, boto3.Session().region_name)
    except BotoCoreError:
        return None
