"""Writes docs/hosting.md from the catalog: `.venv/bin/python tools/hosting_page.py`. A test compares the two."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.catalog import capabilities, limits  # noqa: E402
from greensage.catalog._data import load  # noqa: E402
from greensage.catalog.kinds import hosting_kinds  # noqa: E402
from greensage.catalog.network import vpc_endpoints  # noqa: E402

PAGE = ROOT / "docs/hosting.md"
_WORDS = {"y": "yes", "n": "no", "?": "?"}
_HEAD = """# Hosting kinds

Generated from `constructs/greensage/catalog/data/` by `tools/hosting_page.py`; do not edit.

`hosting: KIND` in a model file, or one of the constructs in your own app, chooses a kind. What AWS does not offer is
refused when the app is synthesized, with the line, the source and the nearest kind that offers it.

| kind | when to use it | costs at rest | limits | metrics by |
|---|---|---|---|---|
"""
_MATRIX = """
## What each kind can do

`yes`: AWS offers it. `no`: greensage refuses it, with the source. `?`: no source was found, or sources disagree;
greensage warns and goes on.

"""


def page() -> str:
    """Return the text of docs/hosting.md."""
    return _HEAD + "\n".join(_kinds()) + "\n" + _MATRIX + "\n".join(_matrix()) + "\n" + "\n".join(_tail()) + "\n"


def _kinds() -> list[str]:
    rows = []
    for row in hosting_kinds().values():
        shown = "; ".join(map(limits.shown, row.shown_limits))
        cells = (row.name, row.when, row.at_rest, shown or "those of the devices", ", ".join(row.dimensions) or "-")
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _matrix() -> list[str]:
    kinds = hosting_kinds()
    rows = [f"| | {' | '.join(kinds)} |", f"|---|{'---|' * len(kinds)}"]
    for feature in capabilities.features():
        cells = [_WORDS[capabilities.capability(kind, feature).answer] for kind in kinds]
        rows.append(f"| {capabilities.label(feature)} | {' | '.join(cells)} |")
    return rows


def _tail() -> list[str]:
    rows = ["", "## Where this comes from", ""]
    for feature in capabilities.features():
        sources: dict[str, list[str]] = {}
        for kind in hosting_kinds():
            cell = capabilities.capability(kind, feature)
            sources.setdefault(cell.source, []).append(f"{kind} ({_plain(cell.words)})")
        rows.append(f"- **{capabilities.label(feature)}**")
        rows += [f"  - {source}: {', '.join(cells)}" for source, cells in sources.items()]
    rows += ["", "## What excludes each other", ""]
    for row in load("conflicts")["conflicts"]:
        rows.append(f"- {' and '.join(row['features'])}: {row['rule']} ({row['source']})")
    rows += ["", "## What AWS offers, or may, and greensage does not build", ""]
    features = dict.fromkeys(feature for row in hosting_kinds().values() for feature in row.not_built)
    for feature in features:
        without = [row.name for row in hosting_kinds().values() if feature in row.not_built]
        rows.append(f"- {capabilities.label(feature)}: {', '.join(without)}")
    rows += ["", "## In a VPC", "", f"Needed without a NAT gateway: {', '.join(vpc_endpoints('REGION'))}."]
    rows.append(f"Careful people add {', '.join(vpc_endpoints('REGION', optional=True))}.")
    rows.append(f"Subnets: {load('network')['subnets']}.")
    return rows


def _plain(words: str) -> str:
    return words.replace("|", "/")


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)}: {len(page()):,} characters")
