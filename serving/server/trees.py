"""Tree ensembles that `greensage optimize` compiled: a library for this machine, or C that is compiled here at the first load.

The library takes all rows in one call; NumPy is all that it needs. It is code: it runs only where the user said that it may.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from .errors import ServingError
from .models import Model
from .settings import Settings

_FLAGS = ("-O2", "-shared", "-fPIC", "-std=c99")
_SECONDS = 600


def load(path: Path, settings: Settings) -> Model:
    """Return the model whose C is `path`. Raises ServingError where code is not allowed, or none fits this machine."""
    if not settings.allow_code:
        raise ServingError(400, f"{path.name} is compiled code; set allow_code: true in its model file if you made it yourself")
    library = ctypes.CDLL(str(_library(path)))
    features, outputs = library.greensage_features(), library.greensage_outputs()
    run = library.greensage_rows
    run.argtypes, run.restype = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p], None
    known = path.with_name("greensage.json")
    two_columns = outputs == 1 and known.is_file() and bool(json.loads(known.read_text())["trees"]["binary"])

    def predict(rows: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        answers = np.empty((len(rows), outputs))
        run(rows.ctypes.data, len(rows), answers.ctypes.data)
        if two_columns:
            return np.concatenate([1 - answers, answers], axis=1)
        return answers[:, 0] if outputs == 1 else answers

    return Model(predict, features)


def _library(path: Path) -> Path:
    machine = os.uname().machine
    there = path.with_name(f"trees-{machine}.so")
    if there.is_file():
        return there
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        names = ", ".join(sorted(item.name for item in path.parent.glob("trees-*.so"))) or "none"
        raise ServingError(400, f"there is no library for {machine} in the archive ({names}), and no C compiler here")
    # By content, so that workers that load the same model compile it once; renamed when it is whole.
    made = Path(tempfile.gettempdir(), f"greensage-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.so")
    if not made.is_file() or made.stat().st_uid != os.getuid():
        with tempfile.TemporaryDirectory() as folder:
            half = Path(folder, "trees.so")
            done = subprocess.run(
                [compiler, *_FLAGS, "-o", str(half), str(path), "-lm"],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            if done.returncode:
                raise ServingError(400, f"{path.name} cannot be compiled: {done.stderr.strip()[-200:]}")
            shutil.copy(half, f"{made}.{os.getpid()}")
            os.replace(f"{made}.{os.getpid()}", made)
    return made
