"""The event loop and the array path, each beside its peers; results are compared before times are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from aura_lib import backtest
from aura_lib.backtest.counting import uncounted
from aura_lib.core import Account, Bars, Calendar, Intent, Mandate, Market, Schedule, Side, TargetWeights
from aura_lib.exchange import Costs, FillModel
from aura_lib.indicators import rolling
from aura_lib.risk import Limits
from tests.benchmarks.peers import Absent, measured
from tests.benchmarks.rows import Row, seconds

DAILY, MONTHLY = "XNYS daily close", "XNYS month-end close"
FREE = Costs(Decimal(0), Decimal(0), Decimal(0))
WIDE = Limits(max_position_weight=1.0, max_order_weight=1.0)
BARS, ASSETS, YEARS = 8_313, 250, 20
CAPITAL = 10_000_000
PEERS = {"backtesting.py": "sma_backtesting", "nautilus_trader": "sma_nautilus", "backtrader": "sma_backtrader"}


def rows() -> Iterator[Row]:
    """Peers do not count trials, so none is counted here."""
    with uncounted():
        yield from _one_symbol()
        yield from _rebalanced()


def _times(bars: int) -> pd.DatetimeIndex:
    closes = Calendar.of("XNYS").closes
    return closes[closes.searchsorted(pd.Timestamp("1990-01-02", tz="UTC")) :][:bars]


def _walk(bars: int, symbols: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(5)
    return np.round(rng.uniform(20, 200, symbols) * np.exp(rng.normal(0.0003, 0.012, (bars, symbols)).cumsum(0)), 2)


# ── one symbol, a decision a bar ────────────────────────────────────────────────────────────────────────────────────


def _one_symbol() -> Iterator[Row]:
    close = _walk(BARS, 1)
    opened = np.vstack([close[:1], close[:-1]])  # at which a signal of the bar before is filled
    path = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    bars = Bars({name: pd.DataFrame(values, _times(BARS), ["A"]) for name, values in path.items()}, "random walk")
    mandate = Mandate(bars.symbols, Decimal(1_000_000))
    peer_input = {name: values[:, 0] for name, values in path.items()}
    average, hundred = rolling.Sma, Decimal(100)

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        above = market.rolling(average, 10) - market.rolling(average, 20)
        held = account.quantity("A")
        if above > 0 and not held:
            return [Intent(market.instruments["A"], Side.BUY, hundred)]
        if above < 0 and held:
            return [Intent(market.instruments["A"], Side.SELL, held)]
        return []

    def loop() -> backtest.Backtest:
        result = backtest.run(
            decide, bars, mandate, schedule=DAILY, warmup=19, costs=FREE, fills=FillModel("open"), limits=WIDE
        )
        return _valued(result)

    ours, found = _timed(loop)
    for peer, program in PEERS.items():
        try:
            other = measured(program, **peer_input)
        except Absent as why:
            yield Row("proof.loop.decide", ours, "bars/s", 90_000, f"{peer} ({why})", more_is_better=True)
            continue
        _equal(peer, found.equity.iloc[-1], other["equity"])
        yield Row("proof.loop.decide", ours, "bars/s", 90_000, peer, BARS / other["seconds"], more_is_better=True)

    def ruled() -> backtest.Backtest:
        result = backtest.run(
            backtest.rules.sma_crossover, bars, mandate, params={"fast": 10, "slow": 20}, schedule=DAILY, limits=WIDE
        )
        return _valued(result)

    compiled, done = _timed(ruled)
    _equal("the event loop", done.equity.iloc[-1], backtest.Backtest(done.replay, bars, mandate, "").equity.iloc[-1])
    yield Row("proof.loop.rule", compiled, "bars/s", 500_000, "decide", ours, more_is_better=True)


def _timed(work: Callable[[], backtest.Backtest]) -> tuple[float, backtest.Backtest]:
    """Bars a second of a run up to its equity, and what it gave."""
    return BARS / seconds(work), work()


def _valued(result: backtest.Backtest) -> backtest.Backtest:
    _ = result.equity
    return result


def _equal(peer: str, ours: float, theirs: float, tolerance: float = 0.01) -> None:
    if abs(ours - theirs) > tolerance:
        raise AssertionError(
            f"{peer} ends with {theirs:.4f}, we with {ours:.4f}: times of different things say nothing"
        )


# ── 250 assets, twenty years, monthly ───────────────────────────────────────────────────────────────────────────────


def _rebalanced() -> Iterator[Row]:
    count = YEARS * 252
    close = _walk(count, ASSETS)
    names = [f"A{n:03d}" for n in range(ASSETS)]
    bars = Bars({"close": pd.DataFrame(close, _times(count), names)}, "random walks")
    mandate = Mandate(bars.symbols, Decimal(CAPITAL), min_trade=Decimal(0))
    slots = Schedule.parse(MONTHLY).slots(bars.times[252].to_pydatetime(), bars.end)
    at = bars.times.get_indexer(slots)

    def best(row: int) -> list[int]:
        found: list[int] = np.argsort(-(close[row] / close[row - 252]), kind="stable")[:50].tolist()
        return found

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        known = market.values()
        top = np.argsort(-(known[-1] / known[-253]), kind="stable")[:50].tolist()
        return TargetWeights({names[n]: 0.02 for n in top}, market.as_of)

    def loop() -> backtest.Backtest:
        return _valued(backtest.run(decide, bars, mandate, schedule=MONTHLY, warmup=252, costs=FREE))

    taken, result = seconds(loop, 3), loop()
    try:
        other = measured("rebalance_ml4t", 1, close=close, slots=at, buffer=mandate.cash_buffer, cash=CAPITAL)
    except Absent as why:
        yield Row("proof.loop.rebalance", taken, "s", 0.5, f"ml4t-backtest ({why})")
    else:
        _equal("ml4t-backtest", result.equity.iloc[-1], other["equity"], 1.0)
        yield Row("proof.loop.rebalance", taken, "s", 0.5, "ml4t-backtest", other["seconds"])
    weights = pd.DataFrame(0.0, slots, names)
    for n, row in enumerate(at.tolist()):
        weights.iloc[n, best(row)] = 0.02
    yield _arrays(weights, bars, mandate, result)


def _arrays(weights: pd.DataFrame, bars: Bars, mandate: Mandate, loop: backtest.Backtest) -> Row:
    """A table of weights up to its equity, beside vectorbt told the resulting amounts, up to its value."""
    from vectorbt.portfolio.base import Portfolio

    def ours() -> backtest.Backtest:
        return _valued(backtest.from_weights(weights, bars, mandate, costs=FREE))

    trades = ours().executions
    size = np.full(bars.close.shape, np.nan)
    size[trades.row, trades.symbol] = trades.units

    def raw() -> pd.Series:
        portfolio = Portfolio.from_orders(
            bars.close, size=size, size_type="amount", direction="longonly", init_cash=CAPITAL, cash_sharing=True,
            group_by=True, call_seq="auto", freq="1D", engine="rust",
        )  # fmt: skip
        value: pd.Series = portfolio.value()
        return value

    for name, equity in (("vectorbt", raw()), ("the event loop", loop.equity)):
        _equal(name, float(ours().equity.iloc[-1]), float(equity.iloc[-1]))
    theirs = seconds(raw, 3)
    return Row("proof.loop.arrays", seconds(ours, 3), "s", 1.1 * theirs, "raw vectorbt", theirs)
