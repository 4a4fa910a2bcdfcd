"""Which model lies in a file, a folder or an archive, what goes with it, and what is missing for it to be served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import GreensageError
from .sniff import Sniffed, sniff

# What lies beside a model and goes with it, by the names that the container knows.
BESIDE = ("sample.csv", "sample.json", "feature_names.json", "columns.json", "labels.json", "tokenizer.json", "greensage.json")
_SERVED = {
    "catboost": "catboost",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "onnx": "onnx",
    "skops": "sklearn",
    "pickle": "sklearn",
}
_SKIPPED = (".git", "__pycache__", ".venv", "node_modules", ".ipynb_checkpoints", "code")
_NOT_MODELS = (".py", ".ipynb", ".csv", ".parquet", ".md", ".log", ".yaml", ".yml", ".toml", ".png", ".html")
# In the serving image of `all` (serving/requirements.txt), or part of Python.
_IN_THE_IMAGE = ("sklearn", "xgboost", "lightgbm", "pandas")


@dataclass(frozen=True)
class Found:
    """A model with its files, by their names in the archive.

    `served` says that greensage's own container loads it. `keys` are further keys of the model file, `notes` what a person
    should know, `missing` what stands in the way of serving it.
    """

    framework: str
    files: Mapping[str, Path]
    why: str
    served: bool
    keys: Mapping[str, object] = field(default_factory=dict[str, object])
    notes: tuple[str, ...] = ()
    missing: str = ""


def find(path: Path, *, has_code: bool = False) -> Found:
    """Return the one model in `path`, a file or a folder. Raises GreensageError where there is none, or more than one."""
    if not path.exists():
        raise GreensageError(f"{path}: there is no such file")
    if path.is_file():
        found = sniff(path)
        if found is None:
            raise GreensageError(f"{path}: no model that greensage knows; {_KNOWN}")
        return _of_file(path, found, has_code)
    return _of_folder(path, has_code)


_KNOWN = (
    "known are XGBoost (.json, .ubj), LightGBM (text), ONNX, skops, pickle and joblib, CatBoost (.cbm), PyTorch (.pt, .pth), "
    "a Hugging Face folder, a TensorFlow SavedModel, a Triton model repository"
)


def _of_folder(folder: Path, has_code: bool) -> Found:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not _skipped(file.relative_to(folder))]
    names = {str(file.relative_to(folder)) for file in files}
    every = {name: folder / name for name in names}
    own = {name for name in names if name.rsplit("/", 1)[-1] == "saved_model.pb"}
    if any(name.endswith("config.pbtxt") for name in names):
        return Found("triton", every, "config.pbtxt of a Triton model repository", False)
    if own:
        top = Path(min(own, key=len)).parent
        # TensorFlow Serving wants the model below the number of its version.
        number = top.name if top.name.isdigit() else "1"
        moved = {
            f"{number}/{Path(name).relative_to(top)}": file for name, file in every.items() if Path(name).is_relative_to(top)
        }
        return Found("tensorflow", moved, "saved_model.pb of TensorFlow", False)
    weights = [name for name in names if name.endswith(".safetensors") or name.rsplit("/", 1)[-1] == "pytorch_model.bin"]
    if "config.json" in names and weights:
        return _of_transformer(every, weights)
    found = [(file, kind) for file in files if file.suffix not in _NOT_MODELS and (kind := sniff(file))]
    if len(found) != 1:
        listed = ", ".join(f"{file.relative_to(folder)} ({kind.kind})" for file, kind in found)
        what = f"more than one model: {listed}; name the one" if found else f"no model that greensage knows; {_KNOWN}"
        raise GreensageError(f"{folder}: {what}")
    file, kind = found[0]
    return _of_file(file, kind, has_code)


def _skipped(path: Path) -> bool:
    return any(part in _SKIPPED or part.startswith(".") for part in path.parts)


def _of_transformer(files: Mapping[str, Path], weights: Iterable[str]) -> Found:
    why = f"config.json and {min(weights)} of Hugging Face"
    notes = ("a smaller one in ONNX, for Graviton: greensage optimize FOLDER --sample sentences.txt",)
    return Found("huggingface", files, why, False, {}, notes)


def _of_file(path: Path, found: Sniffed, has_code: bool) -> Found:
    files = {found.name: path, **{name: path.parent / name for name in BESIDE if (path.parent / name).is_file()}}
    if found.kind in _SERVED:
        return _of_served(path, found, files)
    if found.kind == "old":
        raise GreensageError(
            f"{path}: XGBoost's old binary format, which XGBoost has not read since 3.1; load it with an older one and save it "
            "as .ubj: booster.save_model('model.ubj')"
        )
    if found.kind == "keras":
        raise GreensageError(f"{path}: a Keras file; AWS's container serves SavedModels: model.export('model/1') writes one")
    if found.kind == "exported":
        missing = "AWS's container does not load torch.export programs by itself; greensage optimize FILE makes ONNX of it"
        return Found("pytorch", files, "a program of torch.export", False, missing="" if has_code else missing)
    missing = ""
    if found.kind in ("torch", "safetensors") and not has_code:
        missing = (
            f"{path.name} has weights and no code: AWS's PyTorch container needs code/inference.py with model_fn(model_dir), "
            "which builds the module and loads them; give its folder: --code DIR"
        )
    return Found("pytorch", files, f"{path.name} of PyTorch ({found.kind})", False, missing=missing)


def _of_served(path: Path, found: Sniffed, files: Mapping[str, Path]) -> Found:
    keys: dict[str, object] = {}
    notes: list[str] = []
    missing = ""
    if found.kind == "pickle":
        keys["allow_pickle"] = True
        notes.append("a pickle runs code when it is loaded: only of files that you made yourself; skops and ONNX run none")
        if "pandas" in found.packages:
            keys["dataframe"] = True
        lacking = [name for name in found.packages if name not in _IN_THE_IMAGE]
        if lacking:
            missing = (
                f"it refers to {', '.join(lacking)}, which greensage's container does not have; store the estimator without, as "
                "ONNX, or serve it with an image of your own"
            )
    if found.kind == "catboost":
        notes.append("one in ONNX is smaller and needs no image of CatBoost's size: greensage optimize FILE (numbers only)")
    packages = f" that refers to {', '.join(found.packages)}" if found.packages else ""
    return Found(_SERVED[found.kind], files, f"{path.name}: {found.kind}{packages}", True, keys, tuple(notes), missing)
