"""What several passes do with a graph: feed the sample to it, and look at its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..libraries import library
from ..sample import Rows, count, part

_KINDS = {"tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float16)": np.float16}
# More rows show little more, and cost time and memory.
MOST_ROWS = 512


def feed(inputs: Sequence[Any], rows: Rows) -> dict[str, np.ndarray]:
    """Return `rows` as a session with `inputs` takes them, as the serving container does."""
    if isinstance(rows, Mapping):
        return {item.name: rows[item.name].astype(_KINDS.get(item.type, np.float32)) for item in inputs}
    (only,) = inputs
    found = rows.astype(_KINDS.get(only.type, np.float32))
    tail = [size for size in only.shape[1:] if isinstance(size, int) and size > 0]
    return {only.name: found.reshape(len(found), *tail) if len(only.shape) > 2 and tail else found}


def answers(graph: Path, rows: Rows) -> np.ndarray:
    """Return what the graph answers for `rows`."""
    return tensors(graph, rows, [])[""]


def tensors(graph: Path, rows: Rows, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the tensors called `names` for `rows`, and the graph's answer as ""."""
    onnx, onnxruntime = library("onnx"), library("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    content = graph.read_bytes()
    if names:
        model = onnx.load(str(graph))
        known = {item.name for item in model.graph.output}
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names) if name not in known)
        content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    outputs = [item.name for item in session.get_outputs()]
    answer = next((name for name in ("probabilities", "sentence_embedding", "logits") if name in outputs), outputs[0])
    inputs, wanted = session.get_inputs(), [answer, *names]
    if inputs[0].shape and inputs[0].shape[0] == 1:
        every = [session.run(wanted, feed(inputs, part(rows, slice(at, at + 1)))) for at in range(count(rows))]
        found = [np.concatenate(items) for items in zip(*every, strict=True)]
    else:
        found = session.run(wanted, feed(inputs, rows))
    return {name: np.asarray(item) for name, item in zip(["", *names], found, strict=True)}


def weights_of(graph: Any) -> dict[str, Any]:
    """Return the constants of a graph by name."""
    return {item.name: item for item in graph.initializer}


def is_product(node: Any, weights: Mapping[str, Any]) -> bool:
    """Return whether a node multiplies rows by a matrix of weights."""
    if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in weights:
        return False
    return len(weights[node.input[1]].dims) == 2 and not any(item.name == "transA" and item.i for item in node.attribute)


def is_transposed(node: Any) -> int:
    """Return 1 where the weights of a product stand output by input, else 0."""
    return int(any(item.name == "transB" and item.i for item in node.attribute))


def replace_values(item: Any, values: np.ndarray) -> None:
    """Give a constant of a graph other values."""
    item.CopyFrom(library("onnx").numpy_helper.from_array(np.ascontiguousarray(values), item.name))


def flattened(path: Path, rows: Rows) -> None:
    """Let a graph that answers with a column of one number answer with the numbers, as the libraries of trees do."""
    found = answers(path, part(rows, slice(2)))
    if found.ndim != 2 or found.shape[1] != 1:
        return
    onnx = library("onnx")
    model = onnx.load(str(path))
    (item,) = model.graph.output
    model.graph.initializer.append(onnx.helper.make_tensor("greensage_flat", onnx.TensorProto.INT64, [1], [-1]))
    model.graph.node.append(onnx.helper.make_node("Reshape", [item.name, "greensage_flat"], [f"{item.name}_flat"]))
    made = onnx.helper.make_tensor_value_info(f"{item.name}_flat", item.type.tensor_type.elem_type, [None])
    del model.graph.output[:]
    model.graph.output.append(made)
    path.write_bytes(model.SerializeToString(deterministic=True))


def load_graph(path: Path) -> Any:
    """Return a graph in which every constant is an initializer, and none a node."""
    onnx = library("onnx")
    model = onnx.load(str(path))
    for node in [item for item in model.graph.node if item.op_type == "Constant"]:
        value = next((item.t for item in node.attribute if item.name == "value"), None)
        if value is not None:
            made = model.graph.initializer.add()
            made.CopyFrom(value)
            made.name = node.output[0]
            model.graph.node.remove(node)
    return model
