"""Each default stands in core/defaults.py alone, is read by somebody, and is printed in docs/defaults.md."""

from __future__ import annotations

import json

from greensage.core import defaults
from greensage.spec.schema import json_schema
from tests.conftest import ROOT, tool


def test_the_page_is_current():
    assert (ROOT / "docs/defaults.md").read_text() == tool("defaults_page").page(), "run: .venv/bin/python tools/defaults_page.py"


def test_every_default_is_read():
    rows = [line.split(" | ") for line in tool("defaults_page").page().splitlines() if line.startswith("| `")]
    assert len(rows) == sum(name.isupper() for name in vars(defaults))
    assert not [row[0] for row in rows if row[2:4] == ["-", "-"]]


def test_model_files_get_them():
    schema = json.dumps(json_schema())
    assert f'"logs_days": {{"default": {defaults.LOG_RETENTION_DAYS}' in schema
    assert f'"bake_seconds": {{"default": {defaults.BAKE_SECONDS}' in schema
