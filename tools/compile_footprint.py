# ruff: noqa: E501, D103  (sources read better in one line)
"""Compile the catalog's figures for energy, carbon, water and money from the source data; each row names its source.

Run by a maintainer, never by a user: `.venv/bin/python tools/compile_footprint.py --data DIR --date YYYY-MM-DD`, where
DIR holds regions.csv, instances.csv, the Teads and the CCF tables, and region_prices.csv. What it writes is committed.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[1] / "constructs/greensage/catalog/data"
# Metropolitan areas that AWS names its Regions after, to a tenth of a degree: for distances and the map, no more.
PLACES = {
    "af-south-1": (-33.9, 18.4), "ap-east-1": (22.3, 114.2), "ap-east-2": (25.0, 121.5), "ap-northeast-1": (35.7, 139.7),
    "ap-northeast-2": (37.6, 127.0), "ap-northeast-3": (34.7, 135.5), "ap-south-1": (19.1, 72.9), "ap-south-2": (17.4, 78.5),
    "ap-southeast-1": (1.4, 103.8), "ap-southeast-2": (-33.9, 151.2), "ap-southeast-3": (-6.2, 106.8),
    "ap-southeast-4": (-37.8, 145.0), "ap-southeast-5": (3.1, 101.7), "ap-southeast-6": (-36.8, 174.8),
    "ap-southeast-7": (13.8, 100.5), "ca-central-1": (45.5, -73.6), "ca-west-1": (51.0, -114.1), "cn-north-1": (39.9, 116.4),
    "cn-northwest-1": (38.5, 106.2), "eu-central-1": (50.1, 8.7), "eu-central-2": (47.4, 8.5), "eu-north-1": (59.3, 18.1),
    "eu-south-1": (45.5, 9.2), "eu-south-2": (41.6, -0.9), "eu-west-1": (53.3, -6.3), "eu-west-2": (51.5, -0.1),
    "eu-west-3": (48.9, 2.4), "il-central-1": (32.1, 34.8), "me-central-1": (24.5, 54.4), "me-south-1": (26.1, 50.6),
    "mx-central-1": (20.6, -100.4), "sa-east-1": (-23.5, -46.6), "us-east-1": (38.9, -77.4), "us-east-2": (40.0, -83.0),
    "us-gov-east-1": (40.0, -83.0), "us-gov-west-1": (45.8, -119.7), "us-west-1": (37.4, -121.9), "us-west-2": (45.8, -119.7),
}  # fmt: skip
SIBLING = {"c6gd": "c6g", "c6gn": "c6g", "m6gd": "m6g", "r6gd": "r6g", "r7gd": "r8g", "c5d": "c5", "m5d": "m5", "r5d": "r5"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--libcloud", type=Path, required=True, help="libcloud/data/pricing.json of apache/libcloud ec6a28bd")
    parser.add_argument("--date", required=True)
    options = parser.parse_args()
    tables = {path.stem: list(csv.DictReader(path.open(encoding="utf-8"))) for path in options.data.glob("*.csv")}
    hosts = json.loads((OUT / "instances.json").read_text())["types"]
    _write("regions", _regions(tables["regions"], options.date))
    _write("power", _power(tables, hosts, options.date))
    _write("instance_prices", _prices(tables, hosts, options.date))
    _write("ec2", _ec2(tables, hosts, json.loads(options.libcloud.read_text()), options.date))


def _write(name: str, content: dict[str, Any]) -> None:
    """One row per line, so that a diff shows what changed."""
    rows_key = next(key for key, value in content.items() if isinstance(value, dict) and key != "sources")
    rows = content[rows_key]
    head = json.dumps({key: value for key, value in content.items() if key != rows_key}, indent=1, ensure_ascii=False)
    body = ",\n".join(f"  {json.dumps(key)}: {json.dumps(row, ensure_ascii=False)}" for key, row in rows.items())
    (OUT / f"{name}.json").write_text(f"{head.rstrip('}').rstrip()},\n {json.dumps(rows_key)}: {{\n{body}\n }}\n}}\n")


def _regions(rows: list[dict[str, str]], date: str) -> dict[str, Any]:
    found = {row["region"]: _region(row) for row in rows}
    return {
        "source": "Ember (CC-BY-4.0) as mapped in DigitalPebble/spruce 8840d3c; PUE and WUE: AWS, aws-wue-pue.csv for 2024; "
        "renewable matching: AWS's statement for 2023; places: the metropolitan area in the Region's name",
        "licence": "CC-BY-4.0 (Ember); published figures of AWS",
        "date": date,
        "sources": {
            "ember": "Ember, yearly electricity data, location-based, latest year at 2026-04-24 (CC-BY-4.0), via DigitalPebble/spruce 8840d3c",
            "aws-pue-wue": "AWS, sustainability.aboutamazon.com/aws-wue-pue.csv, 2024",
            "aws-matched": "AWS: 22 Regions whose electricity in 2023 was attributable to 100 % renewable energy (market-based, yearly; never part of an "
            "SCI score); the list stands in aws-solutions-library-samples/cloud-intelligence-dashboards-framework 9cecc15",
        },
        "regions": found,
    }


def _region(row: dict[str, str]) -> dict[str, Any]:
    average = "average" in row["pue_source"]
    lat, lon = PLACES[row["region"]]
    national = row["resolution"] == "country" and row["country"] in ("US", "CA", "CN", "AU", "IN", "BR")
    return {
        "name": row["name"], "country": row["country"], "lat": lat, "lon": lon,
        "gco2e_kwh": float(row["gco2e_kwh_location"]), "gco2e_quality": "derived" if national or "not HK" in row["note"] else "published",
        "pue": float(row["pue"]), "pue_quality": "derived" if average else "published",
        "wue_l_kwh": float(row["wue_l_kwh"]) if row["wue_l_kwh"] else None,
        "wue_quality": "missing" if not row["wue_l_kwh"] else "derived" if "average" in row["wue_source"] else "published",
        # AWS names 22 Regions; the source data left out the 22nd.
        "matched_2023": row["gco2e_kwh_market"] == "0" or row["region"] == "ca-west-1", "note": row["note"],
    }  # fmt: skip


def _power(tables: dict[str, list[dict[str, str]]], hosts: dict[str, Any], date: str) -> dict[str, Any]:
    compiled = {row["instance_type"]: row for row in tables["instances"]}
    teads = {row["Instance type"]: row for row in tables["teads_aws_instance_power"]}
    embodied = {row["Instance Type"]: row for row in tables["ccf_aws_instances_2026"]}
    rows: dict[str, Any] = {}
    for name in hosts:
        bare = name.removeprefix("ml.")
        row = _from_compiled(compiled, bare) or _from_teads(teads, embodied, compiled, bare) or _from_sibling(compiled, bare)
        if row:
            rows[name] = row
    return {
        "source": "instance watts: Teads' EC2 dataset in ccf-coefficients b0032d9, or extended from a curve; embodied: the method of "
        "Cloud Carbon Footprint, platform emissions by share of vCPUs; the chips of Inferentia and Trainium are in no public figure",
        "licence": "Apache-2.0",
        "date": date,
        "sources": {
            "teads": "Teads' EC2 dataset (ccf-coefficients b0032d9, Apache-2.0): watts of the whole instance with its share of the platform; "
            "it does not say which rows were measured",
            "curve": "extended from a curve over TDP; the TDP of Graviton3 and 4 is Boavizta's assumption, not AWS's figure",
            "host-only": "the host without the accelerator's own watts, which nobody publishes: a lower bound",
            "sibling": "taken from the family without local disks, or the nearest generation of the same size",
            "ccf": "Cloud Carbon Footprint's embodied method: platform kg CO2e by share of vCPUs (ccf-coefficients b0032d9, Apache-2.0)",
        },
        "types": rows,
    }


def _row(watts: list[float], quality: str, source: str, kg: float) -> dict[str, Any]:
    idle, half, full = watts
    return {"w_idle": idle, "w_50": half, "w_100": full, "quality": quality, "source": source,
            "embodied_kg": round(kg, 1), "embodied_quality": "derived", "embodied_source": "ccf"}  # fmt: skip


def _from_compiled(compiled: dict[str, dict[str, str]], name: str) -> dict[str, Any] | None:
    row = compiled.get(name)
    if row is None:
        return None
    watts = [float(row[key]) for key in ("w_idle", "w_50", "w_100")]
    host_only = "NOT included" in row["note"]
    from_teads = row["power_confidence"].startswith("Teads")
    quality = "lower-bound" if host_only else "derived" if from_teads else "assumed"
    source = "host-only" if host_only else "teads" if from_teads else "curve"
    return _row(watts, quality, source, float(row["embodied_kg"]))


def _from_teads(teads: Any, embodied: Any, compiled: Any, name: str) -> dict[str, Any] | None:
    row = teads.get(name)
    if row is None:
        return None
    watts = [float(row[f"Instance @ {level}"].replace(",", ".")) for level in ("Idle", "50%", "100%")]
    kg = _embodied(row, embodied, compiled, name)
    return _row(watts, "derived", "teads", kg) if kg else None


def _embodied(row: Any, embodied: Any, compiled: Any, name: str) -> float | None:
    """The platform's emissions by share of vCPUs, or those of the family without disks."""
    family, size = name.split(".")
    sibling = compiled.get(f"{SIBLING.get(family, family)}.{size}")
    if sibling:
        return float(sibling["embodied_kg"])
    platform = embodied.get(name)
    if platform:
        share = int(row["Instance vCPU"]) / int(row["Platform Total Number of vCPU"])
        return float(platform["Platform Embedded Emissions (mtCo2eq)"]) * 1000 * share
    # CCF's method by hand for the oldest families: base server, DRAM over 16 GB, GPUs; 4 years.
    gpus = int(row["Instance Number of GPU"].replace("N/A", "0"))
    share = int(row["Instance vCPU"]) / int(row["Platform Total Number of vCPU"])
    memory = float(row["Platform Memory (in GB)"].replace(",", "."))
    return (1000 + max(0.0, memory - 16) * 533 / 384) * share + gpus * 150


def _from_sibling(compiled: Any, name: str) -> dict[str, Any] | None:
    family, size = name.split(".")
    row = compiled.get(f"{SIBLING.get(family, '')}.{size}")
    if row is None:
        return None
    return _row([float(row[key]) for key in ("w_idle", "w_50", "w_100")], "assumed", "sibling", float(row["embodied_kg"]))


def _prices(tables: dict[str, list[dict[str, str]]], hosts: dict[str, Any], date: str) -> dict[str, Any]:
    quotes = {row["ml_type"]: float(row["sagemaker_usd_h"]) for row in tables["sagemaker_ratio_check"]}
    ec2 = {
        f"ml.{row['instance_type']}": float(row["ec2_price_usd_h_us_east_1"])
        for row in tables["instances"]
        if row["ec2_price_usd_h_us_east_1"]
    }
    ratios = [float(row["ratio"]) for row in tables["sagemaker_ratio_check"] if row["ml_type"].split(".")[1][0] in "cm"]
    cpu = round(statistics.median(ratios), 2)
    rows = {name: _price(name, item, quotes, ec2, cpu) for name, item in hosts.items()}
    return {
        "source": "dated quotes of hosting prices, and EC2 on-demand prices of karpenter-provider-aws 1d92708 (2026-07-20) times the "
        "ratio found on the quoted types",
        "licence": "facts; Apache-2.0 (karpenter)",
        "date": date,
        "sources": {
            "quote": "a dated quote of the hosting price in us-east-1 (shared research of November 2026)",
            "ec2-ratio": f"EC2 on-demand in us-east-1 (karpenter-provider-aws 1d92708, Apache-2.0) x {cpu} for CPUs, 1.25 to 1.4 for GPUs, "
            "1.3 for Inferentia: found on other types, assumed for this one",
            "size": "from another size of the family, by vCPU",
        },
        "types": {name: row for name, row in rows.items() if row},
    }  # fmt: skip


def _price(name: str, item: Any, quotes: Any, ec2: Any, cpu: float) -> dict[str, Any] | None:
    if name in quotes:
        return {"usd_hour": quotes[name], "quality": "published", "source": "quote"}
    family, size = name.removeprefix("ml.").split(".")
    ratio = cpu if not item["accelerator"] else 1.3 if family[:3] in ("inf", "trn") else 1.4 if size == "xlarge" else 1.25
    if name in ec2:
        return {"usd_hour": round(ec2[name] * ratio, 5), "quality": "derived", "source": "ec2-ratio"}
    same = [(other, price) for other, price in ec2.items() if other.split(".")[1] == family]
    sibling = ec2.get(f"ml.{SIBLING.get(family, family)}.{size}")
    if sibling:
        return {"usd_hour": round(sibling * ratio, 5), "quality": "assumed", "source": "size"}
    if same:
        other, price = same[0]
        return {"usd_hour": round(price * ratio, 5), "quality": "assumed", "source": f"size ({other})"}
    return None


def _ec2(tables: dict[str, list[dict[str, str]]], hosts: dict[str, Any], libcloud: Any, date: str) -> dict[str, Any]:
    """What the checks meet beside hosting: EC2 types with watts of their own where power.json has no ml. type of that name."""
    compiled = {row["instance_type"]: row for row in tables["instances"]}
    teads = {row["Instance type"]: row for row in tables["teads_aws_instance_power"]}
    embodied = {row["Instance Type"]: row for row in tables["ccf_aws_instances_2026"]}
    karpenter = {name: row["ec2_price_usd_h_us_east_1"] for name, row in compiled.items() if row["ec2_price_usd_h_us_east_1"]}
    older = {name: row["us-east-1"] for name, row in libcloud["compute"]["ec2_linux"].items() if row.get("us-east-1")}
    rows: dict[str, Any] = {}
    for name in sorted({*compiled, *teads}):
        if name.count(".") != 1 or name.split(".")[0] in ("dc2", "ds2", "ra3"):
            continue
        power = None
        if f"ml.{name}" not in hosts:
            power = _from_compiled(compiled, name) or _from_teads(teads, embodied, compiled, name)
        price = karpenter.get(name) or older.get(name)
        row = {
            **(power or {}),
            **({"usd_hour": float(price), "price_source": "karpenter" if name in karpenter else "libcloud"} if price else {}),
        }
        if power or price:
            rows[name] = row
    return {
        "source": "watts and embodied emissions as in power.json; EC2 on-demand prices, Linux, us-east-1",
        "licence": "Apache-2.0",
        "date": date,
        "sources": {
            "teads": "Teads' EC2 dataset (ccf-coefficients b0032d9, Apache-2.0): watts of the whole instance with its share of the platform",
            "curve": "extended from a curve over TDP; the TDP of Graviton3 and 4 is Boavizta's assumption, not AWS's figure",
            "host-only": "the host without the accelerator's own watts, which nobody publishes: a lower bound",
            "ccf": "Cloud Carbon Footprint's embodied method: platform kg CO2e by share of vCPUs (ccf-coefficients b0032d9, Apache-2.0)",
            "karpenter": "karpenter-provider-aws 1d92708 (Apache-2.0), generated 2026-07-20",
            "libcloud": "apache/libcloud ec6a28bd (Apache-2.0), libcloud/data/pricing.json of 2022-05-22",
        },
        "types": rows,
    }


if __name__ == "__main__":
    main()
