"""Figures for people: frames in, a plain plotly figure out.

Every figure has a title that says its subject, axes with units, hover text with the time and its zone, and a line
with source and as-of moment. Empty input gives a figure that says what is missing. `layout.meta` holds the
title, subtitle and source as plain text, for pages that set them in their own type.
"""

from __future__ import annotations

from aura_lib.reports.figures import sweep
from aura_lib.reports.figures.book import costs, drawdown, equity, monthly_returns, rolling, weights
from aura_lib.reports.figures.candles import candles
from aura_lib.reports.figures.evidence import evidence, evidence_panel
from aura_lib.reports.figures.market import prices
from aura_lib.reports.figures.noise import noise_experiment
from aura_lib.reports.figures.returns import beta, distribution, turnover, yearly_returns
from aura_lib.reports.figures.shadow import beside, markouts
from aura_lib.reports.figures.trading import attribution, cost_kinds, exposures, trades
from aura_lib.reports.figures.uncertainty import differences, growth, intervals

__all__ = [
    "attribution",
    "beside",
    "beta",
    "candles",
    "cost_kinds",
    "costs",
    "differences",
    "distribution",
    "drawdown",
    "equity",
    "evidence",
    "evidence_panel",
    "exposures",
    "growth",
    "intervals",
    "markouts",
    "monthly_returns",
    "noise_experiment",
    "prices",
    "rolling",
    "sweep",
    "trades",
    "turnover",
    "weights",
    "yearly_returns",
]
