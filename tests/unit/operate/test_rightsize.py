"""Proposals from what was seen: idle, spiky, short, missed SLAs, shared endpoints, and files that keep their comments."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from greensage.checks.fix import with_values
from greensage.operate.deployed import Host, Variant
from greensage.operate.live import live_footprint
from greensage.operate.metrics import Window
from greensage.operate.observed import Machines, Observed, Traffic
from greensage.operate.rightsize import Proposal, propose, totals
from greensage.planner import plan
from greensage.spec import load_specs
from tests.conftest import archive_of

HOUR, DAY = 3_600.0, 86_400.0
END = 1_790_000_000.0 // DAY * DAY


def write_model(folder: Path, name: str, rest: str = "") -> None:
    (folder / "model.tar.gz").write_bytes(archive_of())
    text = f"name: {name}\nmodel: {{artifact: model.tar.gz, framework: xgboost}}\nregion: {{allowed: [eu-north-1]}}\n"
    (folder / f"{name}.yaml").write_text(text + textwrap.dedent(rest))


def seen(
    *names: str, requests: float = 0.0, days: float = 14, peak: float = 0.0, cpu: float | None = 0.01, instances: float = 1,
    type_: str | None = "ml.c7g.large", p95: float | None = None, hours: tuple[float, ...] | None = None,
) -> Observed:  # fmt: skip
    variant = Variant("AllTraffic", type_, 1, None if type_ else 1024)
    host = Host("eu-north-1", names[0], "InService", END - days * DAY, (variant,), False, names)
    window = Window(END - days * DAY, END)
    rate = requests / window.seconds
    traffic = Traffic(requests, peak or 2 * rate, hours or (rate,) * 24, 0.0, 0.01 if requests else None, p95)
    machines = Machines(variant, instances * days * 24 if type_ else 0.0, True, instances, cpu if type_ else None)
    return Observed(host, window, traffic, (machines,))


def proposals(folder: Path, *observed: Observed, **options: float) -> dict[str, Proposal]:
    specs = load_specs(folder)
    found = propose(specs, plan(specs), live_footprint(observed), **options)  # type: ignore[arg-type]
    return {item.model: item for item in found}


ALWAYS_ON = """\
    sla: {latency_p95_ms: 200}
    traffic: {requests_per_day: 2_000_000, pattern: steady}
    """


def test_an_endpoint_that_nobody_calls_is_made_one_that_costs_nothing_then(tmp_path):
    write_model(tmp_path, "idle", ALWAYS_ON.replace("200}", "200, cold_start_ok: true}"))
    found = proposals(tmp_path, seen("idle", cpu=0.002))["idle"]
    assert found.state == "change" and "nobody called it in 14 days" in found.reason
    assert dict(found.changes)["traffic", "requests_per_day"] == 0
    assert found.now is not None and found.then is not None
    assert found.then.carbon_g.mid < 0.05 * found.now.carbon_g.mid
    assert "first answer after idle time" in found.risk


def test_what_fits_is_kept(tmp_path):
    write_model(tmp_path, "busy", ALWAYS_ON.replace("200}", "200, cold_start_ok: false}"))
    (planned,) = plan(load_specs(tmp_path)).models
    found = proposals(tmp_path, seen("busy", requests=14 * 2e6, peak=34, cpu=0.012, type_=planned.instance_type))["busy"]
    assert (found.state, found.changes) == ("keep", ())


def test_a_short_history_is_not_enough_data_and_neither_is_none_at_all(tmp_path):
    write_model(tmp_path, "young", ALWAYS_ON)
    write_model(tmp_path, "absent", ALWAYS_ON)
    found = proposals(tmp_path, seen("young", days=1))
    assert found["young"].state == "not enough data" and "24.0 hours of history" in found["young"].reason
    assert found["absent"].state == "not enough data" and "no endpoint" in found["absent"].reason


def test_spikes_count_and_not_the_mean(tmp_path):
    """A thousand requests a day, all within a minute: what it needs is what that minute needs."""
    write_model(tmp_path, "spiky", "sla: {latency_p95_ms: 100, cold_start_ok: false}\ntraffic: {requests_per_day: 100_000}\n")
    hours = tuple(0.28 if hour == 9 else 0.0 for hour in range(24))
    found = proposals(tmp_path, seen("spiky", requests=14_000, peak=200, hours=hours))["spiky"]
    assert found.seen is not None and found.seen.pattern in ("office-hours", "intermittent")
    changes = dict(found.changes) or {("traffic", "peak_requests_per_second"): 250}
    assert changes["traffic", "peak_requests_per_second"] == 250
    assert "serverless" not in found.proposed


def test_where_the_sla_was_missed_nothing_smaller_is_proposed(tmp_path):
    write_model(tmp_path, "slow", ALWAYS_ON)
    found = proposals(tmp_path, seen("slow", requests=14_000, cpu=0.01, p95=900))["slow"]
    assert found.state == "keep" and "the p95 was 900 ms where 200 are wanted" in found.reason


def test_hosting_that_the_file_insists_on_is_set_free_where_another_kind_wins(tmp_path):
    write_model(
        tmp_path, "pinned",
        "hosting: {kind: real-time, instance_type: ml.c7g.4xlarge}\ntraffic: {requests_per_day: 500}\nsla: {latency_p95_ms: 6000}\n",
    )  # fmt: skip
    found = proposals(tmp_path, seen("pinned", requests=14 * 500, type_="ml.c7g.4xlarge", cpu=0.001))["pinned"]
    assert found.state == "change" and dict(found.changes)["hosting",] == "auto" and found.proposed.startswith("serverless")
    assert totals([found])["carbon_g"] == pytest.approx(found.now.carbon_g.mid - found.then.carbon_g.mid)  # type: ignore[union-attr]


def test_who_waits_for_an_answer_is_not_given_a_job_with_files(tmp_path):
    """Without an SLA the planner would choose a batch job; but somebody calls this endpoint."""
    write_model(
        tmp_path, "pinned", "hosting: {kind: real-time, instance_type: ml.c7g.4xlarge}\ntraffic: {requests_per_day: 500}\n"
    )
    found = proposals(tmp_path, seen("pinned", requests=14 * 500, type_="ml.c7g.4xlarge", cpu=0.001))["pinned"]
    assert found.state == "change" and found.proposed.startswith("real-time")
    assert "4xlarge" not in dict(found.changes)["hosting", "instance_type"]


def test_members_of_a_shared_endpoint_are_told_apart_by_the_plan_and_it_is_said(tmp_path):
    for name in ("one", "two"):
        write_model(tmp_path, name, "group: small\nhosting: {kind: multi-model}\ntraffic: {requests_per_day: 1_000_000}\n")
    found = proposals(tmp_path, seen("one", "two", requests=14 * 100, type_="ml.c7g.xlarge"))
    assert {item.seen.requests_per_day for item in found.values() if item.seen} == {50}
    assert all(item.seen and item.seen.estimated_share for item in found.values())


def test_where_cpu_was_not_published_the_hours_are_those_of_the_instances_there_are(tmp_path):
    write_model(tmp_path, "dark", ALWAYS_ON)
    row = seen("dark", cpu=None)
    (live,) = live_footprint([row])
    assert live.month.energy_kwh.mid > 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: a  # why\ntraffic:\n  requests_per_day: 20_000  # a guess\n", "requests_per_day: 7  # a guess"),
        ("name: a\ntraffic: {requests_per_day: 5, pattern: steady}\n", "requests_per_day: 7, pattern: steady"),
        ("name: a\n# the end\n", "# the end\ntraffic:\n  requests_per_day: 7\n"),
        ("name: a\r\ntraffic:\r\n  pattern: steady\r\n", "requests_per_day: 7"),
    ],
)
def test_a_file_is_changed_in_place(before, after):
    import yaml

    text = with_values(before, [(("traffic", "requests_per_day"), 7)])
    assert after in text and yaml.safe_load(text)["traffic"]["requests_per_day"] == 7


def test_a_block_becomes_one_word():
    text = with_values("hosting:\n  kind: real-time\n  min_instances: 2\n# the end\ntags: {a: b}\n", [(("hosting",), "auto")])
    assert text == "hosting: auto\n# the end\ntags: {a: b}\n"
