"""Tree ensembles as C, by Treelite and TL2cgen, compiled for the silicon they are to run on.

The archive keeps the C beside the library: on silicon that it was not compiled for, and with a compiler there, the container
compiles it when it loads it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from ..libraries import library, trusted_types
from . import Candidate, NotPossible, Request

# Debian's names of its compilers, first the plain one of the machine itself.
_COMPILERS = {"x86_64": ("x86_64-linux-gnu-gcc",), "arm64": ("aarch64-linux-gnu-gcc",)}
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# Without a build id and paths the same source gives the same bytes.
_FLAGS = ("-O2", "-shared", "-fPIC", "-std=c99", "-Wl,--build-id=none", "-ffile-prefix-map=.=", "-s")
_SECONDS = 1_800

# Rows in, answers out, so that Python is entered once for a batch. Missing values are NaN in, -1 in TL2cgen's union.
_ROWS = """
void greensage_rows(const double* rows, int64_t count, double* answers) {
  union Entry entries[%(features)d];
  %(leaf)s result[N_TARGET * MAX_N_CLASS];
  for (int64_t row = 0; row < count; ++row) {
    for (int32_t column = 0; column < %(features)d; ++column) {
      const double value = rows[row * %(features)d + column];
      if (value != value) entries[column].missing = -1;
      else entries[column].fvalue = (%(threshold)s)value;
    }
    for (int32_t at = 0; at < N_TARGET * MAX_N_CLASS; ++at) result[at] = 0;
    predict(entries, 0, result);
    for (int32_t at = 0; at < N_TARGET * MAX_N_CLASS; ++at) answers[row * N_TARGET * MAX_N_CLASS + at] = result[at];
  }
}
int32_t greensage_features(void) { return %(features)d; }
int32_t greensage_outputs(void) { return N_TARGET * MAX_N_CLASS; }
"""


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the compiled ensemble."""
    source = to_c(request)
    folder = request.folder / "trees-compiled"
    folder.mkdir(parents=True)
    (folder / "trees.c").write_text(source, encoding="utf-8")
    compiler, runs_on = compiler_for(request.architecture), {request.architecture, _own()}
    # For this machine too: what was compiled for another can be neither measured nor compared here.
    for architecture in runs_on:
        compile_c(compiler_for(architecture), folder / "trees.c", folder / f"trees-{_MACHINES[architecture]}.so")
    (folder / "greensage.json").write_text(json.dumps({"trees": {"binary": _two_columns(request)}}), encoding="utf-8")
    details = {"compiler": _version(compiler), "treelite": _versions(), "c_bytes": len(source)}
    yield Candidate("trees compiled", folder, exact=True, details=details, architectures=tuple(sorted(runs_on)))


def to_c(request: Request) -> str:
    """Return one C file with the ensemble and `greensage_rows`. Raises NotPossible."""
    tl2cgen = library("tl2cgen")
    ensemble = _treelite(request)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        try:
            tl2cgen.generate_c_code(ensemble, folder, params={"parallel_comp": 0}, verbose=False)
        except Exception as error:
            raise NotPossible(f"TL2cgen cannot write it as C: {_first(error)}") from None
        text = Path(folder, "main.c").read_text(encoding="utf-8")
        head = Path(folder, "header.h").read_text(encoding="utf-8")
    types = {"float32": "float", "float64": "double"}
    found = {
        name: re.search(rf'{name}\(void\) {{\s*return "(\w+)"', text) for name in ("get_threshold_type", "get_leaf_output_type")
    }
    threshold, leaf = (types.get(match.group(1) if match else "") for match in found.values())
    features = re.search(r"get_num_feature\(void\) {\s*return (\d+)", text)
    if threshold is None or leaf is None or features is None:
        raise NotPossible("TL2cgen's C has another shape than this version of greensage knows")
    wrapper = _ROWS % {"features": int(features.group(1)), "threshold": threshold, "leaf": leaf}
    return head + text.replace('#include "header.h"', "") + wrapper


def compiler_for(architecture: str) -> str:
    """Return the C compiler for `architecture`: the machine's own, or Debian's for the other. Raises NotPossible."""
    own = _own()
    names = (*(("gcc", "cc") if own == architecture else ()), *_COMPILERS[architecture])
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        package = "gcc" if own == architecture else f"gcc-{_COMPILERS[architecture][0].removesuffix('-gcc')}"
        raise NotPossible(f"there is no C compiler for {architecture} here (Debian: apt-get install {package})")
    return found


def _own() -> str:
    return {"x86_64": "x86_64", "aarch64": "arm64"}.get(os.uname().machine, "x86_64")


def compile_c(compiler: str, source: Path, library: Path) -> None:
    """Compile one C file into a library. Raises NotPossible with what the compiler said."""
    command = [compiler, *_FLAGS, "-o", library.name, source.name, "-lm"]
    try:
        done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotPossible(f"the C compiler was not done within {_SECONDS / 60:.0f} minutes: the ensemble is too large") from None
    if done.returncode:
        raise NotPossible(f"{Path(compiler).name} refuses the C: {done.stderr.strip()[-300:]}")


def _treelite(request: Request) -> Any:
    treelite = library("treelite")
    file, kind = request.given.file, request.given.kind
    try:
        with _quiet():
            if kind == "xgboost":
                return _of_xgboost(file)
            if kind == "lightgbm":
                return treelite.frontend.load_lightgbm_model(file)
            return treelite.sklearn.import_model(estimator_of(file))
    except NotPossible:
        raise
    except Exception as error:
        raise NotPossible(f"Treelite does not read it: {_first(error)}") from None


def _of_xgboost(file: Path) -> Any:
    """Through XGBoost itself, which reads every format it ever wrote."""
    treelite, xgboost = library("treelite"), library("xgboost")
    booster = xgboost.Booster(model_file=bytearray(file.read_bytes()))
    if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        raise NotPossible("a linear booster has no trees")
    return treelite.frontend.from_xgboost(booster)


def estimator_of(file: Path) -> Any:
    """Load a skops file with an ensemble. Raises NotPossible for types that nobody trusts, and for pipelines."""
    skops = library("skops.io")
    trusted = trusted_types()
    unknown = set(skops.get_untrusted_types(file=file)) - set(trusted)
    if unknown:
        raise NotPossible(f"{file.name} has types that are not trusted: {', '.join(sorted(unknown))}")
    estimator = skops.load(file, trusted=trusted)
    if type(estimator).__name__ == "Pipeline":
        raise NotPossible("a pipeline has steps before its trees; give its ensemble alone, or export it to ONNX")
    return estimator


def _two_columns(request: Request) -> bool:
    """Whether the model answers with both classes' probabilities where the compiled trees say one."""
    if request.given.kind != "sklearn":
        return False
    classes = getattr(estimator_of(request.given.file), "classes_", ())
    return len(classes) == 2


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]


def _versions() -> str:
    from importlib.metadata import version

    return f"treelite {version('treelite')}, tl2cgen {version('tl2cgen')}"


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Both libraries write remarks, from Python and from C++."""
    kept = [os.dup(number) for number in (1, 2)]
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
        for number in (1, 2):
            os.dup2(nothing.fileno(), number)
        try:
            yield
        finally:
            ctypes.CDLL(None).fflush(None)  # else it comes out later, when the descriptors are back
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
