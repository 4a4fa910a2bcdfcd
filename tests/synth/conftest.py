"""Synthesizes the app in this process: once for the example fleet, and per test for small stacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from greensage.app.fleet import add_fleet
from greensage.app.read_plan import read_plan
from greensage.core.names import Parameters
from greensage.planner import fleet_footprint
from tests.conftest import MODELS

ENV = Environment(account="111111111111", region="eu-north-1")


@dataclass(frozen=True)
class Assembly:
    """What a synthesis left: templates by stack name, and the findings of AwsSolutionsChecks."""

    folder: Path
    error: str

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        return {
            path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in self.folder.glob("*.template.json")
        }

    def resources(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        return {key: row for key, row in self.templates[stack]["Resources"].items() if row["Type"] == kind}

    def one(self, stack: str, kind: str) -> dict[str, Any]:
        (found,) = self.resources(stack, kind).values()
        return found


def synthesize(folder: Path, build: Callable[[App], None], *, nag: bool = True) -> Assembly:
    app = App(outdir=str(folder))
    if nag:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    build(app)
    try:
        app.synth()
    except RuntimeError as error:
        return Assembly(folder, str(error))
    return Assembly(folder, "")


def build_fleet(models: Path, only: str | None = None) -> Callable[[App], None]:
    def build(app: App) -> None:
        fleet = read_plan(models, only=only)
        footprint = fleet_footprint(fleet)
        add_fleet(app, fleet, account="111111111111", parameters=Parameters(), only=only, footprint=footprint)

    return build


@pytest.fixture(scope="session")
def fleet(tmp_path_factory) -> Assembly:
    return synthesize(tmp_path_factory.mktemp("fleet"), build_fleet(MODELS))


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "test", env=ENV)
