"""Compile the capability matrix from the research table: every cell with its answer, its own words and its source.

Run by a maintainer: `.venv/bin/python tools/compile_capabilities.py --facts FILE --date YYYY-MM-DD`. The table's
notation: y, n, ?, a bracketed source, and WARN where sources conflict. A cell that nobody sources, or that sources
dispute, becomes "?": greensage warns there and never refuses. EDGE is written here, since the table has no such column.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "constructs/greensage/catalog/data/capabilities.json"
KINDS = (
    "real-time",
    "multi-model",
    "multi-container",
    "serial-pipeline",
    "inference-components",
    "serverless",
    "asynchronous",
    "batch",
)
ROWS = {
    "autoscaling dim": ("autoscaling", "autoscaling"),
    "scale to zero": ("scale_to_zero", "scaling to zero"),
    "data capture": ("data_capture", "data capture"),
    "Model Monitor": ("model_monitor", "Model Monitor"),
    "network isolation": ("network_isolation", "network isolation"),
    "VPC": ("vpc", "a VPC"),
    "KMS volume": ("kms_volume", "a KMS key for volumes"),
    "GPU": ("gpu", "GPUs"),
    "Inf1": ("inf1", "Inferentia 1"),
    "Inf2/Trn1": ("inf2", "Inferentia 2 or Trainium"),
    "Graviton arm64": ("graviton", "Graviton"),
    "shadow variant": ("shadow", "a shadow variant"),
    "blue/green+rollback": ("blue_green", "blue/green deployment with rollback"),
    "rolling": ("rolling", "rolling deployment"),
    "multiple variants": ("variants", "several production variants"),
    "Inference Recommender": ("inference_recommender", "Inference Recommender"),
    "ModelDataSource uncompressed": ("uncompressed_model", "an uncompressed model"),
    "InstancePools (heterogeneous)": ("instance_pools", "instance pools"),
    "private registry (Vpc repo mode)": ("private_registry", "a private registry"),
}
EXPLICIT = {"y": "y", "n": "n", "?": "?", "N/A": "n", "n/a": "n", "n/a/job": "n", "none": "n", "-": "n"}
MATRIX = "developer guide, model-deploy-feature-matrix"
SOURCES = {"[BC": "botocore, SageMaker API model", "[M]": MATRIX, "exclusion": "developer guide, exclusions of the feature",
           "model-monitor.md": "developer guide, model-monitor", "async-inference": "developer guide, async-inference",
           "realtime-endpoints-graviton": "developer guide, realtime-endpoints-graviton",
           "multi-model-support": "developer guide, multi-model-support",
           "AWS announcement": "AWS announcement of 2026-05-04"}  # fmt: skip
# Rows whose cells say more than y or n, and cells whose words need a reader; the text stays as it stands in the table.
READ = {
    ("autoscaling", "real-time"): "y", ("autoscaling", "inference-components"): "y", ("autoscaling", "serverless"): "y",
    ("autoscaling", "asynchronous"): "y", ("autoscaling", "batch"): "n", ("network_isolation", "batch"): "?",
    ("blue_green", "serverless"): "?", ("variants", "multi-model"): "?", ("shadow", "serial-pipeline"): "?",
    ("graviton", "serverless"): "?", ("blue_green", "inference-components"): "y",
    ("inference_recommender", "inference-components"): "?",
    ("data_capture", "serial-pipeline"): "?", ("scale_to_zero", "batch"): "y", ("inf2", "multi-model"): "?",
    ("inf2", "asynchronous"): "?", ("blue_green", "batch"): "n", ("rolling", "batch"): "n", ("shadow", "batch"): "n",
}  # fmt: skip
EDGE_SOURCE = "Greengrass v2 developer guide: a component is a package on a device, without endpoint, variant or instance"
EDGE = {"graviton": "y", "scale_to_zero": "y", "inf1": "n", "inf2": "n", "gpu": "?", "kms_volume": "n"}


def main() -> None:
    """Write capabilities.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--date", required=True)
    args = parser.parse_args()
    features: dict[str, Any] = {}
    for line in args.facts.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells and cells[0] in ROWS:
            key, label = ROWS[cells[0]]
            features[key] = {"label": label, "kinds": _row(key, cells[1:])}
    missing = {key for key, _ in ROWS.values()} - features.keys()
    if missing:
        raise SystemExit(f"the table has no row for {', '.join(sorted(missing))}")
    content = {
        "source": "developer guide and API models, read November 2026; each cell names its own",
        "licence": "facts",
        "date": args.date,
        "answers": {
            "y": "supported",
            "n": "refused by AWS",
            "?": "no source, or sources in conflict: warned about, never refused",
        },
        "features": features,
    }
    OUT.write_text(json.dumps(content, indent=1) + "\n")


def _row(key: str, cells: list[str]) -> dict[str, Any]:
    row = {}
    tail = re.search(r"\[([^\]]+)\]\s*$", cells[len(KINDS)]) if len(cells) > len(KINDS) and cells[len(KINDS)] else None
    for index, kind in enumerate(KINDS):
        text = cells[index]
        if text in ("=", "same"):
            row[kind] = {**row["real-time"], "words": "as for real-time"}
            continue
        answer = READ.get((key, kind)) or _answer(text)
        row[kind] = {"answer": answer, "words": text, "source": _source(text, tail.group(0) if tail else "")}
    row["edge"] = {"answer": EDGE.get(key, "n"), "words": "not a SageMaker endpoint", "source": EDGE_SOURCE}
    return row


def _answer(text: str) -> str:
    if "WARN" in text or "conflict" in text:
        return "?"
    first = re.split(r"[\s(:,;]", text, maxsplit=1)[0]
    if first in EXPLICIT:
        return EXPLICIT[first]
    if re.match(r"inf2, trn1 y", text):
        return "y"
    raise SystemExit(f"cannot read the cell {text!r}")


def _source(text: str, row: str) -> str:
    for mark, source in SOURCES.items():
        if mark in text:
            return source
    for mark, source in SOURCES.items():
        if mark in row:
            return source
    return "none found" if text.startswith("?") else MATRIX


if __name__ == "__main__":
    main()
