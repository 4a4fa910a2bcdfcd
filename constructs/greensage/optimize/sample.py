"""The rows on which models are compared: a table, or a mapping of names to arrays for models with several inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .given import Given

Rows = np.ndarray | dict[str, np.ndarray]
_MADE_ROWS = 256
_TEXTS = 64
_TOKENS = 32


def count(rows: Rows) -> int:
    """Return how many rows there are."""
    return len(next(iter(rows.values()))) if isinstance(rows, Mapping) else len(rows)


def part(rows: Rows, where: slice) -> Rows:
    """Return some of the rows."""
    return {name: item[where] for name, item in rows.items()} if isinstance(rows, Mapping) else rows[where]


def save(path: Path, rows: Rows) -> Path:
    """Write rows as .npy, or .npz where they have names; return the file."""
    if isinstance(rows, Mapping):
        target = path.with_suffix(".npz")
        np.savez(target, allow_pickle=False, **rows)
        return target
    target = path.with_suffix(".npy")
    np.save(target, rows, allow_pickle=False)
    return target


def own_sample(model: Given) -> np.ndarray | None:
    """Return the sample that the archive brings."""
    from ..drift.payload import decode

    for name, media in (("sample.csv", "text/csv"), ("sample.json", "application/json")):
        path = model.file.parent / name
        if path.is_file():
            return np.atleast_2d(decode(path.read_bytes(), media))
    return None


def made_up(model: Given, features: int) -> np.ndarray:
    """Return normal numbers: enough to see that an exact pass is exact, and said to be made up."""
    return _random(model).normal(0, 3, (_MADE_ROWS, features))


def made_up_tokens(model: Given, vocabulary: int, inputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return random tokens, for a model of language that nobody gave sentences for."""
    found = _random(model).integers(1, vocabulary, (_TEXTS, _TOKENS))
    return {name: found if name == "input_ids" else _beside(name, found) for name in inputs}


def tokens(folder: Path, texts: list[str], inputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return sentences as the model's tokenizer cuts them."""
    from .libraries import library

    tokenizer = library("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(128)
    encoded = tokenizer.encode_batch(texts)
    found = {
        "input_ids": np.array([item.ids for item in encoded]),
        "attention_mask": np.array([item.attention_mask for item in encoded]),
        "token_type_ids": np.array([item.type_ids for item in encoded]),
    }
    return {name: found[name] for name in inputs}


def _beside(name: str, ids: np.ndarray) -> np.ndarray:
    return np.ones_like(ids) if name == "attention_mask" else np.zeros_like(ids)


def _random(model: Given) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(model.digest.encode()).digest()[:4], "big"))
