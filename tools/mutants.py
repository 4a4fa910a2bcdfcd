"""Mutation tests: mutmut breaks the code in one place at a time, and the fast tests must notice.

`make mutants` runs a sample of each room, always the same one; `make mutants ROOMS=drift SAMPLE=all` everything of one.
At least 90 % must be noticed; what was not is printed, and the exit code says whether a room fell short.
mutmut wants modules where their names say, and rules that no decorator hides, so it works on a copy below .greensage.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".greensage/mutants"
COPIED = (
    "tests", "models", "stacks", "lambda", "serving", "docs", "tools", "examples", "constructs", "app.py", "cdk.json",
    "README.md", "Makefile", "package.json", "requirements.txt",
)  # fmt: skip
PYTEST_OPTIONS = [
    "-m", "not slow and not cloud", "-p", "no:cacheprovider", "--no-header", "-W", "ignore",
    "--ignore-glob=*/test_recipes.py",  # runs npx, whose packages are not in the copy
    "--snapshot-warn-unused",  # mutmut only collects at first, which leaves every snapshot unused
]  # fmt: skip
KILLED, WITHOUT_TESTS = (1, 3, 24, 36, 255, -24, 152, -9, -11, 137), 33


@dataclass(frozen=True)
class Room:
    """What is broken, by which tests it has to be noticed, and whether those can be loaded once for all mutants."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    warm: bool = True


_UNIT = ("tests/unit",)
ROOMS = {
    "planner": Room(("src/greensage/planner/*",), _UNIT),
    "drift": Room(
        ("src/greensage/drift/*",),
        ("tests/unit/drift", "tests/unit/retraining", "tests/unit/test_runs.py", "tests/unit/test_payload.py"),
    ),
    "retraining": Room(("src/retraining/*",), ("tests/unit/retraining", "tests/unit/test_runs.py")),
    # These tests load the CDK, whose Node process cannot be shared between forks.
    "checks": Room(("src/greensage/checks/*",), ("tests/checks",), warm=False),
    "endpoints": Room(
        ("src/greensage/endpoints/*",),
        tuple(f"tests/synth/test_{name}.py" for name in ("golden", "props", "composition", "constructs")),
        warm=False,
    ),
}  # fmt: skip


def main() -> int:
    """Run the rooms asked for; 1 if one of them notices too little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS), help=f"default: {' '.join(ROOMS)}")
    parser.add_argument("--sample", default="200", help="mutants of each room, or 'all'; default 200")
    parser.add_argument("--children", type=int, default=2, help="processes; default 2")
    parser.add_argument("--least", type=float, default=90.0, help="percent that must be noticed; default 90")
    options = parser.parse_args()
    good = True
    for name in options.rooms:
        started = time.monotonic()
        found = _run(name, ROOMS[name], options.sample, options.children)
        survived = sorted(key for key, code in found.items() if code not in KILLED)
        share = 100 * (1 - len(survived) / len(found)) if found else 0.0
        good &= share >= options.least
        print(f"{name}: {len(found):,} mutants, {share:.1f} % noticed, {time.monotonic() - started:,.0f} s", flush=True)
        for key in survived:
            print(
                f"\n-- {key}{' (no test comes by)' if found[key] == WITHOUT_TESTS else ''}\n{_difference(name, key)}", flush=True
            )
    return 0 if good else 1


def _run(name: str, room: Room, sample: str, children: int) -> dict[str, int]:
    folder = _copy(name, room)
    _mutmut(folder, "run", "--max-children", str(children), "nothing-is-called-like-this")
    keys = sorted(_results(folder))
    chosen = keys if sample == "all" else random.Random(name).sample(keys, min(int(sample), len(keys)))
    print(f"{name}: {len(chosen):,} of {len(keys):,} mutants ...", flush=True)
    for start in range(0, len(chosen), 400):
        _mutmut(folder, "run", "--max-children", str(children), *chosen[start : start + 400])
    codes = _results(folder)
    if not any(codes.get(key) is not None for key in chosen):
        lines = (folder / "mutmut.log").read_text().replace("\r", "\n").splitlines()
        end = "\n".join(line for line in lines if not re.match(r"[\u2800-\u28ff]", line))[-4000:]  # without its spinner
        raise SystemExit(f"{name}: no mutant was tried; mutmut said:\n{end}")
    return {key: code for key in chosen if (code := codes.get(key)) is not None}


def _copy(name: str, room: Room) -> Path:
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "cdk.out", "_serving", "_lambda")
    for item in COPIED:
        source = ROOT / item
        if source.is_dir():
            shutil.copytree(source, folder / item, ignore=ignored)
        elif source.is_file():
            (folder / item).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / item)
    shutil.copytree(ROOT / "constructs/greensage", folder / "src/greensage", ignore=ignored)
    shutil.copytree(ROOT / "lambda/retraining", folder / "src/retraining", ignore=ignored)
    for path in (folder / "src/greensage/checks/rules").glob("*.py"):
        path.write_text(undecorated(path.read_text()))
    (folder / "pyproject.toml").write_text(_settings(room))
    with (folder / "tests/conftest.py").open("a") as file:
        file.write(_SLOWER)
    return folder


# Broken code may be slow, and a random failure would count as noticed.
_SLOWER = """
from hypothesis import HealthCheck as _Check, settings as _settings

_settings.register_profile("mutants", deadline=None, derandomize=True, database=None, suppress_health_check=list(_Check))
_settings.load_profile("mutants")
"""


def undecorated(text: str) -> str:
    """Return a file of rules with each decorator as a call after its function: mutmut leaves decorated ones alone."""
    pattern = r"^@((?:rule|app_rule|needs\w*)\((?:[^()]|\([^()]*\))*\))(?:  # fmt: skip)?\n(def (\w+)\(.*?)(?=^\S(?<!\))|\Z)"
    return re.sub(pattern, r"\2\3 = \1(\3)\n\n\n", text, flags=re.S | re.M)


def _settings(room: Room) -> str:
    text = (ROOT / "pyproject.toml").read_text()
    text = text.replace('pythonpath = ["constructs", ".", "lambda", "serving"]', 'pythonpath = ["src", ".", "lambda", "serving"]')
    warmup = "collect" if room.warm else "none"
    return text + (
        f"\n[tool.mutmut]\nsource_paths = ['src']\nonly_mutate = {list(room.sources)}\nalso_copy = {list(COPIED)}\n"
        f"pytest_add_cli_args_test_selection = {list(room.tests)}\n"
        f"pytest_add_cli_args = {PYTEST_OPTIONS}\n"
        f"process_isolation = 'forkserver'\nforkserver_warmup = '{warmup}'\ntimeout_constant = 30.0\n"
        "use_git_change_detection = false\ntrack_dependencies = false\n"
    )


def _mutmut(folder: Path, *arguments: str) -> str:
    # Rich and click draw over each other without this; nobody reads it but when it fails.
    environment = {**os.environ, "COLUMNS": "120", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if not list(_metas(folder)):
        raise SystemExit(f"mutmut failed in {folder.relative_to(ROOT)}:\n{(done.stdout + done.stderr)[-4000:]}")
    (folder / "mutmut.log").write_text(done.stdout + done.stderr)
    return done.stdout


def _metas(folder: Path) -> Iterator[Path]:
    return (folder / "mutants").rglob("*.meta")


def _results(folder: Path) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for path in _metas(folder):
        found.update(json.loads(path.read_text())["exit_code_by_key"])
    return found


def _difference(name: str, key: str) -> str:
    lines = _mutmut(WORK / name, "show", key).splitlines()
    return "\n".join(line for line in lines if line.startswith(("+", "-")) and not line.startswith(("+++", "---")))


if __name__ == "__main__":
    sys.exit(main())
