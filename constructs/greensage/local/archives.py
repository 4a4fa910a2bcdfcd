"""Unpacks model archives, which are untrusted: no links, no devices, no paths outside, no bombs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from .wire import AwsError

_MOST_BYTES = 20_000_000_000
_MOST_FILES = 100_000


def unpack(content: bytes, folder: Path, source: str) -> None:
    """Unpack the gzipped tar `content` into `folder`; AwsError, naming `source`, for what SageMaker would refuse."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            # All members first: nothing of a bad archive is written.
            _check(archive, source)
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise AwsError("ValidationException", f"Unable to extract model data archive {source}: {error}") from None


def _check(archive: tarfile.TarFile, source: str) -> None:
    size = 0
    for files, member in enumerate(archive, start=1):
        size += member.size
        if not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is a link or a device")
        if files > _MOST_FILES or size > _MOST_BYTES:
            raise tarfile.TarError("it unpacks to more than an instance holds")
