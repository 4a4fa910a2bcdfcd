"""What most commands begin with: read the model files, plan them, and work out their footprint."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import Problem
    from ..planner import Chosen, FleetFootprint, Ladder, Plan
    from ..spec import Located


MODELS = "models"
# From here on planning may take longer than two seconds.
_MANY = 300


@dataclass(frozen=True)
class Fleet:
    """A plan, what each model was chosen from, the footprint, and where each file's keys stand."""

    plan: Plan
    chosen: dict[str, Chosen]
    footprint: FleetFootprint
    located: dict[str, Located]
    as_given: tuple[Plan, dict[str, Chosen]] | None = None

    @cached_property
    def ladders(self) -> dict[str, Ladder]:
        """The ladder of each model, from the usual deployment to its plan."""
        from ..planner import fleet_ladder

        return fleet_ladder(self.plan, self.chosen, self.footprint, self.as_given)


def add_model_arguments(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """Add what to read, for which environment, the default Region and the hourly intensity."""
    if positional:
        parser.add_argument(
            "models", nargs="*", default=[MODELS], metavar="WHAT",
            help="folders of model files, single files, or names of models in ./models (default: models)",
        )  # fmt: skip
    else:
        parser.add_argument(
            "--models", nargs="+", default=[MODELS], metavar="FOLDER", help="folders of model files (default: models)"
        )
    add_environment_argument(parser)
    parser.add_argument("--region", help="for files that allow any Region (default: $AWS_REGION)")
    parser.add_argument(
        "--intensity", type=Path, metavar="CSV", help="hourly grid intensity: region,hour,gco2e_kwh; moves flexible batch jobs"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    from .baselines import add_baseline_arguments

    add_baseline_arguments(parser)


def add_environment_argument(parser: argparse.ArgumentParser) -> None:
    """Add the choice among the files' environments."""
    parser.add_argument("--environment", metavar="NAME", help="one of the files' `environments` (default: none)")


def read_fleet(
    options: argparse.Namespace, *, whole: bool = False, default_region: str | None = None, account: str | None = None
) -> Fleet:
    """Return the fleet that the options name. Single files and names are planned with their neighbours, which may share an
    endpoint with them, and returned alone; with `whole`, with their neighbours. `default_region`, `account`: where known."""
    from ..catalog.intensity import read_intensity
    from ..planner import FleetFootprint, Plan, fleet_footprint, plan_with_choices
    from ..spec import load_neighbours, load_specs
    from .baselines import read_baseline, take_price_factors

    take_price_factors(options)

    # The plan of a thousand models is a million small values that all stay: to look for garbage among them takes a fifth of
    # the time, and grows faster than they do. A command ends soon.
    gc.disable()
    folders, files, names, all_of_them = _asked(options.models)
    if all_of_them:
        specs, problems = load_specs(folders, environment=options.environment), []
    else:
        specs, problems = load_neighbours(folders, *names, files=files, environment=options.environment)
    if len(specs) > _MANY:
        print(f"planning {len(specs):,} models ...", file=sys.stderr)
    intensity = read_intensity(options.intensity) if options.intensity else None
    region = options.region or os.environ.get("AWS_REGION") or default_region
    asked = {*names, *(spec.name for spec, located in specs if Path(located.file).resolve() in files)}
    only = None if all_of_them else asked
    plan, chosen = plan_with_choices(specs, default_region=region, intensity=intensity, only=only, account=account)
    baseline = read_baseline(options.baseline, plan.regions, tuple(model.name for model in plan.models))
    given = None
    if any(spec.model.given is not None for spec, _ in specs):
        # For the ladder: what the same files would become if nothing had been optimized.
        plain = [(spec.as_given, located) for spec, located in specs]
        given = plan_with_choices(plain, default_region=region, intensity=intensity, only=only, account=account)
    fleet = Fleet(plan, chosen, fleet_footprint(plan, baseline), {spec.name: located for spec, located in specs}, given)
    wanted = {find_model(fleet, name) for name in asked}
    if problems:
        _tell_of_neighbours(problems, any(wanted & set(group.members) for group in plan.groups))
    if whole or all_of_them:
        return fleet
    groups = tuple(group for group in plan.groups if wanted & set(group.members))
    return Fleet(
        Plan(tuple(model for model in plan.models if model.name in wanted), groups),
        {name: found for name, found in chosen.items() if name in wanted},
        FleetFootprint(tuple(row for row in fleet.footprint.models if row.name in wanted), fleet.footprint.against),
        fleet.located,
        fleet.as_given,
    )


def _tell_of_neighbours(problems: Sequence[Problem], shared: bool) -> None:
    """A broken file might belong to a shared endpoint, whose plan would then be wrong; else it is only mentioned."""
    from ..errors import SpecError

    if shared:
        raise SpecError(problems)
    names = sorted({problem.file for problem in problems})
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    print(f"greensage: planned without {shown}, which cannot be read (greensage plan says why)", file=sys.stderr)


def _asked(given: Sequence[str]) -> tuple[list[Path], set[Path], list[str], bool]:
    """Sort what was given into folders to read, single files of them, and names; and say whether whole folders were asked for.

    Raises CatalogError for what is neither.
    """
    from ..errors import CatalogError

    folders, files, names, whole = list[Path](), set[Path](), list[str](), False
    for item in given:
        path = Path(item)
        if path.is_dir():
            folders.append(path)
            whole = True
        elif path.suffix in (".yaml", ".yml"):
            if not path.is_file():
                raise CatalogError(f"{item}: there is no such file")
            folders.append(path.parent)
            files.add(path.resolve())
        elif len(path.parts) == 1 and Path(MODELS).is_dir():
            names.append(item)
        elif item == MODELS:
            raise CatalogError("there is no folder `models` here; greensage init makes one, or name a folder")
        else:
            raise CatalogError(f"{item}: neither a folder of model files, nor a model file (*.yaml), nor a model in ./{MODELS}")
    if names:
        folders.append(Path(MODELS))
    # Each folder once, however often it was named, and in the order given.
    return list(dict.fromkeys(folders)), files, names, whole


def find_model(fleet: Fleet, name: str) -> str:
    """Return `name` if it is one of the fleet. Raises CatalogError with near names if not."""
    from difflib import get_close_matches

    from ..errors import CatalogError

    if name in fleet.chosen:
        return name
    near = get_close_matches(name, fleet.chosen, n=3)
    hint = f"{', '.join(near)}?" if near else f"there are: {', '.join(list(fleet.chosen)[:12])}"
    raise CatalogError(f"no model is called {name!r}; {hint}")
