"""The estimate in the columns of AWS's carbon data export, and that export beside it. Pure.

Columns: AWS Data Exports, table dictionary, CARBON_EMISSIONS (read 2026-11). AWS states emissions by account, Region and
product, in metric tons, about three weeks after a month ends; greensage's operational carbon is AWS's location-based scope 2,
its embodied carbon belongs to scope 3. Scope 1 and everything market-based are not estimated and stay empty.
"""

from __future__ import annotations

import calendar
import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import GreensageError
from ..footprint import Footprint

COLUMNS: tuple[str, ...] = (
    "last_refresh_timestamp", "location", "model_version", "payer_account_id", "product_code", "region_code",
    "total_lbm_emissions_unit", "total_lbm_emissions_value", "total_mbm_emissions_unit", "total_mbm_emissions_value",
    "total_scope_1_emissions_unit", "total_scope_1_emissions_value", "total_scope_2_lbm_emissions_unit",
    "total_scope_2_lbm_emissions_value", "total_scope_2_mbm_emissions_unit", "total_scope_2_mbm_emissions_value",
    "total_scope_3_lbm_emissions_unit", "total_scope_3_lbm_emissions_value", "total_scope_3_mbm_emissions_unit",
    "total_scope_3_mbm_emissions_value", "usage_account_id", "usage_period_end", "usage_period_start",
)  # fmt: skip
PRODUCT, UNIT = "AmazonSageMaker", "MTCO2e"
_GRAMS_PER_TON = 1e6
# The export says "Amazon SageMaker" or "AmazonSageMaker", by the version of the model.
_PRODUCT = PRODUCT.lower()


@dataclass(frozen=True)
class Compared:
    """A Region in a month: grams as estimated, with the band, and as AWS states them, location- and market-based.

    None is what the other side does not have.
    """

    month: str
    region: str
    estimated_g: float | None
    low_g: float | None
    high_g: float | None
    stated_lbm_g: float | None
    stated_mbm_g: float | None

    @property
    def ratio(self) -> float | None:
        """The estimate as a multiple of what AWS states, location-based."""
        return self.estimated_g / self.stated_lbm_g if self.estimated_g is not None and self.stated_lbm_g else None


def as_export(by_region: Mapping[str, Footprint], month: str, *, version: str, at: str, account: str = "") -> str:
    """Return the rows of `month` (2026-11) as CSV in AWS's columns, a row per Region, in metric tons of CO2e.

    `version` says who estimated; `at` is now, in UTC. Raises GreensageError for a month that is none.
    """
    year, number = month_of(month)
    last = calendar.monthrange(year, number)[1]
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    for region, found in sorted(by_region.items()):
        operational, embodied = found.operational_g.mid, found.embodied_g.mid
        tons = {"total_lbm": found.carbon_g.mid, "total_scope_2_lbm": operational, "total_scope_3_lbm": embodied}
        rows.writerow({
            "last_refresh_timestamp": at, "model_version": version, "payer_account_id": account, "product_code": PRODUCT,
            "region_code": region, "usage_account_id": account, "usage_period_start": f"{month}-01T00:00:00Z",
            "usage_period_end": f"{month}-{last}T23:59:59Z",
            **{f"{name}_emissions_unit": UNIT for name in tons},
            **{f"{name}_emissions_value": f"{grams / _GRAMS_PER_TON:.9f}" for name, grams in tons.items()},
        })  # fmt: skip
    return out.getvalue()


def month_of(text: str) -> tuple[int, int]:
    """Return year and month of 2026-11. Raises GreensageError for anything else."""
    year, _, month = text.partition("-")
    if len(year) != 4 or not (year + month).isdecimal() or not 1 <= int(month or 0) <= 12:
        raise GreensageError(f"{text!r} is no month; write it as 2026-11")
    return int(year), int(month)


def read_export(file: Path) -> list[dict[str, str]]:
    """Return the rows of SageMaker in AWS's export, CSV or CSV.gz. Raises GreensageError where it is another table."""
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
        found = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise GreensageError(f"{file}: cannot be read as CSV: {error}") from None
    needed = {"product_code", "region_code", "usage_period_start"}
    missing = needed - set(found[0] if found else ())
    if missing:
        columns = ", ".join(sorted(missing))
        raise GreensageError(
            f"{file}: no export of carbon emissions: it lacks {columns} (AWS Data Exports, table CARBON_EMISSIONS)"
        )
    return [row for row in found if row["product_code"].replace(" ", "").lower() == _PRODUCT]


def compare(estimated: Mapping[str, Footprint], month: str, stated: Iterable[Mapping[str, str]]) -> list[Compared]:
    """Return each Region that either side has in `month`. Where AWS has a month by several models, the newest one counts."""
    rows = [row for row in stated if row["usage_period_start"].startswith(month)]
    newest = max((row.get("model_version", "") for row in rows), key=_version, default="")
    rows = [row for row in rows if row.get("model_version", "") == newest]
    found: list[Compared] = []
    for region in sorted({*estimated, *(row["region_code"] for row in rows)}):
        here, own = [row for row in rows if row["region_code"] == region], estimated.get(region)
        band = own.carbon_g if own else None
        found.append(Compared(
            month, region, band.mid if band else None, band.low if band else None, band.high if band else None,
            _sum(here, "total_lbm"), _sum(here, "total_mbm"),
        ))  # fmt: skip
    return found


def _sum(rows: Sequence[Mapping[str, str]], name: str) -> float | None:
    values = [float(value) for row in rows if (value := row.get(f"{name}_emissions_value") or "")]
    return sum(values) * _GRAMS_PER_TON if values else None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.removeprefix("v").split(".") if part.isdecimal())
