"""Writes the archive that was chosen, with its lineage. Equal input gives equal bytes: no times, owners or orders of chance."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LINEAGE = "greensage.json"


def bundle(folder: Path, beside: Sequence[Path], lineage: Mapping[str, Any], out: Path) -> int:
    """Write the files of `folder` and those `beside` to `out`, a tar.gz; return its size in bytes."""
    for path in beside:
        shutil.copy(path, folder)
    known: dict[str, Any] = json.loads((folder / LINEAGE).read_text()) if (folder / LINEAGE).is_file() else {}
    (folder / LINEAGE).write_text(json.dumps({**known, "optimized": lineage}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)
    out.parent.mkdir(parents=True, exist_ok=True)
    packed = gzip.compress(content.getvalue(), compresslevel=9, mtime=0)
    out.write_bytes(packed)
    return len(packed)
