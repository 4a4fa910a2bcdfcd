"""The rules: a module per family, a page per rule beside it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import ModuleType

from ..rule import Rule

# The order is that of the documentation. The three letters of an id are its family's.
FAMILIES = {
    "GS-SIL": "Silicon", "GS-SHR": "Sharing", "GS-ELA": "Elasticity", "GS-SIZ": "Size", "GS-RET": "Retention",
    "GS-ART": "Artifacts", "GS-CAP": "Data capture", "GS-TRN": "Retraining", "GS-REG": "Region", "GS-MON": "Monitoring",
    "GS-GON": "Discontinued",
}  # fmt: skip


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule that greensage brings, in the order of the documentation."""
    from . import artifacts, capture, discontinued, elasticity, monitoring, region, retention, retraining, sharing, silicon, size

    modules = (silicon, sharing, elasticity, size, retention, artifacts, capture, retraining, region, monitoring, discontinued)
    return tuple(rule for module in modules for rule in sorted(_rules_of(module), key=lambda rule: rule.id))


def _rules_of(module: ModuleType) -> Iterable[Rule]:
    return [value for value in vars(module).values() if isinstance(value, Rule)]
