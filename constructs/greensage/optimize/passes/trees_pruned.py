"""The last trees of an ensemble cut off: as many as the limits allow on the sample. What is left is compiled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..libraries import library
from ..parity import compare
from . import Candidate, NotPossible, Request, trees_compiled


def candidates(request: Request) -> Iterator[Candidate]:
    """Yield the ensemble with the fewest rounds that stay within the limits, compiled."""
    rounds, cut = _ENSEMBLES[request.given.kind](request)
    if rounds < 2:
        raise NotPossible("it has one tree, or one round of trees")
    kept = _fewest(request, rounds, cut)
    if kept == rounds:
        raise NotPossible("with fewer trees its answers differ by more than the limits allow")
    folder = request.folder / "trees-cut"
    folder.mkdir(parents=True)
    shorter = folder / request.given.file.name
    cut(kept, shorter)
    details = {"rounds": kept, "rounds_before": rounds}
    for made in trees_compiled.candidates(replace(request, given=replace(request.given, file=shorter), folder=folder)):
        yield replace(made, name="trees pruned", exact=False, details={**made.details, **details})


def _fewest(request: Request, rounds: int, cut: Cut) -> int:
    """Halve the interval between none and all: fewer trees differ more, nearly always."""
    whole, low, high = cut(rounds, None), 0, rounds
    while high - low > 1:
        middle = (low + high) // 2
        parity = compare(whole, cut(middle, None), request.labels)
        if isinstance(parity, str) or request.limits.refuse(parity, exact=False):
            low = middle
        else:
            high = middle
    return high


# Gets a number of rounds: writes the model that has only those where a path is given, and returns its answers.
Cut = Callable[[int, Path | None], np.ndarray]


def _xgboost(request: Request) -> tuple[int, Cut]:
    xgboost = library("xgboost")
    booster = xgboost.Booster(model_file=bytearray(request.given.file.read_bytes()))
    if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] != "gbtree":
        raise NotPossible("only boosted trees have rounds that can be cut off")
    booster.feature_names = None
    rows = xgboost.DMatrix(np.asarray(request.rows, dtype=np.float32))

    def cut(rounds: int, path: Path | None) -> np.ndarray:
        shorter = booster[:rounds]
        if path:
            path.write_bytes(shorter.save_raw("json" if path.suffix == ".json" else "ubj"))
        return shorter.predict(rows)

    return booster.num_boosted_rounds(), cut


def _lightgbm(request: Request) -> tuple[int, Cut]:
    booster = library("lightgbm").Booster(model_file=str(request.given.file))

    def cut(rounds: int, path: Path | None) -> np.ndarray:
        if path:
            booster.save_model(str(path), num_iteration=rounds)
        return np.asarray(booster.predict(request.rows, num_iteration=rounds, num_threads=1))

    return booster.current_iteration(), cut


def _sklearn(request: Request) -> tuple[int, Cut]:
    estimator: Any = trees_compiled.estimator_of(request.given.file)
    trees = getattr(estimator, "estimators_", None)
    if trees is None or not hasattr(estimator, "n_estimators"):
        raise NotPossible(f"{type(estimator).__name__} has no list of trees that can be cut off")
    answer = getattr(estimator, "predict_proba", estimator.predict)

    def cut(rounds: int, path: Path | None) -> np.ndarray:
        estimator.estimators_, estimator.n_estimators = trees[:rounds], rounds
        # Gradient boosting counts its rounds by another name.
        if hasattr(estimator, "n_estimators_"):
            estimator.n_estimators_ = rounds
        if path:
            library("skops.io").dump(estimator, path)
        return np.asarray(answer(request.rows))

    return len(trees), cut


_ENSEMBLES = {"xgboost": _xgboost, "lightgbm": _lightgbm, "sklearn": _sklearn}
