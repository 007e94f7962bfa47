"""vectorbt's arrays equal our Decimal ledger to the cent, on random strategies, without compiling anything."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from aura_lib import backtest
from aura_lib.backtest.arrays import Arrays, simulate
from aura_lib.core import Account, Bars, DataError, Fill, Mandate, Market, Side, fold
from aura_lib.exchange import Costs, Exchange
from aura_lib.plan import decimal_price, prices_at
from aura_lib.risk import Limits
from aura_lib.strategies import momentum
from aura_lib.testing import sample_bars
from tests.backtest.scenarios import hold, market_of, order, random_intents, random_targets

CENT = Decimal("0.01")
WIDE = Limits(max_position_weight=1.0, max_order_weight=1.0)
FAMILIES = {
    "targets": {"buffer": 0.02},
    "targets, dear": {"buffer": 0.02, "costs": Costs(Decimal(80), Decimal("12.5"), Decimal(120))},
    "targets, no buffer, wild": {"buffer": 0.0, "volatility": 0.08},
    "targets, gaps": {"buffer": 0.01, "missing": 0.1},
    "targets, small lots": {"buffer": 0.02, "lot": "0.00001"},
    "intents": {"buffer": 0.02, "kind": random_intents},
    "intents, gaps": {"buffer": 0.02, "kind": random_intents, "missing": 0.35},
    "intents, contracts": {"buffer": 0.02, "kind": random_intents, "multiplier": "100"},
}


def scenario(family: str, seed: int) -> backtest.Backtest:
    given = dict(FAMILIES[family])
    kind, costs = given.pop("kind", random_targets), given.pop("costs", Costs())
    mandate = {"capital": Decimal(100_000), "cash_buffer": given.pop("buffer"), "min_trade": Decimal(10)}
    rng = np.random.default_rng([seed, len(family)])
    bars = market_of(rng, sessions=40, symbols=5, **given)  # type: ignore[arg-type]
    return backtest.run(
        kind(seed), bars, Mandate(bars.symbols, **mandate), schedule="XNYS daily close", costs=costs, limits=WIDE
    )


def ledger(bars: Bars, opening: Account, fills: tuple) -> tuple[list[Decimal], list[Decimal], list[dict]]:
    """Cash, equity and holdings at every bar, from the fold of the fills and the last known closes, in Decimal."""
    cash, equity, holdings = [], [], []
    marks: dict[str, Decimal] = {}
    account, left = opening, list(fills)
    for time, row in zip(bars.times, bars.close.to_numpy(), strict=True):
        marks |= {s: decimal_price(p) for s, p in zip(bars.symbols, row.tolist(), strict=True) if p == p}
        while left and left[0].time <= time:
            account = account.after(left.pop(0))
        cash.append(account.cash)
        equity.append(account.equity(marks))
        holdings.append(account.holdings)
    assert not left
    return cash, equity, holdings


def check(result: backtest.Backtest) -> None:
    for paths in (result, result.arrays):  # what we sum up ourselves, and what vectorbt makes of the fills
        compare(result.bars, result.replay.opening, result.replay.fills, paths)


def compare(bars: Bars, opening: Account, fills: tuple, result: Arrays | backtest.Backtest) -> None:
    cash, equity, holdings = ledger(bars, opening, fills)
    for frame in (result.equity, result.cash, result.positions):
        assert frame.index.equals(bars.times)
    for n in range(len(bars)):
        assert abs(Decimal(result.cash.iloc[n]) - cash[n]) < CENT
        assert abs(Decimal(result.equity.iloc[n]) - equity[n]) < CENT
    last = {s: float(q) for s, q in holdings[-1].items()}
    theirs = {s: q for s, q in result.positions.iloc[-1].items() if abs(q) > 1e-9}
    assert theirs == pytest.approx(last)


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("family", FAMILIES)
def test_equity_and_cash_equal_the_decimal_ledger_to_the_cent(family: str, seed: int) -> None:
    result = scenario(family, seed)
    assert result.replay.fills
    check(result)


@pytest.mark.parametrize("seed", range(10))
def test_a_symbol_that_trades_more_than_once_in_a_bar_is_booked_fill_by_fill(seed: int) -> None:
    rng = np.random.default_rng([seed, 99])
    bars = market_of(rng, sessions=30, symbols=3)
    opening = Account("a", Decimal(50_000))
    exchange, fills = Exchange.of(opening, Costs()), list[Fill]()
    for before, time in pairwise(bars.times):
        for n in range(int(rng.integers(0, 7))):
            side, lots = (Side.BUY, Side.SELL)[int(rng.integers(2))], int(rng.integers(1, 30))
            name = f"S0{int(rng.integers(3))}"
            exchange.submit(order(name, side, lots, client_id=f"{before}/{n}"), before)
        prices = prices_at(Market.at(bars, time))
        fills += [event for event in exchange.match(time, prices) if isinstance(event, Fill)]
    assert max(Counter((fill.time, fill.symbol) for fill in fills).values()) > 1
    arrays = simulate(fills, bars, bars.symbols, opening.cash)
    assert len(arrays.portfolio.orders.values) == len(fills)
    compare(bars, opening, tuple(fills), arrays)


def test_a_bar_without_a_price_is_marked_at_the_last_known_one() -> None:
    bars = market_of(np.random.default_rng(3), sessions=30, symbols=2)
    gap = bars.close.copy()
    gap.iloc[5:9, 0] = np.nan
    result = backtest.run(
        _once({"S00": 0.5}),
        Bars({"close": gap}, source="gap"),
        Mandate(bars.symbols),
        schedule="XNYS daily close",
    )
    value = result.equity - result.cash
    assert result.positions["S00"].iloc[4] > 0
    assert (value.iloc[5:9] == value.iloc[4]).all()
    check(result)


def test_the_momentum_strategy_on_the_sample_agrees_too(tmp_path: Path) -> None:
    bars = sample_bars(tmp_path)
    mandate = Mandate(bars.symbols, max_weight=0.4)
    result = backtest.run(
        momentum.decide, bars, mandate, schedule="XNYS month-end close", start="2019-12-31", end="2021-11-30"
    )
    assert (len(result.replay.slots), result.stats["n_rejected"]) == (24, 0)
    assert result.stats["n_fills"] > 100
    check(result)


def _once(weights: dict[str, float]):  # type: ignore[no-untyped-def]
    def decide(market, account, mandate):  # type: ignore[no-untyped-def]
        return hold(weights)(market, account, mandate) if len(market.bars) == 1 else []

    return decide


def test_a_backtest_without_a_trade_is_flat() -> None:
    bars = market_of(np.random.default_rng(1), sessions=30)
    result = backtest.run(hold({}), bars, Mandate(bars.symbols), schedule="XNYS daily close")
    assert (result.equity == 1_000_000).all()
    assert result.stats["total_return"] == 0
    assert np.isnan(result.stats["sharpe"])
    assert len(result.trades) == len(result.fills_table()) == 0


def test_fills_vectorbt_would_not_book_as_they_are_are_refused() -> None:
    bars = market_of(np.random.default_rng(1), sessions=30)
    fills = backtest.run(hold({"S00": 0.5}), bars, Mandate(bars.symbols), schedule="XNYS daily close").replay.fills
    with pytest.raises(DataError, match="vectorbt booked"):
        simulate(fills, bars, bars.symbols, Decimal(1000))  # cash for far less
    with pytest.raises(DataError, match="falls on none of the"):
        simulate(fills, bars.until(bars.times[0]), bars.symbols, Decimal(10**6))


PATH = """
import sys
from numba.core.dispatcher import Dispatcher
class Compiled(Exception): pass
def compile(self, signature): raise Compiled  # a compiled function, or one that is loaded from numba's cache
Dispatcher.compile = compile
import numpy as np
from aura_lib import backtest
from aura_lib.core import Mandate
from tests.backtest.scenarios import hold, market_of
bars = market_of(np.random.default_rng(0), sessions=60)
bars.close.iloc[:30:7, 3] = float("nan")
mandate = Mandate(bars.symbols)
backtest.replay(hold({"S00": 0.3}), bars, mandate, slots=list(bars.times[10:20]))
print("vectorbt" in sys.modules)
result = backtest.run(hold({"S00": 0.3, "S01": 0.4}), bars, mandate, schedule="XNYS week-end close")
result.stats, result.trades, result.weights, result.benchmark(bars.close["S02"]), str(result)
result.orders_table(), result.fills_table(), result.decisions_table(), result.assumptions
print("vectorbt" in sys.modules)
try:
    bars.close.vbt.rolling_mean(5, engine="numba")
except Compiled:
    print("would be seen")
"""


@pytest.mark.slow
def test_a_replay_loads_no_vectorbt_and_a_backtest_compiles_nothing() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PATH], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False", "True", "would be seen"], done.stderr


def test_the_fold_of_the_fills_is_the_account_at_the_end() -> None:
    result = scenario("targets", 1)
    assert fold(result.replay.opening, result.replay.fills) == result.replay.account
