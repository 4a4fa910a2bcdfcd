"""Tree ensembles as ONNX: ONNX Runtime walks the trees of many rows side by side, and needs no compiler."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

from ..libraries import first_line, library
from . import Candidate, NotPossible, Request
from .onnx_run import flattened
from .trees_compiled import estimator_of

_OPSET = {"": 17, "ai.onnx.ml": 3}


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the ensemble as a graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = _converted(request)
        except (NotPossible, ImportError):
            raise
        except Exception as error:
            raise NotPossible(f"it cannot be written as ONNX: {first_line(error)}") from None
    folder = request.folder / "trees-onnx"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(made.SerializeToString(deterministic=True))
    flattened(folder / "model.onnx", request.rows)
    yield Candidate("trees as ONNX", folder, exact=True, details={"onnx": library("onnx").__version__}, framework="onnx")


def _converted(request: Request) -> Any:
    kind, file = request.given.kind, request.given.file
    types = library("skl2onnx.common.data_types")
    if kind == "sklearn":
        estimator = estimator_of(file)
        taken = [("input", types.FloatTensorType([None, estimator.n_features_in_]))]
        options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
        return library("skl2onnx").convert_sklearn(estimator, "model", taken, options=options, target_opset=_OPSET)
    tools = library("onnxmltools")
    numbers = library("onnxmltools.convert.common.data_types").FloatTensorType
    if kind == "lightgbm":
        booster = library("lightgbm").Booster(model_file=str(file))
        taken = [("input", numbers([None, booster.num_feature()]))]
        made = tools.convert_lightgbm(booster, initial_types=taken, zipmap=False, target_opset=15)
        return _positive_only(made) if _binary(booster.dump_model()["objective"]) else made
    booster = library("xgboost").Booster(model_file=bytearray(file.read_bytes()))
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    booster.feature_names = None
    taken = [("input", numbers([None, booster.num_features()]))]
    made = tools.convert_xgboost(booster, initial_types=taken, target_opset=15)
    return _positive_only(made) if _binary(objective) else made


def _binary(objective: str) -> bool:
    return objective.split(" ")[0] in ("binary", "binary:logistic", "cross_entropy")


def _positive_only(model: Any) -> Any:
    """The libraries answer a binary question with one number, and the converters with two."""
    onnx = library("onnx")
    graph, helper = model.graph, onnx.helper
    scores = next(item for item in graph.output if "prob" in item.name)
    picked = "probabilities_of_the_second"
    graph.initializer.append(helper.make_tensor("greensage_second", onnx.TensorProto.INT64, [], [1]))
    graph.node.append(helper.make_node("Gather", [scores.name, "greensage_second"], [picked], axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(picked, onnx.TensorProto.FLOAT, [None]))
    return model
