"""The estimate in AWS's columns, and AWS's export beside it."""

from __future__ import annotations

import csv
import gzip
import io

import pytest

from greensage.cli import main
from greensage.errors import GreensageError
from greensage.operate.carbon import COLUMNS, as_export, compare, read_export
from greensage.planner import fleet_footprint, plan
from greensage.spec import load_specs
from tests.conftest import MODELS

HEADER = "last_refresh_timestamp,location,model_version,payer_account_id,product_code,region_code,total_lbm_emissions_unit,"
HEADER += "total_lbm_emissions_value,total_mbm_emissions_unit,total_mbm_emissions_value,usage_account_id,usage_period_end,"
HEADER += "usage_period_start\n"


def row(product: str, region: str, lbm: str, mbm: str, version: str = "v3.0.0", month: str = "2026-10") -> str:
    return (
        f"2026-11-21T00:00:00Z,Europe (Stockholm),{version},1,{product},{region},MTCO2e,{lbm},MTCO2e,{mbm},1,"
        f"{month}-31T23:59:59Z,{month}-01T00:00:00Z\n"
    )


@pytest.fixture(scope="module")
def by_region():
    found = plan(load_specs(MODELS))
    footprint = fleet_footprint(found)
    return {"eu-north-1": footprint.total}


def test_the_export_has_awss_columns_in_metric_tons(by_region):
    text = as_export(by_region, "2026-02", version="greensage-1", at="2026-03-01T00:00:00Z", account="000000000000")
    (found,) = csv.DictReader(io.StringIO(text))
    assert (
        tuple(found) == COLUMNS
        and found["product_code"] == "AmazonSageMaker"
        and found["usage_period_end"].startswith("2026-02-28")
    )
    grams = by_region["eu-north-1"].carbon_g.mid
    assert float(found["total_lbm_emissions_value"]) == pytest.approx(grams / 1e6, abs=1e-9)
    parts = float(found["total_scope_2_lbm_emissions_value"]) + float(found["total_scope_3_lbm_emissions_value"])
    assert parts == pytest.approx(grams / 1e6, abs=2e-9)
    assert found["total_mbm_emissions_value"] == found["total_scope_1_emissions_value"] == "", "what is not estimated is empty"


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress], ids=["csv", "gzip"])
def test_of_two_versions_of_the_method_the_newest_counts_and_other_products_do_not(tmp_path, by_region, pack):
    text = HEADER + row("AmazonSageMaker", "eu-north-1", "9", "9", version="v2.0.1")
    text += row("Amazon SageMaker", "eu-north-1", "0.002", "0.0", version="v10.0.0")
    text += row("AmazonEC2", "eu-north-1", "5", "5", version="v10.0.0")
    text += row("AmazonSageMaker", "us-east-1", "0.001", "", version="v10.0.0")
    (tmp_path / "export").write_bytes(pack(text.encode()))
    north, east = compare(by_region, "2026-10", read_export(tmp_path / "export"))
    assert north.stated_lbm_g == pytest.approx(2000) and north.stated_mbm_g == 0
    assert north.ratio == pytest.approx(by_region["eu-north-1"].carbon_g.mid / 2000)
    assert (east.region, east.estimated_g, east.stated_mbm_g, east.ratio) == ("us-east-1", None, None, None)


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\x1f\x8bno", b"\xff\xfe\x00"], ids=["empty", "another", "gzip", "bytes"]
)
def test_another_table_is_refused(tmp_path, content):
    (tmp_path / "export").write_bytes(content)
    with pytest.raises(GreensageError, match="export"):
        read_export(tmp_path / "export")


def test_the_command_says_when_aws_has_nothing_of_the_month(tmp_path, capsys):
    (tmp_path / "export.csv").write_text(HEADER + row("AmazonSageMaker", "eu-north-1", "0.002", "0"))
    assert main(["carbon", str(MODELS), "--month", "2026-10", "--reconcile", str(tmp_path / "export.csv")]) == 0
    shown = capsys.readouterr().out
    assert "2,000" in shown and max(map(len, shown.splitlines())) <= 110
    assert main(["carbon", str(MODELS), "--month", "2026-09", "--reconcile", str(tmp_path / "export.csv")]) == 0
    assert "nothing of SageMaker in 2026-09" in capsys.readouterr().out
    assert main(["carbon", str(MODELS), "--month", "2026-13"]) == 2
    assert "write it as 2026-11" in capsys.readouterr().err
