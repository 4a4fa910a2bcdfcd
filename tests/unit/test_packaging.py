"""What training scripts leave: recognised by content, packed under names that containers know, and refused with what is missing."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from pathlib import Path

import catboost
import joblib
import lightgbm
import numpy as np
import pytest
import safetensors.numpy
import skops.io
import torch
import xgboost
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from greensage.cli import main
from greensage.core.archive import look, pack
from greensage.errors import GreensageError
from greensage.packaging import package
from greensage.packaging.find import find
from greensage.packaging.sniff import sniff

X, Y = datasets.load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A folder of what scripts leave, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("left")

    def at(name: str) -> str:
        (folder / name.replace(".", "-")).mkdir()
        return str(folder / name.replace(".", "-") / name)

    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    joblib.dump(pipeline, at("plain.joblib"))
    joblib.dump(pipeline, at("compressed.pkl"), compress=("gzip", 3))
    joblib.dump(pipeline, at("lzma.pkl"), compress=("lzma", 3))
    with open(at("saved.sav"), "wb") as file:
        pickle.dump(pipeline, file)
    skops.io.dump(pipeline, at("model.skops"))
    boosted = xgboost.XGBClassifier(n_estimators=3).fit(X, Y)
    for name in ("booster.json", "booster.ubj"):
        boosted.get_booster().save_model(at(name))
    Path(at("xgboost-model")).write_bytes(boosted.get_booster().save_raw("ubj"))
    light = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y)
    light.booster_.save_model(at("lgb.model"))
    catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False).fit(X, Y).save_model(at("c.cbm"))
    layer = torch.nn.Linear(4, 2)
    torch.save(layer.state_dict(), at("weights.pth"))
    torch.save(layer, at("whole.pt"))
    with warnings.catch_warnings():
        # People have such files; torch would rather they had not.
        warnings.simplefilter("ignore")
        torch.jit.script(layer).save(at("scripted.pt"))
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, at("lone.safetensors"))
    (folder / "old-bst").mkdir()
    (folder / "old-bst/old.bst").write_bytes(b"binf\x00\x00\x00?" + bytes(500))
    return folder


KINDS = {
    "plain.joblib": ("pickle", "plain.joblib"), "compressed.pkl": ("pickle", "compressed.pkl"), "lzma.pkl": ("pickle", "lzma.pkl"),
    "saved.sav": ("pickle", "saved.pkl"), "model.skops": ("skops", "model.skops"), "booster.json": ("xgboost", "booster.json"),
    "booster.ubj": ("xgboost", "booster.ubj"), "xgboost-model": ("xgboost", "model.ubj"), "lgb.model": ("lightgbm", "model.txt"),
    "c.cbm": ("catboost", "c.cbm"), "weights.pth": ("torch", "weights.pth"), "whole.pt": ("torch", "whole.pt"),
    "scripted.pt": ("torchscript", "scripted.pt"), "lone.safetensors": ("safetensors", "lone.safetensors"), "old.bst": ("old", "old.bst"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_known_by_its_content(left, name):
    found = sniff(left / name.replace(".", "-") / name)
    assert found is not None and (found.kind, found.name) == KINDS[name]
    if found.kind == "pickle":
        assert found.packages == ("sklearn",)


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"{}", b'{"learner": 1}', b"PK\x03\x04nonsense", b"\x80\x09", b"\x78\x9cnonsense"]
)
def test_what_is_no_model_is_not_taken_for_one(tmp_path, content):
    (tmp_path / "file.bin").write_bytes(content)
    assert sniff(tmp_path / "file.bin") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("weights.pth", "weights and no code"),
        ("lone.safetensors", "weights and no code"),
        ("old.bst", "save it as .ubj"),
    ],
)
def test_what_cannot_be_served_says_what_is_missing_and_writes_nothing(left, name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GreensageError, match=said):
        package(left / name.replace(".", "-") / name, run=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_two_models_names_both(left):
    with pytest.raises(GreensageError, match=r"more than one model: .*booster.json \(xgboost\).*name the one"):
        find(left)


def test_code_goes_where_containers_look_for_it(left, tmp_path):
    code = tmp_path / "code"
    (code / "net").mkdir(parents=True)
    (code / "net/layers.py").write_text("x = 1\n")
    (tmp_path / "requirements.txt").write_text("einops\n")
    weights = left / "weights-pth/weights.pth"
    with pytest.raises(GreensageError, match=r"no inference.py"):
        package(weights, code=code, out=tmp_path / "m.tar.gz")
    (code / "inference.py").write_text("def model_fn(model_dir): ...\n")
    made = package(weights, code=code, requirements=tmp_path / "requirements.txt", out=tmp_path / "m.tar.gz")
    inside = ["code/inference.py", "code/net/layers.py", "code/requirements.txt", "weights.pth"]
    assert sorted(look(made.archive).members) == inside and made.tried is None and "runs on AWS only" in made.not_tried
    with pytest.raises(GreensageError, match="installs nothing when it starts"):
        package(
            left / "booster-ubj/booster.ubj", code=code, requirements=tmp_path / "requirements.txt", out=tmp_path / "n.tar.gz"
        )


def test_a_transformer_and_a_saved_model_keep_their_files(tmp_path):
    hub = tmp_path / "bert"
    hub.mkdir()
    (hub / "config.json").write_text("{}")
    (hub / "tokenizer.json").write_text("{}")
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, hub / "model.safetensors")
    found = find(hub)
    assert found.framework == "huggingface" and set(found.files) == {"config.json", "tokenizer.json", "model.safetensors"}
    saved = tmp_path / "export"
    (saved / "variables").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"\x08\x01")
    (saved / "variables/variables.index").write_bytes(b"x")
    assert set(find(saved).files) == {"1/saved_model.pb", "1/variables/variables.index"}
    triton = tmp_path / "repository"
    (triton / "m/1").mkdir(parents=True)
    (triton / "m/config.pbtxt").write_text("")
    (triton / "m/1/model.onnx").write_bytes(b"x")
    assert find(triton).framework == "triton"


def test_an_archive_is_looked_at_and_packed_anew(left, tmp_path):
    pack({"here/booster.ubj": left / "booster-ubj/booster.ubj"}, tmp_path / "given.tar.gz")
    made = package(tmp_path / "given.tar.gz", run=False, out=tmp_path / "out.tar.gz")
    assert made.framework == "xgboost" and list(look(made.archive).members) == ["booster.ubj"]
    (tmp_path / "cut.tar.gz").write_bytes((tmp_path / "given.tar.gz").read_bytes()[:-30])
    with pytest.raises(GreensageError, match="cut short"):
        package(tmp_path / "cut.tar.gz")


def test_the_serving_containers_own_code_answers_the_sample(left, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    np.savetxt("row.csv", X[:2], delimiter=",")
    source = str(left / "model-skops/model.skops")
    assert main(["package", source, "--sample", "row.csv", "--name", "iris", "--write", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    answers = json.loads(found["tried"]["answer"])["predictions"]
    np.testing.assert_allclose(answers, make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y).predict_proba(X[:2]))
    assert found["written"] == "models/iris.yaml" and found["archive"] == "models/artifacts/iris.tar.gz"
    assert main(["plan", "iris", "--region", "eu-north-1"]) == 0
    assert main(["package", source, "--name", "iris", "--write", "--no-run"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_what_the_container_refuses_is_said_and_nothing_is_written(left, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.csv").write_text("1,2\n")
    with pytest.raises(GreensageError, match="takes 4 features in a row, got 2"):
        package(left / "booster-json/booster.json", sample="wide.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["wide.csv"]


def test_a_pickle_is_tried_only_when_it_may_run(left, tmp_path):
    source = left / "saved-sav/saved.sav"
    assert "runs code" in package(source, out=tmp_path / "m.tar.gz").not_tried
    made = package(source, out=tmp_path / "m.tar.gz", allow_pickle=True)
    assert made.tried is not None and "allow_pickle: true" in made.yaml


def test_init_from_what_training_left(left, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(left / "lgb-model", tmp_path / "training")
    assert main(["init", "project", "--from", "training", "--region", "eu-west-1"]) == 0
    assert "greensage invoke training" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "project")
    assert main(["plan", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["name"] == "training" and model["region"] == "eu-west-1"
