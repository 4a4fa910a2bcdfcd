"""What a change does: new, gone and other hosting; budgets; git revisions; Markdown for pull requests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from greensage.cli import main
from greensage.commands.changes import Side, changes, parse_budget
from greensage.errors import GreensageError
from greensage.planner import fleet_footprint, plan
from tests.conftest import archive_of
from tests.unit.fleets import Pair, spec

FAST = {"latency_p95_ms": 100, "cold_start_ok": False}


def side(*pairs: Pair) -> Side:
    found = plan(pairs)
    return Side("x", found, fleet_footprint(found))


def test_new_gone_and_changed_are_told_apart():
    before = side(spec("gone", sla=FAST), spec("same", sla=FAST, sharing="never"), spec("looser", sla=FAST, sharing="never"))
    after = side(spec("new"), spec("same", sla=FAST, sharing="never"), spec("looser", sla={"latency_p95_ms": 6_000}))
    found = {change.name: change.what for change in changes(before, after)}
    # What all models of a Region share is divided anew, which is no change of theirs.
    assert set(found) == {"new", "gone", "looser"}
    assert found["gone"] == "gone" and found["new"].startswith("new: batch")
    assert found["looser"] == "real-time on ml.c8g.medium in eu-west-1 -> serverless on 1024 MB in eu-west-1"


def test_more_traffic_alone_is_a_change_of_use():
    (change,) = changes(side(spec("a", sla=FAST)), side(spec("a", sla=FAST, traffic={"requests_per_day": 500_000})))
    assert change.what == "same hosting, other use"


def test_what_is_unknown_on_both_sides_is_no_change_and_keeps_no_budget():
    dry = {"region": {"allowed": ["me-central-1"]}, "sla": FAST}
    before, after = side(spec("a", **dry)), side(spec("a", **dry))
    assert changes(before, after) == ()
    assert parse_budget("water +5%").exceeded(before.footprint.total, after.footprint.total)


@pytest.mark.parametrize("text, metric, amount, percent", [
    ("carbon +5%", "carbon", 5, True), ("carbon +0.5 kg", "carbon", 500, False), ("cost +10", "cost", 10, False),
    ("cost 10 usd", "cost", 10, False), ("energy -10 %", "energy", -10, True), ("WATER +1 l", "water", 1, False),
])  # fmt: skip
def test_budgets_are_read(text, metric, amount, percent):
    budget = parse_budget(text)
    assert (budget.metric, budget.amount, budget.percent) == (metric, amount, percent)


@pytest.mark.parametrize("text", ["carbon", "speed +5%", "carbon +5 usd", "carbon five", ""])
def test_what_is_no_budget_says_what_is(text):
    with pytest.raises(GreensageError, match="--fail-if"):
        parse_budget(text)


def test_a_budget_is_exceeded_by_growth_only():
    small, large = side(spec("a", sla={"latency_p95_ms": 6_000})), side(spec("a", sla=FAST))
    assert parse_budget("carbon +5%").exceeded(small.footprint.total, large.footprint.total)
    assert not parse_budget("carbon +5%").exceeded(large.footprint.total, small.footprint.total)
    assert not parse_budget("carbon +0%").exceeded(large.footprint.total, large.footprint.total)
    assert parse_budget("carbon -50%").exceeded(large.footprint.total, large.footprint.total)


@pytest.fixture
def repository(tmp_path, monkeypatch) -> Path:
    """A git repository with two revisions of models/, whose archives git does not keep."""
    models = tmp_path / "models"
    (models / "artifacts").mkdir(parents=True)
    (models / "artifacts" / "a.tar.gz").write_bytes(archive_of(1000))
    (tmp_path / ".gitignore").write_text("artifacts\n")
    file = models / "a.yaml"
    text = "name: a\nmodel: {artifact: artifacts/a.tar.gz, framework: xgboost}\nregion: {allowed: [eu-west-1]}\n"
    file.write_text(f"{text}sla: {{latency_p95_ms: 6000}}\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    file.write_text(f"{text}sla: {{latency_p95_ms: 6000, cold_start_ok: false}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_revision_against_the_work_tree(repository, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["diff", "main", "."]) == 0
    shown = capsys.readouterr().out
    assert "serverless on 1024 MB in eu-west-1 -> real-time on ml.c8g.medium in eu-west-1" in shown
    assert "total" in shown.splitlines()[-2] and "assumption" not in shown


def test_a_budget_breaks_the_build(repository, capsys):
    assert main(["diff", "main", ".", "--fail-if", "carbon +5%"]) == 1
    assert "over budget: carbon +5%" in capsys.readouterr().out
    assert main(["diff", ".", "main", "--fail-if", "carbon +5%"]) == 0


def test_as_json_and_as_a_comment(repository, capsys):
    assert main(["diff", "main", ".", "--json", "--fail-if", "cost +1 usd"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["over_budget"] == ["cost +1 usd"] and content["changes"][0]["name"] == "a"
    assert content["after"]["carbon_g"]["mid"] > content["before"]["carbon_g"]["mid"]
    assert main(["diff", "main", ".", "--markdown"]) == 0
    comment = capsys.readouterr().out
    assert comment.startswith("### greensage") and "| total | 1 changed |" in comment and "budget" not in comment
    assert main(["diff", ".", "main", "--markdown", "--fail-if", "carbon +5%"]) == 0
    assert "within budget" in capsys.readouterr().out


def test_archives_that_are_nowhere_are_assumed_and_that_is_said(repository, capsys):
    (repository / "models/artifacts/a.tar.gz").unlink()
    assert main(["diff", "main", "."]) == 0
    assert "taken as 100 MB (an assumption): the archives of a" in capsys.readouterr().out


@pytest.mark.parametrize("name, expected", [("nowhere", "neither a folder nor a git revision"), ("--upload-pack=x", "")])
def test_what_is_neither_folder_nor_revision(repository, capsys, name, expected):
    if name.startswith("-"):
        with pytest.raises(SystemExit) as caught:
            main(["diff", name, "."])
        assert caught.value.code == 2
        return
    assert main(["diff", name, "."]) == 2
    assert expected in capsys.readouterr().err


def test_a_revision_with_a_link_out_of_the_folder_is_refused_in_a_line(repository, capsys):
    (repository / "models/abs").symlink_to("/etc/passwd")
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "link"], check=True)
    assert main(["diff", "HEAD", "."]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("greensage: HEAD: models cannot be read") and len(shown.splitlines()) == 1


def test_two_folders(repository, tmp_path, capsys):
    other = tmp_path / "other"
    (other / "artifacts").mkdir(parents=True)
    assert main(["diff", "models", "other"]) == 2
    assert "no model file" in capsys.readouterr().err
