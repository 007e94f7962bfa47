"""The shipped rules. Each is a step of a few lines: read one to write your own."""

from __future__ import annotations

from aura_lib.backtest.sweep.features import change, deviation, highest, lowest, rsi, sma, volatility
from aura_lib.backtest.sweep.rule import rule


def _sma_crossover(fast_mean, slow_mean):  # type: ignore[no-untyped-def]
    return fast_mean > slow_mean


def _momentum(gain, threshold=0.0):  # type: ignore[no-untyped-def]
    return gain > threshold


def _rsi_reversion(strength, position, oversold=30.0, overbought=70.0):  # type: ignore[no-untyped-def]
    return strength < oversold or (position > 0.0 and strength < overbought)


def _bollinger(close, mean, spread, position, width=2.0):  # type: ignore[no-untyped-def]
    return close < mean - width * spread or (position > 0.0 and close < mean)


def _donchian(close, top, bottom, position):  # type: ignore[no-untyped-def]
    return close > top or (position > 0.0 and not close < bottom)


def _vol_target(risk, position, target=0.01, band=0.1):  # type: ignore[no-untyped-def]
    weight = min(target / risk, 1.0) if risk > 0.0 else 0.0
    return position if abs(weight - position) < band else weight


sma_crossover = rule(
    _sma_crossover,
    features={"fast_mean": (sma, "fast"), "slow_mean": (sma, "slow")},
    name="sma_crossover",
)
momentum = rule(_momentum, ["window", "threshold"], features={"gain": (change, "window")}, name="momentum")
rsi_reversion = rule(
    _rsi_reversion, ["window", "oversold", "overbought"], features={"strength": (rsi, "window")}, name="rsi_reversion"
)
bollinger = rule(
    _bollinger,
    ["window", "width"],
    features={"mean": (sma, "window"), "spread": (deviation, "window")},
    name="bollinger",
)
donchian = rule(
    _donchian, ["enter", "leave"], features={"top": (highest, "enter"), "bottom": (lowest, "leave")}, name="donchian"
)
vol_target = rule(
    _vol_target, ["window", "target", "band"], features={"risk": (volatility, "window")}, name="vol_target"
)
