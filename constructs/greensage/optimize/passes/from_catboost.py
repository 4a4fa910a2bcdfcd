"""CatBoost's trees as ONNX, by CatBoost itself. Categorical and text features have no form in ONNX."""

from __future__ import annotations

from collections.abc import Iterator

from ..libraries import first_line, library
from . import Candidate, NotPossible, Request
from .onnx_run import flattened


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the exported model."""
    catboost = library("catboost")
    folder = request.folder / "onnx-exported"
    folder.mkdir(parents=True)
    model = catboost.CatBoost().load_model(str(request.given.file))
    if model.get_cat_feature_indices() or model.get_text_feature_indices():
        raise NotPossible("CatBoost exports numeric features only, and this model has categorical or text features")
    try:
        model.save_model(str(folder / "model.onnx"), format="onnx", export_parameters={"onnx_domain": "ai.catboost"})
    except Exception as error:
        raise NotPossible(f"CatBoost does not export it: {first_line(error)}") from None
    _as_floats(folder / "model.onnx")
    flattened(folder / "model.onnx", request.rows)
    yield Candidate("ONNX", folder, exact=True, details={"catboost": catboost.__version__})


def _as_floats(path: object) -> None:
    """CatBoost's graph ends in a list of mappings (ZipMap); the container answers with numbers."""
    onnx = library("onnx")
    model = onnx.load(str(path))
    graph = model.graph
    zipped = next((node for node in graph.node if node.op_type == "ZipMap"), None)
    if zipped is None:
        return
    name, shape = zipped.input[0], [None, None]
    graph.node.remove(zipped)
    kept = [item for item in graph.output if item.name not in zipped.output]
    del graph.output[:]
    graph.output.extend([onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape), *kept])
    onnx.save(model, str(path))
