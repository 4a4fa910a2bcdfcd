"""Code beside a model: what `model.code` has to name, and archives that need code and have none."""

from __future__ import annotations

from pathlib import Path

from ..core.archive import ArchiveError, look
from ..errors import Problem
from .model_source import ENTRY_POINT, ModelSource
from .source import Located, Path_

# AWS's containers load no weights by themselves (sagemaker-pytorch-inference-toolkit, default_pytorch_inference_handler).
_NEED_CODE = ("pytorch",)


def code_problem(source: ModelSource, place: Path_, file: Path, located: Located) -> Problem | None:
    """Return what is wrong with the code of a model, or with an archive that has none and needs it; None where all is well."""
    if source.code is not None:
        return _of_the_folder(source, source.code, place, file, located)
    if source.entry_point != ENTRY_POINT:
        return located.problem(
            (*place, "entry_point"), "names a file of model.code, and there is no such key", found=source.entry_point,
            hint=f"model.code: the folder of {Path(source.entry_point).name}",
        )  # fmt: skip
    own_image = source.image not in ("auto", "prebuilt")
    if source.framework not in _NEED_CODE or source.compiled_for or own_image or "SAGEMAKER_PROGRAM" in source.environment:
        return None
    path = file.parent / source.artifact
    if source.artifact.startswith("s3://") or not path.is_file():
        return None
    try:
        found = look(path)
    except (ArchiveError, OSError):
        return None
    names = {name.removeprefix("./") for name in found.members}
    if not found.whole or names & {f"code/{ENTRY_POINT}", ENTRY_POINT}:
        return None
    shown = ", ".join(sorted(names)[:4])
    message = f"AWS's {source.framework} container needs code/{ENTRY_POINT} with model_fn(model_dir), and the archive has none"
    hint = "model.code: FOLDER with inference.py, which is packed into the archive"
    return located.problem((*place, "artifact"), message, found=shown, hint=hint)


def _of_the_folder(source: ModelSource, code: str, place: Path_, file: Path, located: Located) -> Problem | None:
    at, folder = (*place, "code"), file.parent / code
    if not source.artifact or source.artifact.endswith("/"):
        where = source.artifact or "no archive"
        return located.problem(
            at, "code is packed into an archive, model.tar.gz", found=where,
            hint="model.artifact: a .tar.gz; into an uncompressed model in S3 copy it yourself, below code/",
        )  # fmt: skip
    if not folder.is_dir():
        return located.problem(at, "there is no such folder", found=code, hint=f"a folder with {source.entry_point}")
    if not (folder / source.entry_point).is_file():
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        return located.problem(
            at, f"there is no {source.entry_point} in it, which containers run", found=names, hint=f"{code}/{source.entry_point}"
        )
    return None
