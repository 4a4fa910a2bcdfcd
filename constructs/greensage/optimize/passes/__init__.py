"""The passes: one file each, with a function from what was given to candidates. A new one is a file and a row here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import GreensageError
from ..given import Given
from ..libraries import first_line
from ..parity import Limits
from ..sample import Rows

ARCHITECTURES = ("arm64", "x86_64")
# Name of the module, what people call it, the kinds of models that it takes, and the extra that it needs.
PASSES = {
    "trees_compiled": ("trees compiled", ("xgboost", "lightgbm", "sklearn"), "optimize"),
    "trees_pruned": ("trees pruned", ("xgboost", "lightgbm", "sklearn"), "optimize"),
    "trees_onnx": ("trees as ONNX", ("xgboost", "lightgbm", "sklearn"), "optimize"),
    "onnx_graph": ("ONNX graph", ("onnx",), "optimize"),
    "onnx_float16": ("ONNX float16", ("onnx",), "optimize"),
    "onnx_bfloat16": ("ONNX bfloat16", ("onnx",), "optimize"),
    "onnx_int8": ("ONNX int8", ("onnx",), "optimize"),
    "onnx_pruned": ("ONNX pruned", ("onnx",), "optimize"),
}
# Models that are exported to ONNX first; the passes above then take what comes of it.
EXPORTS = {
    "catboost": ("from_catboost", "ONNX", "optimize-catboost"),
    "pytorch": ("from_pytorch", "ONNX", "optimize-torch"),
    "transformer": ("from_transformer", "ONNX by Optimum", "optimize-torch"),
}


class NotPossible(Exception):
    """A pass that cannot be applied here; the message is a reason for people."""


@dataclass(frozen=True)
class Request:
    """What a pass gets: the model, the sample's rows, their labels, the architecture to run on, a folder to write into, and
    how far answers may differ, for passes that try how far they can go."""

    given: Given
    rows: Rows
    architecture: str
    folder: Path
    limits: Limits = field(default_factory=Limits)
    labels: np.ndarray | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A model that a pass has made, in a folder of its own, or the reason why there is none.

    `exact`: the same sums in another order, so that only rounding may differ. `details` go into the lineage. `framework`
    is what the serving container then loads, where that is another than before; `architectures` is what it runs on.
    """

    name: str
    folder: Path | None
    exact: bool = False
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    refused: str = ""
    framework: str = ""
    architectures: tuple[str, ...] = ARCHITECTURES


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield what each pass makes of the model, or of what it was exported to."""
    export = EXPORTS.get(request.given.kind)
    if export is not None:
        module, title, extra = export
        (exported,) = _made(module, title, extra, request)
        yield replace(exported, framework="onnx")
        if exported.folder is None:
            return
        model = replace(request.given, file=exported.folder / "model.onnx", kind="onnx")
        request = replace(request, given=model)
    for module, (title, kinds, extra) in PASSES.items():
        if request.given.kind in kinds and (not request.only or module.replace("_", "-") in request.only):
            for made in _made(module, title, extra, request):
                yield replace(made, framework="onnx") if request.given.kind == "onnx" else made


def _made(module: str, title: str, extra: str, request: Request) -> Iterator[Candidate]:
    try:
        yield from importlib.import_module(f"{__name__}.{module}").candidates(request)
    except NotPossible as reason:
        yield Candidate(title, None, refused=str(reason))
    except ImportError as error:
        yield Candidate(title, None, refused=f"{error.name} is missing: pip install 'greensage[{extra}]'")
    except GreensageError as error:
        yield Candidate(title, None, refused=str(error))
    except Exception as error:  # the libraries have errors of every kind for graphs that they do not expect
        yield Candidate(title, None, refused=f"{type(error).__name__}: {first_line(error)}")
