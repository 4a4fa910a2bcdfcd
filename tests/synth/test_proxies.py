"""The metric math of dashboards, computed: with the metrics of an hour it gives what the footprint's formulas give."""

from __future__ import annotations

import json
import math
import re

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

import greensage as gs
from greensage.catalog.instances import instance
from greensage.footprint import Level, Serverless, Usage, estimate
from greensage.local.metric_math import computed
from greensage.monitoring.dashboard import HOSTS_SHOWN
from tests.synth.test_composition import ENV, KINDS

REGION = "eu-north-1"


@pytest.mark.parametrize("load", [0.0, 0.02, 0.5, 0.77, 1.0])
@pytest.mark.parametrize(("type_", "seconds"), [("ml.c8g.large", 60), ("ml.m5.4xlarge", 10), ("ml.g5.xlarge", 60)])
def test_an_hour_of_instances_takes_what_the_footprint_says(type_, seconds, load):
    proxies = gs.ProxyMetrics("e", "v", REGION, type_, metric_seconds=seconds)
    samples = 2 * 3600 / seconds  # of two instances
    values: dict[str, float | None] = {"n": samples, "cpu": samples * load * 100 * instance(type_).vcpu, "inv": 5_000.0}
    kwh, grams, _ = proxies.energy()
    # Of instances alone: a month's logs and disks are no part of the live figure.
    (wanted,) = estimate([Usage(REGION, 5_000, type_, (Level(1, 2, load),))])
    assert computed(kwh, values) == pytest.approx(wanted.energy_kwh.mid, rel=1e-4)
    assert computed(grams, values) == pytest.approx(wanted.carbon_g.mid, rel=1e-4)
    assert computed(proxies.grams_per_1000().expression, values) == pytest.approx(wanted.carbon_g.mid / 5, rel=1e-4)
    assert computed(proxies.cpu_percent().expression, values) == pytest.approx(100 * load)
    assert computed(proxies.per_instance_hour().expression, values) == pytest.approx(2_500)
    assert computed(proxies.idle_hours().expression, values) == 0
    assert computed(proxies.idle_hours().expression, {**values, "inv": None}) == pytest.approx(2)
    assert computed(proxies.grams_per_1000().expression, {**values, "inv": None}) is None


def test_serverless_takes_what_answering_takes():
    proxies = gs.ProxyMetrics("e", "v", REGION, memory_mb=2048)
    seconds, vcpu = 400.0, 2048 / 1769
    (wanted,) = estimate([Usage(REGION, 1_000, serverless=Serverless(seconds * vcpu, seconds * 2, seconds * 2, 0))])
    kwh, grams, _ = proxies.energy()
    assert computed(kwh, {"busy": seconds * 1e6}) == pytest.approx(wanted.energy_kwh.mid, rel=1e-3)
    assert computed(grams, {"busy": seconds * 1e6}) == pytest.approx(wanted.carbon_g.mid, rel=1e-3)
    assert computed(kwh, {"busy": None}) == 0


def test_an_endpoint_that_publishes_nothing_does_not_blank_the_sum():
    stack = Stack(App(), "s", env=ENV)
    use = gs.UseDashboard(stack, "Use")
    hosts = [gs.ProxyMetrics(f"e{index}", "v", REGION, "ml.c8g.large") for index in range(HOSTS_SHOWN + 3)]
    use.show_hosts(hosts)
    body = body_of(stack)
    assert f"the {HOSTS_SHOWN} largest of {HOSTS_SHOWN + 3}" in body
    (expression,) = re.findall(r'"label":"kWh","expression":"([^"]*)"', body)
    nothing: dict[str, float | None] = {f"{name}_{index}": None for name in ("n", "cpu") for index in range(HOSTS_SHOWN)}
    one = computed(expression, {**nothing, "n_0": 60, "cpu_0": 600})
    assert one is not None and one > 0
    assert math.isclose(one, computed(expression, {**nothing, "n_3": 60, "cpu_3": 600}) or 0)


def test_an_alarm_has_what_cloudwatch_takes():
    """Ten metrics at most, and an evaluation of a week at most (CloudWatch user guide, alarms; read 2026-11)."""
    stack = Stack(App(), "s", env=ENV)
    endpoint = KINDS["real-time"](stack, "E")
    proxies = gs.ProxyMetrics.of(endpoint, region=REGION, instance_type="ml.c8g.large")
    made = gs.EndpointDashboard(stack, "D", metrics=proxies, planned_g_per_1000=0.2)
    assert made.low_use_alarm is not None and made.worse_alarm is not None
    found = [row["Properties"] for row in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()]
    own = [row for row in found if "Metrics" in row]
    assert len(own) == 2
    for row in own:
        metrics = [item["MetricStat"] for item in row["Metrics"] if "MetricStat" in item]
        assert len(metrics) <= 10 and {item["Period"] for item in metrics} == {86_400}
        assert row["EvaluationPeriods"] * 86_400 <= 7 * 86_400


@pytest.mark.parametrize("given", [{"planned_g_per_1000": -1}, {"low_use_percent": "much"}])
def test_a_wrong_prop_names_itself(given):
    proxies = gs.ProxyMetrics("e", "v", REGION, "ml.c8g.large")
    with pytest.raises(ValueError, match=next(iter(given))):
        gs.EndpointDashboard(Stack(App(), "s"), "D", metrics=proxies, **given)


def body_of(stack: Stack) -> str:
    (row,) = Template.from_stack(stack).find_resources("AWS::CloudWatch::Dashboard").values()
    body = row["Properties"]["DashboardBody"]
    return body if isinstance(body, str) else "".join(part if isinstance(part, str) else "x" for part in body["Fn::Join"][1])


def test_the_body_is_json():
    stack = Stack(App(), "s", env=ENV)
    gs.EndpointDashboard(stack, "D", metrics=gs.ProxyMetrics("e", "v", REGION, "ml.g5.xlarge"), log_group_name="/l")
    titles = [row["properties"]["title"] for row in json.loads(body_of(stack))["widgets"]]
    assert titles[0] == "Requests (1 model)" and "gCO2e per 1,000 requests (estimate)" in titles
