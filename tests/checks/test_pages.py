"""Every rule has a page, and what the page says is true: one example fails, the other passes, sources exist."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from greensage.catalog._data import load
from greensage.checks import rules as rules_package
from greensage.checks.engine import Engine
from greensage.checks.pages import advice, page
from greensage.checks.rules import FAMILIES
from tests.checks.helpers import RULES, failed, found
from tests.conftest import tool

PAGES = Path(rules_package.__file__).with_name("pages")


@pytest.mark.parametrize("name", RULES)
class TestEachRule:
    def test_has_a_page_with_sources(self, name):
        its = page(RULES[name])
        assert its is not None and len(its.why) > 60
        assert its.sources and all(advice(key)[1].startswith("https://docs.aws.amazon.com/") for key in its.sources)

    def test_fails_its_failing_example(self, name):
        findings = found(name, page(RULES[name]).fails)
        assert [item.status for item in findings].count("fail") >= 1
        assert all(item.message and not item.message.endswith(".") for item in findings)

    def test_passes_its_passing_example(self, name):
        assert found(name, page(RULES[name]).passes) == []

    def test_says_what_it_saves_with_a_band(self, name):
        for item in found(name, page(RULES[name]).fails):
            if item.saves is None:
                continue
            for band in (item.saves.energy_kwh, item.saves.carbon_g, item.saves.cost_usd):
                assert math.isnan(band.mid) or band.low <= band.mid <= band.high

    def test_belongs_to_a_family(self, name):
        assert RULES[name].family in FAMILIES


def test_there_are_at_least_forty_rules_in_all_families():
    assert len(RULES) >= 40
    assert {rule.family for rule in RULES.values()} == set(FAMILIES)


def test_no_page_is_left_without_a_rule_and_no_advice_without_a_page():
    assert {path.stem for path in PAGES.glob("*.md")} == set(RULES)
    named = {key for rule in RULES.values() for key in page(rule).sources}
    assert set(load("advice")["advice"]) == named


def test_a_rule_of_every_kind_of_severity_by_figure():
    assert {item.severity for name in RULES for item in found(name, page(RULES[name]).fails)} == {"high", "medium", "low"}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_runs_over_every_example_without_stumbling(name):
    engine = Engine(list(RULES.values()), strict=True)
    from tests.checks.helpers import template

    for text in (page(RULES[name]).fails, page(RULES[name]).passes):
        list(engine.run([template(text)]))


def test_parameters_move_the_line():
    text = "Resources: {L: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 90}}}"
    assert not failed("GS-RET02", text)
    assert failed("GS-RET02", text, max_days=60)


def test_the_documentation_is_made_from_the_rules():
    module = tool("rules_page")
    assert module.PAGE.read_text() == module.page(), "run tools/rules_page.py"
