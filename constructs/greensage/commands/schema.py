"""`greensage schema`: the JSON Schema of a model file, for editors; or of what `plan --json` prints, for programs."""

from __future__ import annotations

import argparse

from . import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of a model file, or of `plan --json`")
    parser.add_argument("what", nargs="?", choices=("model", "plan"), default="model", help="default: model")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    if options.what == "plan":
        from .plan_json import schema_text as plan_schema_text

        print(plan_schema_text(), end="")
        return 0
    from ..spec.schema import schema_text

    print(schema_text(), end="")
    return 0
