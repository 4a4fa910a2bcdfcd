"""What a file is, by its content first and its name second: which framework wrote it, and what a container has to call it.

Nothing is loaded: a pickle runs code, so its bytes are looked through for the names of the packages that it refers to.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HEAD = 1 << 20
_MOST_PICKLE = 256 << 20
_PICKLES = (".pkl", ".pickle", ".joblib", ".sav", ".p", ".dill", ".bin", ".model", "")
_PACKAGES = re.compile(
    rb"\b(sklearn|xgboost|lightgbm|catboost|torch|transformers|pandas|statsmodels|imblearn|category_encoders|feature_engine|"
    # With a dot: modules have one, and attributes such as the `transformers` of a ColumnTransformer have not.
    rb"prophet|keras|tensorflow|spacy|surprise|river)(?=\.[a-z_])"
)
_UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x78": zlib.decompress, b"\x1f\x8b": gzip.decompress, b"BZ": bz2.decompress, b"\xfd7z": lzma.decompress,
    b"]\x00": lzma.decompress,
}  # fmt: skip


@dataclass(frozen=True)
class Sniffed:
    """A model's file.

    `kind` is xgboost, lightgbm, onnx, skops, pickle, catboost, torchscript, torch (weights or a pickled module), exported
    (torch.export), safetensors or keras; or old, for what its library cannot read any more. `name` is what it has to be called
    in the archive; `packages` what a pickle refers to.
    """

    kind: str
    name: str
    packages: tuple[str, ...] = ()


def sniff(path: Path) -> Sniffed | None:
    """Return what the model in `path` is, or None where it is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    name, suffix = path.name, path.suffix.lower()
    if head[:4] == b"CBM1":
        return Sniffed("catboost", _called(name, ".cbm"))
    if head.startswith((b"tree\n", b"tree\r\n")) and b"num_class" in head[:500]:
        return Sniffed("lightgbm", _called(name, ".txt"))
    if head.startswith(b"{L") and b"learner" in head[:200]:
        return Sniffed("xgboost", _called(name, ".ubj"))
    if head.lstrip()[:1] == b"{" and b'"learner"' in head and _is_xgboost_json(path):
        return Sniffed("xgboost", _called(name, ".json"))
    if head.startswith(b"binf") or (b"gbtree" in head[:4_096] and b"learner" not in head[:4_096] and suffix != ".pkl"):
        return Sniffed("old", name)
    if head.startswith(b"PK\x03\x04"):
        return _in_a_zip(path)
    if suffix in (".onnx", ".ort"):
        return Sniffed("onnx", name)
    if suffix == ".safetensors":
        return Sniffed("safetensors", name)
    if head.startswith(b"\x89HDF") and suffix in (".h5", ".keras", ".hdf5"):
        return Sniffed("keras", name)
    return _pickled(path, head) if suffix in _PICKLES or suffix in (".pt", ".pth") else None


def _called(name: str, ending: str) -> str:
    """The file's own name where it has the ending by which the container knows it; else one that has."""
    return name if name.endswith(ending) and name not in ("config.json",) else f"model{ending}"


def _is_xgboost_json(path: Path) -> bool:
    try:
        content = json.loads(path.read_bytes())
        return "gradient_booster" in content["learner"]
    except (ValueError, KeyError, TypeError):
        return False


def _in_a_zip(path: Path) -> Sniffed | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return None
    inside = {name.partition("/")[2] for name in names}
    if "schema.json" in names:
        return Sniffed("skops", _called(path.name, ".skops"))
    if "model.weights.h5" in names:
        return Sniffed("keras", path.name)
    if "archive_format" in inside or "archive_format" in names:
        return Sniffed("exported", _called(path.name, ".pt2"))
    if "data.pkl" in inside:
        # TorchScript carries its code; anything else that torch.save wrote needs the user's.
        scripted = any(name.startswith("code/") for name in inside) and "constants.pkl" in inside
        return Sniffed("torchscript" if scripted else "torch", path.name)
    return None


def _pickled(path: Path, head: bytes) -> Sniffed | None:
    content = path.read_bytes()[:_MOST_PICKLE]
    unpack = next((how for magic, how in _UNPACK.items() if head.startswith(magic)), None)
    if unpack is not None:
        try:
            content = unpack(content)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return None
    if content[:1] != b"\x80" or not 2 <= content[1] <= 5:
        return None
    packages = tuple(sorted({found.decode() for found in _PACKAGES.findall(content)}))
    if "torch" in packages:
        return Sniffed("torch", path.name, packages)
    return Sniffed("pickle", path.name if path.suffix in (".pkl", ".pickle", ".joblib") else f"{path.stem}.pkl", packages)
