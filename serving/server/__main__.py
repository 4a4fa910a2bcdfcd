"""Starts the server as SageMaker does: `docker run IMAGE serve`."""

from __future__ import annotations

import os
import sys

import uvicorn

from .app import App
from .settings import Settings


def main() -> int:
    """Serve until SIGTERM; other arguments than `serve` are refused."""
    if sys.argv[1:] not in ([], ["serve"]):
        print(f"unknown argument {' '.join(sys.argv[1:])!r}; this image takes: serve", file=sys.stderr)
        return 2
    settings = Settings.from_environment(os.environ)
    uvicorn.run(
        App(settings), host=settings.host, port=settings.port, log_level="warning", access_log=False,
        timeout_keep_alive=75, lifespan="on", server_header=False,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
