"""Archives are opened when they are planned: what could not be unpacked is refused, with the member's name."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import tarfile
import tracemalloc
import zipfile

import pytest

from greensage.core.archive import ArchiveError, look, pack, packed, unpack
from greensage.errors import SpecError
from greensage.spec import load_specs


def tar(*entries: tuple[str, bytes | str, bytes]) -> bytes:
    """A gzipped tar of entries: name, type, content or the link's target."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, kind, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kind if isinstance(kind, bytes) else kind.encode()
            if entry.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                entry.linkname = content.decode()
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("model.json", "{}")
    return made.getvalue()


GOOD = tar(("model.ubj", tarfile.REGTYPE, os.urandom(50_000)))
BAD = {
    "empty": (b"", "the file is empty"),
    "zip": (zipped(), "a zip file"),
    "bzip2": (bz2.compress(b"x"), "bzip2"),
    "text": (b"<html>Access denied</html>", "no gzip file"),
    "cut-early": (GOOD[:40], "cut short"),
    "cut-late": (GOOD[:-20], "cut short"),
    "cut-by-one": (GOOD[:-1], "cut short"),
    "flipped": (GOOD[:30_000] + b"\x00\x01\x02" + GOOD[30_003:], "cut short or damaged"),
    "no-tar": (gzip.compress(b"x" * 5_000), "no tar inside"),
    "no-members": (tar(), "nothing is in it"),
    "upwards": (tar(("a/../../etc/passwd", tarfile.REGTYPE, b"x")), "'a/../../etc/passwd' would be written outside"),
    "absolute": (tar(("/etc/passwd", tarfile.REGTYPE, b"x")), "'/etc/passwd' would be written outside"),
    "link-out": (tar(("model", tarfile.SYMTYPE, b"../../secret")), "'model' is a link to '../../secret'"),
    "link-absolute": (tar(("model", tarfile.LNKTYPE, b"/etc/shadow")), "'model' is a link to '/etc/shadow'"),
    "device": (tar(("null", tarfile.CHRTYPE, b"")), "'null' is a device"),
    "pipe": (tar(("pipe", tarfile.FIFOTYPE, b"")), "'pipe' is a device or a pipe"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_unpacked_is_refused_when_planned(tmp_path, name):
    content, said = BAD[name]
    (tmp_path / "m.tar.gz").write_bytes(content)
    (tmp_path / "m.yaml").write_text("name: m\nmodel:\n  artifact: m.tar.gz\n  framework: xgboost\n")
    with pytest.raises(SpecError) as error:
        load_specs(tmp_path)
    (problem,) = error.value.problems
    assert said in problem.message + problem.hint and problem.line == 3


def test_a_pipe_in_the_place_of_the_archive_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "m.tar.gz")
    (tmp_path / "m.yaml").write_text("name: m\nmodel: {artifact: m.tar.gz, framework: xgboost}\n")
    with pytest.raises(SpecError, match="no regular file"):
        load_specs(tmp_path)


def test_links_within_the_archive_are_fine(tmp_path):
    (tmp_path / "m.tar.gz").write_bytes(tar(("a/b", tarfile.REGTYPE, b"x"), ("a/c", tarfile.SYMTYPE, b"b")))
    assert list(look(tmp_path / "m.tar.gz").members) == ["a/b", "a/c"]
    assert [path.name for path in unpack(tmp_path / "m.tar.gz", tmp_path / "out")] == ["b", "c"]


def test_a_large_archive_costs_its_header_only(tmp_path):
    path = tmp_path / "m.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        entry = tarfile.TarInfo("model.safetensors")
        entry.size = 1_000_000_000
        with open("/dev/zero", "rb") as zeros:
            archive.addfile(entry, zeros)
    tracemalloc.start()
    found = look(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not found.whole and found.members == {"model.safetensors": 1_000_000_000} and peak < 4_000_000


def test_equal_input_gives_equal_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first, second = tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"
    for out in (first, second):
        pack({"b/a": tmp_path / "a", "c": b"2"}, out)
        os.utime(tmp_path / "a", (5, 5))
    assert first.read_bytes() == second.read_bytes()
    assert look(first).members == {"b/a": 1, "c": 1}
    assert packed({"x": b"1"}) == packed({"x": b"1"})


def test_a_failed_pack_leaves_what_was_there(tmp_path):
    out = tmp_path / "m.tar.gz"
    pack({"a": b"1"}, out)
    before = out.read_bytes()
    with pytest.raises(OSError):
        pack({"a": tmp_path / "missing"}, out)
    assert out.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["m.tar.gz"]


def test_what_is_no_archive_says_so_to_whoever_unpacks_it(tmp_path):
    (tmp_path / "m.tar.gz").write_bytes(b"")
    with pytest.raises(ArchiveError, match="empty"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out")
