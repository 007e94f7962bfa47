"""A sweep the slow way: one combination, one bar at a time, with units and cash. Imports nothing of ours."""

from __future__ import annotations

import math


def portfolio(wanted, fills, closes, live, delay, fee, slippage):
    """Equity by bar, and how often it traded: symbols × bars in, each symbol with its own share of 1.

    wanted: fraction of its equity that is wished for at each bar; fills, closes: prices; live: whether it trades.
    """
    count, bars = len(closes), len(closes[0])
    equity, orders = [0.0] * bars, 0
    for s in range(count):
        cash, units, last, mark, dead = 1.0 / count, 0.0, 0.0, None, False
        for t in range(bars):
            if live[s][t] and not dead:
                price = fills[s][t]
                worth = cash + units * price
                if worth <= 0:
                    cash, units, dead = 0.0, 0.0, True
                elif t >= delay and wanted[s][t - delay] != last:
                    last = wanted[s][t - delay]
                    change = last * worth / price - units
                    if change > 0:
                        paid = price * (1 + slippage)
                        change = min(change, max(cash, 0.0) / (paid * (1 + fee)))
                        cash -= change * paid * (1 + fee)
                    else:
                        cash += -change * price * (1 - slippage) * (1 - fee)
                    units += change
                    orders += change != 0
                mark = closes[s][t]
                if cash + units * mark <= 0:
                    cash, units, dead = 0.0, 0.0, True
            equity[t] += cash + (units * mark if mark is not None else 0.0)
    return equity, orders


def returns_of(equity):
    before = [1.0, *equity[:-1]]
    return [now / was - 1 if was > 0 else 0.0 for now, was in zip(equity, before, strict=True)]


def figures(returns, year):
    """Metrics of simple returns, one a bar."""
    n, growth, top, worst = len(returns), 1.0, 1.0, 0.0
    for r in returns:
        growth *= 1 + r
        top = max(top, growth)
        worst = min(worst, growth / top - 1)
    mean = math.fsum(returns) / n
    spread = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (n - 1))
    losses = math.sqrt(math.fsum(min(r, 0.0) ** 2 for r in returns) / n)
    annual = growth ** (year / n) - 1 if growth > 0 else -1.0
    return {
        "total_return": growth - 1,
        "annual_return": annual,
        "volatility": spread * math.sqrt(year),
        "sharpe": mean / spread * math.sqrt(year) if spread > 0 else math.nan,
        "sortino": mean * math.sqrt(year) / losses if losses > 0 else math.nan,
        "max_drawdown": worst,
        "calmar": annual / -worst if worst < 0 else math.nan,
    }


def means(values, window):
    """Mean of the last `window` values; None before there are as many, or where one is missing."""
    made = []
    for t in range(len(values)):
        part = values[max(0, t - window + 1) : t + 1]
        made.append(None if len(part) < window or any(math.isnan(v) for v in part) else math.fsum(part) / window)
    return made
