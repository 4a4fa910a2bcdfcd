"""Models of other libraries: CatBoost, PyTorch, Hugging Face. Exported, compared with their own library, made smaller."""

from __future__ import annotations

import json
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_wine

from greensage.errors import GreensageError
from greensage.optimize import Limits
from tests.optimize.quick import optimize
from tests.serving.running import post, serving

pytestmark = pytest.mark.filterwarnings("ignore")


def test_catboost_is_served_as_onnx(tmp_path):
    catboost = pytest.importorskip("catboost")
    data = load_wine()
    catboost.CatBoostClassifier(iterations=40, verbose=0, allow_writing_files=False, random_seed=0).fit(
        data.data, data.target
    ).save_model(str(tmp_path / "wine.cbm"))
    result = optimize(tmp_path / "wine.cbm", rows=data.data, passes=["onnx-graph"], out=tmp_path / "small.tar.gz")
    assert result.framework == "onnx" and result.chosen.startswith("ONNX") and result.best is not None
    assert result.best.parity is not None and result.best.parity.max_delta < 1e-5
    with tarfile.open(tmp_path / "small.tar.gz") as archive:
        archive.extractall(tmp_path / "served", filter="data")
    with serving(tmp_path / "served") as container:
        status, _, body = post(container, json.dumps({"instances": data.data[:3].tolist()}).encode(), "application/json")
    wanted = catboost.CatBoost().load_model(str(tmp_path / "wine.cbm")).predict(data.data[:3], prediction_type="Probability")
    assert status == 200
    np.testing.assert_allclose(json.loads(body)["predictions"], wanted, atol=1e-5)


def test_catboosts_numbers_are_numbers_and_no_columns(tmp_path):
    catboost = pytest.importorskip("catboost")
    data = load_diabetes()
    made = catboost.CatBoostRegressor(iterations=20, verbose=0, allow_writing_files=False).fit(data.data, data.target)
    made.save_model(str(tmp_path / "diabetes.cbm"))
    result = optimize(tmp_path / "diabetes.cbm", rows=data.data, passes=["onnx-graph"])
    assert all(item.parity for item in result.tried if item.measured)


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> tuple[Path, np.ndarray, np.ndarray]:
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("network")
    rows, labels = load_digits(return_X_y=True)
    rows = (rows / 16).astype(np.float32)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10), torch.nn.Softmax(1))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(torch.log(net(torch.tensor(rows)) + 1e-9), torch.tensor(labels)).backward()
        optimizer.step()
    net.eval()
    exported = torch.export.export(net, (torch.tensor(rows[:2]),), dynamic_shapes=({0: torch.export.Dim("rows", min=1)},))
    torch.export.save(exported, folder / "net.pt2")
    torch.save(net.state_dict(), folder / "weights.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(net).save(str(folder / "net.pt"))
    return folder, rows.astype(np.float64), labels.astype(np.float64)


@pytest.mark.parametrize("file", ["net.pt2", "net.pt"])
def test_pytorch_is_exported_and_every_pass_tried(network, tmp_path, file):
    folder, rows, labels = network
    result = optimize(
        folder / file, rows=rows[:400], labels=labels[:400], architecture="arm64", out=tmp_path / "small.tar.gz",
        limits=Limits(mean_delta=0.05, min_agreement=0.9, max_worse=0.1),
    )  # fmt: skip
    tried = {item.name: item for item in result.tried}
    assert result.framework == "onnx" and result.after.single_cpu_seconds < result.before.single_cpu_seconds / 2
    exported = tried["ONNX"]
    assert exported.parity is not None and exported.parity.max_delta < 1e-4
    assert "rounded as the units do" in tried["ONNX bfloat16"].lost
    for name in ("ONNX pruned, units", "ONNX pruned, weights"):
        assert tried[name].measured is not None and tried[name].details["taken_out"] > 0
    units = tried["ONNX pruned, units"]
    assert units.measured is not None and exported.measured is not None
    assert units.measured.size_bytes < exported.measured.size_bytes


def test_weights_without_a_graph_are_refused_with_the_way_out(network):
    with pytest.raises(GreensageError, match=r"torch\.export\.save"):
        optimize(network[0] / "weights.pth", rows=network[1])


def test_a_transformer_is_exported_by_optimum_and_served_in_eight_bits(tmp_path):
    """A small encoder with weights of chance: its form is BERT's, and what is proved holds for its own answers."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("optimum")
    config = transformers.BertConfig(
        vocab_size=300,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "encoder")
    result = optimize(tmp_path / "encoder", passes=["onnx-int8"], out=tmp_path / "small.tar.gz")
    tried = {item.name: item for item in result.tried}
    assert result.sample_is_made_up and result.chosen == "ONNX by Optimum"
    small = tried["ONNX int8 smoothed"]
    assert small.measured is not None and small.parity is not None and small.parity.cosine is not None
    assert small.parity.cosine > 0.99 and small.measured.size_bytes < 0.45 * result.before.size_bytes
    assert "rows that it was proved on are made up" in small.lost


def test_trees_are_cut_off_as_far_as_the_limits_allow(tmp_path):
    import xgboost
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(data.data, data.target), 200)
    booster.save_model(tmp_path / "model.ubj")
    given = {"rows": data.data, "labels": data.target, "architecture": "x86_64", "passes": ["trees-pruned"]}
    result = optimize(tmp_path / "model.ubj", **given)
    (tried,) = result.tried
    assert 1 < tried.details["rounds"] < 200 and tried.parity is not None and tried.parity.mean_delta < 0.01
    tight = optimize(tmp_path / "model.ubj", limits=Limits(mean_delta=0.0), **given)
    assert "differ by more than the limits allow" in tight.tried[0].lost and tight.chosen == "as it is"


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm", "sklearn"])
def test_trees_as_onnx_answer_the_same(tmp_path, kind, monkeypatch):
    from tests.optimize.test_optimize import lightgbm_model, regression, xgboost_model

    monkeypatch.setenv("GREENSAGE_TRUSTED_TYPES", "sklearn.tree._tree.Tree")
    models = {"xgboost": xgboost_model, "lightgbm": lightgbm_model, "sklearn": _forest}
    for make in (models[kind], *([regression] if kind == "xgboost" else [])):
        folder = tmp_path / make.__name__
        folder.mkdir()
        model, rows = make(folder)
        (tried,) = optimize(model, rows=rows, passes=["trees-onnx"]).tried
        assert tried.parity is not None and tried.parity.mean_delta < 1e-5, tried.lost


def _forest(folder: Path) -> tuple[Path, np.ndarray]:
    from tests.optimize.test_optimize import forest

    return forest(folder)


def test_names_of_passes_are_checked(tmp_path):
    with pytest.raises(GreensageError, match="no pass is called 'magic'"):
        optimize(tmp_path / "model.ubj", passes=["magic"])
