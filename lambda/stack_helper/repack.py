"""Writes a model archive anew with code in it, from S3 to S3 as a stream: one of gigabytes costs neither memory nor disk."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from tarfile import HeaderError, TarFile, TarInfo
from typing import Any

# S3 takes 10,000 parts of at least 5 MiB.
_PART = 16 << 20
# The others say that the archive is at its end.
_DAMAGED = ("InvalidHeaderError", "TruncatedHeaderError")


def repack(s3: Any, source: tuple[str, str], code: tuple[str, str], target: tuple[str, str], extra: dict[str, str]) -> None:
    """Write the archive at `source` (bucket, key) to `target`, with the files of the zip at `code` below code/.

    Raises ValueError for members that would be unpacked outside of the model's folder.
    """
    files = zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=code[0], Key=code[1])["Body"].read()))
    added = {f"code/{name}": files.read(name) for name in sorted(files.namelist()) if not name.endswith("/")}
    body = s3.get_object(Bucket=source[0], Key=source[1])["Body"]
    upload = _Upload(s3, target, extra)
    try:
        with (
            gzip.GzipFile("", "wb", compresslevel=1, fileobj=upload, mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as made,
            gzip.GzipFile(fileobj=body) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_Member) as given,
        ):
            for member in given:
                _check(member)
                if member.name.removeprefix("./") not in added:
                    made.addfile(member, given.extractfile(member) if member.isreg() else None)
            # To the end, where gzip says what it should have been.
            while unpacked.read(_PART):
                pass
            for name, content in added.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                made.addfile(entry, io.BytesIO(content))
        upload.finish()
    except BaseException:
        upload.abort()
        raise


class _Member(tarfile.TarInfo):
    """A header; where one is damaged tarfile ends without a word, as if the archive did."""

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> TarInfo:
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if type(error).__name__ not in _DAMAGED:
                raise
            raise ValueError(f"the archive is damaged: {error}") from None


def _check(member: tarfile.TarInfo) -> None:
    if member.issparse():
        raise ValueError(f"{member.name} is stored as a sparse file; pack the archive anew without --sparse")
    if member.name.startswith("/"):
        raise ValueError(f"the archive is not safe to unpack: {member.name} is an absolute path")
    try:
        tarfile.data_filter(member, "/opt/ml/model")
    except tarfile.FilterError as error:
        raise ValueError(f"the archive is not safe to unpack: {error}") from None


class _Upload(io.RawIOBase):
    """A file to write to whose content becomes one object of S3, or none."""

    def __init__(self, s3: Any, target: tuple[str, str], extra: dict[str, str]) -> None:
        self._s3, self._at = s3, {"Bucket": target[0], "Key": target[1]}
        self._id = s3.create_multipart_upload(**self._at, **extra)["UploadId"]
        self._buffer, self._parts = bytearray(), list[dict[str, Any]]()

    def write(self, data: Any) -> int:
        self._buffer += data
        while len(self._buffer) >= _PART:
            self._send(_PART)
        return len(data)

    def finish(self) -> None:
        """Make the object of what was written."""
        if self._buffer or not self._parts:
            self._send(len(self._buffer))
        self._s3.complete_multipart_upload(**self._at, UploadId=self._id, MultipartUpload={"Parts": self._parts})

    def abort(self) -> None:
        """Leave nothing behind."""
        self._s3.abort_multipart_upload(**self._at, UploadId=self._id)

    def _send(self, size: int) -> None:
        part, number = bytes(self._buffer[:size]), len(self._parts) + 1
        del self._buffer[:size]
        tag = self._s3.upload_part(**self._at, UploadId=self._id, PartNumber=number, Body=part)["ETag"]
        self._parts.append({"ETag": tag, "PartNumber": number})
