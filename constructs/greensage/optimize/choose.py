"""Brings it together: makes the candidates, measures them side by side, proves that they answer the same, keeps the best."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import GreensageError
from .bundle import bundle
from .foreign import ForeignModel, load_foreign
from .given import Given, given
from .measure import ROUNDS, CannotRun, Load, Measured, batch_rows, features, measure
from .parity import Limits, Parity, compare
from .passes import ARCHITECTURES, PASSES, Candidate, Request, candidates
from .sample import Rows, count, made_up, made_up_tokens, own_sample, tokens

AS_IS = "as it is"
# A win smaller than this may be the machine's mood.
_LEAST_WIN = 0.05
# Against another candidate: of the same precision, and where digits are lost for it.
_CLEARLY, _FOR_DIGITS = 0.1, 0.25


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
    """What was found. `chosen` is "as it is" where nothing legal is better; `archive_bytes` is 0 where nothing was written.

    `digest` is of what was given; `architectures` and `framework` say what the chosen archive runs on; `batch_rows` is how
    many rows a batch had.
    """

    source: Path
    digest: str
    kind: str
    load: Load
    architecture: str
    sample_rows: int
    sample_is_made_up: bool
    batch_rows: int
    before: Measured
    tried: tuple[Tried, ...]
    chosen: str
    framework: str
    architectures: tuple[str, ...]
    archive_bytes: int

    @property
    def best(self) -> Tried | None:
        """The chosen candidate; None where it is best as it is."""
        return next((item for item in self.tried if item.name == self.chosen), None)

    @property
    def after(self) -> Measured:
        """What the chosen one takes."""
        best = self.best
        return best.measured if best and best.measured else self.before


def optimize(
    source: Path,
    *,
    rows: np.ndarray | Sequence[str] | None = None,
    labels: np.ndarray | None = None,
    architecture: Literal["arm64", "x86_64"] = "arm64",
    load: Load = "one",
    limits: Limits | None = None,
    passes: Sequence[str] = (),
    rounds: int = ROUNDS,
    out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """Make a model smaller and faster where that is legal.

    Parameters
    ----------
    source:
        A model.tar.gz, a folder or a model's file.
    rows:
        The sample on which parity is proved, (rows, features), or sentences for a model of language; default: the archive's
        own, else rows that are made up, which the result says.
    labels:
        What is right for each row of the sample; default: parity is of the answers alone.
    architecture:
        What the model is to run on; default arm64.
    load:
        "one": what counts is one row at a time; "many": a batch. Default "one".
    limits:
        How far answers may differ; default: Limits().
    passes:
        Names of the passes to try (trees-compiled, onnx-int8, ...); default: all that take the model.
    rounds:
        How often each candidate is measured, in turns; the medians count. Default 3.
    out:
        Where the new archive is written, if there is a better one. Default: nowhere.
    say:
        Is called with a line for each step.

    Returns a Result. Raises GreensageError where the source is no model that the serving container runs.
    """
    _check_passes(passes)
    bounds = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="greensage-optimize-") as scratch:
        work = Path(scratch)
        model = given(source, work / "given")
        # First, so that what cannot be loaded is refused before anything is tried.
        foreign = load_foreign(model.file) if model.foreign else None
        sample, made_up = sample_for(model, foreign, rows)
        say(f"{source.name}: {model.kind}, {count(sample):,} rows to compare" + (", made up" if made_up else ""))
        request = Request(model, sample, architecture, work / "made", bounds, labels, tuple(passes))
        made: list[Candidate] = []
        for candidate in candidates(request):
            say(f"  made: {candidate.name}" if candidate.folder else f"  not made: {candidate.name}: {candidate.refused}")
            made.append(candidate)
        say("  measuring, in turns")
        folders = {AS_IS: model.file.parent, **{item.name: item.folder for item in made if item.folder}}
        measured = measure(folders, sample, work, foreign={AS_IS: model.file} if foreign else {}, rounds=rounds)
        before = measured[AS_IS]
        if isinstance(before, CannotRun):
            raise GreensageError(f"{source}: it does not run as it is: {before}")
        tried = [_judge(item, before, measured.get(item.name), labels, load, bounds, made_up) for item in made]
        best = _best(tried, {item.name: item.exact for item in made}, load)
        if best is not None:
            tried = [item if item is best or item.lost else replace(item, lost=_beaten(item, best, load)) for item in tried]
        size, framework, runs_on = 0, model.kind, ARCHITECTURES
        if best is not None:
            winner = next(item for item in made if item.name == best.name)
            framework, runs_on = winner.framework or model.kind, winner.architectures
            if out is not None:
                lineage = {"from": model.digest, "pass": best.name, "for": architecture, **best.details}
                size = bundle(folders[best.name], model.beside, lineage, out)
        chosen = best.name if best else AS_IS
        return Result(
            source, model.digest, model.kind, load, architecture, count(sample), made_up, batch_rows(sample), before[0],
            tuple(tried), chosen, framework, runs_on, size,
        )  # fmt: skip


def _best(tried: Sequence[Tried], exact: Mapping[str, bool], load: Load) -> Tried | None:
    """Return the candidate to keep. The earlier one stays unless a later one is clearly better, and what loses digits has to
    be better by more: so that the machine's mood does not decide."""
    best: Tried | None = None
    for item in tried:
        if item.lost:
            continue
        margin = _CLEARLY if best is None or exact[item.name] >= exact[best.name] else _FOR_DIGITS
        if best is None or _cost(item.measured, load) < _cost(best.measured, load) * (1 - margin):
            best = item
    return best


def _beaten(item: Tried, best: Tried, load: Load) -> str:
    less = _cost(item.measured, load) < _cost(best.measured, load)
    return f"hardly better than {best.name}, which comes first" if less else f"{best.name} takes less"


def sample_for(model: Given, foreign: ForeignModel | None, rows: np.ndarray | Sequence[str] | None) -> tuple[Rows, bool]:
    """Return the user's rows, else the archive's, else made up ones; and whether they are made up. Raises GreensageError."""
    if foreign is not None and foreign.inputs:
        return _of_language(model, foreign, rows)
    if rows is not None:
        if not isinstance(rows, np.ndarray):
            raise GreensageError(f"{model.file.name} takes numbers; give a CSV file with a header: --sample rows.csv")
        return np.atleast_2d(np.asarray(rows, dtype=np.float64)), False
    own = own_sample(model)
    if own is not None:
        return own, False
    found = foreign.features if foreign else features(model.file.parent)
    if found is None:
        raise GreensageError(f"{model.file.name} does not say how many features it takes; give a sample: --sample rows.csv")
    return made_up(model, found), True


def _of_language(model: Given, foreign: ForeignModel, rows: np.ndarray | Sequence[str] | None) -> tuple[Rows, bool]:
    if rows is None:
        return made_up_tokens(model, foreign.vocabulary, foreign.inputs), True
    if isinstance(rows, np.ndarray):
        raise GreensageError(f"{model.file.name} takes sentences; give a file with one in each line: --sample sentences.txt")
    return tokens(model.file.parent, list(rows), foreign.inputs), False


def _check_passes(names: Sequence[str]) -> None:
    known = [name.replace("_", "-") for name in PASSES]
    for name in names:
        if name not in known:
            raise GreensageError(f"no pass is called {name!r}; there are {', '.join(known)}")


def _judge(
    item: Candidate, before: tuple[Measured, np.ndarray], found: tuple[Measured, np.ndarray] | CannotRun | None,
    labels: np.ndarray | None, load: Load, limits: Limits, made_up: bool,
) -> Tried:  # fmt: skip
    if item.folder is None or found is None:
        return Tried(item.name, None, None, item.refused)
    if isinstance(found, CannotRun):
        return Tried(item.name, None, None, f"the serving container does not run it: {found}")
    measured, answers = found
    parity = compare(before[1], answers, labels)
    if isinstance(parity, str):
        return Tried(item.name, measured, None, parity)
    lost = limits.refuse(parity, exact=item.exact)
    if not lost and made_up and not item.exact:
        lost = "it loses digits, and the rows that it was proved on are made up: give a sample"
    if not lost and _cost(measured, load) > _cost(before[0], load) * (1 - _LEAST_WIN):
        change = _cost(measured, load) / _cost(before[0], load) - 1
        what = "row" if load == "one" else "row of a batch"
        lost = f"it takes {change:+.0%} CPU for a {what}, and less than {-_LEAST_WIN:.0%} is no win"
    return Tried(item.name, measured, parity, lost, item.details)


def _cost(measured: Measured | None, load: Load) -> float:
    return float("inf") if measured is None else measured.cpu_seconds(load)
