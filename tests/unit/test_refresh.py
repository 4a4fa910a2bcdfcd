"""Refreshing prices: real botocore paging and validation, with the Price List's answers put in place of the network."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from greensage.catalog.refresh import hosting_price, refresh
from greensage.errors import GreensageError


def product(name: str, usd: str, **attributes: str) -> str:
    """One product as the Price List Query API returns it: JSON in a string."""
    row = {
        "product": {"productFamily": "ML Instance", "attributes": {
            "regionCode": "eu-north-1", "instanceName": name, "component": "Hosting", "platoinstancetype": "Hosting",
            "locationType": "AWS Region", **attributes,
        }},
        "terms": {"OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": {
            "unit": "Hrs", "pricePerUnit": {"USD": usd}, "description": f"${usd} per Hosting {name} hour",
        }}}}},
    }  # fmt: skip
    return json.dumps(row)


@pytest.fixture
def pricing(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    client = boto3.client("pricing", region_name="us-east-1")
    with Stubber(client) as stub:
        yield client, stub


def asked(region: str, **more: str) -> dict[str, object]:
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in (("regionCode", region), ("component", "Hosting"))
    ]
    return {"ServiceCode": "AmazonSageMaker", "Filters": filters, **more}


def test_all_pages_are_read_and_both_files_written(pricing, tmp_path):
    client, stub = pricing
    first = {"PriceList": [product("ml.c8g.medium", "0.0514")], "NextToken": "more"}
    stub.add_response("get_products", first, asked("eu-north-1"))
    stub.add_response("get_products", {"PriceList": [product("ml.m5.large", "0.122")]}, asked("eu-north-1", NextToken="more"))
    said: list[str] = []
    paths = refresh(["eu-north-1"], tmp_path / "out", say=said.append, client=client)
    prices = json.loads(paths[0].read_text())
    assert prices["regions"]["eu-north-1"]["usd_hour"] == {"ml.c8g.medium": 0.0514, "ml.m5.large": 0.122}
    types = json.loads(paths[1].read_text())["regions"]
    assert types["eu-north-1"] == ["ml.c8g.medium", "ml.m5.large"] and len(types["us-east-1"]) > 50
    assert said == ["1/1 eu-north-1: 2 hosting types"]
    assert {"source", "date"} <= prices["regions"]["eu-north-1"].keys()


def test_a_refresh_of_one_region_keeps_what_another_fetched(pricing, tmp_path):
    client, stub = pricing
    for name in ("eu-north-1", "eu-west-1"):
        stub.add_response("get_products", {"PriceList": [product("ml.m5.large", "0.122")]}, asked(name))
        refresh([name], tmp_path, say=lambda text: None, client=client)
    assert set(json.loads((tmp_path / "instance_prices.json").read_text())["regions"]) == {"eu-north-1", "eu-west-1"}


def test_a_refusal_writes_nothing(pricing, tmp_path):
    client, stub = pricing
    stub.add_client_error("get_products", "AccessDeniedException", "not authorized to perform: pricing:GetProducts")
    with pytest.raises(GreensageError, match="did not answer for eu-north-1"):
        refresh(["eu-north-1"], tmp_path / "out", say=lambda text: None, client=client)
    assert not (tmp_path / "out").exists()


def test_an_unknown_region_is_refused_before_anything_is_asked(tmp_path):
    with pytest.raises(GreensageError, match="mars-1"):
        refresh(["mars-1"], tmp_path, say=lambda text: None, client=object())


@pytest.mark.parametrize("row", [
    product("ml.m5.large", "0.1", component="Training", platoinstancetype="Training"),
    product("ml.m5.large", "0.0"), product("ml.m99.large", "0.1"),
    product("ml.m5.large", "0.1", locationType="AWS Outposts"), "{}",
], ids=["training", "free", "unknown type", "outposts", "empty"])  # fmt: skip
def test_what_is_no_hosting_price_is_passed_over(row):
    assert hosting_price(json.loads(row)) is None


def test_older_rows_carry_the_type_with_a_suffix():
    row = json.loads(product("", "0.23", instanceType="ml.m5.xlarge-Hosting"))
    assert hosting_price(row) == ("ml.m5.xlarge", 0.23)
