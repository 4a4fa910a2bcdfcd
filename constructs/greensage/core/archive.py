"""Model archives: packed so that equal input gives equal bytes, and looked at before anything relies on one.

An archive is untrusted. It is read as a stream, so that one of gigabytes costs no memory; what would be refused by SageMaker,
or would write outside of the folder that it is unpacked into, is named by its member.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import stat
import tarfile
import zlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import GreensageError

# So much of an archive is read when it is planned: enough to see what it is, and little of one of gigabytes.
_LOOKED_AT = 64_000_000
_MOST_MEMBERS = 100_000
_CHUNK = 1 << 20
_KINDS = {b"PK\x03\x04": "a zip file", b"\x1f\x8b": "", b"BZh": "compressed with bzip2", b"\xfd7zXZ": "compressed with xz",
          b"(\xb5/\xfd": "compressed with zstd"}  # fmt: skip


class ArchiveError(GreensageError):
    """An archive that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Looked:
    """The members of an archive that were seen, by their names with their sizes; `whole` says whether that is all of them."""

    members: Mapping[str, int]
    whole: bool


def look(path: Path, *, whole: bool = False) -> Looked:
    """Return what is in a model.tar.gz, without unpacking it.

    Parameters
    ----------
    path:
        A file.
    whole:
        Read it to its end, however long it is; default: its first 64 MB, and all of it only where its end looks wrong.

    Raises ArchiveError for what is empty, no gzipped tar, cut short, or has members that must not be unpacked; OSError for
    what cannot be read.
    """
    _check_kind(path)
    whole = whole or _ends_oddly(path)
    members: dict[str, int] = {}
    read = 0
    complete = True
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in checked(archive):
                members[member.name] = member.size
                read += member.size
                if not whole and read > _LOOKED_AT:
                    complete = False
                    break
            else:
                # Past the end of the tar: the checksum of gzip is the last thing to be read.
                while stream.read(_CHUNK):
                    pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(f"cut short or damaged: {error}") from None
    except tarfile.ReadError as error:
        what = "no tar inside: what was compressed is one file" if "invalid header" in str(error) else f"no readable tar: {error}"
        raise ArchiveError(f"{what}; pack it: greensage package FILE") from None
    except tarfile.TarError as error:
        raise ArchiveError(f"no readable tar: {error}") from None
    if complete and not any(not name.endswith("/") for name in members):
        raise ArchiveError("nothing is in it")
    return Looked(members, complete)


def checked(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an open archive, each looked at. Raises ArchiveError, naming one that must not be unpacked."""
    seen: set[str] = set()
    for member in archive:
        _check_member(member)
        if member.islnk() and member.linkname not in seen:
            raise ArchiveError(f"the member {member.name!r} is a link to {member.linkname!r}, which is not in the archive")
        seen.add(member.name)
        if len(seen) > _MOST_MEMBERS:
            raise ArchiveError(f"more than {_MOST_MEMBERS:,} members")
        yield member


def unpack(path: Path, folder: Path) -> list[Path]:
    """Unpack a model.tar.gz that was looked at whole into `folder`; return its files. Raises ArchiveError."""
    look(path, whole=True)
    with tarfile.open(path, "r:gz") as archive:
        archive.extractall(folder, filter="data")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def pack(files: Mapping[str, Path | bytes], out: Path) -> int:
    """Write a model.tar.gz of `files`, by their names in it; return its bytes. No times, owners or orders of chance.

    A file of gigabytes is copied as a stream. The archive stands in its place once it is whole.
    """
    with _written(out) as archive:
        for name, content in sorted(files.items()):
            _add(archive, name, content)
    return out.stat().st_size


def repack(source: Path, added: Mapping[str, Path], out: Path) -> None:
    """Write `source` anew with `added` in it, by their names, in place of members of the same name; equal input, equal bytes.

    Both archives are streams: one of gigabytes costs no memory.
    """
    with _written(out) as made, tarfile.open(source, "r:gz") as given:
        for member in checked(given):
            if member.issparse():
                raise ArchiveError(f"{member.name} is stored as a sparse file; pack the archive anew without --sparse")
            if member.name.removeprefix("./") not in added:
                made.addfile(member, given.extractfile(member) if member.isreg() else None)
        for name, path in sorted(added.items()):
            _add(made, name, path)


@contextlib.contextmanager
def _written(out: Path) -> Generator[tarfile.TarFile]:
    """Give an archive to write to, as a stream without times or owners, that stands at `out` once it is whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    half = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with (
            half.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            yield archive
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a small model.tar.gz as bytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            _add(archive, name, data)
    return gzip.compress(content.getvalue(), compresslevel=9, mtime=0)


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o644
    if isinstance(content, bytes):
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.stat().st_size
    with content.open("rb") as file:
        archive.addfile(entry, file)


def _check_kind(path: Path) -> None:
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise ArchiveError("no regular file")
    with path.open("rb") as file:
        start = file.read(6)
    if not start:
        raise ArchiveError("the file is empty; was the upload or the download cut short?")
    found = next((words for magic, words in _KINDS.items() if start.startswith(magic)), "no gzip file")
    if found:
        raise ArchiveError(f"{found}; SageMaker takes a gzipped tar: greensage package makes one of what is inside")


def _ends_oddly(path: Path) -> bool:
    """A gzip file ends with the length of what it holds (RFC 1952, ISIZE), and a tar is made of blocks of 512 bytes: what was
    cut short ends otherwise, all but once in 512 times."""
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), os.SEEK_END)
        return int.from_bytes(file.read(4), "little") % tarfile.BLOCKSIZE != 0


def _check_member(member: tarfile.TarInfo) -> None:
    name = member.name
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ArchiveError(f"the member {name!r} would be written outside of the model's folder; pack it anew without that")
    if member.issym() or member.islnk():
        target = PurePosixPath(member.linkname)
        base = path.parent if member.issym() else PurePosixPath()
        if target.is_absolute() or os.path.normpath(base / target).startswith(".."):
            raise ArchiveError(
                f"the member {name!r} is a link to {member.linkname!r}, outside of the archive; pack what it points to: "
                "tar --dereference"
            )
    elif not (member.isfile() or member.isdir()):
        raise ArchiveError(f"the member {name!r} is a device or a pipe")
