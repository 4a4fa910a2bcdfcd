"""Weights and sums in 16 bits, inputs and outputs as they were: half the size. Faster only where the processor has the units."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from ..libraries import first_line, library
from . import Candidate, NotPossible, Request


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the model in half precision."""
    onnx, float16 = library("onnx"), library("onnxruntime.transformers.float16")
    folder = request.folder / "onnx-float16"
    folder.mkdir(parents=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of each number that is cut; parity says whether it matters
            made = float16.convert_float_to_float16(onnx.load(str(request.given.file)), keep_io_types=True)
    except Exception as error:
        raise NotPossible(f"it cannot be written in 16 bits: {first_line(error)}") from None
    (folder / "model.onnx").write_bytes(made.SerializeToString(deterministic=True))
    yield Candidate("ONNX float16", folder, details={"onnx": onnx.__version__})
