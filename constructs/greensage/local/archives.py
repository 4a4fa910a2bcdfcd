"""Unpacks model archives, which are untrusted: no devices, no links or paths outside, no bombs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from ..core.archive import ArchiveError, checked
from .wire import AwsError

_MOST_BYTES = 20_000_000_000


def unpack(content: bytes, folder: Path, source: str) -> None:
    """Unpack the gzipped tar `content` into `folder`; AwsError, naming `source`, for what SageMaker would refuse."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            # All members first: nothing of a bad archive is written.
            if sum(member.size for member in checked(archive)) > _MOST_BYTES:
                raise ArchiveError("it unpacks to more than an instance holds")
            archive.extractall(folder, filter="data")
    except (ArchiveError, tarfile.TarError, EOFError, OSError) as error:
        raise AwsError("ValidationException", f"Unable to extract model data archive {source}: {error}") from None
