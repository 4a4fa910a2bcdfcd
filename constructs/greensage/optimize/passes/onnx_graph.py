"""ONNX Runtime's own graph optimizations, done once here and not at each start: folded constants, fused operators."""

from __future__ import annotations

from collections.abc import Iterator

from ..libraries import first_line, library
from . import Candidate, NotPossible, Request


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the optimized graph. Only what holds on every processor is done; the rest depends on where it is loaded."""
    onnxruntime = library("onnxruntime")
    folder = request.folder / "onnx-graph"
    folder.mkdir(parents=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "model.onnx")
    options.log_severity_level = 3
    try:
        onnxruntime.InferenceSession(str(request.given.file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotPossible(f"ONNX Runtime does not load it: {first_line(error)}") from None
    yield Candidate("ONNX graph", folder, exact=True, details={"onnxruntime": onnxruntime.__version__})
