"""Hourly grid intensity that a user brings: a CSV of Region, hour and gCO2e/kWh. None is shipped; the yearly mean is."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import CatalogError

_COLUMNS = ("region", "hour", "gco2e_kwh")


@dataclass(frozen=True)
class HourlyIntensity:
    """For each Region 24 values in gCO2e/kWh, by the hour of the day in UTC."""

    source: str
    table: dict[str, tuple[float, ...]]

    def hours(self, region: str) -> tuple[float, ...] | None:
        """Return the 24 values of `region`, or None."""
        return self.table.get(region)


def read_intensity(file: Path | str) -> HourlyIntensity:
    """Return the mean of each hour of the day in `file`.

    Columns: region, hour (0 to 23, or a timestamp such as 2026-01-31T13:00) and gco2e_kwh. Raises CatalogError, with the
    line, for what is not that, and for a Region without all 24 hours.
    """
    path = Path(file)
    sums: dict[str, list[list[float]]] = {}
    try:
        # Spreadsheets write a byte order mark, which would become part of the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
                raise CatalogError(f"{path}:1: the column {missing[0]} is missing; needed: {', '.join(_COLUMNS)}")
            for row in rows:
                hour, value = _parsed(row, f"{path}:{rows.line_num}")
                sums.setdefault(row["region"].strip(), [[] for _ in range(24)])[hour].append(value)
    except csv.Error as error:
        raise CatalogError(f"{path}: not a CSV file: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{path}: the intensity file cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"
        ) from None
    if not sums:
        raise CatalogError(f"{path}: there is no row; {_WANTED}")
    for region, hours in sums.items():
        if empty := [hour for hour, values in enumerate(hours) if not values]:
            raise CatalogError(f"{path}: {region} has no value for hour {empty[0]}; all 24 are needed")
    return HourlyIntensity(path.name, {name: tuple(sum(item) / len(item) for item in hours) for name, hours in sums.items()})


def _parsed(row: dict[str, str], where: str) -> tuple[int, float]:
    try:
        hour, value = _hour(row["hour"].strip()), float(row["gco2e_kwh"])
        # Looked at only so that a short row, without a Region, fails here with its line.
        row["region"].strip()
    except (ValueError, AttributeError, TypeError):
        raise CatalogError(f"{where}: {_WANTED}") from None
    if not 0 <= hour <= 23 or not math.isfinite(value) or value < 0:
        raise CatalogError(f"{where}: {_WANTED}; gco2e_kwh is not negative")
    return hour, value


_WANTED = "hour is 0 to 23, or a time such as 2026-01-31T13:00+01:00 (UTC without an offset); for instance eu-north-1,13,35.2"


def _hour(text: str) -> int:
    if text.isdigit() and len(text) <= 2:
        return int(text)
    if "T" not in text and " " not in text:
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).hour
