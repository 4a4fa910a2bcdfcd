"""Write docs/rules.md from the rules and their pages: `.venv/bin/python tools/rules_page.py`; a test holds it to them."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.checks.pages import markdown  # noqa: E402
from greensage.checks.rules import FAMILIES, all_rules  # noqa: E402

PAGE = ROOT / "docs" / "rules.md"
HEAD = """\
# The rules of `greensage check` and of `SustainabilityChecks`

Made from the rules by `tools/rules_page.py`; how to run them, accept a finding and write rules of your own: [checks](checks.md).

Each finding says what mending it would save in a month, in kWh, gCO2e and USD with a band, by the same figures as
`greensage plan` ([footprint](footprint.md)); what a template does not say (the size of a bucket, the traffic of a function) is an
assumption in `constructs/greensage/catalog/data/checks.json`, and its band is wide. That saving makes the severity: high from
10 kg CO2e a month, medium from 1 kg, low below.

What only the deployment knows is reported as *unknown*, never guessed: a parameter without default, an import, an attribute of
another resource, a mapping by an unknown key, a macro. A parameter's default counts, and the finding says so. A condition is
looked at both ways: a rule that is broken either way is a finding; one that is broken in one case only is unknown, and says
in which.

"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, "| rule | what it asks for |", "|---|---|"]
    parts += [f"| [{rule.id}](#{_anchor(rule.id, rule.title)}) | {rule.title} |" for rule in all_rules()]
    parts.append("")
    for family, title in FAMILIES.items():
        parts += [f"## {title}", ""]
        parts += [markdown(rule) for rule in all_rules() if rule.family == family]
    return "\n".join(parts).rstrip() + "\n"


def _anchor(name: str, title: str) -> str:
    text = f"{name}: {title}".lower()
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" if letter == " " else "" for letter in text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
