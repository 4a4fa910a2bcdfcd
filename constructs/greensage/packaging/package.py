"""Packs a model, looks at the archive as SageMaker will, tries it in the serving container, and writes its YAML."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..core.archive import look, pack, unpack
from ..errors import GreensageError
from .find import Found, find
from .trial import Tried, try_out

# What scikit-learn, pandas and our own reader of numbers say to rows without names, or with text in them.
_WANTS_A_TABLE = re.compile(r"(?i)dataframe|number|column")
_MEDIA = {".csv": "text/csv", ".json": "application/json"}
_CODE = ("inference.py", "code/inference.py")


@dataclass(frozen=True)
class Packaged:
    """What was made.

    Parameters
    ----------
    archive:
        The model.tar.gz.
    size_bytes, sha256:
        Of the archive; no digest of one above 1 GiB.
    framework, why:
        What the model was taken for, and what told.
    files:
        The members of the archive.
    yaml:
        The model file to begin with.
    notes:
        What a person should know.
    tried, not_tried:
        How it went in the serving container's own code, with `seconds` until it was ready and the `answer`; or None, and why.
        Default of the second: empty, for what was tried.

    Raises nothing.
    """

    archive: Path
    size_bytes: int
    sha256: str
    framework: str
    why: str
    files: tuple[str, ...]
    yaml: str
    notes: tuple[str, ...]
    tried: Tried | None
    not_tried: str = ""


def package(
    path: Path | str,
    *,
    code: Path | str | None = None,
    requirements: Path | str | None = None,
    sample: Path | str | None = None,
    name: str | None = None,
    out: Path | str | None = None,
    allow_pickle: bool = False,
    run: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Packaged:
    """Make a checked model.tar.gz of what a training script left.

    Parameters
    ----------
    path:
        A booster of XGBoost, a text model of LightGBM, a file of skops, ONNX, pickle or joblib, a PyTorch .pt or .pth, a folder
        of Hugging Face, TensorFlow or Triton, a folder with one such file, or a model.tar.gz.
    code:
        A folder with `inference.py`; default none.
    requirements:
        Packages that the code needs; AWS's containers install them, greensage's does not. Default none.
    sample:
        A .csv or .json with one request, sent to the model and packed with it; default a row of zeros.
    name:
        Of the model; default from the file's name.
    out:
        Where the archive is written; default models/artifacts/NAME.tar.gz where there is a folder `models`, else NAME.tar.gz.
    allow_pickle:
        Load a pickle, which runs its code, to try it; default false: it is packed, and not tried.
    run:
        Try it in the serving container's own code; default true.
    say:
        Hears about steps that take longer; default nobody.

    Returns what was made. Raises GreensageError where there is no model, something is missing, or the container refuses it;
    nothing is written then.

    Example
    -------
        print(greensage.package("booster.ubj", sample="row.csv").yaml)
    """
    source = Path(path)
    chosen = name or _name_of(source)
    target = Path(out) if out else (Path("models/artifacts") if Path("models").is_dir() else Path()) / f"{chosen}.tar.gz"
    with tempfile.TemporaryDirectory() as work:
        found, files = _gathered(source, Path(work), code, requirements, sample)
        half = Path(work) / "packed.tar.gz"
        say(f"packing {len(files)} files ...")
        pack(files, half)
        look(half)
        given = _sample(sample)
        coded = any(member in files for member in _CODE)
        keys: dict[str, object] = {**found.keys, **({"allow_code": True} if coded and found.served else {})}
        tried, why = _tried(found, half, keys, given, allow_pickle=allow_pickle, run=run, say=say)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place first: the two folders may be on different disks, and whoever finds the archive finds it whole.
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.move(half, beside)
        beside.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest() if target.stat().st_size < 1 << 30 else ""
    text = _yaml(chosen, target, found, keys)
    return Packaged(
        target, target.stat().st_size, digest, found.framework, found.why, tuple(sorted(files)), text, found.notes, tried, why
    )


def _gathered(
    source: Path, work: Path, code: Path | str | None, requirements: Path | str | None, sample: Path | str | None
) -> tuple[Found, dict[str, Path | bytes]]:
    """What was found, and the files of the archive. Raises GreensageError for what cannot be served like this."""
    if source.is_file() and source.name.endswith((".tar.gz", ".tgz")):
        unpack(source, work / "given")
        source = work / "given"
    own_code = source.is_dir() and any((source / member).is_file() for member in _CODE)
    found = find(source, has_code=code is not None or own_code)
    if found.missing:
        raise GreensageError(f"{source}: {found.why}; {found.missing}")
    files: dict[str, Path | bytes] = dict(found.files)
    if own_code:
        files |= {str(file.relative_to(source)): file for file in _code_of(source)}
    if code is not None:
        folder = Path(code)
        if not (folder / "inference.py").is_file():
            raise GreensageError(f"{folder}: there is no inference.py in it; that is the file that containers run")
        files |= {f"code/{file.relative_to(folder)}": file for file in sorted(folder.rglob("*")) if _is_code(file)}
    if requirements is not None:
        if found.served:
            raise GreensageError(
                f"{requirements}: greensage's container installs nothing when it starts; take what the code needs out of it, or "
                "use AWS's container, which does (image: prebuilt), or an image of your own (image: URI)"
            )
        files["code/requirements.txt"] = Path(requirements)
    if sample is not None:
        files[f"sample{Path(sample).suffix}"] = Path(sample)
    return found, files


def _code_of(folder: Path) -> list[Path]:
    top = [folder / "inference.py"] if (folder / "inference.py").is_file() else []
    return [*top, *(file for file in sorted((folder / "code").rglob("*")) if _is_code(file))]


def _is_code(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")


def _sample(sample: Path | str | None) -> tuple[bytes, str] | None:
    if sample is None:
        return None
    media = _MEDIA.get(Path(sample).suffix.lower())
    if media is None:
        raise GreensageError(f"{sample}: a sample is one request, as .csv or .json")
    return Path(sample).read_bytes(), media


def _tried(
    found: Found, archive: Path, keys: dict[str, object], sample: tuple[bytes, str] | None, *, allow_pickle: bool, run: bool,
    say: Callable[[str], None],
) -> tuple[Tried | None, str]:  # fmt: skip
    if not run:
        return None, "not asked for"
    if not found.served:
        return None, f"AWS's container for {found.framework} runs on AWS only"
    if keys.get("allow_pickle") and not allow_pickle:
        return None, "it is a pickle, which runs code when it is loaded; --allow-pickle tries it"
    say("loading it in the serving container's own code ...")
    try:
        return try_out(archive, _variables(keys), sample, say, framework=found.framework), ""
    except GreensageError as error:
        if found.framework != "sklearn" or keys.get("dataframe") or not _WANTS_A_TABLE.search(str(error)):
            raise
        # A pipeline that takes columns by name says so only when it is asked.
        say("it wants a table with names; once more with dataframe: true ...")
        keys["dataframe"] = True
        return try_out(archive, _variables(keys), sample, say, framework=found.framework), ""


def _variables(keys: Mapping[str, object]) -> dict[str, str]:
    names = {"allow_pickle": "GREENSAGE_ALLOW_PICKLE", "allow_code": "GREENSAGE_ALLOW_CODE", "dataframe": "GREENSAGE_DATAFRAME"}
    return {variable: "1" for key, variable in names.items() if keys.get(key)}


def _name_of(path: Path) -> str:
    """A name from a file's or a folder's: the folder's, where the file is called like any other."""
    stem = path.resolve().name.removesuffix(".tar.gz").removesuffix(".tgz")
    stem = stem if path.is_dir() else Path(stem).stem
    if stem.lower() in ("model", "pipeline", "booster", "clf", "estimator", "xgboost-model", "checkpoint", "weights", "final"):
        stem = path.resolve().parent.name
    slug = "-".join(re.findall(r"[a-z0-9]+", stem.lower())).lstrip("0123456789-")
    return slug[:40].strip("-") or "model"


def _yaml(name: str, archive: Path, found: Found, keys: Mapping[str, object]) -> str:
    # Relative to the folder of model files, where the text will stand.
    artifact = Path(os.path.relpath(archive, "models")).as_posix()
    model = {"artifact": artifact, "framework": found.framework, **keys}
    head = f"# {found.why}\n" + "".join(f"# {note}\n" for note in found.notes)
    wanted = {"sla": {"latency_p95_ms": 500, "cold_start_ok": True}, "traffic": {"requests_per_day": 1_000}}
    return head + yaml.safe_dump({"name": name, "model": model, **wanted}, sort_keys=False)
