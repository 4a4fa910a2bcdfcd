"""docs/hosting.md is what the catalog says."""

from __future__ import annotations

from greensage.catalog import capabilities
from greensage.catalog.kinds import hosting_kinds
from tests.conftest import ROOT, tool


def page() -> str:
    return tool("hosting_page").page()


def test_the_page_is_current():
    assert (ROOT / "docs/hosting.md").read_text() == page(), "run: .venv/bin/python tools/hosting_page.py"


def test_the_page_names_every_kind_and_feature():
    text = page()
    assert all(f"| {kind} |" in text for kind in hosting_kinds())
    assert all(f"| {capabilities.label(feature)} |" in text for feature in capabilities.features())
