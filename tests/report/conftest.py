"""Report pages of real plans, of 3 and of 500 models, opened in a real Chromium without any network."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from greensage.planner import fleet_footprint, plan_with_choices
from greensage.report import report_data, report_html
from greensage.spec import load_specs
from tests.conftest import MODELS
from tests.unit.fleets import Pair, spec

# Chromium as root needs --no-sandbox; the rest keeps it from calling home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HISTORY = [
    {"month": f"2026-{month:02}", "requests": requests, "g": 60.0 - month, "kwh": 2.0, "usd": 40.0, "vcpu_hours": 1_400.0,
     "models": {"churn": 1.4 - month / 20, "wine": None}}
    for month, requests in ((8, 1e6), (9, 0.0), (10, 2e6))
]  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("GREENSAGE_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, "these tests need Chromium: apt-get install chromium, or GREENSAGE_CHROMIUM=/path/to/it"
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory) -> Callable[[str], Path]:
    """Return a written page by name: three, fleet (the 40 of models/fleet) or many (500)."""
    folder = tmp_path_factory.mktemp("pages")
    sources = {
        "three": three,
        "fleet": lambda: load_specs(MODELS / "fleet"),
        "many": many,
        "hostile": hostile,
        "unknown": unknown,
        "history": three,
    }

    def _page(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            plan, chosen = plan_with_choices(sources[name]())
            title = "</script><script>document.title='owned'</script>" if name == "hostile" else f"Report of {name}"
            history = HISTORY if name == "history" else ()
            data = report_data(plan, chosen, fleet_footprint(plan), title=title, history=history)
            path.write_text(report_html(data), encoding="utf-8")
        return path

    return _page


@pytest.fixture
def open_page(browser: Browser, pages: Callable[[str], Path]) -> Iterator[Callable[..., Page]]:
    """Open a page with `new_context` options; every request to anything but the file itself, and every error, fails the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def _open(name: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
        page.goto(pages(name).as_uri())
        page.wait_for_selector("html[data-ready]", timeout=10_000)
        return page

    yield _open
    for context in contexts:
        context.close()
    assert not wrong


def three() -> list[Pair]:
    return [pair for pair in load_specs(MODELS) if pair[0].name in ("churn", "digits", "claims")]


def hostile() -> list[Pair]:
    """Text of the user's that would be dangerous as HTML: the title (above), and a key of S3. AWS takes no such tags."""
    evil = {"artifact": "s3://bucket-of-tests/</script><img src=x onerror=alert(1)>/model.tar.gz"}
    return [spec("a", model=evil), spec("b", sla={"latency_p95_ms": 500})]


def unknown() -> list[Pair]:
    """Figures that nobody publishes: water in the Emirates, the price of an old type; and a model that nobody calls."""
    old = {"kind": "real-time", "instance_type": "ml.c4.large"}
    return [
        spec("dry", region={"allowed": ["me-central-1"]}, sla={"latency_p95_ms": 300, "cold_start_ok": False}),
        spec("old", hosting=old, silicon="x86"), spec("idle", traffic={"requests_per_day": 0}),
    ]  # fmt: skip


def many(count: int = 500) -> list[Pair]:
    """A fleet drawn from the reference fleet: its files with other names and other traffic."""
    chance = random.Random(11)
    kept = [pair for pair in load_specs(MODELS / "fleet") if pair[0].group is None]
    found = []
    for index in range(count):
        asked, located = chance.choice(kept)
        requests = int(asked.traffic.requests_per_day * 10 ** chance.uniform(-1, 1))
        traffic = asked.traffic.model_copy(update={"requests_per_day": requests})
        found.append((asked.model_copy(update={"name": f"{asked.name[:20]}-{index}", "traffic": traffic}), located))
    return found
