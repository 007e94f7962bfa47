"""A whole backtest, trade by trade, against a slow plain recomputation in exact fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from aura_lib import backtest
from aura_lib.core import Account, Bars, Mandate, Market, Schedule, TargetWeights
from aura_lib.exchange import Costs
from aura_lib.risk import Limits
from tests.backtest.scenarios import market_of
from tests.oracle import oracle_backtest

WIDE = Limits(max_position_weight=1.0, max_order_weight=1.0)


def month_ends(bars: Bars) -> list[int]:
    slots = Schedule.parse("XNYS month-end close").slots(bars.start, bars.end)
    return [int(n) for n in bars.times.get_indexer(slots)]


def wishes_of(rng: np.random.Generator, bars: Bars, at: list[int], gross: float) -> dict[int, dict[str, float]]:
    """Random weights at each decision; what is to be held trades, and what does not trade is not in them."""
    wishes = {}
    for bar in at:
        trading = [s for s in bars.symbols if bars.close[s].iloc[bar] == bars.close[s].iloc[bar]]
        chosen = rng.choice(trading, size=int(rng.integers(0, min(5, len(trading)) + 1)), replace=False)
        raw = rng.dirichlet(np.ones(len(chosen))) * gross if len(chosen) else []
        wishes[bar] = {str(s): float(w) for s, w in zip(chosen, raw, strict=True)}
    return wishes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("buffer", "gross", "costs"),
    [
        (0.02, 1.0, (1.0, 0.0, 5.0)),
        (0.0, 0.8, (25.0, 7.5, 40.0)),
        (0.05, 0.999, (0.0, 0.0, 0.0)),
    ],
)
def test_month_end_targets_trade_as_plain_arithmetic_says(
    seed: int, buffer: float, gross: float, costs: tuple[float, float, float]
) -> None:
    rng = np.random.default_rng([seed, 7])
    bars = market_of(rng, sessions=280, symbols=8)
    wishes = wishes_of(rng, bars, month_ends(bars), gross)

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return TargetWeights(wishes[len(market.bars) - 1], market.as_of)

    mandate = Mandate(bars.symbols, Decimal(250_000), cash_buffer=buffer, min_trade=Decimal(900))
    ours = backtest.run(
        decide,
        bars,
        mandate,
        schedule="XNYS month-end close",
        costs=Costs(*(Decimal(str(c)) for c in costs)),
        limits=WIDE,
    )
    plain = oracle_backtest.backtest(
        {s: bars.close[s].tolist() for s in sorted(bars.symbols)},
        wishes,
        capital=250_000,
        buffer=buffer,
        min_trade=900,
        commission_bps=costs[0],
        min_commission=costs[1],
        slippage_bps=costs[2],
    )
    got = [
        (bars.times.get_loc(f.time), f.symbol, f.side.value, int(f.quantity), Fraction(f.price), Fraction(f.fee))
        for f in ours.replay.fills
    ]
    assert got == [(t.bar, t.symbol, t.side, t.quantity, t.price, t.fee) for t in plain.trades]
    assert len(got) > 20
    assert Fraction(ours.replay.account.cash) == plain.cash[-1]
    assert {s: int(q) for s, q in ours.replay.account.holdings.items()} == plain.holdings
    assert np.abs(ours.equity.to_numpy() - np.array([float(e) for e in plain.equity])).max() < 0.005
    assert np.abs(ours.cash.to_numpy() - np.array([float(c) for c in plain.cash])).max() < 0.005


def test_orders_without_a_price_expire_and_short_cash_cuts_as_plain_arithmetic_says() -> None:
    reasons = [order.reason for seed in range(6) for order in _with_gaps(seed).replay.orders]
    assert reasons.count("no price in its session") > 20  # both rules were at work
    assert reasons.count("insufficient cash") > 5


def _with_gaps(seed: int) -> backtest.Backtest:
    """A run without a buffer, in wild markets whose bar after a decision misses some prices, beside the plain one."""
    rng = np.random.default_rng([seed, 8])
    bars = market_of(rng, sessions=280, symbols=8, volatility=0.06)
    ends = month_ends(bars)
    values = bars.close.to_numpy().copy()
    for bar in ends[:-1]:
        values[bar + 1, rng.random(8) < 0.3] = np.nan
    bars = Bars({"close": bars.close.mask(np.isnan(values))}, source="random")
    wishes = wishes_of(rng, bars, ends, 1.0)

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return TargetWeights(wishes[len(market.bars) - 1], market.as_of)

    free = Costs(Decimal(0), Decimal(0), Decimal(0))
    mandate = Mandate(bars.symbols, Decimal(250_000), cash_buffer=0.0, min_trade=Decimal(0))
    ours = backtest.run(decide, bars, mandate, schedule="XNYS month-end close", costs=free, limits=WIDE)
    plain = oracle_backtest.backtest(
        {s: bars.close[s].tolist() for s in sorted(bars.symbols)},
        wishes,
        capital=250_000,
        buffer=0.0,
        min_trade=0,
        commission_bps=0.0,
        min_commission=0.0,
        slippage_bps=0.0,
    )
    got = [(bars.times.get_loc(f.time), f.symbol, f.side.value, int(f.quantity)) for f in ours.replay.fills]
    assert got == [(t.bar, t.symbol, t.side, t.quantity) for t in plain.trades]
    assert np.abs(ours.equity.to_numpy() - np.array([float(e) for e in plain.equity])).max() < 0.005
    return ours
