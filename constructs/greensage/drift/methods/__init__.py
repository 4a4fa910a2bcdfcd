"""How the size of a change is measured: a file per method, found by its name.

A method is a file here, with dashes as underscores, and its row in catalog/data/drift.json (its threshold). Its function
`change(before, after)` returns how large the change of a column is, in the unit of the row, and its p-value before any
correction; `drift.samples` and `drift.significance` have what it needs.
"""

from __future__ import annotations

from importlib import import_module

from ..columns import Column


def change(method: str, before: Column, after: Column) -> tuple[float, float]:
    """Return the size of a change and its p-value, not corrected yet."""
    found = import_module(f".{method.replace('-', '_')}", __package__)
    size, p_value = found.change(before, after)
    return float(size), float(p_value)
