"""What a file of an archive is, by its name, and which package loads it. Imports nothing, so the doorman can ask."""

from __future__ import annotations

import json
from pathlib import Path

# So much of a JSON file is looked at.
_HEAD = 4096
ENDINGS = {
    ".ubj": "xgboost", ".json": "xgboost", ".txt": "lightgbm", ".onnx": "onnx", ".cbm": "catboost", ".skops": "skops",
    ".so": "neo", ".pkl": "pickle", ".pickle": "pickle", ".joblib": "pickle",
}  # fmt: skip
_PACKAGES = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnxruntime",
    "catboost": "catboost",
    "skops": "skops.io",
    "pickle": "joblib",
}
SAMPLES = {"sample.csv": "text/csv", "sample.json": "application/json"}
# Beside the model they say something about it, and are no model themselves.
_BESIDE = (
    "labels.json",
    "feature_names.json",
    "columns.json",
    "requirements.txt",
    "greensage.json",
    "config.json",
    "tokenizer.json",
    *SAMPLES,
)


def files_of(folder: Path) -> list[Path]:
    """Return the files below `folder` that are not hidden, in the order of their paths."""
    found = (path for path in folder.rglob("*") if path.is_file())
    # Code of the user lies in the archive's top folder, or in code/, and is no model.
    return sorted(path for path in found if not any(map(_no_model, path.relative_to(folder).parts)))


def _no_model(part: str) -> bool:
    return part.startswith(".") or part == "code"


def kind_of(path: Path) -> str | None:
    """Return what loads the file, or None where it is no model."""
    if path.name in _BESIDE:
        return None
    if path.name == "xgboost-model":
        return "xgboost"
    if path.suffix == ".json" and not _of_xgboost(path):
        return None
    # The source and libraries for several machines are one model: the C stands for it.
    if path.stem == "trees" and path.suffix == ".c":
        return "trees"
    return None if path.name.startswith("trees-") else ENDINGS.get(path.suffix)


def named_model(folder: Path) -> str | None:
    """Return the file that greensage.json names as the model; None where it names none."""
    path = folder / "greensage.json"
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else None
    except (ValueError, RecursionError):
        return None
    named = found.get("model") if isinstance(found, dict) else None
    return named if isinstance(named, str) else None


def _of_xgboost(path: Path) -> bool:
    """XGBoost writes its learner first; any other JSON beside a model says something about it."""
    with path.open("rb") as file:
        return b'"learner"' in file.read(_HEAD)


def engine_of(folder: Path) -> str | None:
    """Return the Python package that loads what lies in `folder`, to import it ahead; None where that is not clear."""
    named = named_model(folder)
    kinds = {kind for path in files_of(folder) if (kind := kind_of(path)) and named in (None, path.name)}
    return _PACKAGES.get(kinds.pop()) if len(kinds) == 1 else None
