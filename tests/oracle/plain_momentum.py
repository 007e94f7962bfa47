"""The momentum decision by hand: dictionaries of price lists in, weights out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.oracle import plain_portfolios


def decide(
    prices: Mapping[str, Sequence[float]], lookback: int, top: int, skip: int, window: int, cap: float
) -> dict[str, float]:
    """Prices end at the decision; every list is as long as the others and has no gap."""
    growth = {s: p[-1 - skip] / p[-1 - skip - lookback] - 1 for s, p in prices.items()}
    winners = sorted(growth, key=lambda s: growth[s], reverse=True)[:top]
    rows = list(zip(*[prices[s][-window:] for s in winners], strict=True))
    covariance = plain_portfolios.ledoit_wolf(plain_portfolios.simple_returns(rows))
    weights = plain_portfolios.min_volatility(covariance, cap)
    return dict(zip(winners, weights.tolist(), strict=True))
