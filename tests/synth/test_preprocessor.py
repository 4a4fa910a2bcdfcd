"""Model Monitor's preprocessor: one file that reads what the container reads, with nothing but Python."""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from greensage.drift.payload import source
from greensage.monitoring.analyzer import _standalone_preprocessor
from greensage.monitoring.function import _gathered
from server import payload
from tests.unit.test_payload import CASES


@pytest.mark.parametrize("name", CASES)
def test_the_preprocessor_alone_sees_the_same_rows(name, tmp_path, monkeypatch):
    text, media, rows = CASES[name]
    script = _standalone_preprocessor()
    (tmp_path / "s.json").write_text(json.dumps({"features": [{"name": "a"}, {"name": "b"}, {"name": "prediction"}]}))
    namespace: dict = {"__name__": "preprocessor"}
    exec(compile(script.read_text(), str(script), "exec"), namespace)  # as the container's own import does
    namespace["_BASELINE"] = tmp_path
    # What Model Monitor gives for an answer; of the input it tells the encoding.
    sides = [SimpleNamespace(data=text, encoding="CSV" if "csv" in media else "JSON", observed_content_type=media),
             SimpleNamespace(data="\n".join("0.5" for _ in rows), encoding="CSV", observed_content_type="text/csv")]  # fmt: skip
    found = namespace["preprocess_handler"](SimpleNamespace(endpoint_input=sides[0], endpoint_output=sides[1]))
    found = [found] if isinstance(found, dict) else found
    seen = [[payload.number(row["a"]), payload.number(row["b"])] for row in found]
    np.testing.assert_array_equal(np.array(seen), np.array(rows, dtype=float))


def test_the_preprocessor_needs_nothing_but_python():
    script = _standalone_preprocessor()
    ended = subprocess.run([sys.executable, "-I", "-S", str(script)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert source().read_text() in script.read_text()


def test_the_loops_code_runs_from_its_archive(tmp_path):
    """A job has the code as an archive on its path, and imports from it."""
    archive = shutil.make_archive(str(tmp_path / "code"), "zip", _gathered())
    code = "from greensage.drift import job, tables; print(tables.csv_rows.__module__)"
    environment = {"PYTHONPATH": archive}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "greensage.drift._payload\n"
