"""`greensage optimize` on models that were trained here, each run by the serving container's own code."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, make_friedman1

from greensage.cli import main
from greensage.errors import GreensageError
from greensage.optimize import Limits
from greensage.optimize.parity import compare
from tests.conftest import ARTIFACTS
from tests.optimize.quick import optimize
from tests.serving.running import post, serving


def xgboost_model(folder: Path) -> tuple[Path, np.ndarray]:
    import xgboost

    data = load_breast_cancer()
    rows = data.data.copy()
    rows[::7, 3] = np.nan
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(rows, data.target), 30)
    booster.save_model(folder / "model.ubj")
    return folder / "model.ubj", rows


def lightgbm_model(folder: Path) -> tuple[Path, np.ndarray]:
    import lightgbm

    data = load_iris()
    given = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    lightgbm.train(given, lightgbm.Dataset(data.data, data.target), 20).save_model(folder / "model.txt")
    return folder / "model.txt", data.data


def forest(folder: Path) -> tuple[Path, np.ndarray]:
    import skops.io
    from sklearn.ensemble import RandomForestClassifier

    data = load_breast_cancer()
    skops.io.dump(RandomForestClassifier(20, max_depth=5, random_state=0).fit(data.data, data.target), folder / "model.skops")
    return folder / "model.skops", data.data


def boosted(folder: Path) -> tuple[Path, np.ndarray]:
    """Gradient boosting whose one score stands for two columns."""
    import skops.io
    from sklearn.ensemble import GradientBoostingClassifier

    data = load_breast_cancer()
    skops.io.dump(GradientBoostingClassifier(n_estimators=20, random_state=0).fit(data.data, data.target), folder / "model.skops")
    return folder / "model.skops", data.data


def regression(folder: Path) -> tuple[Path, np.ndarray]:
    import xgboost

    rows, target = make_friedman1(500, random_state=0)
    xgboost.train({"max_depth": 3}, xgboost.DMatrix(rows, target), 20).save_model(folder / "model.ubj")
    return (folder / "model.ubj").rename(folder / "xgboost-model"), rows


compiled = pytest.mark.skipif(not shutil.which("gcc"), reason="trees are compiled with gcc, which is not here")
MODELS = {"xgboost": xgboost_model, "lightgbm": lightgbm_model, "forest": forest, "boosted": boosted, "regression": regression}


@compiled
@pytest.mark.parametrize("name", MODELS)
def test_compiled_trees_answer_the_same_with_less(name, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "GREENSAGE_TRUSTED_TYPES", "sklearn.tree._tree.Tree,sklearn._loss.link.Interval,sklearn._loss._loss.CyHalfBinomialLoss"
    )
    (tmp_path / "made").mkdir()
    model, rows = MODELS[name](tmp_path / "made")
    out = tmp_path / "small.tar.gz"
    result = optimize(model, rows=rows, architecture="x86_64", passes=["trees-compiled"], out=out)
    (tried,) = result.tried
    assert result.chosen == "trees compiled" and tried.parity is not None and tried.parity.agreement in (None, 1.0)
    assert result.after.single_cpu_seconds < result.before.single_cpu_seconds / 2
    assert result.after.memory_bytes < result.before.memory_bytes / 5
    with tarfile.open(out) as archive:
        assert archive.getnames() == ["greensage.json", "trees-x86_64.so", "trees.c"]
        lineage = json.load(archive.extractfile("greensage.json"))["optimized"]  # type: ignore[arg-type]
    assert lineage["pass"] == "trees compiled" and len(lineage["from"]) == 64


@compiled
def test_equal_input_gives_equal_bytes_and_the_container_serves_them(tmp_path):
    (tmp_path / "made").mkdir()
    model, rows = xgboost_model(tmp_path / "made")
    (tmp_path / "made/feature_names.json").write_text(json.dumps([f"f{index}" for index in range(30)]))
    for name in ("one", "two"):
        # Of one pass: which of several wins is measured, and may differ where two are nearly alike.
        optimize(
            tmp_path / "made", rows=rows, architecture="x86_64", passes=["trees-compiled"], out=tmp_path / f"{name}.tar.gz"
        )  # fmt: skip
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        archive.extractall(tmp_path / "served", filter="data")
    import xgboost

    wanted = xgboost.Booster(model_file=str(model)).predict(xgboost.DMatrix(rows[:20]))
    body = io.BytesIO()
    np.savetxt(body, rows[:20], delimiter=",", fmt="%.17g")
    with serving(tmp_path / "served", GREENSAGE_ALLOW_CODE="1") as container:
        status, _, answer = post(container, body.getvalue().replace(b"nan", b""), "text/csv")
    assert status == 200
    np.testing.assert_allclose(json.loads(answer)["predictions"], wanted, atol=1e-6)


@compiled
def test_compiled_code_runs_only_where_the_user_says_so(tmp_path):
    from greensage.local.containers import ContainerFailed

    model, rows = xgboost_model(tmp_path)
    optimize(model, rows=rows, architecture="x86_64", out=tmp_path / "small.tar.gz")
    with tarfile.open(tmp_path / "small.tar.gz") as archive:
        archive.extractall(tmp_path / "served", filter="data")
    with pytest.raises(ContainerFailed, match="set allow_code: true"), serving(tmp_path / "served"):
        pass


@compiled
def test_without_a_library_for_the_machine_the_c_is_compiled_where_it_is_loaded(tmp_path):
    (tmp_path / "made").mkdir()
    model, rows = lightgbm_model(tmp_path / "made")
    optimize(model, rows=rows, architecture="x86_64", out=tmp_path / "small.tar.gz")
    with tarfile.open(tmp_path / "small.tar.gz") as archive:
        archive.extractall(tmp_path / "served", filter="data")
    (tmp_path / "served/trees-x86_64.so").unlink()
    with serving(tmp_path / "served", GREENSAGE_ALLOW_CODE="1") as container:
        assert len(json.loads(post(container, b"5,3,1.5,0.2", "text/csv")[2])["predictions"][0]) == 3


@pytest.mark.skipif(
    not shutil.which("aarch64-linux-gnu-gcc") or not shutil.which("qemu-aarch64"), reason="no cross compiler, or no qemu"
)
def test_what_is_compiled_for_graviton_answers_the_same_there(tmp_path):
    import xgboost

    model, rows = xgboost_model(tmp_path)
    optimize(model, rows=rows, architecture="arm64", passes=["trees-compiled"], out=tmp_path / "small.tar.gz")
    with tarfile.open(tmp_path / "small.tar.gz") as archive:
        archive.extractall(tmp_path / "served", filter="data")
    cells = ", ".join("NAN" if np.isnan(value) else repr(float(value)) for value in rows[:7].ravel())
    (tmp_path / "served/main.c").write_text(
        "#include <math.h>\n#include <stdint.h>\n#include <stdio.h>\nvoid greensage_rows(const double*, int64_t, double*);\n"
        f"int main(void) {{ double rows[] = {{{cells}}}, answers[7]; greensage_rows(rows, 7, answers);\n"
        'for (int row = 0; row < 7; ++row) printf("%.9g\\n", answers[row]); }\n'
    )
    build = ["aarch64-linux-gnu-gcc", "-o", "main", "main.c", "./trees-aarch64.so", "-Wl,-rpath,."]
    subprocess.run(build, cwd=tmp_path / "served", check=True)
    done = subprocess.run(
        ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "./main"],
        cwd=tmp_path / "served",
        check=True,
        capture_output=True,
        text=True,
    )
    wanted = xgboost.Booster(model_file=str(model)).predict(xgboost.DMatrix(rows[:7]))
    np.testing.assert_allclose([float(line) for line in done.stdout.split()], wanted, atol=1e-6)


def network(folder: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A wide network as ONNX: enough weights for eight bits to matter."""
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer()
    rows = StandardScaler().fit_transform(data.data).astype(np.float32)
    fitted = MLPClassifier((1024, 1024), max_iter=8, random_state=0, early_stopping=True).fit(rows, data.target)
    (folder / "model.onnx").write_bytes(to_onnx(fitted, rows[:1], options={"zipmap": False}).SerializeToString())
    return folder / "model.onnx", rows.astype(np.float64), data.target.astype(float)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_eight_bits_are_kept_only_while_the_answers_are(tmp_path):
    (tmp_path / "made").mkdir()
    model, rows, labels = network(tmp_path / "made")
    result = optimize(model, rows=rows, labels=labels, architecture="x86_64", out=tmp_path / "small.tar.gz")
    tried = {item.name: item for item in result.tried}
    assert set(tried) == {
        "ONNX graph", "ONNX float16", "ONNX bfloat16", "ONNX int8 dynamic", "ONNX int8 static", "ONNX int8 smoothed",
        "ONNX pruned, units", "ONNX pruned, weights",
    }  # fmt: skip
    small = tried["ONNX int8 dynamic"]
    assert small.measured is not None and small.measured.size_bytes < 0.3 * result.before.size_bytes
    assert small.parity is not None and small.parity.agreement is not None and small.parity.agreement > 0.97
    parity = small.parity
    assert "differ by" in Limits(mean_delta=1e-12).refuse(parity, exact=False)
    assert "another class" in Limits(min_agreement=1.01).refuse(parity, exact=False)
    assert "worse by" in Limits(max_worse=-1).refuse(parity, exact=False)


def test_parity_sees_what_differs():
    before = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    after = before.copy()
    after[2] = [0.4, 0.6]
    found = compare(before, after, np.array([0.0, 1.0, 0.0, 1.0]))
    assert not isinstance(found, str)
    assert (found.agreement, found.worse, found.rows) == (0.75, 0.25, 4) and found.max_delta == pytest.approx(0.2)
    assert "another shape" in str(compare(before, after[:, 0], None))
    assert "NaN" in str(compare(before, np.where(after == 0.4, np.nan, after), None))
    numbers = compare(np.array([10.0, 20.0]), np.array([10.0, 21.0]), np.array([10.0, 20.0]))
    assert not isinstance(numbers, str) and numbers.agreement is None and numbers.worse == pytest.approx(0.5**0.5)


@compiled
def test_the_command_says_what_was_won_and_why_others_lost(tmp_path, capsys):
    out = tmp_path / "small.tar.gz"
    assert (
        main(["optimize", str(ARTIFACTS / "churn.tar.gz"), "--for", "x86_64", "-o", str(out), "--explain", "--rounds", "1"]) == 0
    )
    shown = capsys.readouterr()
    assert "trees compiled: chosen" in shown.out and "rows that are made up" in shown.out and "CPU, written to" in shown.out
    assert "measuring" in shown.err and out.exists()
    assert max(len(line) for line in shown.out.splitlines() if str(tmp_path) not in line) <= 120
    assert main(["optimize", str(ARTIFACTS / "churn.tar.gz"), "--for", "x86_64", "-o", str(out), "--json", "--rounds", "1"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["chosen"] == "trees compiled" and content["joules_per_1000_estimated"]["after"] > 0


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("model.tar.gz", b"no archive", "not a readable archive"),
        ("notes.md", b"words", "one model file is needed"),
        ("model.ubj", b"{L", "cannot be loaded"),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GreensageError, match=text):
        optimize(tmp_path / name, rows=np.zeros((2, 2)))
