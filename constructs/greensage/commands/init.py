"""`greensage init`: a project that deploys, from an empty folder."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from . import Commands

_EXAMPLES = """examples:
  greensage init                      here: an app, its stacks, and one model that answers
  greensage init my-models            in a new folder
  greensage init my-models --from ~/training/out --sample row.csv   with your own model in place of the example
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "init", help="write a project that deploys", epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="FOLDER", help="default: this one")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="PATH", help="what a training script left: as for greensage package"
    )
    parser.add_argument("--sample", type=Path, metavar="FILE", help="one request for it, .csv or .json")
    parser.add_argument("--allow-pickle", action="store_true", help="load a pickle, which runs its code, to try it")
    parser.add_argument("--region", help="that models may run in (default: of your AWS profile, else eu-north-1)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the project and say what to do next."""
    from ..project import REGION, write_project

    region = options.region or os.environ.get("AWS_REGION") or _of_profile() or REGION
    ask = "greensage invoke churn row.csv"
    if options.source is None:
        written = write_project(options.folder, region=region)
    else:
        name, models = _packaged(options)
        written = write_project(options.folder, models=models, region=region)
        ask = f"greensage invoke {name} {options.sample or 'FILE'}"
    print("\n".join(written.files))
    print("\nNext:")
    if options.folder.resolve() != Path.cwd():
        print(f"  cd {options.folder}")
    for command, what in (
        ("npm install", "the CDK CLI that matches"),
        ("greensage plan", "what would be deployed, and what it takes"),
        ('greensage local up && eval "$(greensage local env)"', ""),
        ("npx cdk bootstrap && npx cdk deploy --all --require-approval never", ""),
        (ask, "an answer, from this machine"),
    ):
        print(f"  {command:<40}  {what}".rstrip())
    if options.source is None:
        print("Your own model: greensage package PATH")
    return 0


def _packaged(options: argparse.Namespace) -> tuple[str, dict[str, bytes]]:
    """The name of the user's model, and its files in the project."""
    import yaml

    from ..packaging import package

    with TemporaryDirectory() as work:
        made = package(
            options.source, sample=options.sample, out=Path(work) / "made.tar.gz", allow_pickle=options.allow_pickle,
            say=lambda text: print(text, file=sys.stderr),
        )  # fmt: skip
        content = made.archive.read_bytes()
    head = made.yaml.partition("name: ")[0]
    spec = yaml.safe_load(made.yaml)
    spec["model"]["artifact"] = f"artifacts/{spec['name']}.tar.gz"
    text = head + yaml.safe_dump(spec, sort_keys=False)
    return spec["name"], {f"models/{spec['name']}.yaml": text.encode(), f"models/artifacts/{spec['name']}.tar.gz": content}


def _of_profile() -> str | None:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return cast(str | None, boto3.Session().region_name)
    except BotoCoreError:
        return None
