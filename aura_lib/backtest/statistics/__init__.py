"""What a backtest is worth in figures: the eight of a curve, all of them with their uncertainty, those of trading."""

from __future__ import annotations

from aura_lib.backtest.statistics.curve import NAMES, statistics
from aura_lib.backtest.statistics.periods import observed_periods, periods_per_year
from aura_lib.backtest.statistics.sample import Sample, earned
from aura_lib.backtest.statistics.trading import trading

__all__ = ["NAMES", "Sample", "earned", "observed_periods", "periods_per_year", "statistics", "trading"]
