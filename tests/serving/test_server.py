"""The serving container's contract with SageMaker, against the real server in a process of its own."""

from __future__ import annotations

import io
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from greensage.local.containers import ContainerFailed
from tests.serving.running import expected, load, post, start, unpacked

NAMES = ("churn", "wine", "iris", "digits")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    container = start(tmp_path_factory.mktemp("shared"), multi_model=True, GREENSAGE_MAX_MODELS="3")
    yield container
    container.stop()


@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_those_of_the_library(name, tmp_path):
    container = start(unpacked(name, tmp_path))
    try:
        wanted = expected(name)
        status, _, body = post(container, json.dumps({"instances": wanted["rows"]}).encode(), "application/json")
        assert status == 200
        np.testing.assert_allclose(json.loads(body)["predictions"], wanted["predictions"], atol=1e-5)
    finally:
        container.stop()


def test_ping_is_empty_and_ok(churn):
    status, _, body = churn.request("GET", "/ping")
    assert (status, body) == (200, b"")


def test_csv_and_numpy_give_what_json_gives(churn):
    wanted = expected("churn")
    rows = np.array(wanted["rows"])
    lines = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    _, headers, as_csv = post(churn, lines, "text/csv; charset=utf-8", "text/csv")
    assert headers["content-type"] == "text/csv"
    np.testing.assert_allclose([float(line) for line in as_csv.splitlines()], wanted["predictions"], atol=1e-6)
    buffer = io.BytesIO()
    np.save(buffer, rows)
    _, _, as_npy = post(churn, buffer.getvalue(), "application/x-npy", "application/x-npy")
    np.testing.assert_allclose(np.load(io.BytesIO(as_npy)), wanted["predictions"], atol=1e-6)


def test_a_gap_is_a_missing_value_in_each_format(churn):
    import xgboost

    row = [*expected("churn")["rows"][0]]
    row[0] = math.nan
    booster = xgboost.Booster(model_file=str(churn.model_dir / "xgboost-model.ubj"))
    wanted = booster.predict(xgboost.DMatrix([row]))[0]
    as_json = [None, *row[1:]]
    as_csv = ",".join(["", *map(repr, row[1:])]).encode()
    for body, media in ((json.dumps([as_json]).encode(), "application/json"), (as_csv, "text/csv")):
        answer = json.loads(post(churn, body, media)[2])["predictions"][0]
        assert answer == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "media", "accept", "status", "text"),
    [
        (b"{", "application/json", "", 400, "not valid application/json"),
        (b'{"rows": []}', "application/json", "", 400, "instances"),
        (b"[]", "application/json", "", 400, "rows of numbers"),
        (b"1,2\n3", "text/csv", "", 400, "lines have 1 to 2 cells"),
        (b"a,b", "text/csv", "", 400, "not valid text/csv"),
        (b"1,2", "text/csv", "", 400, "the model takes 30 features"),
        (b"1", "image/png", "", 415, "image/png is not understood"),
        (b"[[1]]", "application/x-npy", "", 400, "not valid application/x-npy"),
    ],
)
def test_bad_requests_are_the_callers_fault_and_say_why(churn, body, media, accept, status, text):
    found, _, answer = post(churn, body, media, accept)
    assert found == status
    assert text in json.loads(answer)["error"]


def test_an_answer_nobody_can_read_is_not_acceptable(churn):
    body = json.dumps(expected("churn")["rows"]).encode()
    assert post(churn, body, "application/json", "image/png")[0] == 406


def test_a_pickled_numpy_array_is_not_loaded(churn):
    buffer = io.BytesIO()
    np.save(buffer, np.array([object()]), allow_pickle=True)
    assert post(churn, buffer.getvalue(), "application/x-npy")[0] == 400


def test_too_large_a_body_is_refused(tmp_path):
    container = start(unpacked("iris", tmp_path), GREENSAGE_MAX_PAYLOAD_BYTES="100")
    try:
        assert post(container, b"1," * 100, "text/csv")[0] == 413
    finally:
        container.stop()


def test_other_routes_do_not_exist(churn):
    assert churn.request("GET", "/models")[0] == 404
    assert churn.request("GET", "/invocations")[0] == 405


def test_the_multi_model_api_loads_lists_invokes_and_unloads(shared, tmp_path):
    assert load(shared, "w", unpacked("wine", tmp_path))[0] == 200
    assert load(shared, "w", tmp_path)[0] == 409
    assert json.loads(shared.request("GET", "/models/w")[2]) == {"modelName": "w", "modelUrl": str(tmp_path)}
    wanted = expected("wine")
    status, _, body = post(shared, json.dumps(wanted["rows"]).encode(), "application/json", path="/models/w/invoke")
    assert status == 200
    np.testing.assert_allclose(json.loads(body)["predictions"], wanted["predictions"], atol=1e-6)
    assert shared.request("DELETE", "/models/w")[0] == 200
    assert shared.request("DELETE", "/models/w")[0] == 404
    assert post(shared, b"1", "text/csv", path="/models/w/invoke")[0] == 404


def test_a_full_server_answers_507_so_that_sagemaker_unloads_others(shared, tmp_path):
    unpacked("wine", tmp_path)
    names = [f"full-{index}" for index in range(4)]
    statuses = [load(shared, name, tmp_path)[0] for name in names]
    assert statuses == [200, 200, 200, 507]
    shared.request("DELETE", f"/models/{names[0]}")
    assert load(shared, names[3], tmp_path)[0] == 200
    assert [item["modelName"] for item in json.loads(shared.request("GET", "/models")[2])["models"]] == names[1:]
    for name in names[1:]:
        shared.request("DELETE", f"/models/{name}")


def test_loading_what_is_not_there_is_404_and_nonsense_400(shared, tmp_path):
    assert load(shared, "x", tmp_path / "nothing")[0] == 404
    assert shared.request("POST", "/models", b"nonsense")[0] == 400


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_is_not_loaded_unless_the_user_says_so(tmp_path):
    trap = tmp_path / "the pickle was run"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(Touch(trap)))
    with pytest.raises(ContainerFailed, match=r"model\.pkl is a pickle, which runs code"):
        start(folder)
    assert not trap.exists()


def test_an_allowed_pickle_is_loaded(tmp_path):
    import joblib
    from sklearn.linear_model import LinearRegression

    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), tmp_path / "model.joblib")
    container = start(tmp_path, GREENSAGE_ALLOW_PICKLE="1")
    try:
        assert json.loads(post(container, b"3", "text/csv")[2])["predictions"] == pytest.approx([6.0])
    finally:
        container.stop()


def test_a_skops_file_with_types_of_unknown_origin_is_refused(tmp_path):
    import skops.io

    skops.io.dump(Touch(tmp_path / "x"), tmp_path / "model.skops")
    with pytest.raises(ContainerFailed, match="types that are not trusted"):
        start(tmp_path)


@pytest.mark.parametrize(
    ("files", "reason"),
    [({}, "no model file"), ({"readme.md": b"x"}, "readme.md"), ({"a.onnx": b"x", "b.ubj": b"x"}, "more than one model file")],
)
def test_an_archive_without_one_model_does_not_start(tmp_path, files, reason):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ContainerFailed, match=reason):
        start(tmp_path)


def test_a_broken_model_does_not_start(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ContainerFailed):
        start(tmp_path)
