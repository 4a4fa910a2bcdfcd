"""Energy, carbon (ISO/IEC 21031, SCI), water and cost of what a plan runs, and of what it is compared with. Pure."""

from __future__ import annotations

from .band import Band
from .baseline import SAME_REGION, USUAL, Baseline, Machines
from .estimate import Footprint, Mid, estimate, mid_figures
from .rates import Rates, rates_of, serverless_rates
from .usage import Level, Serverless, Usage

__all__ = [
    "SAME_REGION",
    "USUAL",
    "Band",
    "Baseline",
    "Footprint",
    "Level",
    "Machines",
    "Mid",
    "Rates",
    "Serverless",
    "Usage",
    "estimate",
    "mid_figures",
    "rates_of",
    "serverless_rates",
]
