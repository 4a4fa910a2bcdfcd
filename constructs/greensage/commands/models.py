"""What most commands begin with: read the model files, plan them, and work out their footprint."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..planner import Chosen, FleetFootprint, Plan


# From here on planning may take longer than two seconds.
_MANY = 300


@dataclass(frozen=True)
class Fleet:
    """A plan, what each model was chosen from, and the footprint."""

    plan: Plan
    chosen: dict[str, Chosen]
    footprint: FleetFootprint


def add_model_arguments(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """Add the folder of model files, the default Region and the hourly intensity."""
    if positional:
        parser.add_argument(
            "models", nargs="*", default=["models"], metavar="FOLDER", help="folders of model files (default: models)"
        )
    else:
        parser.add_argument(
            "--models", nargs="+", default=["models"], metavar="FOLDER", help="folders of model files (default: models)"
        )
    parser.add_argument("--region", help="for files that allow any Region (default: $AWS_REGION)")
    parser.add_argument(
        "--intensity", type=Path, metavar="CSV", help="hourly grid intensity: region,hour,gco2e_kwh; moves flexible batch jobs"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def read_fleet(options: argparse.Namespace) -> Fleet:
    """Return the fleet that the options name."""
    from ..catalog.intensity import read_intensity
    from ..planner import fleet_footprint, plan_with_choices
    from ..spec import load_specs

    specs = load_specs([Path(folder) for folder in options.models])
    if len(specs) > _MANY:
        print(f"planning {len(specs):,} models ...", file=sys.stderr)
    intensity = read_intensity(options.intensity) if options.intensity else None
    region = options.region or os.environ.get("AWS_REGION")
    plan, chosen = plan_with_choices(specs, default_region=region, intensity=intensity)
    return Fleet(plan, chosen, fleet_footprint(plan))


def find_model(fleet: Fleet, name: str) -> str:
    """Return `name` if it is one of the fleet. Raises CatalogError with near names if not."""
    from difflib import get_close_matches

    from ..errors import CatalogError

    if name in fleet.chosen:
        return name
    near = get_close_matches(name, fleet.chosen, n=3)
    hint = f"{', '.join(near)}?" if near else f"there are: {', '.join(list(fleet.chosen)[:12])}"
    raise CatalogError(f"no model is called {name!r}; {hint}")
