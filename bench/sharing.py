"""Shared endpoints: first fit against an exact solver (HiGHS through SciPy) on the same fleets, in carbon and in time.

`.venv/bin/python bench/sharing.py`. Light models, so that memory decides and the problem is the solver's own: each
endpoint has one type, at most 15 containers, and its idle carbon as cost. SciPy comes with the training's packages.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.catalog import limits  # noqa: E402
from greensage.catalog.instances import candidates  # noqa: E402
from greensage.footprint import Usage, mid_figures  # noqa: E402
from greensage.footprint.demand import container_mb, demand_of  # noqa: E402
from greensage.footprint.kinds import NO_WORK, shared_levels  # noqa: E402
from greensage.planner import fleet_footprint, plan  # noqa: E402
from greensage.planner.pool import Member, Tenants, usable_mb  # noqa: E402
from greensage.spec import Located, ModelSpec  # noqa: E402

REGION, MODELS, FLEETS, SECONDS = "eu-north-1", 24, 6, 60.0


def main() -> int:
    """Print the table's row and the figures behind it."""
    print(row())
    return 0


def row() -> tuple[str, str, str]:
    """Return what was measured, as a row of RESULTS.md."""
    gaps, ours, theirs, proven = [], [], [], 0
    for seed in range(FLEETS):
        specs = fleet(seed)
        started = time.perf_counter()
        # Of the hosts: what stands beside them is the same, however they are divided.
        planned = sum(item.host.carbon_g.mid for item in fleet_footprint(plan(specs)).models)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        optimum, exact = solve([spec for spec, _ in specs])
        theirs.append(time.perf_counter() - started)
        gaps.append(planned / optimum - 1)
        proven += exact
    text = (
        f"{statistics.mean(gaps):.1%} above the optimum on average, {max(gaps):.1%} at most, {FLEETS} fleets of {MODELS} models "
        f"({proven} proven optimal); {statistics.median(ours):.2f} s against {statistics.median(theirs):.1f} s"
    )
    return "carbon of shared endpoints against an exact solver (HiGHS) on the same fleets", text, "≤ 5 %"


def fleet(seed: int) -> list[tuple[ModelSpec, Located]]:
    """Return light models that somebody waits for, of many sizes."""
    chance = random.Random(seed)
    found = []
    for index in range(MODELS):
        content: dict[str, Any] = {
            "name": f"m{index}",
            "model": {
                "artifact": "s3://bucket-of-bench/m.tar.gz",
                "framework": "xgboost",
                "size_mb": round(chance.uniform(1, 200), 1),
            },
            "sla": {"latency_p95_ms": 500, "cold_start_ok": False},
            "traffic": {"requests_per_day": 500, "pattern": "steady"},
            "region": {"allowed": [REGION]},
        }
        found.append((ModelSpec.model_validate(content), Located(f"m{index}.yaml", content)))
    return found


def solve(specs: list[ModelSpec]) -> tuple[float, bool]:
    """Return the least carbon of any division among endpoints, and whether that was proven."""
    memory = [container_mb(spec.model) for spec in specs]
    offered = [item for item in candidates("arm64", REGION) if usable_mb(item) >= min(memory)]
    per_model = mid_figures(
        [Tenants.of("multi-container", [Member(spec, demand_of(spec))]).usage(REGION, offered[0]) for spec in specs]
    )
    idle = [figures.carbon_g for figures in mid_figures([empty(item) for item in offered])]
    types = [item for item in offered if not beaten(item, offered, idle)]
    cost = [idle[offered.index(item)] for item in types]
    count, bins, kinds = len(specs), len(specs), len(types)
    # x[m, b] then y[b, t]: model m in endpoint b, endpoint b is of type t.
    size = count * bins + bins * kinds
    objective = np.concatenate([np.zeros(count * bins), np.tile(cost, bins)])
    constraints = []
    for model in range(count):
        line = np.zeros(size)
        line[model * bins : (model + 1) * bins] = 1
        constraints.append(LinearConstraint(line, 1, 1))
    for bin_ in range(bins):
        room, few, one = np.zeros(size), np.zeros(size), np.zeros(size)
        start = count * bins + bin_ * kinds
        for model in range(count):
            room[model * bins + bin_], few[model * bins + bin_] = memory[model], 1
        room[start : start + kinds] = [-usable_mb(item) for item in types]
        few[start : start + kinds] = -limits.CONTAINERS_MAX
        one[start : start + kinds] = 1
        constraints += [LinearConstraint(room, -np.inf, 0), LinearConstraint(few, -np.inf, 0), LinearConstraint(one, 0, 1)]
    # Endpoints are alike: model m may only be in the first m + 1 of them.
    upper = np.ones(size)
    for model in range(count):
        upper[model * bins + model + 1 : (model + 1) * bins] = 0
    bounds: Any = Bounds(0, upper)  # pyright: ignore[reportArgumentType]
    options = {"time_limit": SECONDS}
    found = milp(objective, constraints=constraints, integrality=np.ones(size), bounds=bounds, options=options)
    busy = sum(figures.carbon_g for figures in per_model) - count * idle[0]
    bound = float(found.fun if found.status == 0 else found.mip_dual_bound)
    return bound + busy, found.status == 0


def empty(item: Any) -> Usage:
    """A month of one idle instance."""
    return Usage(REGION, 0, item.name, shared_levels(NO_WORK, NO_WORK, item.name, 1))


def beaten(item: Any, offered: list[Any], idle: list[float]) -> bool:
    """Whether another type holds at least as much for less."""
    own = idle[offered.index(item)]
    return any(other.memory_gib >= item.memory_gib and idle[i] < own for i, other in enumerate(offered))


if __name__ == "__main__":
    sys.exit(main())
