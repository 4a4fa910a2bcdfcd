"""Loads a packed model once in the serving container's own code, and lets a sample through, as SageMaker would."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.archive import unpack
from ..errors import GreensageError
from ..local.containers import Container, ContainerFailed
from ..local.environment import add_packages, python_for_local_cloud

_START_SECONDS = 120.0
_SHOWN = 400


@dataclass(frozen=True)
class Tried:
    """How it went: seconds until /ping said yes, and what the sample was answered; None without a sample."""

    seconds: float
    answer: str | None


def try_out(
    archive: Path, environment: Mapping[str, str], sample: tuple[bytes, str] | None, say: Callable[[str], None], *, framework: str
) -> Tried:
    """Start the container on `archive`, wait until it is healthy, and send it the sample: a body and its media type.

    Raises GreensageError with what the container says where it does not load the model or does not answer.
    """
    python = python_for_local_cloud(say)
    add_packages(framework, python, say)
    with tempfile.TemporaryDirectory() as work:
        unpack(archive, Path(work))
        started = time.monotonic()
        container = Container(Path(work), environment, multi_model=False, on_line=lambda line: None, python=python)
        try:
            container.wait_until_healthy(_START_SECONDS)
            seconds = time.monotonic() - started
            return Tried(seconds, _ask(container, *sample) if sample else None)
        except ContainerFailed as error:
            raise GreensageError(f"the serving container does not load it: {error}") from None
        finally:
            container.stop()


def _ask(container: Container, body: bytes, media: str) -> str:
    status, _, content = container.request("POST", "/invocations", body, {"content-type": media, "accept": "application/json"})
    text = content.decode(errors="replace")
    if status != 200:
        raise GreensageError(f"the serving container loads it, and answers the sample with {status}: {text[:_SHOWN]}")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
