"""The command line: help with examples, text and JSON, and exit status 2 for what the user can mend."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from greensage.cli import main
from tests.conftest import MODELS, ROOT


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "greensage local up" in capsys.readouterr().out


def test_plan_shows_each_models_month_against_the_usual_and_the_total_last(capsys, monkeypatch):
    monkeypatch.chdir(MODELS.parent)  # The commands that are named hold the path as it was given.
    assert main(["plan", MODELS.name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["MODEL", "KIND", "SIZE", "REGION", "gCO2e", "USD", "CO2e", "COST"]
    assert max(map(len, lines)) <= 80, "80 columns where no terminal says how many there are"
    total = next(line for line in lines if line.startswith("total"))
    assert f"{len(list(MODELS.glob('*.yaml')))} models" in total and lines.index(total) == lines.index("") - 1
    assert any("one always-on x86 instance per model" in line for line in lines)
    assert "\x1b" not in "".join(lines), "colour is for terminals"


def test_plan_explains_one_model(capsys):
    assert main(["plan", str(MODELS), "--explain", "churn"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("churn:") and "Graviton by default" in shown and "not serverless" in shown
    assert "looser    allow 5 s cold starts: -" in shown
    assert "digits:" not in shown


def test_plan_explains_all(capsys):
    assert main(["plan", str(MODELS), "--explain", "all"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n{path.stem}:" in shown for path in MODELS.glob("*.yaml"))


def test_a_model_that_is_not_there_gets_near_names(capsys):
    assert main(["plan", str(MODELS), "--explain", "chrun"]) == 2
    assert "churn?" in capsys.readouterr().err


WHY_NOT = {
    "serverless": "sla.cold_start_ok is false", "batch": "latency_p95_ms is 100", "eu-west-3": "region.allowed does not list it",
    "eu-west-1": "g CO2e and $", "ml.c6g.large": "against", "c7g.large": "against", "ml.g5.xlarge": "AWS has no gpu image of xgboost",
    "gpu": "AWS has no GPU image", "x86": "a claim, not a measurement", "inferentia": "not compiled for it", "real-time": "was chosen",
    "graviton": "was chosen", "multi-model": "no group in the spec", "edge": "hosting: edge",
}  # fmt: skip


@pytest.mark.parametrize("other", WHY_NOT)
def test_why_not(other, capsys):
    assert main(["why", "churn", other, "--models", str(MODELS)]) == 0
    assert WHY_NOT[other] in capsys.readouterr().out


def test_why_not_nonsense_gets_a_near_name(capsys):
    assert main(["why", "churn", "serverles", "--models", str(MODELS)]) == 2
    assert "serverless?" in capsys.readouterr().err


def test_why_says_where_the_choice_would_change(capsys):
    assert main(["why", "digits", "--models", str(MODELS)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "traffic serverless until " in shown
    assert main(["why", "digits", "--models", str(MODELS), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["break_evens"][0]["after"].startswith("real-time") and content["advice"]


def test_regions_are_ranked_and_the_constraint_has_its_cost(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["regions", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["region"] == "eu-north-1" and rows[0]["gco2e_per_kwh"] < rows[-1]["gco2e_per_kwh"]
    assert main(["regions", "sensor", "--models", str(MODELS), "--json"]) == 0
    assert "data residency" in capsys.readouterr().out
    assert main(["regions", "churn", "--models", str(MODELS), "--near", "eu-west-1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("eu-north-1") and lines[2].startswith("eu-west-1") and "cost no carbon worth naming" in lines[-1]


def test_catalog_shows_a_figure_down_to_its_source(capsys):
    assert main(["catalog", "show", "eu-north-1"]) == 0
    assert "Ember" in capsys.readouterr().out
    assert main(["catalog", "show", "af-south-1", "--json"]) == 0
    water = json.loads(capsys.readouterr().out)[2]
    assert water["value"] is None and water["quality"] == "missing"
    assert main(["catalog", "show"]) == 0
    assert "lifespan_hours" in capsys.readouterr().out
    assert main(["catalog", "show", "eu-nort-1"]) == 2
    assert "eu-north-1" in capsys.readouterr().err


def test_an_intensity_file_moves_a_flexible_batch_job(tmp_path, capsys, write):
    hours = "\n".join(f"eu-north-1,{hour},{20 if hour == 5 else 60}" for hour in range(24))
    (tmp_path / "grid.csv").write_text(f"region,hour,gco2e_kwh\n{hours}\n")
    batch = "hosting: {kind: batch, schedule: cron(30 2 * * ? *), window_hours: 6}"
    write(f"name: a\nmodel: {{artifact: model.tar.gz, framework: xgboost}}\nregion: {{allowed: [eu-north-1]}}\n{batch}\n")
    assert main(["plan", str(tmp_path), "--explain", "a", "--intensity", str(tmp_path / "grid.csv")]) == 0
    shown = capsys.readouterr().out
    assert "start     5:30 UTC: within 6 hours of 2:30 UTC; 20 gCO2e/kWh (grid.csv)" in shown
    assert "not 2:30 UTC: 60 gCO2e/kWh" in shown and "a job starts at cron(30 5 * * ? *)" in shown


HEAD = "region,hour,gco2e_kwh\n"


@pytest.mark.parametrize("text, expected", [
    ("region,hour\n", "grid.csv:1: the column gco2e_kwh is missing"), (f"{HEAD}eu-north-1,x,1\n", "grid.csv:2"),
    (f"{HEAD}eu-north-1,1,-4\n", "not negative"), (f"{HEAD}eu-north-1,1,4\n", "no value for hour 0"), (f"{HEAD}eu-north-1,1\n", "grid.csv:2"),
    (f"{HEAD}eu-north-1,2026-01-01,4\n", "grid.csv:2"), (f"{HEAD}eu-north-1,100,4\n", "grid.csv:2"), (HEAD, "there is no row"),
    (f"{HEAD}eu-north-1,1,nan\n", "grid.csv:2"), (f"{HEAD}{'x' * 200_000},1,4\n", "not a CSV file"),
], ids=["column", "text", "negative", "gaps", "short", "date", "hundred", "empty", "nan", "huge"])  # fmt: skip
def test_a_bad_intensity_file_says_where(tmp_path, capsys, write, text, expected):
    (tmp_path / "grid.csv").write_text(text)
    write("name: a\nmodel: {artifact: model.tar.gz, framework: xgboost}\nregion: {allowed: [eu-north-1]}\n")
    assert main(["plan", str(tmp_path), "--intensity", str(tmp_path / "grid.csv")]) == 2
    assert expected in capsys.readouterr().err


def test_plan_as_json_is_complete(capsys):
    assert main(["plan", str(MODELS), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {model["name"] for model in content["models"]} == {path.stem for path in MODELS.glob("*.yaml")}
    assert [group["members"] for group in content["groups"]] == [["diabetes", "linnerud"], ["iris", "wine"], ["forest", "pixels"]]
    assert content["total"]["carbon_g"]["low"] < content["total"]["carbon_g"]["mid"] < content["baseline"]["carbon_g"]["mid"]
    assert all(model["footprint"]["saved"]["carbon"]["mid"] is not None for model in content["models"])


def test_a_bad_file_gives_status_two_and_no_traceback(tmp_path):
    (tmp_path / "a.yaml").write_text("name: [")
    command = [sys.executable, "-m", "greensage", "plan", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT / "constructs")})
    assert done.returncode == 2
    assert "a.yaml:" in done.stderr and "Traceback" not in done.stderr


def test_status_of_no_local_cloud(tmp_path, capsys):
    assert main(["local", "status", "--dir", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["running"] is False


def test_env_of_no_local_cloud_says_how_to_start_one(tmp_path, capsys):
    assert main(["local", "env", "--dir", str(tmp_path)]) == 2
    assert "greensage local up" in capsys.readouterr().err
