"""A hosting kind's name stands in its own four files and nowhere else: docs/adding-a-kind.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greensage.catalog import kinds
from greensage.catalog._data import load
from greensage.catalog.kinds import hosting_kind, hosting_kinds, kind_that_shares
from greensage.errors import CatalogError
from tests.conftest import ROOT

SOURCES = ("constructs", "stacks", "lambda", "serving", "app.py")
# The word of a kind that means something else there.
OTHERWISE = {
    ("constructs/greensage/client.py", "asynchronous"): "a key of the model's parameter",
    ("constructs/greensage/client.py", "batch"): "a key of the model's parameter",
    ("constructs/greensage/endpoints/__init__.py", "asynchronous"): "the name of the construct's file",
    ("constructs/greensage/endpoints/__init__.py", "serverless"): "the name of the construct's file",
}


def own_files(kind: str) -> set[str]:
    module = kind.replace("-", "_")
    return {
        "constructs/greensage/spec/hosting.py", f"constructs/greensage/endpoints/{module}.py", f"constructs/greensage/app/builders/{module}.py",
    }  # fmt: skip


def names_in(path: Path) -> Iterator[str]:
    """The kinds whose name is a string of its own in a file; docstrings and messages are sentences, and may name any."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in hosting_kinds():
            yield node.value


def elsewhere(root: Path) -> set[tuple[str, str]]:
    files = [path for name in SOURCES for path in ((root / name).rglob("*.py") if (root / name).is_dir() else [root / name])]
    found = {(str(path.relative_to(root)), kind) for path in files if path.is_file() for kind in names_in(path)}
    return {(file, kind) for file, kind in found if file not in own_files(kind)}


def test_a_kinds_name_appears_in_its_own_files_only():
    assert elsewhere(ROOT) == set(OTHERWISE)


def test_a_name_that_appears_elsewhere_is_found(tmp_path):
    file = tmp_path / "constructs/greensage/planner/plan.py"
    file.parent.mkdir(parents=True)
    file.write_text('def f(kind):\n    """A real-time one."""\n    return kind == "multi-model"\n')
    assert elsewhere(tmp_path) == {("constructs/greensage/planner/plan.py", "multi-model")}


@pytest.mark.parametrize("kind", hosting_kinds())
def test_every_kind_has_its_files_and_the_page_names_them(kind):
    for file in own_files(kind):
        assert (ROOT / file).is_file(), file
    page = (ROOT / "docs/adding-a-kind.md").read_text()
    for place in (
        "catalog/data/hosting.json",
        "spec/hosting.py",
        "endpoints/NAME.py",
        "constructs/greensage/app/builders/NAME.py",
    ):
        assert place in page


def test_a_row_that_lacks_a_field_says_which(monkeypatch):
    content = load("hosting")
    broken = {**content, "kinds": {**content["kinds"], "edge": {**content["kinds"]["edge"], "wheels": 4}}}
    monkeypatch.setattr(kinds, "load", lambda name: broken)
    with pytest.raises(CatalogError, match="edge: fields wheels"):
        hosting_kinds.__wrapped__()


def test_a_name_that_is_no_kind_is_told():
    with pytest.raises(CatalogError, match="'serverles' is no hosting kind; there are: real-time"):
        hosting_kind("serverles")


def test_limits_that_are_shown_come_once():
    row = hosting_kind(kind_that_shares("containers"))
    assert row.shown_limits == ("CONTAINERS_MAX", "REALTIME_PAYLOAD_BYTES", "REALTIME_TIMEOUT_SECONDS")
    assert replace(row, members=None, payload=None, timeout=None, limits=()).shown_limits == ()
