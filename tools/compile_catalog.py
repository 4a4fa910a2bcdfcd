"""Compile the catalog's data files from the tables of the SDK, cfn-lint, botocore and the source data.

Run by a maintainer, never by a user: `python tools/compile_catalog.py --sdk DIR --data DIR`, where
DIR is the `image_uri_config` folder of an installed sagemaker-core, and the folder with
instances.csv and teads_aws_instance_power.csv. What it writes is committed; the full test suite
asks the SDK itself whether the images still agree.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "constructs/greensage/catalog/data"
FRAMEWORKS = ("xgboost", "sklearn", "pytorch", "tensorflow")
# The SDK names these tags in code, not in its tables: sagemaker/core/image_uris.py, _get_image_tag.
ARM64_TAGS = {
    ("xgboost", "1.3-1"): "1.3-1-arm64",
    ("xgboost", "1.5-1"): "1.5-1-arm64",
    ("sklearn", "1.0-1"): "1.0-1-arm64-cpu-py3",
}


def main() -> None:
    """Write images.json, instances.json and hosting_regions.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sdk", type=Path, required=True)
    parser.add_argument("--sdk-version", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--date", required=True, help="YYYY-MM-DD of this compilation")
    args = parser.parse_args()
    _write("images.json", compile_images(args.sdk, args.sdk_version, args.date))
    regions = compile_regions(args.date)
    _write("hosting_regions.json", regions)
    _write("instances.json", compile_instances(args.data, args.date))


def compile_images(sdk: Path, sdk_version: str, date: str) -> dict[str, Any]:
    """Return every prebuilt CPU inference image of FRAMEWORKS with its account in each Region."""
    registries: dict[str, dict[str, str]] = {}
    images = [
        row
        for framework in FRAMEWORKS
        for row in _framework_images(framework, json.loads((sdk / f"{framework}.json").read_text()), registries)
    ]
    return {
        "source": f"sagemaker-core {sdk_version}, sagemaker/core/image_uri_config",
        "licence": "Apache-2.0",
        "date": date,
        "registries": registries,
        "images": images,
    }


def _framework_images(framework: str, table: dict[str, Any], registries: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    for scope, architecture in (("inference", "x86_64"), ("inference_graviton", "arm64")):
        for image_version, row in table[scope]["versions"].items():
            tag = _tag(framework, image_version, architecture, row)
            if tag is None:
                continue
            yield {
                "framework": framework,
                "version": image_version,
                "architecture": architecture,
                "repository": row["repository"],
                "tag": tag,
                "registry": _registry_name(row["registries"], registries),
            }


def _tag(framework: str, image_version: str, architecture: str, row: dict[str, Any]) -> str | None:
    if framework in ("xgboost", "sklearn"):
        if architecture == "arm64":
            return ARM64_TAGS[framework, image_version]
        parts = [image_version, *row.get("processors", [])[:1], *row.get("py_versions", [])[:1]]
        return row.get("tag_prefix", parts[0]) if len(parts) == 1 else "-".join(parts)
    if "cpu" not in (row.get("processors") or ["cpu"]):
        return None
    container = (row.get("container_version") or {}).get("cpu")
    python = (row.get("py_versions") or [None])[-1]
    parts = [row.get("tag_prefix", image_version), "cpu", python, container]
    return "-".join(part for part in parts if part)


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
        "source": f"cfn-lint {version('cfn-lint')}, aws_sagemaker_hosting/instancetype_enum.json (from AWS's price list)",
        "licence": "MIT-0",
        "date": date,
        "regions": {name: sorted(row["enum"]) for name, row in table.items() if isinstance(row, dict)},
    }


def _cfn_lint_regions() -> dict[str, Any]:
    root = Path(find_spec("cfnlint").origin).parent  # type: ignore[union-attr,arg-type]
    path = root / "data/schemas/extensions/aws_sagemaker_hosting/instancetype_enum.json"
    return json.loads(path.read_text())


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
        "types": rows,
    }


def _hosting_types() -> set[str]:
    root = Path(find_spec("botocore").origin).parent  # type: ignore[union-attr,arg-type]
    with gzip.open(root / "data/sagemaker/2017-07-24/service-2.json.gz") as handle:
        model = json.load(handle)
    return set(model["shapes"]["ProductionVariantInstanceType"]["enum"])


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
