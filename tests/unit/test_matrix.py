"""The whole capability matrix, cell by cell: refused with source and way out, warned about, or let through."""

from __future__ import annotations

import pytest
import yaml

from greensage.catalog import capabilities
from greensage.catalog._data import load
from greensage.catalog.kinds import hosting_kind, hosting_kinds
from greensage.errors import PlanError, SpecError
from greensage.planner import plan
from greensage.spec import load_specs
from tests.conftest import archive_of

# What a model file says to ask for each feature.
ASKS = {
    "autoscaling": {"schedule": [{"name": "day", "at": "cron(0 8 ? * MON-FRI *)", "min": 1, "max": 3}]},
    "scale_to_zero": {"hosting": {"min_instances": 0}},
    "data_capture": {"capture": {"sample_percent": 5}},
    "network_isolation": {"network_isolation": True},
    "vpc": {"vpc": {"subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}},
    "kms_volume": {"kms_key_arn": "arn:aws:kms:eu-west-1:111111111111:key/k"},
    "gpu": {"silicon": "gpu", "model": {"framework": "pytorch"}},
    "inf1": {"model": {"framework": "pytorch", "compiled_for": "inf1"}},
    "inf2": {"model": {"framework": "pytorch", "compiled_for": "inf2"}},
    "graviton": {"silicon": "graviton"},
    "shadow": {"shadow": {"model": {"artifact": "model.tar.gz", "framework": "xgboost"}}},
    "blue_green": {"deployment": {"strategy": "canary"}},
    "rolling": {"deployment": {"strategy": "rolling"}},
    "variants": {"variants": [{"name": "b", "weight": 0.1, "model": {"artifact": "model.tar.gz", "framework": "xgboost"}}]},
    "uncompressed_model": {"model": {"artifact": "s3://bucket/model/", "framework": "xgboost"}},
}
# Features that no key of a model file can ask for: nothing to refuse.
NOT_OFFERED = {"model_monitor", "inference_recommender", "instance_pools", "private_registry"}
# Kinds whose own options say the same thing without a feature's key: serverless and edge have no min_instances.
WITHOUT_KEY = {("scale_to_zero", kind) for kind in ("serverless", "batch", "edge")}
CELLS = [(feature, kind) for feature in capabilities.features() for kind in hosting_kinds()]


def hosting(kind: str) -> dict:
    extra = {
        "serial-pipeline": {"before": [{"artifact": "model.tar.gz", "framework": "xgboost"}]},
        "edge": {"device_groups": ["sensors"]},
    }  # fmt: skip
    return {"kind": kind, **extra.get(kind, {})}


def files(tmp_path, feature: str, kind: str) -> None:
    """One file, or two of a group where the kind shares."""
    ask = ASKS[feature]
    (tmp_path / "model.tar.gz").write_bytes(archive_of())
    for name in ("a", "b") if hosting_kind(kind).shares else ("a",):
        model = {
            "artifact": "model.tar.gz",
            "framework": "xgboost",
            **(ask.get("model", {}) if kind != "edge" or feature != "gpu" else {}),
        }
        content = {**ask, "name": name, "model": model, "region": {"allowed": ["eu-west-1"]}}
        content["hosting"] = {**hosting(kind), **ask.get("hosting", {})}
        if kind == "serial-pipeline" and ("silicon" in ask or "compiled_for" in model):
            content["hosting"]["before"] = [dict(model)]
        if (feature, kind) == ("autoscaling", "serverless"):
            content["hosting"]["provisioned_concurrency"] = 1
        if hosting_kind(kind).shares:
            content["group"] = "shared"
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(("feature", "kind"), CELLS)
def test_each_cell_is_refused_warned_about_or_let_through(tmp_path, feature, kind):
    if feature in NOT_OFFERED:
        assert feature not in ASKS
        return
    if (feature, kind) in WITHOUT_KEY:
        return
    cell = capabilities.capability(kind, feature)
    files(tmp_path, feature, kind)
    if cell.answer == "n":
        with pytest.raises((PlanError, SpecError)) as caught:
            plan(load_specs(tmp_path))
        text = str(caught.value)
        assert f"AWS does not offer {capabilities.label(feature)} on {kind} hosting ({cell.source})" in text
        assert "a.yaml:" in text and "try: " in text
        return
    if not capabilities.is_built(kind, feature):
        with pytest.raises(PlanError, match=f"greensage does not build {capabilities.label(feature)} on {kind} hosting"):
            plan(load_specs(tmp_path))
        return
    found = plan(load_specs(tmp_path)).models[0]
    warned = any(f"{capabilities.label(feature)} on {kind} hosting is not settled" in note for note in found.notes)
    assert warned == (cell.answer == "?")


def test_the_way_out_offers_everything_that_was_asked_for(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(archive_of())
    content = {
        "name": "a", "model": {"artifact": "model.tar.gz", "framework": "xgboost"}, "hosting": "asynchronous",
        "region": {"allowed": ["eu-west-1"]}, "capture": {}, **ASKS["shadow"],
    }  # fmt: skip
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(PlanError, match="try: hosting: real-time"):
        plan(load_specs(tmp_path))


def test_every_feature_is_either_offered_or_known_not_to_be():
    assert set(capabilities.features()) == ASKS.keys() | NOT_OFFERED


def test_every_pair_that_excludes_each_other_has_a_source_and_a_way_out():
    for row in load("conflicts")["conflicts"]:
        assert row["source"] and row["way_out"] and len(row["features"]) == 2


SHADOW = "shadow: {model: {artifact: model.tar.gz, framework: pytorch, compiled_for: inf1}}"
INF1 = "model: {artifact: model.tar.gz, framework: pytorch, compiled_for: inf1}\n"
PLAIN = "model: {artifact: model.tar.gz, framework: xgboost}\n"
VARIANTS = "variants: [{name: b, weight: 1, model: {artifact: model.tar.gz, framework: xgboost}}]\n"
PAIRS = {
    "shadow and variants": (
        PLAIN + VARIANTS + "shadow: {model: {artifact: model.tar.gz, framework: xgboost}}",
        "exactly one production variant",
    ),
    "rolling and variants": (
        PLAIN + VARIANTS + "deployment: {strategy: rolling}",
        "rolling deployments have a single production variant",
    ),
    "rolling and inf1": (INF1 + "deployment: {strategy: rolling}", "Inferentia 1 is excluded from guarded deployments"),
    "canary and inf1": (INF1 + "deployment: {strategy: canary}", "excluded from canary and linear"),
    "shadow and inf1": (INF1 + SHADOW, "excluded from shadow tests"),
    "managed scaling": (
        PLAIN + "hosting: {kind: real-time, managed_scaling: true}",
        "only supported for inference component endpoints",
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_pairs_that_exclude_each_other_are_refused_with_the_line(write, case):
    text, rule = PAIRS[case]
    head = "name: a\nregion: {allowed: [eu-west-1]}\n" + ("" if "hosting" in text else "hosting: real-time\n")
    with pytest.raises(PlanError) as caught:
        plan(load_specs(write(head + text).parent))
    assert rule in str(caught.value) and "try: " in str(caught.value)
