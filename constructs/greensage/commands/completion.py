"""`greensage completion`: a script with which the shell completes commands and options, without starting Python each time."""

from __future__ import annotations

import argparse

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


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    # The whole command line's parser, which only cli.py has.
    print(shtab.complete(options.parser, shell=options.shell))
    return 0
