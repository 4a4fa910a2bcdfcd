"""Starts the server as SageMaker does: `docker run IMAGE serve`."""

from __future__ import annotations

import os
import sys

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
    return Doorman(settings).run()


if __name__ == "__main__":
    sys.exit(main())
