"""Indicators, slowly: lists of floats, one value at a time, from the definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

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


def _wilder(values: Sequence[float], window: int) -> list[float]:
    """The simple average of the first `window`, then (window − 1) parts of the old one and one of the new."""
    out: list[float] = []
    average = NAN
    for n, value in enumerate(values, 1):
        if n == window:
            average = math.fsum(values[:n]) / window
        elif n > window:
            average = (average * (window - 1) + value) / window
        out.append(average)
    return out


def _spread_out(known: Sequence[bool], values: Sequence[float]) -> list[float]:
    rest = iter(values)
    return [next(rest) if there else NAN for there in known]


def rsi(prices: Sequence[float], window: int) -> list[float]:
    known = [p for p in prices if not math.isnan(p)]
    changes = [b - a for a, b in pairwise(known)]
    up, down = _wilder([max(c, 0) for c in changes], window), _wilder([max(-c, 0) for c in changes], window)
    index = [NAN] * min(len(known), 1)
    for u, d in zip(up, down, strict=True):
        index.append(50.0 if u + d == 0 else 100 - 100 / (1 + u / d) if d else 100.0 if u == u else NAN)
    return _spread_out([not math.isnan(p) for p in prices], index)


def macd(prices: Sequence[float], fast: int, slow: int, signal: int) -> tuple[list[float], list[float], list[float]]:
    line = [f - s for f, s in zip(ema(prices, fast), ema(prices, slow), strict=True)]
    average = ema(line, signal)
    return line, average, [a - b for a, b in zip(line, average, strict=True)]


def bollinger(prices: Sequence[float], window: int, width: float) -> tuple[list[float], list[float], list[float]]:
    middle = sma(prices, window)
    away = []
    for t in range(len(prices)):
        seen = prices[max(t - window + 1, 0) : t + 1]
        deviations = [(p - middle[t]) ** 2 for p in seen]
        away.append(width * math.sqrt(math.fsum(deviations) / window) if middle[t] == middle[t] else NAN)
    pairs = list(zip(middle, away, strict=True))
    return [m - a for m, a in pairs], middle, [m + a for m, a in pairs]


def atr(high: Sequence[float], low: Sequence[float], close: Sequence[float], window: int) -> list[float]:
    bars = list(zip(high, low, close, strict=True))
    known = [not any(map(math.isnan, bar)) for bar in bars]
    whole = [bar for bar, there in zip(bars, known, strict=True) if there]
    ranges = [
        max(h - low, abs(h - whole[i - 1][2]), abs(low - whole[i - 1][2])) if i else h - low
        for i, (h, low, _) in enumerate(whole)
    ]
    return _spread_out(known, _wilder(ranges, window))


def vwap(
    high: Sequence[float],
    low: Sequence[float],
    close: Sequence[float],
    volume: Sequence[float],
    window: int | None,
    days: Sequence[object],
) -> list[float]:
    out = []
    for t in range(len(close)):
        if window is None:
            rows = [i for i in range(t + 1) if days[i] == days[t]]
            rows = [i for i in rows if not math.isnan(high[i] + low[i] + close[i] + volume[i])]
            if t not in rows:
                rows = []
        else:
            rows = list(range(t - window + 1, t + 1)) if t >= window - 1 else []
        traded = math.fsum(volume[i] for i in rows)
        paid = math.fsum((high[i] + low[i] + close[i]) / 3 * volume[i] for i in rows)
        out.append(paid / traded if traded else NAN)
    return out
