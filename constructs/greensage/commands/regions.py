"""`greensage regions`: Regions from clean to dirty, or for one model with what its constraints cost in carbon."""

from __future__ import annotations

import argparse
import json
from typing import Any

from . import Commands
from .models import Fleet, add_model_arguments, find_model, read_fleet

EXAMPLES = """examples:
  greensage regions                    all Regions by grams of CO2e per kWh of IT load
  greensage regions --near eu-west-1   with the distance from there
  greensage regions churn              for one model: carbon, then price and distance; and what its constraints cost
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "regions", help="rank Regions, for all or for one model", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("model", nargs="?", help="rank for this model")
    parser.add_argument("--near", metavar="REGION", help="add the distance and the estimated round trip from there")
    add_model_arguments(parser, positional=False)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the ranking."""
    if options.near:
        _known(options.near)
    fleet = read_fleet(options) if options.model else None
    rows = _for_model(fleet, options) if fleet else _general(options.near)
    cost = _constraint_cost(fleet, options.model) if fleet else None
    if options.json:
        print(json.dumps({"regions": rows, "constraint_cost": cost} if fleet else rows, indent=2))
        return 0
    from ..text import fitted, paragraph, terminal_width

    keys = list(rows[0])
    table = [
        tuple(key.upper().replace("_", " ") for key in keys),
        *(tuple(_shown(value) for value in row.values()) for row in rows),
    ]
    # What a narrow terminal does without: --json has it.
    drop = [keys.index(key) for key in _DROPPED if key in keys]
    width = terminal_width()
    numbers = [
        index for index, key in enumerate(keys) if isinstance(rows[0][key], int | float) and not isinstance(rows[0][key], bool)
    ]
    print(fitted(table, width, right=numbers, whole=[0], drop=drop))
    print(f"\n{paragraph(_closing(fleet is not None, cost), width)}")
    return 0


_DROPPED = ("embodied_g", "operational_g", "families", "round_trip_ms", "km", "water_l_per_kwh", "price", "why_not")
_TIES = "Tie: its band overlaps that of the first, so which of the two is the cleaner is not known."


def _closing(for_model: bool, cost: dict[str, Any] | None) -> str:
    if not for_model:
        return f"{_TIES} Grams are location-based and with PUE. Matched: by AWS's statement for 2023; it enters no score."
    if cost is None:
        return f"{_TIES} The constraints cost no carbon worth naming."
    return f"{_TIES} The constraints cost {cost['grams']:,.1f} g CO2e a month: {cost['region']} would take that much less."


def _constraint_cost(fleet: Fleet, name: str) -> dict[str, Any] | None:
    from ..planner import constraint_cost

    found = constraint_cost(fleet.chosen[name])
    return {"region": found[0], "grams": round(found[1], 2)} if found else None


def _known(name: str) -> None:
    from ..catalog.regions import region

    region(name)


def _general(near: str | None) -> list[dict[str, Any]]:
    from ..catalog.instances import in_region, preferred
    from ..catalog.prices import price_level
    from ..catalog.regions import grams_range, known_regions, region

    rows: list[dict[str, Any]] = []
    for name in known_regions():
        found, types = region(name), in_region(name) or frozenset()
        green = {*preferred("arm64"), *preferred("inf2")}
        families = sorted({item.split(".")[1] for item in types} & green) or (["x86 only"] if types else ["unknown"])
        rows.append({
            "region": name, "place": found.name, "gco2e_per_kwh": round(found.intensity.value * found.pue.value, 1),
            "band": grams_range(name), "tie": False, "pue": found.pue.value,
            "water_l_per_kwh": found.wue.value if found.wue.known else None,
            "matched": found.matched, "price": price_level(name, "arm").value, "families": " ".join(families),
            **_distance(name, near),
        })  # fmt: skip
    return _with_ties(sorted(rows, key=lambda row: row["gco2e_per_kwh"]))


def _with_ties(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from ..catalog.regions import are_a_tie

    first = rows[0]["region"]
    return [{**row, "tie": row["region"] != first and are_a_tie(first, row["region"])} for row in rows]


def _distance(name: str, near: str | None) -> dict[str, Any]:
    from ..catalog.regions import distance_km, round_trip_ms

    return {} if near is None else {"km": round(distance_km(near, name)), "round_trip_ms": round(round_trip_ms(near, name))}


def _for_model(fleet: Fleet, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Regions that are open to the model, by carbon, cost and distance; then the rest, with what keeps it out."""
    from ..catalog.regions import distance_km, known_regions
    from ..planner.region import why_not_region

    chosen = fleet.chosen[find_model(fleet, options.model)]
    near = options.near or chosen.request.spec.region.users_near
    rows: list[dict[str, Any]] = []
    for name in known_regions():
        best = chosen.best(region=name) if name in chosen.regions else None
        why = "" if best else why_not_region(chosen.option.request, name) or "does not host what it needs"
        rows.append({
            "region": name, "tie": False,
            "kg_co2e": best and round(best.carbon_g / 1000, 4), "operational_g": best and round(best.operational_g, 2),
            "embodied_g": best and round(best.carbon_g - best.operational_g, 2), "usd": best and round(best.cost_usd, 2),
            "size": best.option.label if best else "", "why_not": why, **_distance(name, near),
        })  # fmt: skip
    away = {row["region"]: distance_km(near, row["region"]) if near else 0.0 for row in rows}
    infinite = float("inf")
    return _with_ties(
        sorted(rows, key=lambda row: (_or(row["kg_co2e"], infinite), _or(row["usd"], infinite), away[row["region"]]))
    )


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _shown(value: Any) -> str:
    return {True: "yes", False: "no", None: "?"}.get(value, str(value)) if isinstance(value, bool | None) else str(value)
