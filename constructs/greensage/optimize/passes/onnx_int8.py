"""Weights in 8 bits by ONNX Runtime: dynamic, and static with the ranges that the user's sample shows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import Candidate, NotPossible, Request, library

_CALIBRATION_ROWS = 512


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the model quantized in both ways."""
    onnx, onnxruntime, quantization = library("onnx"), library("onnxruntime"), library("onnxruntime.quantization")
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer recommends steps that this pass has done
    source = request.folder / "onnx-int8-source.onnx"
    quantization.shape_inference.quant_pre_process(str(request.given.file), str(source), skip_symbolic_shape=True)
    graph = onnx.load(str(source)).graph
    if not any(node.op_type in ("MatMul", "Gemm", "Conv", "Attention", "LSTM", "Gather") for node in graph.node):
        raise NotPossible("nothing in the graph multiplies weights, so there is nothing to quantize")
    details = {"onnxruntime": onnxruntime.__version__}
    folder = request.folder / "onnx-int8-dynamic"
    folder.mkdir(parents=True)
    quantization.quantize_dynamic(
        str(source), str(folder / "model.onnx"), per_channel=True, weight_type=quantization.QuantType.QInt8
    )
    yield Candidate("ONNX int8 dynamic", folder, details=details)
    if len(request.rows) == 0:
        yield Candidate("ONNX int8 static", None, refused="a sample is needed to see the ranges of values: --sample rows.csv")
        return
    folder = request.folder / "onnx-int8-static"
    folder.mkdir(parents=True)
    reason = ""
    rows, kinds = request.rows[:_CALIBRATION_ROWS], quantization.QuantType
    # By channel is more precise; ONNX Runtime cannot do it where a bias has two dimensions, as skl2onnx writes them.
    for per_channel in (True, False):
        try:
            quantization.quantize_static(
                str(source), str(folder / "model.onnx"), _Rows(str(source), rows), per_channel=per_channel,
                quant_format=quantization.QuantFormat.QDQ, activation_type=kinds.QUInt8, weight_type=kinds.QInt8,
            )  # fmt: skip
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            continue
        more = {"calibrated_with_rows": len(rows), "per_channel": per_channel}
        yield Candidate("ONNX int8 static", folder, details={**details, **more})
        return
    yield Candidate("ONNX int8 static", None, refused=f"ONNX Runtime cannot quantize it: {reason}")


class _Rows:
    """The sample, row by row, as ONNX Runtime's calibration reads it."""

    def __init__(self, model: str, rows: np.ndarray) -> None:
        onnxruntime = library("onnxruntime")
        (wanted,) = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()
        kind = {"tensor(double)": np.float64, "tensor(int64)": np.int64}.get(wanted.type, np.float32)
        tail = [size if isinstance(size, int) and size > 0 else -1 for size in wanted.shape[1:]]
        self._rows: Iterator[dict[str, Any]] = iter([{wanted.name: row.astype(kind).reshape(1, *tail)} for row in rows])

    def get_next(self) -> dict[str, Any] | None:
        """Return the next row."""
        return next(self._rows, None)

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)
