"""Sustainability checks for any CDK app and any CloudFormation template.

In an app: `Validations.of(app).add_plugins(SustainabilityChecks())`, beside AwsSolutionsChecks. On the command line:
`greensage check PATH`. Rules of your own are functions with `@rule`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .finding import Fail, Finding
from .impact import Impact
from .rule import Rule, app_rule, rule
from .rules import all_rules
from .template import Node, Resource, Template

if TYPE_CHECKING:
    from .plugin import SustainabilityChecks

__all__ = [
    "SustainabilityChecks",
    "rule",
    "app_rule",
    "all_rules",
    "Rule",
    "Resource",
    "Node",
    "Template",
    "Fail",
    "Finding",
    "Impact",
]


def __getattr__(name: str) -> Any:
    # The plugin loads the CDK, which the command line does without.
    if name == "SustainabilityChecks":
        from .plugin import SustainabilityChecks

        return SustainabilityChecks
    raise AttributeError(name)
