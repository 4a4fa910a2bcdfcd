"""Compile the catalog's data files from the tables of the SDK, cfn-lint, botocore and the source data.

Run by a maintainer, never by a user, after `make .venv-sdk/installed`:
`.venv/bin/python tools/compile_catalog.py --data DIR --date YYYY-MM-DD`, where DIR holds instances.csv and
teads_aws_instance_power.csv. What it writes is committed; the full test suite asks the SDK whether it still agrees.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import subprocess
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "constructs/greensage/catalog/data"
FRAMEWORKS = ("xgboost", "sklearn", "pytorch", "tensorflow")
# Runs in the SDK's own environment: lists every CPU inference image as the SDK itself answers it.
ASK_SDK = """
import json, sys
from functools import cache
from importlib.metadata import version
from sagemaker.core import image_uris
rows = []
for framework in sys.argv[1:]:
    table = image_uris.config_for_framework(framework)
    kinds = (("inference", "x86_64", "ml.c5.large"), ("inference_graviton", "arm64", "ml.c7g.large"))
    for scope, architecture, instance in kinds:
        for number, row in table[scope]["versions"].items():
            asked = "training" if framework in ("xgboost", "sklearn") and architecture == "x86_64" else "inference"
            try:
                uri = image_uris.retrieve(framework, "us-east-1", version=number, image_scope=asked, instance_type=instance)
            except (ValueError, KeyError):
                continue
            repository, tag = uri.split("/", 1)[1].rsplit(":", 1)
            rows.append({"framework": framework, "version": number, "architecture": architecture,
                         "repository": repository, "tag": tag, "accounts": row["registries"]})
print(json.dumps({"version": version("sagemaker-core"), "rows": rows}))
"""
# The same for GPUs (with Triton, the only server that SageMaker allows on multi-model GPU endpoints) and for Neuron.
ASK_SDK_ACCELERATED = """
import json
from sagemaker.core import image_uris
config, retrieve, rows = image_uris.config_for_framework, image_uris.retrieve, []
def add(framework, version, processor, uri, accounts):
    repository, tag = uri.split("/", 1)[1].rsplit(":", 1)
    rows.append({"framework": framework, "version": version, "architecture": "x86_64", "processor": processor,
                 "repository": repository, "tag": tag, "accounts": accounts})
asked = [("pytorch", "pytorch", "gpu", "ml.g5.xlarge"), ("tensorflow", "tensorflow", "gpu", "ml.g5.xlarge"),
         ("sagemaker-tritonserver", "triton", "gpu", "ml.g5.xlarge"),
         ("inferentia-pytorch", "pytorch", "inf1", "ml.inf1.xlarge"),
         ("inferentia-tensorflow", "tensorflow", "inf1", "ml.inf1.xlarge")]
for table, framework, processor, instance in asked:
    rows_of = config(table)
    for number, row in (rows_of.get("inference") or rows_of)["versions"].items():
        try:
            uri = retrieve(table, "us-east-1", version=number, image_scope="inference", instance_type=instance)
        except (ValueError, KeyError):
            continue
        if processor != "gpu" or "gpu" in uri or framework == "triton":
            add(framework, number, processor, uri, row["registries"])
for version, outer in config("huggingface-neuronx")["inference"]["versions"].items():
    for name, row in outer.items():
        if name.startswith("pytorch"):
            number = name.removeprefix("pytorch")
            system = f"{row['py_versions'][0]}-{row['sdk_versions'][0]}-{row['container_version']['inf']}"
            uri = f"x/{row['repository']}:{number}-transformers{version}-neuronx-{system}"
            add("pytorch", number, "neuronx", uri, row["registries"])
            add("huggingface", version, "neuronx", uri, row["registries"])
# Hugging Face's: the inference toolkit on PyTorch by the version of transformers, and text generation by its own.
for version, outer in config("huggingface")["inference"]["versions"].items():
    for name in (name for name in outer if name.startswith("pytorch")):
        for processor, instance in (("cpu", "ml.c5.large"), ("gpu", "ml.g5.xlarge")):
            try:
                uri = retrieve("huggingface", "us-east-1", version=version, base_framework_version=name,
                               image_scope="inference", instance_type=instance)
            except (ValueError, KeyError):
                continue
            if f"-{processor}-" in uri:
                add("huggingface", version, processor, uri, outer[name]["registries"])
for table, processor, instance in (("huggingface-llm", "gpu", "ml.g5.xlarge"),
                                   ("huggingface-llm-neuronx", "neuronx", "ml.inf2.xlarge")):
    for version, row in config(table)["inference"]["versions"].items():
        try:
            uri = retrieve(table, "us-east-1", version=version, image_scope="inference", instance_type=instance)
        except (ValueError, KeyError):
            continue
        add("huggingface-llm", version, processor, uri, row["registries"])
print(json.dumps(rows))
"""


def main() -> None:
    """Write images.json, instances.json, hosting_regions.json and greengrass.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdk-python", type=Path, default=Path(".venv-sdk/bin/python"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--date", required=True, help="YYYY-MM-DD of this compilation")
    args = parser.parse_args()
    _write("images.json", compile_images(args.sdk_python, args.date))
    regions = compile_regions(args.date)
    _write("hosting_regions.json", regions)
    _write("greengrass.json", compile_greengrass(args.date))
    _write("instances.json", compile_instances(args.data, args.date))


def compile_images(python: Path, date: str) -> dict[str, Any]:
    """Return every prebuilt CPU inference image of FRAMEWORKS with its account in each Region."""
    done = subprocess.run([str(python), "-c", ASK_SDK, *FRAMEWORKS], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    registries: dict[str, dict[str, str]] = {}
    images = [{"registry": _registry_name(row.pop("accounts"), registries), **row} for row in answer["rows"]]
    others = [{"registry": _registry_name(row.pop("accounts"), registries), **row} for row in _accelerated(python)]
    return {
        "source": f"sagemaker-core {answer['version']}, sagemaker.core.image_uris.retrieve and image_uri_config",
        "licence": "Apache-2.0",
        "date": date,
        "registries": registries,
        "images": images + [row for row in others if row["processor"] == "cpu"],
        "accelerated": [row for row in others if row["processor"] != "cpu"],
    }


def _accelerated(python: Path) -> list[dict[str, Any]]:
    done = subprocess.run([str(python), "-c", ASK_SDK_ACCELERATED], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def _registry_name(accounts: dict[str, str], registries: dict[str, dict[str, str]]) -> str:
    for name, known in registries.items():
        if known == accounts:
            return name
    name = f"r{len(registries) + 1}"
    registries[name] = accounts
    return name


def compile_regions(date: str) -> dict[str, Any]:
    """Return the hosting instance types of each Region, from cfn-lint's price-list derived schema."""
    table = _cfn_lint_regions()
    return {
        "source": f"cfn-lint {version('cfn-lint')}, aws_sagemaker_hosting/instancetype_enum.json (from AWS's price list), "
        "less what the API's enumeration does not have",
        "licence": "MIT-0",
        "date": date,
        "regions": {
            # The price list names types (ml.m7g.*) that the hosting API does not take.
            name: sorted(set(row["enum"]) & _hosting_types())
            for name, row in table.items()
            if isinstance(row, dict)
        },
    }


def _cfn_lint_regions() -> dict[str, Any]:
    root = Path(find_spec("cfnlint").origin).parent  # type: ignore[union-attr,arg-type]
    path = root / "data/schemas/extensions/aws_sagemaker_hosting/instancetype_enum.json"
    return json.loads(path.read_text())


def compile_greengrass(date: str) -> dict[str, Any]:
    """Return the Regions in which CloudFormation has Greengrass v2, according to cfn-lint's copies of its schemas."""
    root = Path(find_spec("cfnlint").origin).parent / "data/schemas/providers"  # type: ignore[union-attr,arg-type]
    regions = [path.stem for path in sorted(root.glob("*.json")) if "AWS::GreengrassV2::Deployment" in path.read_text()]
    source = f"cfn-lint {version('cfn-lint')}, data/schemas/providers: Regions with AWS::GreengrassV2::Deployment"
    return {"source": source, "licence": "MIT-0", "date": date, "regions": regions}


def compile_instances(data: Path, date: str) -> dict[str, Any]:
    """Return architecture, vCPU, memory and accelerator of every type that SageMaker hosting knows."""
    known = {f"ml.{row['instance_type']}": row for row in _csv(data / "instances.csv")}
    teads = {f"ml.{row['Instance type']}": row for row in _csv(data / "teads_aws_instance_power.csv")}
    rows = {}
    for name in sorted(_hosting_types()):
        if name in known:
            row = known[name]
            rows[name] = _row(row["arch"], row["vcpu"], row["mem_gib"], row["accel"], "instances.csv")
        elif (derived := _derive(name, known, teads)) is not None:
            rows[name] = derived
    unknown = sorted(_hosting_types() - rows.keys())
    return {
        "source": (
            f"names: botocore {version('botocore')} ProductionVariantInstanceType; vCPU, memory and accelerator: "
            "instances.csv and the Teads dataset (ccf-coefficients b0032d9, Apache-2.0), or the size rule of the family"
        ),
        "licence": "Apache-2.0",
        "date": date,
        "unknown": unknown,
        "transform": sorted(_types_of("TransformInstanceType")),
        "types": rows,
    }


def _hosting_types() -> set[str]:
    return _types_of("ProductionVariantInstanceType")


@cache
def _types_of(shape: str) -> set[str]:
    root = Path(find_spec("botocore").origin).parent  # type: ignore[union-attr,arg-type]
    with gzip.open(root / "data/sagemaker/2017-07-24/service-2.json.gz") as handle:
        model = json.load(handle)
    return set(model["shapes"][shape]["enum"])


def _derive(name: str, known: dict[str, Any], teads: dict[str, Any]) -> dict[str, Any] | None:
    """`d` and `n` variants differ from their base family in disk and network only."""
    if name in teads:
        row = teads[name]
        arch = "arm64" if "Graviton" in row["Platform CPU Name"] else "x86_64"
        gpus = row["Instance Number of GPU"]
        accel = "" if gpus == "N/A" else f"{gpus}x{row['Platform GPU Name'].replace(' ', '_')}"
        return _row(arch, row["Instance vCPU"], row["Instance Memory (in GB)"].replace(",", "."), accel, "Teads dataset")
    family, size = name.removeprefix("ml.").split(".")
    base = known.get(f"ml.{family.rstrip('dni').removesuffix('d')}.{size}") if family[:1] in "cmr" else None
    if base is None:
        return None
    return _row(base["arch"], base["vcpu"], base["mem_gib"], base["accel"], "size rule of the base family")


def _row(arch: str, vcpu: str, memory: str, accel: str, source: str) -> dict[str, Any]:
    count, _, model = accel.partition("x") if accel else ("0", "", "")
    return {
        "architecture": arch,
        "vcpu": int(float(vcpu)),
        "memory_gib": float(memory),
        "accelerator": model or None,
        "accelerators": int(count or 0),
        "source": source,
    }


def _csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def _write(name: str, content: dict[str, Any]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, sort_keys=False)
    (OUT / name).write_text(text + "\n")
    print(f"{name}: {len(text):,} characters")


if __name__ == "__main__":
    main()
