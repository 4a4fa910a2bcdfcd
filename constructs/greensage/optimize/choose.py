"""Brings it together: makes the candidates, measures them side by side, proves that they answer the same, keeps the best."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import GreensageError
from .bundle import bundle
from .given import Given, given
from .measure import CannotRun, Measured, measure
from .parity import Parity, compare
from .passes import Candidate, Request, candidates

AS_IS = "as it is"
Load = Literal["one", "many"]
# A win smaller than this may be the machine's mood.
_LEAST_WIN = 0.05
_MADE_ROWS = 256


@dataclass(frozen=True)
class Limits:
    """By how much the answers of an optimized model may differ from the model's own, on the sample.

    Parameters
    ----------
    max_delta:
        For passes that only reorder sums: of any number, as a share of the range of the answers. Default 0.0001.
    mean_delta:
        For passes that lose digits: on average, as a share of that range. Default 0.01.
    min_agreement:
        Share of the rows, 0 to 1, for which the same class has to win. Default 0.99.
    max_worse:
        By how much the accuracy or the RMSE may be worse, where the sample has labels. Default 0.005.
    """

    max_delta: float = 0.0001
    mean_delta: float = 0.01
    min_agreement: float = 0.99
    max_worse: float = 0.005

    def refuse(self, parity: Parity, spread: float, *, exact: bool) -> str:
        """Return which limit is passed and by how much; empty where none is."""
        if exact and parity.max_delta > self.max_delta * spread:
            return f"its answers differ by up to {parity.max_delta:.2g}, and {self.max_delta * spread:.2g} is allowed"
        if parity.mean_delta > self.mean_delta * spread:
            return f"its answers differ by {parity.mean_delta:.2g} on average, and {self.mean_delta * spread:.2g} is allowed"
        if parity.agreement is not None and parity.agreement < self.min_agreement:
            other, allowed = 1 - parity.agreement, 1 - self.min_agreement
            return f"it chooses another class for {other:.2%} of the rows, and {allowed:.2%} is allowed"
        if parity.worse is not None and parity.worse > self.max_worse:
            return f"it is worse by {parity.worse:.3g} on the labels, and {self.max_worse:g} is allowed"
        return ""


@dataclass(frozen=True)
class Tried:
    """One candidate: what it takes, how its answers differ, and why it lost; `lost` is empty for the one that was chosen."""

    name: str
    measured: Measured | None
    parity: Parity | None
    lost: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Result:
    """What was found. `chosen` is "as it is" where nothing legal is better; `archive_bytes` is 0 where nothing was written."""

    source: Path
    kind: str
    load: Load
    architecture: str
    sample_rows: int
    sample_is_made_up: bool
    before: Measured
    tried: tuple[Tried, ...]
    chosen: str
    archive_bytes: int

    @property
    def after(self) -> Measured:
        """What the chosen one takes."""
        return next((item.measured for item in self.tried if item.name == self.chosen and item.measured), self.before)


def optimize(
    source: Path,
    *,
    rows: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    architecture: Literal["arm64", "x86_64"] = "arm64",
    load: Load = "one",
    limits: Limits | None = None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """Make a model smaller and faster where that is legal.

    Parameters
    ----------
    source:
        A model.tar.gz, a folder or a model's file.
    rows:
        The sample on which parity is proved, (rows, features); default: the archive's own, else rows that are made up, which
        the result says.
    labels:
        What is right for each row of the sample; default: parity is of the answers alone.
    architecture:
        What the model is to run on; default arm64.
    load:
        "one": what counts is one row at a time; "many": 1,000 rows. Default "one".
    limits:
        How far answers may differ; default: Limits().
    out:
        Where the new archive is written, if there is a better one. Default: nowhere.
    say:
        Is called with a line for each step.

    Returns a Result. Raises GreensageError where the source is no model that the serving container runs.
    """
    with tempfile.TemporaryDirectory(prefix="greensage-optimize-") as scratch:
        work = Path(scratch)
        model = given(source, work / "given")
        sample, made_up = _sample(model, rows)
        say(f"{source.name}: {model.kind}, {len(sample):,} rows to compare" + (", made up" if made_up else ""))
        request = Request(model, sample, architecture, work / "made")
        made: list[Candidate] = []
        for candidate in candidates(request):
            say(f"  made: {candidate.name}" if candidate.folder else f"  not made: {candidate.name}: {candidate.refused}")
            made.append(candidate)
        say("  measuring, in turns")
        folders = {AS_IS: model.file.parent, **{item.name: item.folder for item in made if item.folder}}
        measured = measure(folders, sample, work)
        before = measured[AS_IS]
        if isinstance(before, CannotRun):
            raise GreensageError(f"{source}: the serving container does not run it: {before}")
        bounds = limits or Limits()
        tried = [_judge(item, before, measured.get(item.name), labels, load, bounds) for item in made]
        best = min((item for item in tried if not item.lost), key=lambda item: _cost(item.measured, load), default=None)
        if best is not None:
            words = f"{best.name} takes less"
            tried = [item if item is best or item.lost else replace(item, lost=words) for item in tried]
        size = 0
        if best is not None and out is not None:
            folder = folders[best.name]
            lineage = {"from": model.digest, "pass": best.name, "for": architecture, **best.details}
            size = bundle(folder, model.beside, lineage, out)
        chosen = best.name if best else AS_IS
        return Result(
            source, model.kind, load, architecture, len(sample), made_up, before[0], tuple(tried), chosen, size
        )  # fmt: skip


def _sample(model: Given, rows: np.ndarray | None) -> tuple[np.ndarray, bool]:
    """The user's rows, else the archive's, else normal ones: enough to see that an exact pass is exact, and said to be so."""
    if rows is not None:
        return np.atleast_2d(np.asarray(rows, dtype=np.float64)), False
    from ..drift.payload import decode

    for name, media in (("sample.csv", "text/csv"), ("sample.json", "application/json")):
        path = model.file.parent / name
        if path.is_file():
            return np.atleast_2d(decode(path.read_bytes(), media)), False
    seed = int.from_bytes(hashlib.sha256(model.digest.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(0, 3, (_MADE_ROWS, _features(model))), True


def _features(model: Given) -> int:
    """Ask the serving container's own loader, in a process of its own."""
    from .measure import features

    found = features(model.file.parent)
    if found is None:
        raise GreensageError(f"{model.file.name} does not say how many features it takes; give a sample: --sample rows.csv")
    return found


def _judge(
    item: Candidate, before: tuple[Measured, np.ndarray], found: tuple[Measured, np.ndarray] | CannotRun | None,
    labels: np.ndarray | None, load: Load, limits: Limits,
) -> Tried:  # fmt: skip
    if item.folder is None or found is None:
        return Tried(item.name, None, None, item.refused)
    if isinstance(found, CannotRun):
        return Tried(item.name, None, None, f"the serving container does not run it: {found}")
    measured, answers = found
    parity = compare(before[1], answers, labels)
    if isinstance(parity, str):
        return Tried(item.name, measured, None, parity)
    finite = before[1][np.isfinite(before[1])]
    spread = float(np.ptp(finite)) if finite.size else 0.0
    lost = limits.refuse(parity, spread or 1.0, exact=item.exact)
    if not lost and _cost(measured, load) > _cost(before[0], load) * (1 - _LEAST_WIN):
        change = _cost(measured, load) / _cost(before[0], load) - 1
        what = "row" if load == "one" else "thousand rows"
        lost = f"it takes {change:+.0%} CPU for a {what}, and less than {-_LEAST_WIN:.0%} is no win"
    return Tried(item.name, measured, parity, lost, item.details)


def _cost(measured: Measured | None, load: Load) -> float:
    if measured is None:
        return float("inf")
    return measured.single_cpu_seconds if load == "one" else measured.batch_cpu_seconds
