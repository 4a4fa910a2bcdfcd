"""`make bench`: interleaved, as medians and ratios of one run, into RESULTS.md."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import checks
import container
import container_life
import drift
import optimized
import sharing
import state_machines

from greensage.core.archive import packed

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
QUIET = {**os.environ, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1", "NODE_NO_WARNINGS": "1"}
PLAN = """
import argparse, sys, time
sys.path.insert(0, "constructs")
started = time.perf_counter()
from greensage.commands.models import read_fleet
asked = {"models": [sys.argv[1]], "environment": None, "region": None, "intensity": None, "baseline": "same-region",
         "price_factor": None, "savings_plan": None}
fleet = read_fleet(argparse.Namespace(**asked))
elapsed = time.perf_counter() - started
assert len(fleet.plan.models) == int(sys.argv[2]) and not {"jsii", "aws_cdk", "boto3"} & sys.modules.keys()
print(elapsed)
"""


def main() -> int:
    lines = [
        "# Results of `make bench`",
        "",
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"medians of {ROUNDS} interleaved rounds. The machine is shared and noisy: read ratios, not seconds.",
        "",
        "| what | measured | wanted |",
        "|---|---|---|",
        *(
            f"| {what} | {measured} | {wanted} |"
            for what, measured, wanted in (
                *synthesis(),
                *state_machines.rows(),
                *planning(),
                footprints(),
                sharing.row(),
                *container.rows(ROUNDS),
                *container_life.rows(ROUNDS),
                *optimized.rows(ROUNDS),
                *checks.rows(),
                *drift.rows(ROUNDS),
                interactive(),
                importing(),
                installing(),
            )
        ),
    ]
    (ROOT / "bench/RESULTS.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines[5:]))
    return 0


# The example files of each kind; kinds that share are synthesized with their group and the platform.
KINDS = {
    "real-time": ("churn",), "multi-model": ("wine", "iris"), "multi-container": ("diabetes", "linnerud"),
    "serial-pipeline": ("glucose",), "inference-components": ("pixels", "forest"), "serverless": ("digits",),
    "asynchronous": ("scans",), "batch": ("claims",), "edge": ("sensor",),
}  # fmt: skip


def synthesis() -> list[tuple[str, str, str]]:
    return [one_synthesis(kind, names) for kind, names in KINDS.items()]


def one_synthesis(kind: str, names: tuple[str, ...]) -> tuple[str, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        models.mkdir()
        (models / "artifacts").symlink_to(ROOT / "models/artifacts")
        for name in names:
            shutil.copy(ROOT / f"models/{name}.yaml", models)
        alone = {"model": names[0]} if len(names) == 1 else {}
        context = json.dumps({"models": str(models), **alone})
        ours = [sys.executable, "app.py"]
        settings = {**QUIET, "CDK_CONTEXT_JSON": context, "CDK_OUTDIR": f"{folder}/ours"}
        run(ours, settings)
        naive = [sys.executable, "bench/naive_app.py"]
        plain = {**QUIET, "CDK_OUTDIR": f"{folder}/naive", "GREENSAGE_BENCH_ASSEMBLY": f"{folder}/ours"}
        run(naive, plain)
        templates = [json.loads(path.read_text()) for path in Path(folder, "ours").glob("*.template.json")]
        count = sum(len(template["Resources"]) for template in templates)
        mine, theirs = interleaved(lambda: run(ours, settings), lambda: run(naive, plain))
    stacks = f", {len(templates)} stacks" if len(templates) > 1 else ""
    text = f"{mine / theirs:.2f} x ({mine:.2f} s against {theirs:.2f} s, {count} resources{stacks})"
    return f"synthesis of {kind} against a hand-written L1 app with the same resources and imports", text, "≤ 1.3 x"


PLANNED = {500: "≤ 2 s", 1000: "≤ 3 s"}


def planning() -> list[tuple[str, str, str]]:
    """Fleets of many frameworks, patterns, time zones and SLAs, each model open to four Regions."""
    patterns = ("steady", "office-hours", "bursty", "intermittent", "nightly")
    zones = ("UTC", "Europe/Stockholm", "America/New_York", "Asia/Tokyo")
    made = []
    for count, wanted in PLANNED.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model.tar.gz").write_bytes(packed({"model.json": b"{}"}))
            kinds = ("xgboost", "lightgbm", "sklearn", "onnx")
            for index in range(count):
                text = (
                    f"name: m{index}\nmodel: {{artifact: model.tar.gz, framework: {kinds[index % 4]}}}\n"
                    f"sla: {{latency_p95_ms: {50 + index % 400}, cold_start_ok: {('true', 'false')[index % 2]}, "
                    f"availability: {'high' if index % 7 == 0 else 'standard'}}}\n"
                    f"traffic: {{requests_per_day: {index % 97 * 500}, pattern: {patterns[index % 5]}, "
                    f"timezone: {zones[index % 4]}}}\n"
                    "region: {allowed: [eu-north-1, eu-west-3, eu-west-1, us-east-1]}\n"
                )
                (Path(folder) / f"m{index}.yaml").write_text(text)
            seconds = [float(run([sys.executable, "-c", PLAN, folder, str(count)], QUIET)) for _ in range(ROUNDS)]
        text = f"{statistics.median(seconds):.2f} s, imports and reading the files included"
        made.append(
            (f"planning {count:,} mixed specs, each open to four Regions, with footprint and shared endpoints", text, wanted)
        )
    return made


FOOTPRINTS = """
import sys, time
sys.path[:0] = ["constructs", "."]
from greensage.planner import fleet_footprint
from greensage.planner import Plan, plan
from greensage.spec import load_specs
found = plan(load_specs("models/fleet"))
many = Plan(found.models * 25, found.groups)
fleet_footprint(found)
started = time.perf_counter()
fleet_footprint(many)
print(time.perf_counter() - started)
"""


def footprints() -> tuple[str, str, str]:
    seconds = [float(run([sys.executable, "-c", FOOTPRINTS], QUIET)) for _ in range(ROUNDS)]
    text = f"{statistics.median(seconds):.2f} s, with bands and the usual deployment of each"
    return "footprints of 1,000 models", text, "≤ 0.5 s"


REPORT = """
import shutil, sys, tempfile
from pathlib import Path
sys.path[:0] = ["constructs", "."]
from playwright.sync_api import sync_playwright
from greensage.planner import fleet_footprint
from greensage.planner import plan_with_choices
from greensage.report import report_data, report_html
from tests.report.conftest import FLAGS, NAMES, many
plan, chosen = plan_with_choices(many())
path = Path(tempfile.mkdtemp(), "report.html")
path.write_text(report_html(report_data(plan, chosen, fleet_footprint(plan))), encoding="utf-8")
chromium = next(item for item in map(shutil.which, NAMES) if item)
with sync_playwright() as driver:
    browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
    for _ in range(int(sys.argv[1])):
        page = browser.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        print(page.evaluate("document.documentElement.dataset.ready"))
        page.close()
    browser.close()
"""


def interactive() -> tuple[str, str, str]:
    times = [int(line) for line in run([sys.executable, "-c", REPORT, str(ROUNDS)], QUIET).split()]
    return "report of 500 models: interactive in Chromium", f"{statistics.median(times)} ms", "≤ 1,000 ms"


def importing() -> tuple[str, str, str]:
    def measure(code: str) -> Callable[[], str]:
        return lambda: run([sys.executable, "-c", f"import sys; sys.path.insert(0, 'constructs'); {code}"], QUIET)

    bare, plain, planner = interleaved(
        measure("pass"), measure("import greensage"), measure("import greensage; greensage.plan; greensage.load_specs")
    )
    text = f"{plain - bare:.3f} s (with planner and specs {planner - bare:.2f} s)"
    return "`import greensage` without `aws_cdk`", text, "≤ 0.3 s"


def installing() -> tuple[str, str, str]:
    """Size of what `pip install greensage` adds to an environment that has aws-cdk-lib, constructs and boto3."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--target", f"{folder}/deps", "pydantic>=2.11,<3", "PyYAML>=6.0.2,<7"], QUIET)
        run([*pip, "--no-deps", "--target", f"{folder}/own", "."], QUIET)
        shared = ("typing_extensions",)  # jsii, under aws-cdk-lib, has it already
        deps = sum(size(path) for path in Path(folder, "deps").iterdir() if not path.name.startswith(shared))
        own = size(Path(folder, "own"))
    text = f"{(deps + own) / 1e6:.1f} MB ({own / 1e6:.2f} MB of it greensage)"
    return "base install beyond `aws-cdk-lib`, `constructs` and `boto3`", text, "≤ 20 MB"


def interleaved(*measured: Callable[[], object]) -> list[float]:
    times: list[list[float]] = [[] for _ in measured]
    for _ in range(ROUNDS):
        for row, work in zip(times, measured, strict=True):
            started = time.perf_counter()
            work()
            row.append(time.perf_counter() - started)
    return [statistics.median(row) for row in times]


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stderr[-3000:]}")
    return done.stdout.strip()


def size(path: Path) -> int:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files if "__pycache__" not in item.parts)


if __name__ == "__main__":
    sys.exit(main())
