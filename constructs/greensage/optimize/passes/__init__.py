"""The passes: one file each, with a function from what was given to candidates. A new one is a file and a row here."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..given import Given

# Name of the module, what people call it, and the kinds of models that it takes.
PASSES = {
    "trees_compiled": ("trees compiled", ("xgboost", "lightgbm", "sklearn")),
    "onnx_graph": ("ONNX graph", ("onnx",)),
    "onnx_float16": ("ONNX float16", ("onnx",)),
    "onnx_int8": ("ONNX int8", ("onnx",)),
}


class NotPossible(Exception):
    """A pass that cannot be applied here; the message is a reason for people."""


@dataclass(frozen=True)
class Request:
    """What a pass gets: the model, the sample's rows, the architecture to run on, and a folder to write into."""

    given: Given
    rows: np.ndarray
    architecture: str
    folder: Path


@dataclass(frozen=True)
class Candidate:
    """A model that a pass has made, in a folder of its own, or the reason why there is none.

    `exact`: the same sums in another order, so that only rounding may differ. `details` go into the lineage.
    """

    name: str
    folder: Path | None
    exact: bool = False
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    refused: str = ""


def trusted_types() -> list[str]:
    """Return what the user declares as trusted in skops files: the serving container's own variable."""
    return [name for part in os.environ.get("GREENSAGE_TRUSTED_TYPES", "").split(",") if (name := part.strip())]


def library(name: str) -> Any:
    """Import what only this extra brings, and what has no types. Raises ImportError."""
    return importlib.import_module(name)


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield what each pass makes of the model."""
    for name, (title, kinds) in PASSES.items():
        if request.given.kind not in kinds:
            continue
        try:
            module = importlib.import_module(f"{__name__}.{name}")
            yield from module.candidates(request)
        except NotPossible as reason:
            yield Candidate(title, None, refused=str(reason))
        except ImportError as error:
            yield Candidate(title, None, refused=f"{error.name} is missing: pip install 'greensage[optimize]'")
