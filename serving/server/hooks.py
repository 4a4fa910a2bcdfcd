"""Code of the user around the model: an inference.py in the archive, where its model file allows code.

It may define any of these; what it does not define is done as without it:
    load(folder) -> model                the model, from the unpacked archive
    preprocess(rows) -> rows             rows as float64 (rows, features), or a mapping of arrays
    predict(model, rows) -> answers      without `load` the model is what the server loaded: model(rows) answers
    postprocess(answers) -> answers      numbers, (rows,) or (rows, outputs)
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .errors import ServingError
from .models import Model
from .settings import Settings
from .tables import Reader

FILES = ("inference.py", "code/inference.py")
_HOOKS = ("load", "preprocess", "predict", "postprocess")


def hooks_of(folder: Path, settings: Settings) -> ModuleType | None:
    """Return the archive's inference.py, imported; None where there is none. Raises ServingError where it must not run."""
    own = f"code/{settings.program}"
    path = next((folder / name for name in (own, *FILES) if (folder / name).is_file()), None)
    if path is None:
        return None
    if not settings.allow_code:
        raise ServingError(400, f"{path.name} is code, which runs when it is loaded; set allow_code: true in its model file "
                           "if you made it yourself")  # fmt: skip
    # Of a name of its own for each archive, so that many models may each have one.
    name = f"greensage_inference_{abs(hash(str(path)))}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.path.insert(0, str(path.parent))
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise ServingError(400, f"{path.name} cannot be imported: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(str(path.parent))
    if not any(callable(getattr(module, hook, None)) for hook in _HOOKS):
        raise ServingError(400, f"{path.name} defines none of {', '.join(_HOOKS)}")
    return module


def hooked(module: ModuleType, folder: Path, load: Callable[[], Model], table: Reader | None = None) -> Model:
    """Return a model that answers through the hooks; `table` reads for one that the user loads.

    Raises ServingError where `load` of the user fails.
    """
    own = getattr(module, "load", None)
    if own is not None and not hasattr(module, "predict"):
        raise ServingError(400, "inference.py defines load, so it has to define predict too")
    if own is None:
        model = load()
        asked: Any = model.answer
    else:
        model = Model(lambda rows: rows, strict=False, reader=table)
        try:
            asked = own(folder)
        except Exception as error:
            raise ServingError(400, f"load of inference.py failed: {type(error).__name__}: {error}") from None
    before, after = getattr(module, "preprocess", None), getattr(module, "postprocess", None)
    predict = getattr(module, "predict", None) or (lambda given, rows: given(rows))

    def answer(rows: Any) -> np.ndarray:
        found = predict(asked, before(rows) if before else rows)
        found = np.asarray(after(found) if after else found)
        wanted = _count(rows)
        if found.ndim == 0 or len(found) != wanted or found.dtype.kind not in "biuf":
            raise ValueError(f"inference.py has to answer each of {wanted} rows with numbers, got {found.dtype} {found.shape}")
        return found

    # What the hooks take may have another width than the model itself.
    features = None if before or own is not None else model.features
    return Model(answer, features, model.names, model.inputs, None, model.strict, model.sample, model.reader)


def _count(rows: Any) -> int:
    return len(next(iter(rows.values()))) if isinstance(rows, dict) else len(rows)
