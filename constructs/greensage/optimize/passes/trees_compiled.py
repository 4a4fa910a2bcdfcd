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
# What -O2 adds takes three times as long and made no tree faster. Without a build id and paths the same source gives the
# same bytes.
_FLAGS = ("-O1", "-shared", "-fPIC", "-std=c99", "-Wl,--build-id=none", "-ffile-prefix-map=.=", "-s")
_SECONDS = 1_800

# A few trees at a time stay in the processor's cache while a block of rows goes through them.
_TREES_A_UNIT, _ROWS_A_BLOCK, _BYTES_A_BLOCK = 4, 64, 65_536
# Rows in, answers out, so that Python is entered once for a batch. Missing values are NaN in, -1 in TL2cgen's union, which
# is a NaN too.
_ROWS = """
void greensage_rows(const double* rows, int64_t count, double* answers) {
  union Entry entries[%(block)d][%(features)d];
  %(leaf)s result[%(block)d][N_TARGET * MAX_N_CLASS];
  for (int64_t first = 0; first < count; first += %(block)d) {
    const int64_t size = count - first < %(block)d ? count - first : %(block)d;
    for (int64_t row = 0; row < size; ++row) {
      for (int32_t column = 0; column < %(features)d; ++column) {
        const double value = (%(input)s)rows[(first + row) * %(features)d + column];
        entries[row][column].fvalue = (%(threshold)s)value;
        if (value != value) entries[row][column].missing = -1;
      }
      for (int32_t at = 0; at < N_TARGET * MAX_N_CLASS; ++at) result[row][at] = 0;
    }
%(units)s
    for (int64_t row = 0; row < size; ++row) {
      predict(entries[row], 0, result[row]);
      for (int32_t at = 0; at < N_TARGET * MAX_N_CLASS; ++at)
        answers[(first + row) * N_TARGET * MAX_N_CLASS + at] = result[row][at];
    }
  }
}
int32_t greensage_features(void) { return %(features)d; }
int32_t greensage_outputs(void) { return N_TARGET * MAX_N_CLASS; }
"""
_UNIT = "    for (int64_t row = 0; row < size; ++row) {name}(entries[row], result[row]);"
# A comparison with NaN is false, so that it does not have to be asked first whether a value is there.
_ASKED_FIRST = (
    (re.compile(r"\(data\[(\d+)\]\.missing != -1\) && \(data\[\1\]\.fvalue < ([^\n]*?)\)\) \{"), r"(data[\1].fvalue < \2)) {"),
    (
        re.compile(r"!\(data\[(\d+)\]\.missing != -1\) \|\| \(data\[\1\]\.fvalue < ([^\n]*?)\)\) \{"),
        r"!(data[\1].fvalue >= \2)) {",
    ),
)


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
    units = max(1, ensemble.num_tree // _TREES_A_UNIT)  # TL2cgen may make fewer
    with tempfile.TemporaryDirectory() as folder, _quiet():
        try:
            tl2cgen.generate_c_code(ensemble, folder, params={"parallel_comp": units}, verbose=False)
        except Exception as error:
            raise NotPossible(f"TL2cgen cannot write it as C: {_first(error)}") from None
        head, text, *trees = (path.read_text(encoding="utf-8") for path in _files(Path(folder)))
    # What is left of `predict` adds the base scores and makes probabilities of sums.
    called = re.findall(r"^  (predict_unit\d+)\(data, result\);\n", text, re.MULTILINE)
    text = re.sub(r"^  predict_unit\d+\(data, result\);\n", "", text, flags=re.MULTILINE)
    types = {"float32": "float", "float64": "double"}
    found = {
        name: re.search(rf'{name}\(void\) {{\s*return "(\w+)"', text) for name in ("get_threshold_type", "get_leaf_output_type")
    }
    threshold, leaf = (types.get(match.group(1) if match else "") for match in found.values())
    features = re.search(r"get_num_feature\(void\) {\s*return (\d+)", text)
    if threshold is None or leaf is None or features is None or len(called) != len(trees):
        raise NotPossible("TL2cgen's C has another shape than this version of greensage knows")
    columns = int(features.group(1))
    wrapper = _ROWS % {
        "features": columns, "block": _rows_a_block(columns), "input": _input_type(request), "threshold": threshold, "leaf": leaf,
        "units": "\n".join(_UNIT.format(name=name) for name in called),
    }  # fmt: skip
    body = "".join([*trees, text]).replace('#include "header.h"', "")
    for asked, plain in _ASKED_FIRST:
        body = asked.sub(plain, body)
    return head + body + wrapper


def _files(folder: Path) -> list[Path]:
    units = sorted(folder.glob("tu*.c"), key=lambda path: int(path.stem.removeprefix("tu")))
    return [folder / "header.h", folder / "main.c", *units]


def _input_type(request: Request) -> str:
    """scikit-learn's trees compare float32 with float64, those of histograms excepted."""
    if request.given.kind != "sklearn" or type(estimator_of(request.given.file)).__name__.startswith("Hist"):
        return "double"
    return "float"


def _rows_a_block(features: int) -> int:
    return max(1, min(_ROWS_A_BLOCK, _BYTES_A_BLOCK // (8 * features)))


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
