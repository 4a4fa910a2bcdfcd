"""A loaded model: what it answers, what it takes, and how a sample goes through it before anyone relies on it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ServingError, first_lines

_NO_NUMBER = re.compile(r"(?i)could not convert|cannot convert|can't be converted|unknown categor|dtype object")
Rows = Any  # float64 (rows, features), or a mapping of names to arrays for models with several inputs
Predict = Callable[[Any], np.ndarray]


class NotReady(Exception):
    """The sample shows that the model can answer nothing, for instance because it was never fitted."""


@dataclass
class Model:
    """One model, ready to predict.

    Parameters
    ----------
    predict:
        From rows, float64 (rows, features), to scores (rows,) or class probabilities (rows, classes). With `inputs` it
        takes a mapping of their names to arrays.
    features:
        How many columns it takes; None where it does not say.
    names:
        What the columns are called, in the model's order; empty where it does not say.
    inputs:
        Names of the inputs, where there are several; empty otherwise.
    fixed_rows:
        So many rows go in at once, neither more nor less; None: any number.
    strict:
        Whether a row of zeros has to go through. An encoder of words may rightly refuse it.
    sample:
        What the archive brings to try it with; default: a row of zeros.
    reader:
        What reads a body for a model that takes a table of mixed kinds (tables.py); default: numbers are read.
    """

    predict: Predict
    features: int | None = None
    names: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    fixed_rows: int | None = None
    strict: bool = True
    sample: Any = None
    reader: Callable[[bytes, str], Any] | None = None

    def check(self, rows: Rows) -> None:
        """Raise ServingError with 400 where `rows` cannot fit, so that what fails later is the model's own fault."""
        if isinstance(rows, Mapping):
            if set(rows) != set(self.inputs):
                wanted = ", ".join(self.inputs) or "rows without names"
                raise ServingError(400, f"the model takes {wanted}; got {', '.join(map(str, rows))}")
            return
        if self.inputs:
            raise ServingError(400, f'the model has several inputs: send {{"inputs": {{...}}}} with {", ".join(self.inputs)}')
        if self.features is not None and rows.shape[1] != self.features:
            raise ServingError(400, f"the model takes {self.features} features in a row, got {rows.shape[1]}")

    def answer(self, rows: Rows) -> np.ndarray:
        """Return the predictions for `rows`; those of a model with a fixed number of rows, one after the other."""
        if self.fixed_rows is None or isinstance(rows, Mapping) or len(rows) == self.fixed_rows:
            return self.predict(rows) if self.reader is None else self._of_a_table(rows)
        if self.fixed_rows != 1:
            raise ServingError(400, f"the model takes {self.fixed_rows} rows at once, got {len(rows)}")
        return np.concatenate([self.predict(rows[index : index + 1]) for index in range(len(rows))])

    def _of_a_table(self, rows: Rows) -> np.ndarray:
        """A word where the model takes numbers is the caller's fault; which columns take what, the model alone knows."""
        try:
            return self.predict(rows)
        except Exception as error:
            if _NO_NUMBER.search(str(error)):
                raise ServingError(400, f"the model does not take the table: {first_lines(error)[:200]}") from None
            raise

    def warm_up(self) -> float:
        """Let a sample through, twice; return the seconds of the second time. Raises NotReady."""
        rows = self.sample
        if rows is None:
            if self.features is None or self.inputs or self.reader is not None:
                return 0.0
            rows = np.zeros((self.fixed_rows or 1, self.features))
        try:
            self.check(rows)
            self.answer(rows)
            started = time.perf_counter()
            self.answer(rows)
            return time.perf_counter() - started
        except Exception as error:
            if self.strict or self.sample is not None or type(error).__name__ == "NotFittedError":
                said = error.message if isinstance(error, ServingError) else f"{type(error).__name__}: {first_lines(error)}"
                raise NotReady(said) from None
            return 0.0
