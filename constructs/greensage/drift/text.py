"""Measures of texts that need no model: how long they are, what they are made of, and words that nobody has used before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def measures(before: Sequence[str], after: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return, by name, numbers for each text of both samples. Nested values come as JSON, and are texts too."""
    found = {name: (_each(measure, before), _each(measure, after)) for name, measure in _MEASURES.items()}
    known = Counter(word for text in before for word in set(_words(text)))
    found["new words"] = (
        # Left out of what is known, a text's own words are new if nobody else used them.
        np.array([_share(_words(text), lambda word: known[word] <= 1) for text in before]),
        np.array([_share(_words(text), lambda word: not known[word]) for text in after]),
    )
    return found


def _each(measure: Callable[[str], float], texts: Sequence[str]) -> np.ndarray:
    return np.array([measure(text) for text in texts])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _share(words: list[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, words)) / len(words) if words else 0.0


def _of_characters(holds: Callable[[str], bool]) -> Callable[[str], float]:
    return lambda text: sum(map(holds, text)) / len(text) if text else 0.0


def _numbers(text: str) -> float:
    found = [float(item) for item in _NUMBER.findall(text)[:1_000]]
    return float(np.clip(np.mean(found), -1e300, 1e300)) if found else 0.0


_MEASURES: dict[str, Callable[[str], float]] = {
    "length": len,
    "words": lambda text: len(_words(text)),
    "letters": _of_characters(str.isalpha),
    "capitals": _of_characters(str.isupper),
    "digits": _of_characters(str.isdigit),
    "other alphabets": _of_characters(lambda character: not character.isascii()),
    "numbers in it": _numbers,
}
