"""Runs rules over templates written in the test."""

from __future__ import annotations

import re
from typing import Any

from greensage.checks.engine import Engine
from greensage.checks.finding import Finding
from greensage.checks.reading import parse
from greensage.checks.rule import Rule
from greensage.checks.rules import all_rules
from greensage.checks.sam import as_cloudformation
from greensage.checks.template import Template

RULES = {rule.id: rule for rule in all_rules()}


def template(text: str, name: str = "app", **changes: Any) -> Template:
    """Return a template; a comment `# deployed to REGION` says its Region."""
    region = re.search(r"^# deployed to (\S+)", text, re.MULTILINE)
    raw = as_cloudformation(parse(text, "t.yaml"))
    return Template("t.yaml", name, raw, region[1] if region else None, **{"deployed_as": name, **changes})


def found(rule: Rule | str, *texts: str, **parameters: Any) -> list[Finding]:
    """Return what one rule finds in one app of these templates; its own mistakes are let through."""
    item = RULES[rule] if isinstance(rule, str) else rule
    engine = Engine([item], {item.id: parameters} if parameters else {}, strict=True)
    return list(engine.run(template(text) for text in texts))


def failed(rule: Rule | str, *texts: str, **parameters: Any) -> list[str]:
    """Return the messages of what fails."""
    return [item.message for item in found(rule, *texts, **parameters) if item.status == "fail"]


def unknown(rule: Rule | str, *texts: str) -> list[str]:
    """Return the messages of what only the deployment can tell."""
    return [item.message for item in found(rule, *texts) if item.status == "unknown"]
