"""Reads and plans the model files for the app: all of them, or one that is deployed by itself."""

from __future__ import annotations

from pathlib import Path

from ..catalog.intensity import read_intensity
from ..errors import SpecError
from ..planner import Plan, plan
from ..spec import load_neighbours, load_specs


def read_plan(
    models: Path, *, only: str | None = None, region: str | None = None, intensity: str | None = None,
    environment: str | None = None, account: str | None = None,
) -> Plan:  # fmt: skip
    """Return the plan of all files in `models`.

    One model alone is planned with the others too, because it may share an endpoint with them; problems of other files
    stop it only then. Raises GreensageError for what the user can mend.
    """
    if only is None:
        specs, problems = load_specs(models, environment=environment), []
    else:
        specs, problems = load_neighbours(models, only, environment=environment)
    hourly = read_intensity(intensity) if intensity else None
    fleet = plan(specs, default_region=region, intensity=hourly, only=only, account=account)
    # A broken neighbour might belong to this group, and its plan would then be wrong.
    if problems and any(only in group.members for group in fleet.groups):
        raise SpecError(problems)
    return fleet
