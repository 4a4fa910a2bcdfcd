"""Old captures, window by window: what the monitor would have said, and when people would have heard."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from greensage.cli import main
from greensage.drift.capture import read
from greensage.drift.monitor_files import to_statistics
from greensage.drift.replay import by_count, by_time
from greensage.drift.window import of_table

NAMES = ["age", "income"]
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def line(row: np.ndarray, number: int, time: datetime) -> str:
    captured = {
        "endpointInput": {"data": ",".join(map(repr, row.tolist())), "encoding": "CSV", "observedContentType": "text/csv"}
    }
    event = {"eventId": str(number), "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return json.dumps({"captureData": captured, "eventMetadata": event, "eventVersion": "0"})


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """Ten days of 150 rows; from the sixth day on everybody is older."""
    folder, random = tmp_path_factory.mktemp("captures"), np.random.default_rng(3)
    (folder / "a.statistics.json").write_text(json.dumps(to_statistics(of_table(NAMES, random.normal(size=(4_000, 2))))))
    for day in range(10):
        rows = random.normal(size=(150, 2)) + np.array([1.0 if day >= 5 else 0.0, 0.0])
        times = [BEGIN + timedelta(days=day, minutes=9 * index) for index in range(len(rows))]
        path = folder / f"capture/2026/03/{day + 1:02}/part.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(line(row, day * 1_000 + index, times[index]) for index, row in enumerate(rows)) + "\n{")
    return folder


def replayed(captures, *more: str) -> list[str]:
    return ["drift", "replay", str(captures / "capture"), "--baseline", str(captures / "a.statistics.json"), *more]


def test_the_day_of_the_alarm_is_shown(captures, capsys):
    assert main(replayed(captures)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    alarms = [row for row in lines if "ALARM" in row]
    assert len(alarms) == 1 and alarms[0].startswith("2026-03-07") and alarms[0].endswith("age")
    assert "10 windows, 1 alarm: 2026-03-07 00:00" in lines


def test_a_threshold_above_the_change_would_have_been_silent(captures, capsys):
    assert main(replayed(captures, "--threshold", "3", "--every", "300", "--alpha", "0.0001", "--json")) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert [row["rows"] for row in found["windows"]][:1] == [300] and found["sensitivity"]["3"] == 0 < found["sensitivity"][
        "1.5"
    ] + 1
    assert all("age" not in row["drifted"] for row in found["windows"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["drift", "replay", "."], "--baseline"),
        (["drift", "churn", "captures"], "greensage drift replay captures"),
        (["drift", "replay", "nowhere", "--baseline", "{baseline}"], "no captures"),
        (["drift", "replay", "{folder}", "--baseline", "{folder}/2026/03/01/part.jsonl"], "is no statistics.json"),
        (["drift", "replay", "{folder}", "--baseline", "{baseline}", "--every", "moon"], "allowed: hour, day, week"),
        (["drift", "replay", "{folder}", "--baseline", "{baseline}", "--method", "luck"], "allowed: wasserstein"),
        (["drift", "replay", "{folder}", "--baseline", "{baseline}", "--alpha", "2"], "--alpha between 0 and 1"),
    ],
)
def test_what_cannot_be_replayed_is_said(captures, arguments, said, capsys):
    folder, baseline = captures / "capture", captures / "a.statistics.json"
    assert main([item.format(folder=folder, baseline=baseline) for item in arguments]) == 2
    assert said in capsys.readouterr().err


def batches(captures):
    for path in sorted(captures.rglob("*.jsonl")):
        yield from read(path.read_bytes().splitlines(), 2)


def test_windows_hold_every_row_once(captures):
    for windows in (by_time(batches(captures), 3_600), by_time(batches(captures), 604_800), by_count(batches(captures), 77)):
        parts = [batch for _, part in windows for batch in part]
        ids = [identity for batch in parts for identity in batch.ids]
        assert len(ids) == len(set(ids)) == 1_500
        assert sum(len(batch.bad) for batch in parts) == 10
