"""Checks of greensage's own model files: what they ask for that costs more than leaving it to the planner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..catalog.checks import assumed, assumed_name, line, severity_grams
from ..footprint import Footprint
from ..planner import fleet_footprint, plan
from ..spec import Located, ModelSpec, load_spec
from .config import MODEL_FILE_RULES
from .finding import Fail, Finding, Place, Severity
from .impact import Impact, less
from .savings import log_group

# Below this share a difference is within the planner's own estimates.
_WORTH = 0.05


def check_spec(path: Path, shown: str, region: str | None) -> Iterator[Finding]:
    """Yield what the file in `path` could leave out. Raises SpecError and PlanError as planning does."""
    spec, located = load_spec(path, assume_artifacts=True)
    where = region or os.environ.get("AWS_REGION") or assumed_name("region")
    for rule, fail in _fails(spec, located, where):
        severity: Severity = "medium" if fail.saves and fail.saves.carbon_g.mid >= severity_grams()[1] else "low"
        yield Finding(
            rule, MODEL_FILE_RULES[rule], Place(shown, spec.name), fail.message, fail.path, "fail", severity, fail.saves, fail.fix
        )


def _fails(spec: ModelSpec, located: Located, region: str) -> Iterator[tuple[str, Fail]]:
    if spec.group is None and spec.hosting != "auto":
        yield from _better("GS-SPC01", spec, located, region, "hosting", f"asks for {spec.hosting.kind}")
    # Graviton is what auto takes anyway, wherever it can.
    if spec.silicon not in ("auto", "graviton"):
        yield from _better("GS-SPC02", spec, located, region, "silicon", f"asks for {spec.silicon}")
    if spec.retention.logs_days > line("log_days_max"):
        days = spec.retention.logs_days
        yield (
            "GS-SPC04",
            Fail(
                f"keeps logs for {days} days",
                ("retention", "logs_days"),
                log_group(region, days),
                int(assumed("kept_days_instead").value),
            ),
        )
    if spec.sharing == "never" and spec.group is None:
        yield "GS-SPC03", Fail("never shares an endpoint, so it saves nothing with its like", ("sharing",), None, "auto")


def _better(rule: str, spec: ModelSpec, located: Located, region: str, key: str, words: str) -> Iterator[tuple[str, Fail]]:
    """What the planner would do instead, if that emits clearly less."""
    _, now = _month(spec, located, region)
    name, auto = _month(spec.model_copy(update={key: "auto"}), located, region)
    if now.carbon_g.mid - auto.carbon_g.mid > _WORTH * now.carbon_g.mid:
        saves = less(Impact(now.energy_kwh, now.carbon_g, now.cost_usd), Impact(auto.energy_kwh, auto.carbon_g, auto.cost_usd))
        yield rule, Fail(f"{words}; auto is {name}, which keeps the same SLA", (key,), saves, "auto")


def _month(spec: ModelSpec, located: Located, region: str) -> tuple[str, Footprint]:
    made = plan([(spec, located)], default_region=region)
    model = made.models[0]
    return f"{model.kind} on {model.silicon_label}", fleet_footprint(made).total
