"""Energy, carbon (ISO/IEC 21031, SCI), water and cost of what a plan runs, and of the usual deployment beside it. Pure."""

from __future__ import annotations

from .band import Band
from .baseline import baseline_usage
from .estimate import Footprint, Mid, Rates, estimate, mid_figures, rates_of, serverless_rates
from .usage import Level, Serverless, Usage

__all__ = [
    "Band",
    "Footprint",
    "Level",
    "Mid",
    "Rates",
    "Serverless",
    "Usage",
    "baseline_usage",
    "estimate",
    "mid_figures",
    "rates_of",
    "serverless_rates",
]
