"""Writes docs/defaults.md from core/defaults.py and what reads it: `.venv/bin/python tools/defaults_page.py`."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.core import defaults  # noqa: E402
from greensage.spec import ModelSpec  # noqa: E402

PAGE, LIBRARY = ROOT / "docs/defaults.md", ROOT / "constructs/greensage"
_HEAD = """# Defaults

Generated from `constructs/greensage/core/defaults.py` by `tools/defaults_page.py`; do not edit. Each stands there once,
and both the model files and the constructs read it. What the planner chooses (kind, silicon, sizes) is no default:
`greensage plan` says why. Figures it assumes are in `catalog/data/traffic.json`, those of the retraining loop that have a
source in `catalog/data/drift.json`.

| default | value | in a model file | in a construct | why |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the text of docs/defaults.md."""
    readers, why = _readers(), _reasons()
    rows = []
    for name in (item for item in vars(defaults) if item.isupper()):
        keys = sorted(place for kind, place in readers[name] if kind == "spec")
        props = sorted(place for kind, place in readers[name] if kind == "props")
        cells = (f"`{name}`", _shown(getattr(defaults, name)), _listed(keys), _listed(props), why.get(name, ""))
        rows.append("| " + " | ".join(cells) + " |")
    return _HEAD + "\n".join(rows) + "\n"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else f"`{value}`"


def _listed(places: list[str]) -> str:
    return ", ".join(f"`{place}`" for place in places) or "-"


def _reasons() -> dict[str, str]:
    text = (LIBRARY / "core/defaults.py").read_text()
    return dict(re.findall(r"^([A-Z_]+) = .*?  # (.*)$", text, re.M))


def _readers() -> dict[str, set[tuple[str, str]]]:
    """By default, what reads it: keys of model files, and props of classes."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    sections = _sections()
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                for prop, name in _props(node):
                    in_file = sections.get(node.name) if path.is_relative_to(LIBRARY / "spec") else None
                    found[name].add(("spec", f"{in_file}.{prop}") if in_file else ("props", f"{node.name}.{prop}"))
    return found


def _props(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.value:
            yield from ((item.target.id, name) for name in _named(item.value))
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            for argument, value in zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True):
                yield from ((argument.arg, name) for name in _named(value) if value)


def _named(value: ast.AST | None) -> Iterator[str]:
    for node in ast.walk(value) if value else ():
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "defaults":
            yield node.attr


def _sections() -> dict[str, str]:
    """The classes of a model file's sections, with the key that holds them."""
    schema = ModelSpec.model_json_schema()
    found = {}
    for key, row in schema["properties"].items():
        for name in re.findall(r"#/\$defs/(\w+)", str(row)):
            kind = schema["$defs"][name]["properties"].get("kind", {}).get("const")
            found[name] = f"{key} ({kind})" if kind else key
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)}: {len(page()):,} characters")
