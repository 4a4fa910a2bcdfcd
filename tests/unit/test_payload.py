"""One reader and one writer of payloads: the container, captures, tables and the preprocessor read the same."""

import base64
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensage.drift.capture import read
from greensage.drift.tables import read_numbers
from server import payload

NAN = math.nan
# What a client sends, how it calls it, and the rows that every reader must see.
CASES = {
    "plain": ("1,2\n3,4\n", "text/csv", [[1, 2], [3, 4]]),
    "one row": ("1,2", "text/csv", [[1, 2]]),
    "windows": ("1,2\r\n3,4\r\n", "text/csv", [[1, 2], [3, 4]]),
    "old mac": ("1,2\r3,4", "text/csv", [[1, 2], [3, 4]]),
    "quoted": ('"1","2.5"\n"3","4"', "text/csv", [[1, 2.5], [3, 4]]),
    "one quoted": ('1,"2.5"', "text/csv", [[1, 2.5]]),
    "mark": ("\ufeff1,2\n3,4", "text/csv; charset=utf-8", [[1, 2], [3, 4]]),
    "mark and quote": ('\ufeff"1",2', "text/csv", [[1, 2]]),
    "gaps": ("1,\n,4", "text/csv", [[1, NAN], [NAN, 4]]),
    "quoted gap": ('1,""', "text/csv", [[1, NAN]]),
    "blank lines": ("\n1,2\n\n3,4\n\n", "text/csv", [[1, 2], [3, 4]]),
    "spaces": (" 1 , 2 ", "text/csv", [[1, 2]]),
    "list": ("[[1, 2], [3, null]]", "application/json", [[1, 2], [3, NAN]]),
    "flat": ("[1, 2]", "application/json", [[1, 2]]),
    "instances": ('{"instances": [[1, 2]]}', "application/json", [[1, 2]]),
    "marked json": ('\ufeff{"instances": [[1, 2]]}', "application/json", [[1, 2]]),
    "lines": ('{"features": [1, 2]}\n{"features": [3, 4]}\n', "application/jsonlines", [[1, 2], [3, 4]]),
    "bare lines": ("[1, 2]\n[3, 4]", "application/x-ndjson", [[1, 2], [3, 4]]),
}


def _captured(text: str, media: str, rows: int, encoding: str) -> bytes:
    data = base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text
    answers = "\n".join("0.5" for _ in range(rows))
    sides = {
        "endpointInput": {"observedContentType": media, "mode": "INPUT", "data": data, "encoding": encoding},
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": answers, "encoding": "CSV"},
    }
    return json.dumps({"captureData": sides, "eventMetadata": {"eventId": "e"}}).encode()


@pytest.mark.parametrize("name", CASES)
def test_every_reader_sees_the_same_rows(name, tmp_path):
    text, media, rows = CASES[name]
    wanted = np.array(rows, dtype=float)
    np.testing.assert_array_equal(payload.decode(text.encode(), media), wanted)
    usual = "CSV" if "csv" in media else "JSON"
    for encoding in (usual, "BASE64"):
        [batch] = read([_captured(text, media, len(rows), encoding)], wanted.shape[1])
        assert not batch.bad
        np.testing.assert_array_equal(batch.features, wanted)
    if "csv" in media:
        (tmp_path / "table.csv").write_bytes(text.encode())
        np.testing.assert_array_equal(read_numbers(tmp_path / "table.csv"), wanted)


@given(st.lists(st.lists(st.floats(width=64), min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_is_written_is_read(rows):
    table = np.array(rows)
    for accept in payload.MEDIA:
        body, media = payload.encode(table, accept)
        assert media == accept
        # JSON has no infinity, as it has no NaN: both are null.
        wanted = np.where(np.isfinite(table), table, np.nan) if media in (payload.JSON, payload.JSON_LINES) else table
        np.testing.assert_array_equal(payload.decode(body, media), wanted)


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1), min_size=2, max_size=2),
        min_size=1,
        max_size=4,
    )
)
def test_text_of_any_kind_comes_back_as_cells(rows):
    rows = [[cell if cell.strip() else "x" for cell in row] for row in rows]
    text = payload.to_csv(rows).decode()
    assert [row for _, row in payload.csv_rows(io.StringIO(text, newline=""))] == rows


@pytest.mark.parametrize(
    ("body", "media", "status", "told"),
    [
        (b"1,2\n3", "text/csv", 400, "lines have 1 to 2 cells"),
        (b"1,2\n3,abc", "text/csv", 400, "row 2: 'abc' is no number"),
        (b'1,"2', "text/csv", 400, "line 1: unexpected end of data"),
        (b'"1"2,3', "text/csv", 400, "line 1"),
        (b"1_000,2", "text/csv", 400, "'1_000' is no number"),
        (b"\xff\xfe", "text/csv", 400, "utf-8"),
        (b"", "text/csv", 400, "got none"),
        (b"[" * 100_000, "application/json", 400, "not valid"),
        (b"[[1" + b"0" * 400 + b"]]", "application/json", 400, "is no number"),
        (b"[[1,2],3]", "application/json", 400, "some rows are lists"),
        (b'{"rows": []}', "application/json", 400, "'instances'"),
        (b"3", "application/json", 400, "a list of rows"),
        (b"[[{}]]", "application/json", 400, "is no number"),
        (b"nothing", "application/x-npy", 400, "not valid"),
        (b"", "application/x-npy", 400, "not valid"),
        (b"1", "image/png", 415, "send text/csv"),
    ],
)
def test_what_is_no_payload_is_told(body, media, status, told):
    with pytest.raises(payload.PayloadError, match=told) as raised:
        payload.decode(body, media)
    assert raised.value.status == status


def test_one_value_for_each_row_is_passed_on_as_rows():
    """In a serial pipeline, what a container answered is what the next one is asked."""
    body, media = payload.encode(np.array([0.1, 0.2, 0.3]), "")
    assert payload.decode(body, media).shape == (3, 1)
    with pytest.raises(payload.PayloadError, match="ask for"):
        payload.encode(np.array([1.0]), "image/png")
