"""Tables of weights, orders and signals give what the event loop gives for a strategy that would have returned them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest.tape import Tape
from aura_lib.core import Account, Bars, InputError, Mandate, Market, Signals, TargetWeights
from aura_lib.exchange import Costs
from aura_lib.risk import Limits
from tests.backtest.scenarios import market_of

WIDE = Limits(max_position_weight=1.0, max_order_weight=1.0)
CENT = 0.005


def bars_of(seed: int, missing: float = 0.0) -> Bars:
    return market_of(np.random.default_rng([seed, 31]), sessions=60, symbols=6, missing=missing)


def mandate_of(bars: Bars, **given: Any) -> Mandate:
    return Mandate(bars.symbols, **{"capital": Decimal(100_000), **given})


def targets(seed: int, bars: Bars, gross: float = 0.97) -> pd.DataFrame:
    """Random weights, every third bar or so; none where there is no price."""
    rng = np.random.default_rng([seed, 32])
    raw = rng.dirichlet(np.ones(len(bars.symbols)), len(bars)) * (rng.random((len(bars), len(bars.symbols))) < 0.7)
    frame = pd.DataFrame(raw * gross, bars.times, list(bars.symbols))
    frame[bars.close.isna()] = 0.0
    frame[rng.random(len(bars)) < 0.6] = np.nan
    return frame


def by_hand(frame: pd.DataFrame, bars: Bars, mandate: Mandate, **given: Any) -> backtest.Replay:
    rows = frame.dropna(how="all")

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return TargetWeights(rows.loc[market.as_of].to_dict(), market.as_of)

    return backtest.replay(decide, bars, mandate, slots=rows.index, **given)


def same(table: backtest.Backtest, played: backtest.Replay) -> None:
    loop = backtest.Backtest(played, table.bars, table.mandate, "by hand")
    assert np.abs(table.equity - loop.equity).max() < CENT
    assert np.abs(table.cash - loop.cash).max() < CENT
    for name, count in loop.source.counts().items():
        assert table.stats[name] == count
    for name in ("fees", "slippage", "turnover"):
        assert table.stats[name] == pytest.approx(loop.stats[name], abs=0.02, rel=1e-9)
    assert table.replay.fills == played.fills


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("costs", [Costs(), Costs(Decimal(20), Decimal(3), Decimal(30))])
def test_weights_in_a_table_trade_like_a_strategy_that_returns_them(seed: int, costs: Costs) -> None:
    bars = bars_of(seed)
    frame, mandate = targets(seed, bars), mandate_of(bars)
    table = backtest.from_weights(frame, bars, mandate, costs=costs, limits=WIDE)
    assert isinstance(table.source, Tape)
    assert table.stats["n_fills"] > 20
    same(table, by_hand(frame, bars, mandate, costs=costs, limits=WIDE))


@pytest.mark.parametrize(
    ("given", "gaps"),
    [
        ({"cash_buffer": 0.0}, 0.0),  # buys are scaled down, or cut
        ({"restricted": ("S01", "S04")}, 0.0),
        ({"min_trade": Decimal(9000)}, 0.0),
        ({}, 0.02),  # orders expire; what is held may have no price
    ],
)
def test_where_floats_cannot_be_trusted_the_event_loop_plays_the_table(given: dict[str, Any], gaps: float) -> None:
    kinds = set()
    for seed in range(8):
        bars = bars_of(seed, gaps)
        mandate = mandate_of(bars, **given)
        frame = targets(seed, bars, gross=1.0 if "cash_buffer" in given else 0.9)
        held = bars.close.notna().all(axis=1)
        frame.loc[~held] = np.nan  # decide only where everything has a price
        costs = Costs(Decimal(90), Decimal(0), Decimal(90)) if "cash_buffer" in given else Costs()
        table = backtest.from_weights(frame, bars, mandate, costs=costs, limits=WIDE)
        kinds.add(type(table.source).__name__)
        same(table, by_hand(frame, bars, mandate, costs=costs, limits=WIDE))
    assert "Replay" in kinds or "cash_buffer" not in given


@pytest.mark.parametrize("seed", range(4))
def test_orders_in_a_table_are_sent_as_they_are(seed: int) -> None:
    rng = np.random.default_rng([seed, 33])
    bars = bars_of(seed)
    mandate = mandate_of(bars, capital=Decimal(10_000_000))
    frame = pd.DataFrame(0.0, bars.times, list(bars.symbols))
    held = np.zeros(6)
    for row in range(0, len(bars), 4):
        units = rng.integers(-20, 40, 6)
        units = np.maximum(units, -held)
        frame.iloc[row] = units
        held += units
    table = backtest.from_orders(frame, bars, mandate, limits=WIDE)
    assert isinstance(table.source, Tape)
    assert (table.positions.iloc[-1].to_numpy() == held).all()
    same(table, table.replay)
    wanted = {(t, s): q for t, row in frame.iterrows() for s, q in row.items() if q}
    sent = {(o.time, o.intent.symbol): float(o.intent.signed) for o in table.replay.orders}
    assert sent == {(t.to_pydatetime(), s): q for (t, s), q in wanted.items()}


@pytest.mark.parametrize("seed", range(4))
def test_signals_enter_once_and_leave_whole(seed: int) -> None:
    rng = np.random.default_rng([seed, 34])
    bars = bars_of(seed)
    mandate = mandate_of(bars)
    entries, exits = (
        pd.DataFrame(rng.random((len(bars), 6)) < share, bars.times, list(bars.symbols)) for share in (0.15, 0.1)
    )
    table = backtest.from_signals(entries, exits, bars, mandate, weight=0.1, limits=WIDE)
    assert isinstance(table.source, Tape)
    same(table, table.replay)
    held = dict.fromkeys(bars.symbols, 0)
    for time, symbol, units in _trades(table):
        before = bars.times[bars.times.get_loc(time) - 1]
        signal = exits if held[symbol] else entries
        assert signal.loc[before, symbol]
        assert units == -held[symbol] if held[symbol] else units > 0
        held[symbol] += units


def _trades(table: backtest.Backtest) -> list[tuple[Any, str, float]]:
    return [(f.time, f.symbol, float(f.quantity) * f.side.sign) for f in table.replay.fills]


def test_a_strategy_may_return_signals() -> None:
    bars = bars_of(1)

    def decide(market: Market, account: Account, mandate: Mandate) -> Signals:
        if len(market) % 10 == 0:
            return Signals(exits=tuple(account.holdings), as_of=market.as_of)
        return Signals(("S00", "S01"), as_of=market.as_of)

    done = backtest.replay(decide, bars, mandate_of(bars), slots=bars.times[:25])
    bought = [f for f in done.fills if f.side == "buy"]
    assert len(bought) == 6 and len(done.fills) == 10
    first = bought[0]
    assert int(first.quantity) == int(100_000 / 6 * 0.98 / bars.close[first.symbol].iloc[0])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: f.tz_localize(None), "indexed by the times of bars"),
        (lambda f: f.rename(columns={"S00": "XXX"}), r"not \['XXX'\]"),
        (lambda f: f.set_axis(f.index + pd.Timedelta("1s"), axis=0), "is no bar of random"),
        (lambda f: f.iloc[::-1], "must ascend"),
        (lambda f: f.assign(S02=f["S02"].where(f["S02"] != f["S02"].iloc[3])), "NaN beside numbers"),
        (lambda f: f.to_numpy(), "must be a frame"),
    ],
)
def test_a_table_that_cannot_be_is_refused(change: Any, told: str) -> None:
    bars = bars_of(1)
    frame = targets(1, bars).fillna(0.1)
    with pytest.raises(InputError, match=told):
        backtest.from_weights(change(frame), bars, mandate_of(bars))


def test_what_the_plan_refuses_is_refused_with_its_slot() -> None:
    bars = bars_of(1)
    frame = targets(1, bars) * 0 + 0.3
    with pytest.raises(InputError, match=r"1\.8.*slot 2015"):
        backtest.from_weights(frame, bars, mandate_of(bars))
    with pytest.raises(InputError, match="no multiple of the lot"):
        backtest.from_orders(frame, bars, mandate_of(bars))
