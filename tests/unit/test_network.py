"""The network of a model file: by ids, by tags that the helper looks up, or in a file that several share."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from greensage.errors import SpecError
from greensage.spec import load_specs
from tests.conftest import ROOT, archive_of

sys.path.insert(0, str(ROOT / "lambda"))
from stack_helper import network

MODEL = "name: m\nmodel: {artifact: model.tar.gz, framework: xgboost}\n"
IDS = "subnets: [subnet-1, subnet-2]\nsecurity_groups: [sg-1]\n"


def vpc_of(folder, text: str, **files: str):
    (folder / "model.tar.gz").write_bytes(archive_of())
    for name, content in files.items():
        (folder / f"_{name}.yaml").write_text(content)
    (folder / "m.yaml").write_text(MODEL + text)
    return load_specs(folder)[0][0].vpc


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("vpc: {file: _net.yaml}\n", IDS),
        (
            "vpc: {file: _net.yaml}\nregion: {allowed: [eu-west-1]}\n",
            "eu-west-1: {subnets: [subnet-1, subnet-2], security_groups: [sg-1]}\n",
        ),
    ],
)
def test_a_file_holds_the_ids_of_several_models(tmp_path, text, shared):
    found = vpc_of(tmp_path, text, net=shared)
    assert (found.subnets, found.security_groups) == (("subnet-1", "subnet-2"), ("sg-1",))


@pytest.mark.parametrize(
    ("text", "shared", "said"),
    [
        ("vpc: {file: _gone.yaml}\n", IDS, "vpc.file: the file does not exist"),
        ("vpc: {file: _net.yaml}\n", "subnets: [subnet-1]\n", "names no network: security_groups is missing"),
        ("vpc: {file: _net.yaml}\n", "subnets: [subnet-1]\nother: 1\n", "names no network"),
        ("vpc: {file: _net.yaml}\nregion: {allowed: [eu-west-1, eu-north-1]}\n", "eu-west-1: {}\n", "may go to several"),
        ("vpc: {file: _net.yaml}\nregion: {allowed: [eu-north-1]}\n", "eu-west-1: {}\n", "names no network in eu-north-1"),
        ("vpc: {file: _net.yaml}\nregion: {allowed: [eu-west-1]}\n", "eu-west-1: {file: x}\n", "names another file"),
        ("vpc: {}\n", "", "the network is named in one way"),
        ("vpc: {file: _net.yaml, tags: {tier: ml}}\n", IDS, "the network is named in one way"),
        ("vpc: {subnets: [subnet-1]}\n", "", "security_groups is missing"),
        ("vpc: {subnets: [subnet-1], security_groups: [sg-1], zones: 2}\n", "", "zones goes with tags"),
    ],
)
def test_what_names_no_network_is_said(tmp_path, text, shared, said):
    with pytest.raises(SpecError) as error:
        vpc_of(tmp_path, text, net=shared or "a: 1\n")
    assert said in str(error.value)


class Ec2:
    """As much of the client as the helper uses."""

    def __init__(self, subnets: list[dict[str, str]], groups: list[str]) -> None:
        self.rows = {
            "describe_subnets": {"Subnets": subnets},
            "describe_security_groups": {"SecurityGroups": [{"GroupId": id} for id in groups]},
        }
        self.asked: list[Any] = []

    def get_paginator(self, operation: str) -> Any:
        outer = self

        class Pages:
            def paginate(self, Filters: Any) -> list[Any]:
                outer.asked.append(Filters)
                return [outer.rows[operation]]

        return Pages()


def subnet(id: str, zone: str, vpc: str = "vpc-1") -> dict[str, str]:
    return {"SubnetId": id, "AvailabilityZone": zone, "VpcId": vpc}


def looked_up(client: Ec2, zones: int = 2):
    asked = {"Tags": json.dumps({"tier": "ml"}), "Zones": str(zones)}
    return network.handle({"RequestType": "Create", "LogicalResourceId": "N", "ResourceProperties": asked}, client)[1]


def test_a_subnet_in_each_zone_is_found_by_its_tags():
    client = Ec2([subnet("subnet-3", "b"), subnet("subnet-2", "a"), subnet("subnet-1", "a"), subnet("subnet-4", "c")], ["sg-1"])
    assert looked_up(client) == {"Subnets": "subnet-1,subnet-3", "Group": "sg-1"}
    assert client.asked[1] == [{"Name": "tag:tier", "Values": ["ml"]}, {"Name": "vpc-id", "Values": ["vpc-1"]}]


@pytest.mark.parametrize(
    ("subnets", "groups", "said"),
    [
        ([], [], "0 subnets have the tags tier=ml, in 0 zones; 2 zones are asked for"),
        ([subnet("subnet-1", "a"), subnet("subnet-2", "a")], ["sg-1"], "2 subnets have the tags tier=ml, in 1 zones"),
        ([subnet("subnet-1", "a"), subnet("subnet-2", "b", "vpc-2")], ["sg-1"], "in several VPCs: vpc-1, vpc-2"),
        ([subnet("subnet-1", "a"), subnet("subnet-2", "b")], [], "has to have the tags tier=ml; found: none"),
        ([subnet("subnet-1", "a"), subnet("subnet-2", "b")], ["sg-1", "sg-2"], "found: sg-1, sg-2"),
    ],
)
def test_what_is_not_found_by_tags_stops_the_deployment(subnets, groups, said):
    with pytest.raises(ValueError, match=said):
        looked_up(Ec2(subnets, groups))
