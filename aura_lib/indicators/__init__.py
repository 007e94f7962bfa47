"""functions on Bars

Prices in (time × symbol, or one Series), the same shape out, float64. Every value is made of the bars up to its own
row and of nothing later. NaN means "not known yet" (the warm-up) or that the bar, or a bar the value needs, is NaN.
What gives several lines gives them by name, each of that shape. `rolling` has the same one bar after the other.
"""

from __future__ import annotations

from aura_lib.indicators import rolling as rolling
from aura_lib.indicators.averages import bollinger, ema, macd, sma
from aura_lib.indicators.strength import momentum, rsi
from aura_lib.indicators.volatility import atr, realised_volatility
from aura_lib.indicators.volume import vwap

__all__ = [
    "atr",
    "bollinger",
    "ema",
    "macd",
    "momentum",
    "realised_volatility",
    "rsi",
    "sma",
    "vwap",
]
