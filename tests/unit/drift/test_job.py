"""What runs inside jobs, on scikit-learn's breast cancer data and real models: the user's script, and the comparison."""

from __future__ import annotations

import csv
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss, roc_auc_score

from greensage.drift import job
from greensage.drift.monitor_files import from_statistics

DATA = load_breast_cancer()
NAMES = [name.replace(" ", "_") for name in DATA.feature_names[:5]]
ROWS, LABELS = DATA.data[:, :5], DATA.target.astype(float)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(job, "ROOT", tmp_path)
    monkeypatch.setattr(job.signal, "signal", lambda *_: None)
    return tmp_path


def source(root: Path, script: str, name: str = "train.py") -> None:
    (root / "input/config").mkdir(parents=True)
    (root / "input/config/hyperparameters.json").write_text(json.dumps({} if name == "train.py" else {"script": name}))
    (root / "input/data/source").mkdir(parents=True)
    for channel in ("code", "train", "recent"):
        (root / "input/data" / channel).mkdir()
    with zipfile.ZipFile(root / "input/data/source/source.zip", "w") as archive:
        archive.writestr(name, script)


SCRIPT = """
import json, os, pathlib, sys
pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "..", "..", "..", "seen.json").write_text(
    json.dumps({name: value for name, value in os.environ.items() if name.startswith("SM_")}))
"""


def test_a_script_runs_with_the_variables_of_sagemakers_toolkits(root):
    source(root, SCRIPT, "fit.py")
    assert job.main(["train"]) == 0
    assert json.loads((root / "seen.json").read_text()) == {
        "SM_MODEL_DIR": f"{root}/model", "SM_OUTPUT_DATA_DIR": f"{root}/output/data", "SM_CHECKPOINT_DIR": f"{root}/checkpoints",
        "SM_CHANNELS": '["recent", "train"]', "SM_CHANNEL_RECENT": f"{root}/input/data/recent",
        "SM_CHANNEL_TRAIN": f"{root}/input/data/train",
    }  # fmt: skip
    assert not (root / "output/failure").exists()


def test_a_script_that_fails_says_why_and_so_does_the_job(root):
    source(root, "raise SystemExit('no column age')")
    assert job.main(["train"]) == 1
    assert (root / "output/failure").read_text() == "train.py ended with 1: no column age"


def test_a_script_that_is_killed_ends_like_a_shells(root):
    source(root, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert job.main(["train"]) == 128 + 15


def test_last_words_are_as_long_as_sagemaker_keeps_and_the_end_of_what_was_said(root):
    source(root, f"raise SystemExit({'x' * 3_000 + 'the end'!r})")
    job.main(["train"])
    said = (root / "output/failure").read_text()
    assert said.endswith("xthe end") and len(said) == len("train.py ended with 1: ") + 600
    job.last_words("y" * 2_000)
    assert (root / "output/failure").read_text() == "y" * 1_024


def test_a_source_without_the_script_or_with_names_outside_is_refused(root):
    source(root, "", "other.py")
    (root / "input/config/hyperparameters.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"^the source has no train.py$"):
        job.main(["train"])
    assert (root / "output/failure").read_text() == "FileNotFoundError: the source has no train.py"
    with zipfile.ZipFile(root / "input/data/source/source.zip", "w") as archive:
        archive.writestr("../evil.py", "")
    with pytest.raises(ValueError, match=r"^source.zip holds '../evil.py', which lies outside of it$"):
        job.main(["train"])


@pytest.mark.parametrize("arguments", [[], ["evaluate"], ["train", "compare"]])
def test_an_unknown_step_is_a_usage_error(arguments, capsys):
    assert job.main(arguments) == 2
    assert capsys.readouterr().err == "usage: python -m greensage.drift.job train | compare\n"


def fitted(folder: Path, depth: int, rows: slice) -> xgboost.Booster:
    """Train a model, and put it where the job finds it."""
    data = xgboost.DMatrix(ROWS[rows], LABELS[rows])
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": depth, "nthread": 1}, data, 8)
    folder.mkdir(parents=True)
    booster.save_model(folder / "model.json")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "model.json", "model.json")
    (folder / "model.json").unlink()
    return booster


def table(folder: Path, rows: slice, name: str = "data.csv") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["malignant", *NAMES])
        writer.writerows([label, *row] for label, row in zip(LABELS[rows].tolist(), ROWS[rows].tolist(), strict=True))


@pytest.fixture
def compared(root, monkeypatch) -> tuple[Path, dict[str, xgboost.Booster]]:
    inputs = root / "processing/input"
    models = {
        "champion": fitted(inputs / "champion", 1, slice(0, 80)),
        "challenger": fitted(inputs / "challenger", 4, slice(0, 300)),
    }
    table(inputs / "train", slice(0, 200))
    table(inputs / "recent", slice(200, 250), "recent.csv")
    table(inputs / "recent", slice(250, 300), "before.csv")
    table(inputs / "holdout", slice(300, 400))
    table(inputs / "window", slice(400, 569))
    given = {
        "label": "malignant",
        "metrics": ["auc", "log_loss"],
        "metric": "auc",
        "protected": None,
        "least_rows": 20,
        "threshold": 0.2,
    }
    monkeypatch.setenv("GREENSAGE_COMPARE", json.dumps(given))
    return root, models


def evaluation(root: Path) -> dict:
    return json.loads((root / "processing/output/evaluation.json").read_text())


def test_both_models_are_measured_on_held_out_data_and_the_window(compared):
    root, models = compared
    assert job.main(["compare"]) == 0
    found = evaluation(root)
    assert found["rows"] == {"train": 300, "holdout": 100, "window": 169} and set(found["metrics"]) == {"holdout", "window"}
    for name, rows in (("holdout", slice(300, 400)), ("window", slice(400, 569))):
        for who, booster in models.items():
            scores = booster.predict(xgboost.DMatrix(ROWS[rows]))
            expected = {"auc": roc_auc_score(LABELS[rows], scores), "log_loss": log_loss(LABELS[rows], scores)}
            assert found["metrics"][name][who] == pytest.approx(expected, rel=1e-5)


def test_the_challengers_baseline_is_of_all_rows_it_was_trained_on(compared):
    root, models = compared
    job.main(["compare"])
    output = root / "processing/output"
    made = from_statistics(json.loads((output / "statistics.json").read_text()))
    assert made.rows == 300 and list(made.features) == NAMES and list(made.outputs) == ["prediction"]
    assert made.features[NAMES[0]].mean == pytest.approx(ROWS[:300, 0].mean())
    scores = models["challenger"].predict(xgboost.DMatrix(ROWS[:300]))
    assert made.outputs["prediction"].mean == pytest.approx(scores.mean(), rel=1e-5)
    constraints = json.loads((output / "constraints.json").read_text())["monitoring_config"]["distribution_constraints"]
    assert (constraints["comparison_threshold"], constraints["comparison_method"]) == (0.2, "Robust")


def test_a_baseline_is_of_the_newest_rows_where_there_are_enough(compared, monkeypatch):
    root, _ = compared
    monkeypatch.setattr(job, "_FRESH", 219)
    job.main(["compare"])
    made = from_statistics(json.loads((root / "processing/output/statistics.json").read_text()))
    newest = np.concatenate([ROWS[200:250], ROWS[400:569]])
    assert made.rows == len(newest) and made.features[NAMES[0]].mean == pytest.approx(newest[:, 0].mean())


def test_slices_of_a_protected_feature_are_measured_on_the_window_only(compared, monkeypatch):
    root, models = compared
    given = json.loads(job.os.environ["GREENSAGE_COMPARE"]) | {"protected": NAMES[1], "metrics": ["log_loss"]}
    monkeypatch.setenv("GREENSAGE_COMPARE", json.dumps(given))
    job.main(["compare"])
    metrics = evaluation(root)["metrics"]
    quarters = [name for name in metrics if name.startswith("slice")]
    window = ROWS[400:569]
    ends = [f"{end:.4g}" for end in np.quantile(window[:, 1], (0.25, 0.5, 0.75))]
    slices = [f"up to {ends[0]}", f"{ends[0]} to {ends[1]}", f"{ends[1]} to {ends[2]}", f"above {ends[2]}"]
    assert quarters == [f"slice {NAMES[1]} {name}" for name in slices]
    first = window[:, 1] <= np.quantile(window[:, 1], 0.25)
    scores = models["champion"].predict(xgboost.DMatrix(window[first]))
    assert metrics[quarters[0]]["champion"]["log_loss"] == pytest.approx(
        log_loss(LABELS[400:569][first], scores, labels=[0, 1]), rel=1e-5
    )


def test_without_training_data_there_is_nothing_to_compare_by(compared):
    for path in (compared[0] / "processing/input").glob("*/*.csv"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"^no CSV file in .*/processing/input/train$"):
        job.main(["compare"])


def test_an_empty_window_is_left_out(compared):
    root, _ = compared
    table(root / "processing/input/window", slice(0, 0))
    job.main(["compare"])
    assert set(evaluation(root)["metrics"]) == {"holdout"} and evaluation(root)["rows"]["window"] == 0


def test_pipelines_that_take_words_are_compared_as_they_are_asked(root, monkeypatch):
    """A scikit-learn pipeline over a table of words and numbers; the first one was fitted on nonsense."""
    import joblib
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    random, inputs = np.random.default_rng(2), root / "processing/input"
    frame = pd.DataFrame({"job": random.choice(["nurse", "baker", "clerk"], 900), "age": random.integers(18, 80, 900)})
    frame["left"] = ((frame["job"] == "nurse") ^ (random.random(900) < 0.1)).astype(int)
    for who, label in (("champion", random.permutation(frame["left"])), ("challenger", frame["left"])):
        words = ColumnTransformer([("job", OneHotEncoder(), ["job"])], remainder="passthrough")
        made = make_pipeline(words, LogisticRegression(max_iter=1_000)).fit(frame[["job", "age"]], label)
        (inputs / who).mkdir(parents=True)
        joblib.dump(made, inputs / who / "model.joblib")
        with tarfile.open(inputs / who / "model.tar.gz", "w:gz") as archive:
            archive.add(inputs / who / "model.joblib", "model.joblib")
    for name, rows in (("train", slice(0, 500)), ("window", slice(500, 900))):
        (inputs / name).mkdir(parents=True)
        frame[rows].to_csv(inputs / name / "data.csv", index=False)
    given = {"label": "left", "metrics": ["auc"], "metric": "auc", "protected": "job", "least_rows": 20, "threshold": 0.2}
    monkeypatch.setenv("GREENSAGE_COMPARE", json.dumps(given))
    monkeypatch.setenv("GREENSAGE_DATAFRAME", "1")
    monkeypatch.setenv("GREENSAGE_ALLOW_PICKLE", "1")
    assert job.main(["compare"]) == 0
    metrics = evaluation(root)["metrics"]
    assert metrics["window"]["challenger"]["auc"] > 0.85 > metrics["window"]["champion"]["auc"]
    assert {name for name in metrics if name.startswith("slice")} == {f"slice job {name}" for name in ("nurse", "baker", "clerk")}
    made = from_statistics(json.loads((root / "processing/output/statistics.json").read_text()))
    assert made.features["job"].kind == "String" and made.features["age"].kind == "Integral"
