"""Proxy metrics per month: what they are made of, how the table is kept when several write it, and what is no table."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from greensage.cli import main
from greensage.errors import GreensageError
from greensage.operate.deployed import Deployed
from greensage.operate.history import History, read_rows
from greensage.operate.kpi import Kpi, by_model, change, improvement_line, kpis_of, merged, months_of, to_json
from greensage.operate.live import live_footprint
from greensage.operate.measure import bounds, months_between, read_kpis, recent
from greensage.planner import fleet_footprint, plan
from greensage.spec import load_specs
from tests.unit.operate.test_rightsize import ALWAYS_ON, END, seen, write_model


def row(month: str = "2026-10", model: str = "churn", endpoint: str = "churn-1", **more: Any) -> Kpi:
    usual = dict(
        region="eu-north-1", hours=700.0, requests=1e6, energy_kwh=2.0, carbon_g=50.0, carbon_low_g=30.0, carbon_high_g=80.0,
        cost_usd=40.0, vcpu_hours=1400.0, instance_hours=700.0, idle_hours=100.0, cpu=0.2, models=1,
    )  # fmt: skip
    return Kpi(month, model, endpoint=endpoint, **{**usual, **more})  # type: ignore[arg-type]


class Bucket:
    """A bucket that refuses what somebody else wrote meanwhile, as S3 does; `races` writes in between."""

    def __init__(self, races: list[Kpi] | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.races = races or []

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.files:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "none"}}, "GetObject")
        found = {"Body": io.BytesIO(self.files[Key]), "ETag": str(hash(self.files[Key]))}
        if self.races:
            self.files[Key] += (json.dumps(to_json(self.races.pop())) + "\n").encode()
        return found

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str, IfMatch: str = "", IfNoneMatch: str = "") -> None:
        assert ContentType == "application/x-ndjson"
        tag = str(hash(self.files[Key])) if Key in self.files else ""
        if (IfNoneMatch == "*" and tag) or (IfMatch and IfMatch != tag):
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "changed"}}, "PutObject")
        self.files[Key] = Body

    def get_paginator(self, name: str) -> Bucket:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key}]} for key in sorted(self.files)] or [{}]


def test_the_proxy_is_what_was_provisioned_and_idle_hours_are_hours_without_a_request(tmp_path):
    write_model(tmp_path, "churn", ALWAYS_ON)
    fleet = fleet_footprint(plan(load_specs(tmp_path)))
    observed = seen("churn", requests=14e6, instances=2, cpu=0.25)
    (found,) = kpis_of(live_footprint([observed]), fleet, "2026-09")
    assert (found.instance_hours, found.vcpu_hours) == (2 * 14 * 24, 2 * 2 * 14 * 24)
    assert found.kpi == pytest.approx(found.vcpu_hours / 14_000)
    assert found.carbon_low_g < found.carbon_g < found.carbon_high_g
    # The window's own amounts, not a month's.
    (month,) = live_footprint([observed])
    assert found.carbon_g == pytest.approx(month.month.carbon_g.mid * 14 / 30)


def test_what_models_share_is_divided_and_adds_up(tmp_path):
    for name in ("a", "b"):
        write_model(tmp_path, name, "hosting: multi-model\ngroup: both\n")
    fleet = fleet_footprint(plan(load_specs(tmp_path)))
    rows = kpis_of(live_footprint([seen("a", "b", requests=1e6)]), fleet, "2026-09")
    assert sum(item.instance_hours for item in rows) == pytest.approx(14 * 24)
    assert sum(item.requests for item in rows) == pytest.approx(1e6) and {item.models for item in rows} == {2}


def test_a_month_has_every_endpoint_of_a_model_once():
    """An update that replaces the endpoint must not lose what the one before it took."""
    rows = merged([row(hours=300.0), row(endpoint="churn-2")], [row(hours=400.0, requests=2e6)])
    assert [(item.endpoint, item.hours) for item in rows] == [("churn-1", 400.0), ("churn-2", 700.0)]
    ((total,),) = by_model(rows).values()
    assert (total.requests, total.instance_hours, total.cpu) == (3e6, 1400, pytest.approx(0.2))


def test_cloudwatch_forgets_but_the_table_does_not():
    assert merged([row(hours=700.0)], [row(hours=20.0, requests=5.0)]) == [row(hours=700.0)]


def test_the_trend_is_said_with_its_direction():
    months = [row("2026-08", requests=0.0), row("2026-09"), row("2026-10", vcpu_hours=700.0)]
    assert change(months) == pytest.approx(-0.5)
    assert "0.700 vCPU-hours per 1,000" in improvement_line("churn", months).replace("0.70 ", "0.700 ")
    assert "50% less" in improvement_line("churn", months)
    assert "10% MORE" in improvement_line("churn", [row("2026-09"), row("2026-10", vcpu_hours=1540.0)])
    assert "provisioned for nothing" in improvement_line("churn", months[:1])
    assert "first month" in improvement_line("churn", months[:2])
    assert months_of(rows=[row(), row(model="b")])[0].requests == 2e6


def test_two_that_record_at_once_both_stand_in_the_table():
    bucket = Bucket()
    History(bucket, "b").record([row()])
    bucket.races = [row(model="other")]
    assert History(bucket, "b").record([row(model="mine")]) == ["s3://b/kpi/2026-10.jsonl"]
    assert {item.model for item in History(bucket, "b").read("2026-01")} == {"churn", "mine", "other"}
    assert History(bucket, "b").read("2026-11") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "f.jsonl:1: not JSON"), ("{}", "lacks month, model"), ('{"a": 1}\n', "lacks"), ("[1]", "lacks"),
     (json.dumps({**to_json(row()), "hours": "many"}), "something else than a figure for hours")],
)  # fmt: skip
def test_what_is_no_table_is_said_with_its_line(text, said):
    with pytest.raises(GreensageError, match=said):
        read_rows(text, "f.jsonl")


def test_what_a_later_release_adds_is_left_out():
    assert read_rows(json.dumps({**to_json(row()), "new": 1}), "f") == [row()]


def test_months_begin_and_end_in_utc():
    assert months_between("2025-11", END) == [*(f"2025-{n}" for n in (11, 12)), *(f"2026-0{n}" for n in range(1, 10))]
    assert recent(bounds("2026-01")[0]) == ("2025-12", "2026-01")
    assert bounds("2026-12")[1] == bounds("2027-01")[0]


class Denied:
    """An account that lets nobody read parameters."""

    def client(self, *_: Any, **__: Any) -> Denied:
        return self

    def get_parameter(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetParameter")


def test_a_table_that_cannot_be_read_is_a_problem_and_no_traceback(tmp_path):
    write_model(tmp_path, "churn", ALWAYS_ON)
    fleet = fleet_footprint(plan(load_specs(tmp_path)))
    deployed = Deployed([seen("churn").host])
    # Made a moment ago, so there is nothing to measure.
    found = read_kpis(Denied(), deployed, fleet, since="2025-01", now=END - 13.9999 * 86_400)
    assert found.rows == [] and "not you" in found.problems[0]


def test_the_report_shows_the_history(tmp_path, capsys):
    write_model(tmp_path, "churn")
    history = tmp_path / "history.jsonl"
    history.write_text("".join(json.dumps(to_json(item)) + "\n" for item in (row("2026-09"), row("2026-10", requests=0.0))))
    assert main(["report", str(tmp_path), "--history", str(history), "--json"]) == 0
    months = json.loads(capsys.readouterr().out)["history"]
    assert [item["month"] for item in months] == ["2026-09", "2026-10"]
    assert months[0]["models"] == {"churn": 1.4} and months[1]["models"] == {"churn": None}
    history.write_text("no table")
    assert main(["report", str(tmp_path), "--history", str(history)]) == 2
    assert "history.jsonl:1: not JSON" in capsys.readouterr().err
