"""The retraining loop's rows of `make bench`: alarms and delays, speed and memory, and what the loop takes in a month."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs")]

from greensage.catalog import drift as catalog  # noqa: E402
from greensage.core.archive import packed  # noqa: E402
from greensage.drift.monitor_files import to_statistics  # noqa: E402
from greensage.drift.window import of_table  # noqa: E402
from greensage.footprint.estimate import estimate  # noqa: E402
from greensage.footprint.retraining import of_training  # noqa: E402
from greensage.planner import ModelPlan, plan  # noqa: E402
from greensage.planner.beside import beside_of  # noqa: E402
from greensage.spec import load_specs  # noqa: E402

Row = tuple[str, str, str]
RIVALS = ROOT / ".venv-rivals/bin/python"
COLUMNS, UNIQUE, REFERENCE_ROWS = 8, 100_000, 100_000
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
WHO = ("greensage", "evidently", "evidently-preset", "frouros")
REGION = "eu-north-1"
TRAFFIC = (1_000, 100_000, 10_000_000)


def rows(rounds: int) -> list[Row]:
    return [*detection(), *speed_rows(speed(rounds)), *month()]


def detection() -> list[Row]:
    return [
        *detected(json.loads(run([str(RIVALS), "bench/drift_detection.py"]).splitlines()[-1])),
        *answered(json.loads(run([str(RIVALS), "bench/drift_kpi.py"]).splitlines()[-1])),
    ]


def detected(found: dict[str, Any]) -> list[Row]:
    """Tables without a change, one by one; changes, over the tables; and weeks of a market with seasons."""
    made: list[Row] = []
    for name, row in found["false alarms"].items():
        made.append((f"false alarms per 100 windows of rows that a reference was not made of: {name}", listed(row), "ours ≤ 5"))
    for kind, tables in found["found"].items():
        who = {name for row in tables.values() for name in row}
        means = {
            name: statistics.mean(row[name] for row in tables.values() if name in row) for name in sorted(who, key=_ours_first)
        }
        text = f"{listed(means)} (ours: {listed({table: row['greensage'] for table, row in tables.items()})})"
        made.append(
            (f"alarms per 100 windows with a change in {kind}, mean of {len(tables)} tables", text, "the more the better")
        )
    text = "; ".join(f"{who} {row['weeks'] or 'none'} ({row['before']:.0f} %)" for who, row in found["seasons"].items())
    made.append(
        ("electricity market joined on 2 May 1997: weeks to the first alarm (alarms in the 20 weeks before)", text, "1 (≤ 5 %)")
    )
    return made


def answered(found: dict[str, Any]) -> list[Row]:
    text = "; ".join(
        f"{who} {row['rows']:,.0f} rows ({row['false alarms in 10,000 rows']:.0f} %, on the limit "
        f"{row['false alarms on the limit']:.0f} %, {row['missed']} missed)"
        for who, row in found.items()
    )
    return [
        (
            "answers get worse, inputs do not: labelled rows to the first alarm (streams with one in 10,000 rows before)",
            text,
            "≤ 500 (0 %)",
        )
    ]


def _ours_first(name: str) -> tuple[bool, str]:
    return name != "greensage", name


def listed(row: dict[str, float]) -> str:
    return "; ".join(f"{who} {value:.0f}" for who, value in row.items())


def speed(rounds: int) -> dict[tuple[str, int], dict[str, float]]:
    """Median seconds and peak memory by evaluator and rows; large files are read once."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        reference = write_reference(Path(folder))
        for size in SIZES:
            captures = write_captures(Path(folder, f"{size}.jsonl"), size)
            for _ in range(rounds if size <= 100_000 else 1):
                for who in WHO if size < SIZES[-1] else WHO[:2]:
                    python = sys.executable if who == "greensage" else str(RIVALS)
                    said = run([python, "bench/drift_speed.py", who, str(captures), str(reference)])
                    found.setdefault((who, size), []).append(json.loads(said.splitlines()[-1]))
            captures.unlink()
    return {key: {name: statistics.median(row[name] for row in many) for name in many[0]} for key, many in found.items()}


def write_reference(folder: Path) -> Path:
    """The same rows as a table for the others and as statistics.json for us."""
    table = np.random.default_rng(1).normal(size=(REFERENCE_ROWS, COLUMNS + 1)).round(5)
    path = folder / "reference.csv"
    np.savetxt(path, table, delimiter=",", fmt="%.5f")
    made = of_table([f"f{index}" for index in range(COLUMNS)], table[:, :COLUMNS], table[:, COLUMNS])
    path.with_suffix(".statistics.json").write_text(json.dumps(to_statistics(made)))
    return path


def write_captures(path: Path, rows: int) -> Path:
    """Captures as SageMaker writes them; what is beyond 100,000 lines repeats them, which no evaluator can gain from."""
    table = np.random.default_rng(2).normal(size=(min(rows, UNIQUE), COLUMNS + 1)).round(5)
    lines = []
    for index, row in enumerate(table):
        data = ",".join(f"{cell:.5f}" for cell in row[:COLUMNS])
        side = {"observedContentType": "text/csv", "encoding": "CSV"}
        record = {
            "captureData": {
                "endpointInput": {**side, "mode": "INPUT", "data": data},
                "endpointOutput": {**side, "mode": "OUTPUT", "data": f"{row[COLUMNS]:.5f}"},
            },
            "eventMetadata": {"eventId": f"{index:032d}", "inferenceTime": "2026-11-25T12:00:00Z"},
            "eventVersion": "0",
        }
        lines.append(json.dumps(record, separators=(",", ":")) + "\n")
    block = "".join(lines).encode()
    with path.open("wb") as file:
        for _ in range(max(1, rows // UNIQUE)):
            file.write(block)
    return path


def speed_rows(measured: dict[tuple[str, int], dict[str, float]]) -> list[Row]:
    made = []
    for size in SIZES:
        took = {who: row["read"] + row["judge"] for (who, rows), row in measured.items() if rows == size}
        text = "; ".join(f"{who} {size / took[who]:,.0f} rows/s, {measured[who, size]['peak']:,.0f} MB" for who in took)
        text = f"{took['evidently'] / took['greensage']:.1f} x ({text})"
        made.append((f"evaluating {size:,} captured rows of {COLUMNS} features against evidently", text, "> 1 x"))
    least, most = measured["greensage", SIZES[1]]["peak"], measured["greensage", SIZES[-1]]["peak"]
    made.append(
        (
            f"its peak memory from {SIZES[1]:,} to {SIZES[-1]:,} rows",
            f"{most / least:.2f} x ({least:.0f} to {most:.0f} MB)",
            "flat",
        )
    )
    return made


def month() -> list[Row]:
    """The loop without a retraining, at three levels of traffic, against one retraining a month by the clock."""
    training = of_training(catalog.training_types()[0], REGION)
    made: list[Row] = []
    for requests in TRAFFIC:
        model = planned(requests)
        assert model.monitoring is not None
        usages = [usage for name, usage in beside_of(model) if name in ("capture", "monitoring", "monitoring jobs")]
        taken = estimate(usages)
        grams, cost = (sum(getattr(row, name).mid for row in taken) for name in ("carbon_g", "cost_usd"))
        spent = training.carbon_g.mid
        text = (
            f"{grams:.2f} g and {cost:.2f} USD against {spent:.1f} g and {training.cost_usd.mid:.3f} USD; "
            f"{model.monitoring.sample_percent} % captured, "
            f"so it saves carbon once a retraining takes more than {10 * grams / spent:.1f} minutes of ml.m5.large, "
            f"money from {10 * cost / training.cost_usd.mid:,.0f} minutes on"
        )
        what = f"the loop at {requests:,} requests a day, a month without a retraining, against one of 10 minutes by the clock"
        made.append((what, text, "≤ 0.10 USD at 1,000" if requests == TRAFFIC[0] else "estimates"))
    return made


def planned(requests: int) -> ModelPlan:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tar.gz").write_bytes(packed({"model.json": b"{}"}))
        (Path(folder) / "model.statistics.json").write_text("{}")
        (Path(folder) / "m.yaml").write_text(
            f"name: m\nmodel: {{artifact: model.tar.gz, framework: xgboost}}\nsla: {{latency_p95_ms: 200}}\nhosting: real-time\n"
            f"traffic: {{requests_per_day: {requests}, pattern: steady}}\nregion: {{allowed: [{REGION}]}}\n"
            "drift: {kpi: {auc: 0.8}}\n"
        )
        (made,) = plan(load_specs(Path(folder))).models
    return made


def run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-3000:]}")
    return done.stdout.strip()


if __name__ == "__main__":
    found: Any = rows(5)
    print("\n".join(f"| {' | '.join(row)} |" for row in found))
