"""Indicators, slowly: lists of floats, one value at a time, from the definition."""

from __future__ import annotations

import math
from collections.abc import Sequence

NAN = float("nan")


def sma(prices: Sequence[float], window: int) -> list[float]:
    out = []
    for t in range(len(prices)):
        if t < window - 1:
            out.append(NAN)
            continue
        out.append(math.fsum(prices[t - window + 1 : t + 1]) / window)
    return out


def ema(prices: Sequence[float], span: int) -> list[float]:
    alpha = 2 / (span + 1)
    seen: list[float] = []
    average = NAN
    out = []
    for price in prices:
        if math.isnan(price):
            out.append(NAN)
            continue
        seen.append(price)
        if len(seen) == span:
            average = math.fsum(seen) / span
        elif len(seen) > span:
            average = alpha * price + (1 - alpha) * average
        out.append(average if len(seen) >= span else NAN)
    return out


def momentum(prices: Sequence[float], lookback: int, skip: int = 0) -> list[float]:
    out = []
    for t in range(len(prices)):
        old, new = t - skip - lookback, t - skip
        out.append(prices[new] / prices[old] - 1 if old >= 0 else NAN)
    return out


def realised_volatility(prices: Sequence[float], window: int, periods_per_year: int = 252) -> list[float]:
    out = []
    for t in range(len(prices)):
        if t < window:
            out.append(NAN)
            continue
        returns = [math.log(prices[i] / prices[i - 1]) for i in range(t - window + 1, t + 1)]
        mean = math.fsum(returns) / window
        variance = math.fsum((r - mean) ** 2 for r in returns) / (window - 1)
        out.append(math.sqrt(variance * periods_per_year))
    return out
