"""`greensage completion`: a script with which the shell completes commands and options, without starting Python each time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ..narrow import is_mapping
from . import Commands

EXAMPLES = """examples:
  greensage completion bash >> ~/.bashrc
  greensage completion zsh > ~/.zfunc/_greensage     with ~/.zfunc in $fpath, before compinit
  greensage completion tcsh > ~/.greensage.csh       and source it in ~/.cshrc
"""
SHELLS = ("bash", "zsh", "tcsh")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "completion", help="print a script that completes commands in your shell", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


# Arguments that are files or folders, and are read as text first.
_FILES = ("models", "what", "targets", "before", "after", "baseline")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        children = action.choices if is_mapping(action.choices) else {}
        if not children:
            yield action
        for child in children.values():
            if isinstance(child, argparse.ArgumentParser):
                yield from _actions(child)


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    # The whole command line's parser, which only cli.py has.
    for action in _actions(options.parser):
        if action.type is Path or action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(options.parser, shell=options.shell))
    return 0
