"""What hurt the container once: bodies, archives and callers that are broken, by accident or on purpose."""

from __future__ import annotations

import http.client
import io
import json
import os
import select
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from greensage.local.containers import ContainerFailed
from tests.serving.running import (
    Pings,
    answer_of,
    connected,
    expected,
    load,
    post,
    resident_mb,
    serving,
    start,
    unpacked,
    until,
    workers,
)

HEAD = b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: text/csv\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    container = start(tmp_path_factory.mktemp("shared"), multi_model=True, GREENSAGE_ALLOW_PICKLE="1")
    load(container, "wine", unpacked("wine", tmp_path_factory.mktemp("wine")))
    yield container
    container.stop()


def answers(container, name: str, path: str = "/invocations") -> bool:
    wanted = expected(name)
    status, _, body = post(container, json.dumps(wanted["rows"]).encode(), "application/json", path=path)
    return status == 200 and np.allclose(json.loads(body)["predictions"], wanted["predictions"], atol=1e-5)


def reason(answer: tuple) -> str:
    return json.loads(answer[2])["error"]


# -- bodies


LARGE = {
    "CSV": (b"1,1,1,1,1,1,1,1,1,1,1,1\n" * 1_040_000, "text/csv"),
    "JSON": (b"[" + b"[1]," * 6_000_000 + b"[1]]", "application/json"),
    "deep JSON": (b"[" * 24_000_000, "application/json"),
}


@pytest.mark.parametrize("case", LARGE)
def test_a_large_body_holds_up_nobody_and_takes_no_gigabyte(churn, case):
    body, media = LARGE[case]
    before, most = resident_mb(churn), [0.0]
    pings, done = Pings(churn), threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            pings.once()
            most[0] = max(most[0], resident_mb(churn))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status, _, _ = post(churn, body, media)
    done.set()
    watcher.join()
    assert status in (400, 413)
    # 2 s is what SageMaker gives /ping; on a quiet machine the slowest took 4 ms.
    assert pings.refused == 0 and pings.count > 3 and pings.slowest < 2
    assert most[0] - before < 250


BODIES = {
    "deep JSON": (b"[" * 5_000 + b"]" * 5_000, "application/json", "not valid application/json"),
    "a number of 401 digits": (b"[[1" + b"0" * 400 + b"]]", "application/json", "no number"),
    "a number of 5,000 digits": (b"[[1" + b"0" * 5_000 + b"]]", "application/json", "not valid application/json"),
    "digits parted as in Python": (b"1_7.9_9," * 30, "text/csv", "no number"),
    "a zip of arrays": (b"PK\x03\x04" + bytes(100), "application/x-npy", "not valid application/x-npy"),
}


@pytest.mark.parametrize("case", BODIES)
def test_what_is_no_table_is_the_callers_fault(churn, case):
    body, media, text = BODIES[case]
    found = post(churn, body, media)
    assert found[0] == 400 and text in reason(found)


def npy(table: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table)
    return buffer.getvalue()


ARRAYS = {
    "dates": npy(np.array([["2026-01-01"] * 30], dtype="M8[D]")),
    "complex numbers": npy(np.ones((1, 30), dtype=complex)),
    "text": npy(np.array([["1"] * 30])),
    "a shape that lies": npy(np.ones((1, 30))).replace(b"(1, 30)", b"(9, 30)"),
    "a shape beyond all memory": npy(np.ones((1, 3000))).replace(b"(1, 3000), ", b"(10**15,), "),
    "half an array": npy(np.ones((1, 30)))[:-8],
}


@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_that_is_none_is_the_callers_fault(churn, case):
    found = post(churn, ARRAYS[case], "application/x-npy")
    assert found[0] == 400 and "not valid application/x-npy" in reason(found)


def test_options_of_everything_is_no_route(churn):
    with connected(churn) as connection:
        connection.sendall(b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 404")


# -- callers


def test_a_caller_that_closes_its_half_gets_its_answer(churn):
    row = ",".join(map(repr, expected("churn")["rows"][0])).encode()
    with connected(churn) as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(row) + row)
        connection.shutdown(socket.SHUT_WR)
        assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_requests_one_behind_the_other_are_answered_in_their_order(churn):
    rows = expected("churn")["rows"]
    lines = [",".join(map(repr, row)).encode() for row in rows[:5]]
    with connected(churn) as connection:
        connection.sendall(b"".join(HEAD + b"content-length: %d\r\n\r\n" % len(line) + line for line in lines[:4]))
        connection.sendall(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(lines[4]) + lines[4])
        parts = answer_of(connection).split(b"HTTP/1.1 200 OK")[1:]
    found = [json.loads(part.split(b"\r\n\r\n")[1])["predictions"][0] for part in parts]
    assert found == pytest.approx(expected("churn")["predictions"][:5], abs=1e-5)


def test_a_chunked_body_and_one_that_asks_first_are_read(churn):
    row = ",".join(map(repr, expected("churn")["rows"][0])).encode()
    with connected(churn) as connection:
        connection.sendall(
            HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(row), row)
        )
        assert answer_of(connection).startswith(b"HTTP/1.1 200")
    with connected(churn) as connection:
        connection.sendall(HEAD + b"connection: close\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(row))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(row)
        assert answer_of(connection).startswith(b"HTTP/1.1 200")


def test_an_endless_head_is_refused(churn):
    with connected(churn) as connection:
        connection.sendall(b"GET /ping-or-not HTTP/1.1\r\n")
        try:
            for index in range(4_000):
                connection.sendall(b"x-%d: %s\r\n" % (index, b"y" * 1_000))
        except OSError:
            return  # cut off
        assert answer_of(connection).startswith(b"HTTP/1.1 431")


def test_what_is_not_sent_to_its_end_is_given_up(tmp_path):
    environment = {"GREENSAGE_HEAD_SECONDS": "1", "GREENSAGE_BODY_SECONDS": "1"}
    with serving(unpacked("iris", tmp_path), **environment) as container:
        halves = [connected(container) for _ in range(300)]
        for index, connection in enumerate(halves):
            connection.sendall([b"", b"GET /pi", b"POST /invo", HEAD, HEAD + b"content-length: 9\r\n\r\n1,"][index % 5])
        assert answers(container, "iris")
        started = time.monotonic()
        found = [answer_of(connection)[:12] for connection in halves]
        assert time.monotonic() - started < 15
        assert set(found) <= {b"", b"HTTP/1.1 408"} and b"HTTP/1.1 408" in found
        for connection in halves:
            connection.close()


def test_bodies_that_are_half_there_do_not_fill_the_memory(churn):
    before = resident_mb(churn)
    halves = [connected(churn) for _ in range(20)]
    try:
        for connection in halves:
            connection.sendall(HEAD + b"content-length: 20000000\r\n\r\n")
            for _ in range(15):
                connection.sendall(b"1," * 500_000)
        assert answers(churn, "churn")
        assert resident_mb(churn) - before < 60
    finally:
        for connection in halves:
            connection.close()


def test_too_many_connections_are_refused_at_once(tmp_path):
    with serving(unpacked("iris", tmp_path), GREENSAGE_MAX_CONNECTIONS="20") as container:
        many = [connected(container) for _ in range(60)]
        try:
            for connection in many:
                connection.sendall(HEAD)
            # Which ones is open: they are taken in the order in which their first bytes come.
            until(lambda: len(select.select(many, [], [], 0)[0]) >= 40)
            answered = [connection.recv(12) for connection in select.select(many, [], [], 0)[0]]
            assert answered == [b"HTTP/1.1 503"] * 40
        finally:
            for connection in many:
                connection.close()
        assert until(lambda: answers(container, "iris"))


def test_an_accepted_request_is_answered_though_nonsense_follows_it(tmp_path):
    """Found by the fuzzer: the refusal of what came behind went out first, and the answer was lost."""
    with serving(unpacked("iris", tmp_path)) as container, connected(container) as connection:
        body = b"5,3,1.5,0.2\n" * 20_000  # read in a thread, so that the nonsense is there before the answer
        head = b"POST /invocations HTTP/1.1\r\ncontent-type: text/csv\r\ncontent-length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body + b"\x00 nonsense\r\n\r\n")
        content = b""
        while part := connection.recv(1 << 20):
            content += part
        first, second = content.index(b"HTTP/1.1 200"), content.index(b"HTTP/1.1 400")
        assert first < second and content.count(b"HTTP/1.1") == 2


def test_a_load_request_that_is_nested_too_deep_is_refused(tmp_path):
    """Found by the fuzzer."""
    with serving(tmp_path, multi_model=True) as container:
        assert container.request("POST", "/models", b"[" * 5_000)[0] == 400


# -- archives


def truncated_lightgbm(folder: Path) -> Path:
    content = unpacked("wine", folder)
    (path,) = [item for item in content.iterdir() if item.suffix == ".txt"]
    text = path.read_text()
    path.write_text(text[: text.index("leaf_value", len(text) // 3)])
    return folder


def test_an_archive_that_kills_what_loads_it_is_refused_and_the_others_go_on(shared, tmp_path):
    found = load(shared, "broken", truncated_lightgbm(tmp_path))
    assert found[0] == 400 and ("SIG" in reason(found) or "cannot be loaded" in reason(found))
    assert answers(shared, "wine", "/models/wine/invoke")


BROKEN = {"model.onnx": b"not a graph", "xgboost-model": b"\x00\x01binf nothing", "model.ubj": b"{L\x00", "model.skops": b"PK no"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_refused_with_what_was_wrong(shared, tmp_path, name):
    (tmp_path / name).write_bytes(BROKEN[name])
    found = load(shared, "broken", tmp_path)
    assert found[0] == 400 and f"{name} cannot be loaded" in reason(found)
    assert "Traceback" not in reason(found) and "[bt]" not in reason(found)


def test_a_single_broken_model_ends_the_start_with_the_reason(tmp_path):
    (tmp_path / "model.ubj").write_bytes(b"{L\x00")
    with pytest.raises(ContainerFailed, match=r"model.ubj cannot be loaded"):
        start(tmp_path)


def test_a_model_that_was_never_fitted_is_not_loaded(shared, tmp_path):
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()), tmp_path / "model.joblib")
    (tmp_path / "sample.csv").write_text("1,2\n")
    found = load(shared, "unfitted", tmp_path)
    assert found[0] == 400 and "NotFittedError" in reason(found)


def test_what_lies_beside_a_model_is_no_second_one(tmp_path):
    unpacked("churn", tmp_path)
    for name, content in (
        ("requirements.txt", "xgboost"),
        ("labels.json", "[]"),
        ("feature_names.json", json.dumps([f"f{i}" for i in range(30)])),
    ):
        (tmp_path / name).write_text(content)
    with serving(tmp_path) as container:
        assert answers(container, "churn")
        row = {f"f{index}": value for index, value in reversed(list(enumerate(expected("churn")["rows"][0])))}
        status, _, body = post(container, json.dumps({"instances": [row]}).encode(), "application/json")
        assert status == 200 and json.loads(body)["predictions"] == pytest.approx(expected("churn")["predictions"][:1], abs=1e-5)
        del row["f3"]
        assert "misses f3" in reason(post(container, json.dumps([row]).encode(), "application/json"))


# -- models that die, fail or are slow


class Deadly:
    """A model whose prediction ends the process where the first feature says so."""

    n_features_in_ = 1

    def predict(self, rows: np.ndarray) -> np.ndarray:
        if rows[0, 0] == 13:
            os.kill(os.getpid(), signal.SIGSEGV)
        if rows[0, 0] == 4:
            raise RuntimeError("it broke")
        if rows[0, 0] > 1000:
            time.sleep(rows[0, 0] / 1e6)
        return np.where(rows[:, 0] == 7, np.nan, rows[:, 0])


@pytest.fixture(scope="module")
def deadly(tmp_path_factory) -> Path:
    import cloudpickle
    import joblib

    import tests.serving.test_attacks as here

    cloudpickle.register_pickle_by_value(here)
    folder = tmp_path_factory.mktemp("deadly")
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(Deadly()))
    assert joblib.load(folder / "model.pkl")
    return folder


@pytest.fixture
def one(deadly):
    with serving(deadly, GREENSAGE_ALLOW_PICKLE="1", GREENSAGE_CPUS="1") as container:
        yield container


def test_a_failing_model_is_the_models_fault_and_a_nan_is_null(one):
    failed = post(one, b"4", "text/csv")
    assert failed[0] == 500 and "it broke" in reason(failed)
    assert json.loads(post(one, b"7", "text/csv")[2]) == {"predictions": [None]}
    assert post(one, b"7", "text/csv", "text/csv")[2] == b"nan\n"


def test_nan_may_be_a_text_of_the_users_choice(deadly):
    with serving(deadly, GREENSAGE_ALLOW_PICKLE="1", GREENSAGE_NAN="NaN") as container:
        assert json.loads(post(container, b"7\n2", "text/csv")[2]) == {"predictions": ["NaN", 2.0]}


def test_a_killed_process_loses_its_own_requests_only(one):
    (worker,) = workers(one)
    lost: list[bool] = []

    def call() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            post(one, b"3000000", "text/csv")
        lost.append(True)

    waiting = threading.Thread(target=call)
    waiting.start()
    time.sleep(0.5)
    os.kill(worker, signal.SIGKILL)
    assert post(one, b"2", "text/csv")[0] == 200  # waits at the door for the next process
    waiting.join()
    assert lost and workers(one) != [worker]


def test_a_model_that_kills_twice_is_refused_and_its_neighbours_are_loaded_again(shared, deadly):
    assert load(shared, "deadly", deadly)[0] == 200
    for _ in range(2):
        with pytest.raises((OSError, http.client.HTTPException)):
            post(shared, b"13", "text/csv", path="/models/deadly/invoke")
        assert answers(shared, "wine", "/models/wine/invoke")
    found = post(shared, b"1", "text/csv", path="/models/deadly/invoke")
    assert found[0] == 500 and "ended its process 2 times" in reason(found)
    assert load(shared, "deadly", deadly)[0] == 200
    assert post(shared, b"1", "text/csv", path="/models/deadly/invoke")[0] == 200
    shared.request("DELETE", "/models/deadly")


def test_more_than_can_wait_is_refused_quickly(deadly):
    with serving(deadly, GREENSAGE_ALLOW_PICKLE="1", GREENSAGE_CPUS="1", GREENSAGE_MAX_WAITING="8") as container:
        found: list[tuple[int, float]] = []

        def call() -> None:
            started = time.monotonic()
            status = post(container, b"500000", "text/csv")[0]
            found.append((status, time.monotonic() - started))

        callers = [threading.Thread(target=call) for _ in range(40)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert {status for status, _ in found} == {200, 503} and len(found) == 40
        assert max(seconds for status, seconds in found if status == 503) < 3


def test_sigterm_answers_what_is_under_way_and_ends_what_is_not(deadly):
    container = start(deadly, GREENSAGE_ALLOW_PICKLE="1", GREENSAGE_CPUS="1", GREENSAGE_DRAIN_SECONDS="3")
    half = connected(container)
    half.sendall(HEAD + b"content-length: 9\r\n\r\n1,")
    status: list[int] = []
    slow = threading.Thread(target=lambda: status.append(post(container, b"1500000", "text/csv")[0]))
    slow.start()
    time.sleep(0.5)
    started = time.monotonic()
    os.kill(container.pid, signal.SIGTERM)
    slow.join()
    assert until(lambda: container.exit_code is not None, 12)
    assert status == [200] and 1 <= time.monotonic() - started < 10
    half.close()
    container.stop()


# -- sizes


def test_a_kind_with_a_larger_limit_gets_what_it_needs(tmp_path):
    rows = expected("iris")["rows"]
    line = ("\n".join(",".join(map(repr, row)) for row in rows) + "\n").encode()
    body = line * (30_000_000 // len(line))
    with serving(unpacked("iris", tmp_path), SAGEMAKER_MAX_PAYLOAD_IN_MB="100") as container:
        status, _, answer = post(container, body, "text/csv", "text/csv")
        assert status == 200 and answer.count(b"\n") == body.count(b"\n")
        assert post(container, b"1," * 60_000_000, "text/csv")[0] == 413


def test_models_that_come_and_go_leave_their_memory(shared, tmp_path):
    unpacked("digits", tmp_path)
    sizes = []
    for _ in range(4):
        for index in range(12):
            assert load(shared, f"d{index}", tmp_path)[0] == 200
        sizes.append(resident_mb(shared))
        for index in range(12):
            assert shared.request("DELETE", f"/models/d{index}")[0] == 200
    assert sizes[-1] < sizes[0] + 20


def test_no_model_starts_threads_of_its_own(shared, tmp_path):
    unpacked("digits", tmp_path)
    before = _threads(shared)
    for index in range(10):
        load(shared, f"t{index}", tmp_path)
        answers(shared, "digits", f"/models/t{index}/invoke")
    assert _threads(shared) <= before + 2
    for index in range(10):
        shared.request("DELETE", f"/models/t{index}")


def _threads(container) -> int:
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in workers(container))


def test_what_a_batch_job_asks_for_is_said(churn):
    status, _, body = churn.request("GET", "/execution-parameters")
    assert status == 200 and json.loads(body) == {
        "MaxConcurrentTransforms": 1,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 25,
    }


@pytest.mark.parametrize(
    ("accept", "media"),
    [("application/json;q=0, text/csv", "text/csv"), ("text/csv;q=0.1, application/jsonlines", "application/jsonlines"),
     ("application/json;q=0, */*", "text/csv"), ("", "application/json"), ("*/*", "application/json")],
)  # fmt: skip
def test_the_accept_header_is_read_as_it_is_meant(churn, accept, media):
    body = json.dumps(expected("churn")["rows"][:2]).encode()
    status, headers, _ = post(churn, body, "application/json", accept)
    assert (status, headers["content-type"]) == (200, media)


def test_a_load_request_without_a_name_loads_nothing(shared):
    for content in ({"model_name": None, "url": "/x"}, {"model_name": "", "url": "/x"}, {"model_name": "a", "url": 3}, []):
        assert shared.request("POST", "/models", json.dumps(content).encode())[0] == 400


def test_csv_with_a_header_is_read(churn):
    rows = expected("churn")["rows"][:2]
    lines = "\n".join(",".join(map(repr, row)) for row in rows)
    names = ",".join(f"f{index}" for index in range(30))
    for head, media in (
        (names, "text/csv"),
        (names, "text/csv; header=present"),
        (",".join(map(str, range(30))), "text/csv;header=present"),
    ):
        status, _, body = post(churn, f"{head}\n{lines}\n".encode(), media)
        assert status == 200 and json.loads(body)["predictions"] == pytest.approx(expected("churn")["predictions"][:2], abs=1e-5)
