"""The page of each rule, beside its family: why, with its source, how to fix it, an example that fails and one that passes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from ..catalog._data import load
from .rule import Rule

_FOLDER = Path(__file__).with_name("rules") / "pages"
_BLOCK = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """What a page says. `fails` and `passes` are templates in YAML, and the CloudFormation to write."""

    why: str
    sources: tuple[str, ...]
    fails: str
    passes: str
    python: str
    typescript: str


@cache
def page(rule: Rule) -> Page | None:
    """Return the page of `rule`, or None for a rule of somebody else's."""
    path = _FOLDER / f"{rule.id}.md"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    blocks = {f"{language} {role}".strip(): body for language, role, body in _BLOCK.findall(text)}
    prose = _BLOCK.sub("", text)
    sources = re.findall(r"^Source: (\S+)$", prose, re.MULTILINE)
    why = re.sub(r"^Source: .*$", "", prose, flags=re.MULTILINE).strip()
    return Page(why, tuple(sources), blocks["yaml fails"], blocks["yaml passes"], blocks["python"], blocks["typescript"])


def advice(key: str) -> tuple[str, str]:
    """Return the title and the address of a piece of AWS's advice, by the key that pages name."""
    row = load("advice")["advice"][key]
    return f"{key}: {row['title']}" if not row.get("plain") else row["title"], row["url"]


def markdown(rule: Rule) -> str:
    """Return the page of `rule` as Markdown, for documentation and for SARIF."""
    found = page(rule)
    parts = [f"### {rule.id}: {rule.title}", ""]
    if found is None:
        return "\n".join(parts)
    links = "; ".join(f"[{title}]({url})" for title, url in map(advice, found.sources))
    parts += [found.why, "", f"Source: {links}.", "", _about(rule), ""]
    for words, language, body in (
        ("Fails:", "yaml", found.fails), ("Passes, and what to write in CloudFormation:", "yaml", found.passes),
        ("With the CDK in Python:", "python", found.python), ("With the CDK in TypeScript:", "typescript", found.typescript),
    ):  # fmt: skip
        parts += [words, "", f"```{language}", body.rstrip(), "```", ""]
    return "\n".join(parts)


def _about(rule: Rule) -> str:
    kinds = ", ".join(f"`{name}`" for name in rule.types) or "the app as a whole"
    severity = f"always {rule.severity}" if rule.severity else "by the carbon that fixing it saves"
    settings = "; ".join(f"`{name}` ({_shown(value)})" for name, value in rule.parameters.items())
    return f"Looks at {kinds}. Severity: {severity}.{f' Parameters: {settings}.' if settings else ''}"


def _shown(value: Any) -> str:
    return ", ".join(map(str, cast("list[object]", value))) or "none" if isinstance(value, list | tuple) else str(value)
