"""Starts the server as SageMaker does: `docker run IMAGE serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import limits
from .doorman import Doorman
from .settings import Settings


def main() -> int:
    """Serve until SIGTERM; other arguments than `serve` are refused."""
    if sys.argv[1:] not in ([], ["serve"]):
        print(f"unknown argument {' '.join(sys.argv[1:])!r}; this image takes: serve", file=sys.stderr)
        return 2
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        print(f"ERROR {error}", file=sys.stderr)
        return 2
    limits.one_thread()
    if settings.run_as and os.geteuid() == 0:
        _become(settings.run_as, settings.model_dir)
    return Doorman(settings).run()


def _become(user: int, models: Path) -> None:
    """Give root up. SageMaker starts every container as root (developer guide, your-algorithms-inference-code); the server
    needs none of it: its port is above 1024, it reads /opt/ml and writes to /tmp."""
    os.seteuid(user)
    try:
        readable = not models.exists() or all(
            os.access(path, os.R_OK, effective_ids=True) for path in [models, *models.rglob("*")]
        )
    except PermissionError:
        readable = False
    os.seteuid(0)
    if not readable:
        print(f"WARNING {models} is for root only, so the server stays root", file=sys.stderr)
        return
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.environ["HOME"] = "/tmp"  # noqa: S108 - a user without a home


if __name__ == "__main__":
    sys.exit(main())
