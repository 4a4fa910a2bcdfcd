"""Weights in 8 bits by ONNX Runtime, in four ways; what each costs in precision shows on the sample.

dynamic: the ranges of values are found at each call. static: they come from the sample. smoothed: dynamic, after the sample
showed which columns are large; each is divided by a number that its weights are multiplied by (SmoothQuant, Xiao et al. 2023).
blocks: weights only, with a scale for each 128 of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..libraries import first_line, library
from ..parity import compare
from ..sample import Rows, count, part
from . import Candidate, NotPossible, Request
from .onnx_run import MOST_ROWS, answers, feed, is_product, is_transposed, replace_values, tensors, weights_of

_QUANTIZED = ("MatMul", "Gemm", "Conv", "Attention", "LSTM", "Gather")
# How much of a column's size moves into the weights: the paper's 0.5, and more.
_STRENGTHS = (0.5, 0.6, 0.7, 0.8)
_BLOCK = 128
# A table of embeddings with fewer rows is not worth a scale for each.
_LEAST_EMBEDDINGS = 64


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the model quantized in each way."""
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer recommends steps that this pass has done
    onnx, onnxruntime, quantization = library("onnx"), library("onnxruntime"), library("onnxruntime.quantization")
    request.folder.mkdir(parents=True, exist_ok=True)
    source = request.folder / "onnx-int8-source.onnx"
    quantization.shape_inference.quant_pre_process(str(request.given.file), str(source), skip_symbolic_shape=True)
    operators = {node.op_type for node in onnx.load(str(source)).graph.node}
    if not operators & set(_QUANTIZED):
        raise NotPossible("nothing in the graph multiplies weights, so there is nothing to quantize")
    details = {"onnxruntime": onnxruntime.__version__}
    yield Candidate("ONNX int8 dynamic", _dynamic(source, _folder(request, "dynamic")), details=details)
    yield _static(source, request, details)
    if operators & {"MatMul", "Gemm"}:
        yield _smoothed(source, request, details)
    if "MatMul" in operators:
        yield _blocks(source, request, details)


def _folder(request: Request, name: str) -> Path:
    folder = request.folder / f"onnx-int8-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _dynamic(source: Path, folder: Path, **more: Any) -> Path:
    quantization = library("onnxruntime.quantization")
    given = {"per_channel": True, "weight_type": quantization.QuantType.QInt8, **more}
    quantization.quantize_dynamic(str(source), str(folder / "model.onnx"), **given)
    return folder


def _static(source: Path, request: Request, details: dict[str, Any]) -> Candidate:
    name, folder, reason = "ONNX int8 static", _folder(request, "static"), ""
    quantization = library("onnxruntime.quantization")
    if count(request.rows) == 0:
        return Candidate(name, None, refused="a sample is needed to see the ranges of values: --sample rows.csv")
    rows, kinds = part(request.rows, slice(MOST_ROWS)), quantization.QuantType
    # By channel is more precise; ONNX Runtime cannot do it where a bias has two dimensions, as skl2onnx writes them.
    for per_channel in (True, False):
        try:
            quantization.quantize_static(
                str(source), str(folder / "model.onnx"), _Calibration(str(source), rows), per_channel=per_channel,
                quant_format=quantization.QuantFormat.QDQ, activation_type=kinds.QUInt8, weight_type=kinds.QInt8,
            )  # fmt: skip
        except Exception as error:
            reason = first_line(error)
            continue
        more = {"calibrated_with_rows": count(rows), "per_channel": per_channel}
        return Candidate(name, folder, details={**details, **more})
    return Candidate(name, None, refused=f"ONNX Runtime cannot quantize it: {reason}")


def _smoothed(source: Path, request: Request, details: dict[str, Any]) -> Candidate:
    folder, kinds = _folder(request, "smoothed"), library("onnxruntime.quantization").QuantType
    name, whole, best = "ONNX int8 smoothed", answers(source, request.rows), (float("inf"), 0.0, b"")
    names = list(_products(library("onnx").load(str(source)).graph))
    if not names:
        return Candidate(name, None, refused="no product of the graph has weights whose columns could be scaled")
    shown = tensors(source, part(request.rows, slice(MOST_ROWS)), names)
    for strength in _STRENGTHS:
        smooth = request.folder / "onnx-int8-smooth.onnx"
        _smooth(source, smooth, shown, strength)
        # Unsigned: with signed weights, processors without VNNI cut off large sums.
        _dynamic(smooth, folder, weight_type=kinds.QUInt8, op_types_to_quantize=["MatMul", "Gemm"])
        made = folder / "model.onnx"
        parity = compare(whole, answers(made, request.rows), request.labels)
        if isinstance(parity, str):
            return Candidate(name, None, refused=parity)
        if parity.mean_delta < best[0]:
            best = (parity.mean_delta, strength, made.read_bytes())
    (folder / "model.onnx").write_bytes(best[2])
    return Candidate(name, folder, details={**details, "smoothing": best[1], "smoothed_with_rows": count(request.rows)})


def _products(graph: Any) -> dict[str, list[Any]]:
    """Return the products with weights by the name of what goes into them."""
    weights, found = weights_of(graph), dict[str, list[Any]]()
    for node in graph.node:
        if is_product(node, weights):
            found.setdefault(node.input[0], []).append(node)
    return found


def _smooth(source: Path, target: Path, shown: dict[str, np.ndarray], strength: float) -> None:
    """Scale the columns that go into each product, by what they are in `shown`; write the graph, its embeddings in 8 bits."""
    onnx = library("onnx")
    model = onnx.load(str(source))
    graph, numbers = model.graph, onnx.numpy_helper
    weights = weights_of(graph)
    scaled: dict[int, Any] = {}
    values: Any
    largest: Any
    for name, nodes in _products(graph).items():
        values = np.abs(shown[name].reshape(-1, shown[name].shape[-1])).max(axis=0)
        largest = np.max(
            [np.abs(numbers.to_array(weights[node.input[1]])).max(axis=1 - is_transposed(node)) for node in nodes], axis=0
        )
        wanted: Any = np.maximum(values, 1e-5) ** strength / np.maximum(largest, 1e-5) ** (1 - strength)
        scale = (wanted / np.exp(np.log(wanted).mean())).astype(np.float32)
        graph.initializer.append(numbers.from_array(1 / scale, f"{name}_scale"))
        scaled[id(nodes[0])] = onnx.helper.make_node("Mul", [name, f"{name}_scale"], [f"{name}_scaled"])
        for node in nodes:
            item = weights[node.input[1]]
            replace_values(item, numbers.to_array(item) * (scale if is_transposed(node) else scale[:, None]))
            node.input[0] = f"{name}_scaled"
    ordered = [item for node in graph.node for item in (scaled.get(id(node)), node) if item is not None]
    del graph.node[:]
    graph.node.extend(ordered)
    _embeddings(graph)
    onnx.save(model, str(target))


def _embeddings(graph: Any) -> None:
    """Tables that rows are taken from get 8 bits and a scale for each row: next to nothing is lost."""
    onnx = library("onnx")
    numbers, node_of = onnx.numpy_helper, onnx.helper.make_node
    weights = weights_of(graph)
    made: list[Any] = []
    for node in graph.node:
        table = weights.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or table.dims[0] < _LEAST_EMBEDDINGS:
            made.append(node)
            continue
        values = numbers.to_array(table)
        scale = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
        small, out = np.rint(values / scale).astype(np.int8), node.output[0]
        if table in graph.initializer:
            graph.initializer.remove(table)
            graph.initializer.extend(
                [numbers.from_array(small, f"{table.name}_8"), numbers.from_array(scale, f"{table.name}_scale")]
            )
        made += [
            node_of("Gather", [f"{node.input[0]}_8", node.input[1]], [f"{out}_8"]),
            node_of("Cast", [f"{out}_8"], [f"{out}_cast"], to=onnx.TensorProto.FLOAT),
            node_of("Gather", [f"{node.input[0]}_scale", node.input[1]], [f"{out}_scale"]),
            node_of("Mul", [f"{out}_cast", f"{out}_scale"], [out]),
        ]
    del graph.node[:]
    graph.node.extend(made)


def _blocks(source: Path, request: Request, details: dict[str, Any]) -> Candidate:
    onnx, nbits = library("onnx"), library("onnxruntime.quantization.matmul_nbits_quantizer")
    model = onnx.load(str(source))
    _embeddings(model.graph)
    # Level 4: products in 8 bits too, with a scale for each block of values.
    how = nbits.DefaultWeightOnlyQuantConfig(block_size=_BLOCK, is_symmetric=True, accuracy_level=4, bits=8)
    made = nbits.MatMulNBitsQuantizer(model, algo_config=how)
    made.process()
    folder = _folder(request, "blocks")
    made.model.save_model_to_file(str(folder / "model.onnx"), False)
    return Candidate("ONNX int8 blocks", folder, details={**details, "block": _BLOCK})


class _Calibration:
    """The sample, row by row, as ONNX Runtime's calibration reads it."""

    def __init__(self, model: str, rows: Rows) -> None:
        inputs = library("onnxruntime").InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()
        self._rows = iter([feed(inputs, part(rows, slice(at, at + 1))) for at in range(count(rows))])

    def get_next(self) -> dict[str, Any] | None:
        """Return the next row."""
        return next(self._rows, None)

    def __iter__(self) -> _Calibration:
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)
