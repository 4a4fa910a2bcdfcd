"""Facts have sources, the tables agree with each other and, in the full suite, with the SDK."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from greensage.catalog import capabilities, limits
from greensage.catalog._data import load, names
from greensage.catalog.discontinued import discontinued
from greensage.catalog.images import prebuilt_image, prebuilt_images
from greensage.catalog.instances import candidates, in_region, instance
from greensage.catalog.kinds import hosting_kinds
from greensage.errors import CatalogError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", names())
def test_every_data_file_has_source_licence_and_date(name):
    assert {"source", "licence", "date"} <= load(name).keys()


def test_every_limit_has_a_unit_and_a_source():
    assert all({"value", "unit", "source"} <= row.keys() for row in load("limits")["limits"].values())
    assert "developer guide" in limits.source_of("PING_TIMEOUT_SECONDS")


def test_an_instance_has_its_facts():
    item = instance("ml.c7g.large")
    assert (item.architecture, item.vcpu, item.memory_gib, item.accelerator) == ("arm64", 2, 4.0, None)
    assert instance("ml.g5.xlarge").accelerators == 1


def test_an_unknown_instance_gets_near_names():
    with pytest.raises(CatalogError, match=r"did you mean ml\.c7g"):
        instance("ml.c7g.larg")


def test_every_type_of_a_region_is_a_hosting_type():
    known = load("instances")
    for region, types in load("hosting_regions")["regions"].items():
        strangers = [item for item in types if item not in known["types"] and item not in known["unknown"]]
        assert not strangers, region


def test_candidates_are_sorted_by_size_and_available():
    found = candidates("arm64", "eu-west-2")
    assert found and all(item.architecture == "arm64" for item in found)
    assert [item.vcpu for item in found] == sorted(item.vcpu for item in found)
    assert {item.name for item in found} <= (in_region("eu-west-2") or set())


def test_few_prebuilt_images_exist_for_graviton():
    assert [image.version for image in prebuilt_images("xgboost", "arm64")] == ["1.3-1", "1.5-1"]
    assert prebuilt_image("sklearn", "1.4-2-py312", "arm64") is None


def test_an_image_in_china_has_its_own_suffix():
    image = prebuilt_image("xgboost", "1.7-1", "x86_64")
    assert image is not None
    assert image.uri("cn-north-1") == "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:1.7-1"
    assert image.uri("mars-1") is None


def test_the_matrix_answers_for_every_kind_and_feature():
    for feature in capabilities.features():
        for kind in hosting_kinds():
            cell = capabilities.capability(kind, feature)
            assert cell.answer in ("y", "n", "?") and cell.source
            assert cell.source != "none found" or cell.answer == "?"
    assert capabilities.capability("serverless", "vpc").answer == "n"
    with pytest.raises(CatalogError):
        capabilities.capability("serverless", "teleport")


def test_what_is_gone_names_its_successor():
    gone = discontinued("ml.eia2.medium")
    assert gone is not None and "Inferentia" in gone.successor
    assert discontinued("ml.c7g.large") is None


@pytest.mark.slow
def test_compiled_images_are_what_the_sdk_answers():
    script = """
import json, sys
from sagemaker.core import image_uris
out = []
for framework, version, scope, instance, region in json.load(sys.stdin):
    try:
        out.append(image_uris.retrieve(framework, region, version=version, image_scope=scope, instance_type=instance))
    except Exception as error:
        out.append(f"{type(error).__name__}: {error}")
print(json.dumps(out))
"""
    asked, expected = [], []
    for framework in ("xgboost", "sklearn", "pytorch", "tensorflow"):
        for architecture, kind in (("arm64", "ml.c7g.large"), ("x86_64", "ml.c5.large")):
            for image in prebuilt_images(framework, architecture):
                for region in ("eu-west-1", "us-east-1", "cn-north-1"):
                    scope = None if framework in ("xgboost", "sklearn") and architecture == "x86_64" else "inference"
                    asked.append((framework, image.version, scope, kind, region))
                    expected.append(image.uri(region))
    python = ROOT / ".venv-sdk/bin/python"
    done = subprocess.run([python, "-c", script], input=json.dumps(asked), capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    wrong = [(row, mine, theirs) for row, mine, theirs in zip(asked, expected, answers, strict=True) if mine != theirs]
    assert not wrong, f"{len(wrong)} of {len(asked)}: {wrong[:10]}"
