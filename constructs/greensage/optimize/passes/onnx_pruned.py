"""Less to multiply: hidden units that matter least are taken out (structured), or the smallest weights set to zero (magnitude).

Structured pruning makes the matrices smaller. Zeros make the packed archive smaller and nothing faster, since ONNX Runtime
multiplies by them as by any number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..libraries import library
from ..parity import compare
from ..sample import part
from . import Candidate, NotPossible, Request
from .onnx_run import MOST_ROWS, answers, is_product, is_transposed, load_graph, replace_values, tensors, weights_of

# Between two products: what works on each unit by itself.
_BY_UNIT = (
    "Add", "Sub", "Mul", "Div", "Pow", "Erf", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "Elu", "Gelu", "Softplus", "Identity",
    "HardSigmoid", "Selu",
)  # fmt: skip
_SHARES = (0.75, 0.5, 0.25, 0.1)


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield for both ways the most that stays within the limits on the sample."""
    whole = answers(request.given.file, request.rows)
    for name, way in (("ONNX pruned, units", _units), ("ONNX pruned, weights", _weights)):
        try:
            made = _most(request, name, whole, way(request))
        except NotPossible as reason:
            made = Candidate(name, None, refused=str(reason))
        yield made


# Takes a share out of a model, and returns how many that were.
_Prune = Callable[[Any, float], int]


def _most(request: Request, name: str, whole: np.ndarray, prune: _Prune) -> Candidate:
    folder = request.folder / name.lower().replace(" ", "-").replace(",", "")
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    for share in _SHARES:
        model = load_graph(request.given.file)
        taken = prune(model, share)
        path.write_bytes(model.SerializeToString(deterministic=True))
        parity = compare(whole, answers(path, request.rows), request.labels)
        if not isinstance(parity, str) and not request.limits.refuse(parity, exact=False):
            return Candidate(name, folder, details={"share": share, "taken_out": taken})
    return Candidate(name, None, refused=f"without {_SHARES[-1]:.0%} of them its answers differ by more than the limits allow")


@dataclass(frozen=True)
class _Layer:
    """Two products with nothing but work on each unit between them: what is cut is the columns of one, the rows of the other."""

    first: Any
    between: list[Any]
    second: Any


def _units(request: Request) -> _Prune:
    """Return what cuts units, by how much each varies over the sample."""
    graph = load_graph(request.given.file).graph
    names = [layer.second.input[0] for layer in _layers(graph, weights_of(graph))]
    if not names:
        raise NotPossible("no two products of the graph have a layer of units between them")
    shown = tensors(request.given.file, part(request.rows, slice(MOST_ROWS)), names)
    by_unit = {name: shown[name].reshape(-1, shown[name].shape[-1]) for name in names}
    moved = {name: values.std(axis=0) for name, values in by_unit.items()}
    means = {name: values.mean(axis=0) for name, values in by_unit.items()}
    return lambda model, share: _cut(model, share, moved, means)


def _cut(model: Any, share: float, moved: dict[str, np.ndarray], means: dict[str, np.ndarray]) -> int:
    onnx = library("onnx")
    weights = weights_of(model.graph)
    taken = 0
    del model.graph.value_info[:]  # shapes that were, which ONNX Runtime would hold the new ones against
    for layer in list(_layers(model.graph, weights)):
        one, other = (onnx.numpy_helper.to_array(weights[node.input[1]]) for node in (layer.first, layer.second))
        across, along = (1 - is_transposed(layer.first), is_transposed(layer.second))
        # A unit matters by how much it moves, times how much is made of it.
        matters = moved[layer.second.input[0]] * np.linalg.norm(other, axis=1 - along)
        order = np.argsort(matters, kind="stable")
        gone, kept = order[: int(len(matters) * share)], np.sort(order[int(len(matters) * share) :])
        _make_up(model.graph, layer.second, weights, np.take(other, gone, axis=along), means[layer.second.input[0]][gone], along)
        taken += len(matters) - len(kept)
        replace_values(weights[layer.first.input[1]], np.take(one, kept, axis=across))
        replace_values(weights[layer.second.input[1]], np.take(other, kept, axis=along))
        biases = [layer.first.input[2]] if len(layer.first.input) > 2 else []
        biases += [name for node in layer.between for name in node.input if name in weights]
        for name in biases:
            found = onnx.numpy_helper.to_array(weights[name])
            if found.size == len(matters):
                replace_values(weights[name], np.take(found, kept, axis=found.ndim - 1))
    return taken


def _make_up(graph: Any, second: Any, weights: dict[str, Any], rows: np.ndarray, means: np.ndarray, along: int) -> None:
    """Add to the bias what the units that go have brought on average."""
    brought = means @ rows if along == 0 else rows @ means
    names = [second.input[2]] if len(second.input) > 2 else []
    names += [name for node in graph.node if node.op_type == "Add" and second.output[0] in node.input for name in node.input]
    own = next((weights[name] for name in names if name in weights and _size(weights[name]) == len(brought)), None)
    if own is not None:
        values = library("onnx").numpy_helper.to_array(own)
        replace_values(own, (values + brought.reshape(values.shape)).astype(values.dtype))


def _layers(graph: Any, weights: dict[str, Any]) -> Iterator[_Layer]:
    """Follow each product through what works by unit, which may branch and meet again, to the one product that reads it."""
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {item.name for item in graph.output}
    for first in graph.node:
        if _product(first, weights, readers):
            layer = _followed(first, weights, readers, outputs)
            if layer is not None:
                yield layer


def _followed(first: Any, weights: dict[str, Any], readers: dict[str, list[Any]], outputs: set[str]) -> _Layer | None:
    seen: set[str] = {first.output[0]}
    waiting: list[str] = [first.output[0]]
    between: list[Any] = []
    ends: list[Any] = []
    while waiting:
        name = waiting.pop()
        if name in outputs:
            return None
        for node in readers.get(name, []):
            if node.op_type in _BY_UNIT:
                if node not in between:
                    between.append(node)
                    seen.add(node.output[0])
                    waiting.append(node.output[0])
            elif _product(node, weights, readers) and node.input[0] == name:
                ends.append(node)
            else:
                return None
    constants = [name for node in between for name in node.input if name not in seen]
    if len(ends) != 1 or any(name not in weights for name in constants):
        return None
    # A constant for each unit is cut with it, so nothing else may read it.
    if any(_size(weights[name]) > 1 and len(readers[name]) > 1 for name in constants):
        return None
    return _Layer(first, between, ends[0])


def _size(item: Any) -> int:
    return math.prod(item.dims)


def _product(node: Any, weights: dict[str, Any], readers: dict[str, list[Any]]) -> bool:
    return is_product(node, weights) and len(readers[node.input[1]]) == 1


def _weights(request: Request) -> _Prune:
    """Return what sets the smallest weights to zero."""
    return _zero


def _zero(model: Any, share: float) -> int:
    onnx = library("onnx")
    used = {name for node in model.graph.node if node.op_type in ("MatMul", "Gemm", "Conv") for name in node.input[1:2]}
    taken = 0
    for item in model.graph.initializer:
        if item.name in used and len(item.dims) >= 2:
            found = onnx.numpy_helper.to_array(item).copy()
            small = np.abs(found) < np.quantile(np.abs(found), share)
            found[small] = 0
            taken += int(small.sum())
            replace_values(item, found)
    if not taken:
        raise NotPossible("nothing in the graph multiplies weights")
    return taken
