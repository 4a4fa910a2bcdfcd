"""Matrix products in bfloat16, which Graviton3 and newer have units for: weights stay as they are, ONNX Runtime rounds them.

On a machine without the units the answers are proved on a copy of the graph that rounds as the units do; how fast it is
can be measured only where they are, so it is refused elsewhere.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..libraries import library
from ..parity import compare
from . import Candidate, NotPossible, Request
from .onnx_run import answers

_MULTIPLY = ("MatMul", "Gemm", "Conv")
_OPTION = "mlas.enable_gemm_fastmath_arm64_bfloat16"


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the model with the option that its archive names."""
    if request.architecture != "arm64":
        raise NotPossible("ONNX Runtime multiplies in bfloat16 on Graviton3 and newer only")
    rounded = request.folder / "onnx-bfloat16-rounded.onnx"
    request.folder.mkdir(parents=True, exist_ok=True)
    _rounding(request.given.file, rounded)
    before, after = (answers(path, request.rows) for path in (request.given.file, rounded))
    parity = compare(before, after, request.labels)
    lost = parity if isinstance(parity, str) else request.limits.refuse(parity, exact=False)
    if lost:
        raise NotPossible(lost)
    if "bf16" not in _features():
        raise NotPossible(
            "its answers stay within the limits (rounded as the units do), but this machine has no bfloat16 units to "
            "measure it on; run greensage optimize on Graviton3 or newer"
        )
    folder = request.folder / "onnx-bfloat16"
    folder.mkdir(parents=True)
    shutil.copy(request.given.file, folder / "model.onnx")
    (folder / "greensage.json").write_text(json.dumps({"onnx": {"session": {_OPTION: "1"}}}), encoding="utf-8")
    yield Candidate("ONNX bfloat16", folder, details={"onnxruntime": library("onnxruntime").__version__})


def _rounding(source: Path, target: Path) -> None:
    """Write the graph with what goes into products rounded to bfloat16 and back."""
    onnx = library("onnx")
    model = onnx.load(str(source))
    graph, found = model.graph, False
    made: list[Any] = []
    for node in graph.node:
        if node.op_type in _MULTIPLY:
            found = True
            for index in (0, 1):
                name = f"{node.name or node.output[0]}_rounded_{index}"
                cast = onnx.helper.make_node
                made += [
                    cast("Cast", [node.input[index]], [f"{name}_16"], to=onnx.TensorProto.BFLOAT16),
                    cast("Cast", [f"{name}_16"], [name], to=onnx.TensorProto.FLOAT),
                ]
                node.input[index] = name
        made.append(node)
    if not found:
        raise NotPossible("nothing in the graph multiplies weights")
    del graph.node[:]
    graph.node.extend(made)
    onnx.save(model, str(target))


def _features() -> str:
    """What the processor says it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("Features")), "")
