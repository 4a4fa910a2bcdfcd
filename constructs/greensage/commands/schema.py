"""`greensage schema`: the JSON Schema of a model file, for editors."""

from __future__ import annotations

import argparse

from . import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    commands.add_parser("schema", help="print the JSON Schema of a model file").set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    from ..spec.schema import schema_text

    print(schema_text(), end="")
    return 0
