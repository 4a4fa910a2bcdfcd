"""What was given to be optimized: an archive, a folder or a file, unpacked, and what loads it."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import GreensageError

# What lies beside a model and goes with it into the new archive.
BESIDE = ("sample.csv", "sample.json", "feature_names.json", "labels.json", "tokenizer.json")
_KINDS = {
    ".ubj": "xgboost", ".json": "xgboost", ".txt": "lightgbm", ".skops": "sklearn", ".onnx": "onnx",
    ".pkl": "pickle", ".joblib": "pickle", ".pickle": "pickle", ".cbm": "catboost",
    ".pt2": "pytorch", ".pt": "pytorch", ".pth": "pytorch", ".safetensors": "transformer",
}  # fmt: skip
# Kinds that the serving container does not run as they are: they are exported first, and compared with their own library.
FOREIGN = ("catboost", "pytorch", "transformer")
# What lies in the folder of a transformer and is no model of its own.
_OF_A_TRANSFORMER = (".json", ".txt")


@dataclass(frozen=True)
class Given:
    """A model's file in a folder of its own, the kind of it, and the digest of what the user gave."""

    file: Path
    kind: str
    digest: str

    @property
    def foreign(self) -> bool:
        """Whether the serving container does not run it as it is."""
        return self.kind in FOREIGN

    @property
    def beside(self) -> list[Path]:
        """The files that go with the model."""
        return [path for name in BESIDE if (path := self.file.parent / name).is_file()]


def given(path: Path, work: Path) -> Given:
    """Unpack or copy `path` below `work` and look at it. Raises GreensageError where there is no one model in it."""
    if not path.exists():
        raise GreensageError(f"{path}: there is no such file")
    work.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, work, dirs_exist_ok=True)
    elif path.name.endswith((".tar.gz", ".tgz")):
        try:
            with tarfile.open(path) as archive:
                archive.extractall(work, filter="data")
        except (tarfile.TarError, EOFError, OSError) as error:
            raise GreensageError(f"{path}: not a readable archive: {error}") from None
    else:
        shutil.copy(path, work)
    files = [file for file in sorted(work.rglob("*")) if file.is_file() and file.name not in BESIDE and kind_of(file)]
    if any(kind_of(file) == "transformer" for file in files):
        files = [file for file in files if file.suffix not in _OF_A_TRANSFORMER]
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or ", ".join(file.name for file in work.rglob("*")) or "nothing"
        raise GreensageError(f"{path}: one model file is needed, found {names}; known: {', '.join(_KINDS)}, xgboost-model")
    return Given(files[0], kind_of(files[0]) or "", _digest(path))


def kind_of(file: Path) -> str | None:
    """Return what trained the model in `file`, by its name; None where it is no model."""
    return "xgboost" if file.name == "xgboost-model" else _KINDS.get(file.suffix)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()
