"""Runs a model through the serving container's own code, in a process of its own, and measures what it takes.

Candidates are measured in turns, so that a busy moment of the machine meets all of them; medians count.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..core.folders import serving_folder
from ..errors import GreensageError
from .sample import Rows, save

Load = Literal["one", "many"]
ROUNDS = 3
# Rows in a batch: of a table, and of models with several inputs, whose rows are sentences.
_BATCH, _SENTENCES = 1_000, 8
# In the process: loads, predicts the sample, then times one row and a batch for about a quarter of a second each.
_SCRIPT = """
import json, os, sys, time
from pathlib import Path
from server import limits
limits.one_thread()
from server.errors import ServingError
from server.registry import loaded
from server.settings import Settings
import numpy as np
folder, sample, answers, batch, foreign = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
rows = np.load(sample, allow_pickle=False)
rows = dict(rows) if sample.endswith(".npz") else rows
settings = Settings.from_environment(os.environ)
before = limits.resident_bytes()
try:
    if foreign:
        from greensage.optimize.foreign import load_foreign
        model = load_foreign(Path(foreign))
    else:
        model, _ = loaded(folder, settings)
    np.save(answers, model.answer(rows), allow_pickle=False)
except ServingError as error:
    print(json.dumps({"error": error.message})); sys.exit(0)
except Exception as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"[:300]})); sys.exit(0)
def pick(where):
    return {name: rows[name][where] for name in rows} if isinstance(rows, dict) else rows[where]
def timed(part, count_of_rows):
    seconds, cpu, count, end = [], time.process_time(), 0, time.perf_counter() + 0.25
    while time.perf_counter() < end or count < 3:
        started = time.perf_counter(); model.answer(part); seconds.append(time.perf_counter() - started); count += 1
    seconds.sort()
    return seconds[len(seconds) // 2], (time.process_time() - cpu) / count / count_of_rows
given = len(next(iter(rows.values()))) if isinstance(rows, dict) else len(rows)
several = pick(np.resize(np.arange(given), batch))
single, single_cpu = timed(pick(slice(0, 1)), 1)
whole, whole_cpu = timed(several, batch)
print(json.dumps({
    "single_seconds": single, "single_cpu_seconds": single_cpu, "batch_seconds": whole, "batch_cpu_seconds": whole_cpu,
    "memory_bytes": limits.resident_bytes() - before,
}))
"""


class CannotRun(Exception):
    """The container cannot load or run the model; the message is its reason."""


@dataclass(frozen=True)
class Measured:
    """What one model takes.

    `size_bytes`: of its files. `single_seconds`: for one row; `batch_seconds`: for batch_rows(...) of them.
    `single_cpu_seconds`, `batch_cpu_seconds`: of a processor, for each row. `memory_bytes`: that the process grew by,
    library included.
    """

    size_bytes: int
    single_seconds: float
    single_cpu_seconds: float
    batch_seconds: float
    batch_cpu_seconds: float
    memory_bytes: int

    def cpu_seconds(self, load: Load) -> float:
        """Return what a row takes of a processor: one at a time, or of many."""
        return self.single_cpu_seconds if load == "one" else self.batch_cpu_seconds


def batch_rows(rows: Rows) -> int:
    """Return how many rows make a batch here."""
    return _SENTENCES if isinstance(rows, Mapping) else _BATCH


def measure(
    folders: Mapping[str, Path], rows: Rows, work: Path, *, foreign: Mapping[str, Path], rounds: int = ROUNDS
) -> dict[str, tuple[Measured, np.ndarray] | CannotRun]:  # fmt: skip
    """Return what each model takes and what it answers for `rows`, or why it cannot run.

    `foreign` names the files of those that their own library runs; each is measured `rounds` times, and medians count.
    """
    sample = save(work / "sample", rows)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in folders}
    broken: dict[str, CannotRun] = {}
    answers = {name: work / f"answers-{index}.npy" for index, name in enumerate(folders)}
    for _ in range(rounds):
        for name, folder in folders.items():
            if name not in broken:
                try:
                    given = (str(folder), str(sample), str(answers[name]), str(batch_rows(rows)), str(foreign.get(name, "")))
                    found[name].append(_once(*given))
                except CannotRun as reason:
                    broken[name] = reason
    return {
        name: broken.get(name) or (_median(found[name], foreign.get(name, folder)), np.load(answers[name]))
        for name, folder in folders.items()
    }


def _once(*arguments: str) -> dict[str, float]:
    done = in_the_container(_SCRIPT, *arguments)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"])[-1]
        if "ModuleNotFoundError" in last:
            raise GreensageError(f"{last}: pip install 'greensage[optimize]'")
        raise CannotRun(last[:300])
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if "error" in row:
        raise CannotRun(str(row["error"]))
    return row


def _median(rows: Sequence[dict[str, float]], place: Path) -> Measured:
    middle = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    files = place.rglob("*") if place.is_dir() else [place]
    size = sum(path.stat().st_size for path in files if path.is_file())
    return Measured(
        size, middle["single_seconds"], middle["single_cpu_seconds"], middle["batch_seconds"], middle["batch_cpu_seconds"],
        int(middle["memory_bytes"]),
    )  # fmt: skip


_FEATURES = """
import os, sys
from pathlib import Path
from server.loaders import load
from server.settings import Settings
print(load(Path(sys.argv[1]), Settings.from_environment(os.environ)).features)
"""


def features(folder: Path) -> int | None:
    """Return how many columns the model in `folder` takes, None where it does not say. Raises GreensageError."""
    done = in_the_container(_FEATURES, str(folder))
    if done.returncode:
        raise GreensageError(f"the serving container does not load it: {(done.stderr.strip().splitlines() or ['?'])[-1][:300]}")
    word = done.stdout.split()[-1]
    return int(word) if word.isdigit() else None


def in_the_container(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `script` with the serving container's modules; compiled trees are ours here, so their code may run."""
    path = os.pathsep.join([str(serving_folder()), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    variables = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "GREENSAGE_ALLOW_CODE": "1"}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
