"""The loop's promises: a market without a future, indicators that go on, interrupts, bankruptcy, honest strategies."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest, indicators
from aura_lib.backtest import watch
from aura_lib.core import Account, Bars, DataError, InputError, Instrument, Intent, Mandate, Market, Side, TargetWeights
from aura_lib.core import progress as core_progress
from aura_lib.exchange import Costs
from aura_lib.indicators import rolling
from aura_lib.risk import Limits
from tests.backtest.families import candles
from tests.backtest.scenarios import hold, market_of, random_targets

DAILY = "XNYS daily close"
BARS = market_of(np.random.default_rng(8), sessions=60, symbols=3)
MANDATE = Mandate(BARS.symbols)
WIDE = Limits(max_position_weight=1e6, max_order_weight=1e6, max_gross=1e6)


def run(decide: Any, bars: Bars = BARS, mandate: Mandate = MANDATE, **given: Any) -> backtest.Backtest:
    return backtest.run(decide, bars, mandate, **{"schedule": DAILY, "limits": WIDE, **given})


# ── the market ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_market_ends_at_its_moment_however_it_is_looked_at() -> None:
    moment = BARS.times[20] + timedelta(hours=3)
    market, shorter = Market.at(BARS, moment), BARS.until(moment)
    assert (len(market), market.as_of) == (21, moment)
    pd.testing.assert_frame_equal(market.close, shorter.close)
    pd.testing.assert_frame_equal(market.bars.close, shorter.close)
    pd.testing.assert_series_equal(market.prices, shorter.close.iloc[-1])
    assert (market.values() == shorter.close.to_numpy()).all()
    assert market.price("S01") == shorter.close["S01"].iloc[-1]
    assert market.select(["S02"]).symbols == ("S02",) and len(market.select(["S02"]).close) == 21
    with pytest.raises(DataError, match="no bar of random had closed"):
        Market.at(BARS, BARS.times[0] - timedelta(days=1))
    with pytest.raises(AttributeError):
        market.as_of = BARS.end  # type: ignore[misc]


def test_writing_to_what_a_market_hands_out_reaches_nothing() -> None:
    before = BARS.close.copy()
    market = Market.at(BARS, BARS.times[20])
    for frame in (market.close, market.bars.close, market.prices):
        frame.iloc[-1] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        market.values()[-1] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        market.close.to_numpy()[-1] = 1.0
    assert market.price("S00") == before["S00"].iloc[20]
    assert BARS.close.equals(before)


def test_features_are_cut_at_the_slot() -> None:
    frame = pd.DataFrame({"x": np.arange(60.0)}, BARS.times)
    seen: list[tuple[int, int, float]] = []

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        mood = market.features["mood"]
        seen.append((len(market), len(mood), mood["x"].iloc[-1]))
        mood.iloc[-1] = -1.0
        return []

    backtest.replay(decide, BARS, MANDATE, slots=BARS.times[5:9], features={"mood": frame})
    assert seen == [(n, n, n - 1.0) for n in (6, 7, 8, 9)]
    assert frame["x"].iloc[8] == 8.0
    with pytest.raises(InputError, match="cut at the moment of decision"):
        run(decide, features={"mood": 3.0})


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (rolling.Sma, (7,)), (rolling.Ema, (5,)), (rolling.Rsi, (6,)), (rolling.Bollinger, (8, 2.0, "upper")),
        (rolling.Momentum, (10, 2)), (rolling.RealisedVolatility, (9,)), (rolling.Atr, (5,)), (rolling.Macd, ()),
    ],
)  # fmt: skip
def test_an_indicator_that_goes_on_gives_what_the_whole_history_gives(kind: Any, args: tuple[Any, ...]) -> None:
    bars = candles(np.random.default_rng(4), 50)
    going_on: dict[Any, float] = {}
    older: list[Market] = []

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        going_on[market.as_of] = market.rolling(kind, *args, symbol="S1")
        older.append(market)
        return []

    backtest.replay(decide, bars, Mandate(bars.symbols), slots=bars.times[::3])
    alone = {t: Market.at(bars, t).rolling(kind, *args, symbol="S1") for t in going_on}
    assert np.array_equal(list(going_on.values()), list(alone.values()), equal_nan=True)
    assert np.isfinite(list(alone.values())).sum() > 5 or kind is rolling.Macd
    again = older[4].rolling(kind, *args, symbol="S1")  # an older market is asked after the last one
    assert np.array_equal([again], [list(alone.values())[4]], equal_nan=True)
    if kind is rolling.Sma:
        plain = indicators.sma(bars.close, 7)["S1"].reindex(list(going_on))
        assert np.allclose(plain, list(going_on.values()), equal_nan=True)


def test_an_indicator_of_several_symbols_asks_which() -> None:
    market = Market.at(BARS, BARS.end)
    with pytest.raises(InputError, match="symbol="):
        market.rolling(rolling.Sma, 3)
    with pytest.raises(InputError, match="no bars for 'XX'"):
        market.rolling(rolling.Sma, 3, symbol="XX")
    assert market.select(["S00"]).rolling(rolling.Sma, 3) == market.rolling(rolling.Sma, 3, symbol="S00")


# ── stopped, bankrupt, late ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_interrupt_keeps_what_is_done_and_says_so() -> None:
    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        if len(market) == 30:
            signal.raise_signal(signal.SIGINT)
        return random_targets(4)(market, account, mandate)

    stopped, whole = run(decide), run(random_targets(4))
    moment = BARS.times[29].to_pydatetime()
    assert stopped.source.stopped == moment and len(stopped.replay.slots) == 30
    assert stopped.bars.end == moment and "STOPPED at 2015-02-13" in repr(stopped)
    assert stopped.equity.equals(whole.equity.iloc[:30])
    assert stopped.replay.fills == tuple(f for f in whole.replay.fills if f.time <= moment)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_and_one_in_a_job_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return []

    with pytest.raises(KeyboardInterrupt):
        run(twice)
    monkeypatch.setenv("AURA_RUN_CONTEXT", "{}")
    with pytest.raises(KeyboardInterrupt), watch.Stop():
        os.kill(os.getpid(), signal.SIGINT)


def test_a_long_run_is_shown_to_a_person_and_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(core_progress, "DELAY", 0.0)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    run(hold({"S00": 0.3}))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run(hold({"S00": 0.3}))
    assert "backtest" in capsys.readouterr().err
    monkeypatch.setenv("TQDM_DISABLE", "1")
    run(hold({"S00": 0.3}))
    assert capsys.readouterr().err == ""


def test_a_bankrupt_account_ends_there_and_says_so() -> None:
    close = pd.DataFrame({"A": [100.0] * 6 + [170, 175, 260, 300, 310, 320]}, BARS.times[:12])
    bars = Bars({"close": close}, source="squeeze")
    mandate = Mandate(bars.symbols, max_weight=2.0, short=True, max_gross=2.0, cash_buffer=0.0)

    def decide(market: Market, account: Account, mandate: Mandate) -> Any:
        short = TargetWeights({"A": -1.9}, market.as_of, long_only=False, max_gross=2.0)
        return short if len(market) == 3 else []

    free, roomy = (
        Costs(Decimal(0), Decimal(0), Decimal(0)),
        Limits(max_position_weight=2, max_order_weight=2, max_gross=2, short=True),
    )
    result = run(decide, bars, mandate, costs=free, limits=roomy)
    assert result.source.bankrupt is not None and "BANKRUPT" in repr(result)
    assert result.bars.end == result.source.bankrupt < bars.end
    assert not result.replay.account.holdings
    assert result.equity.iloc[-1] < 0.2 * 1_000_000
    assert np.isfinite(result.stats["total_return"])
    assert "BANKRUPT" in result.assumptions["caution"]


def test_a_delay_lets_orders_come_later() -> None:
    def once(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        return [Intent(market.instruments["S00"], Side.BUY, Decimal(10))] if len(market) == 5 else []

    for delay in (0, 1, 3):
        (fill,) = run(once, delay=delay).replay.fills
        assert fill.time == BARS.times[5 + delay]
    assert len(run(once, delay=100).replay.open_orders) == 1
    with pytest.raises(InputError, match="delay=-1"):
        run(once, delay=-1)


# ── strategies that are no functions ────────────────────────────────────────────────────────────────────────────────


def test_a_strategy_that_is_not_deterministic_is_found_and_told() -> None:
    rng = np.random.default_rng(1)

    def moody(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return TargetWeights({"S00": float(rng.random()) / 2}, market.as_of)

    with pytest.warns(UserWarning, match="not deterministic: at 2015"):
        result = run(moody)
    assert result.repeats and "NOT DETERMINISTIC" in repr(result)
    assert not backtest.deterministic(moody, BARS, MANDATE, slots=BARS.times[:9])
    assert backtest.deterministic(random_targets(2), BARS, MANDATE, slots=BARS.times[:9])
    assert run(random_targets(2)).repeats == ()


def test_a_strategy_that_changes_its_parameters_is_refused() -> None:
    def greedy(market: Market, account: Account, mandate: Mandate, *, memory: list[int]) -> list[Intent]:
        memory.append(len(market))
        return []

    with pytest.raises(InputError, match="changed its parameter memory"):
        run(greedy, params={"memory": []})


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda m: TargetWeights({"S00": float("nan")}, m.as_of), "finite numbers"),
        (lambda m: TargetWeights({"XYZ": 0.1}, m.as_of), "XYZ"),
        (lambda m: TargetWeights({"S00": 0.9}, m.as_of), "max_weight of 0.5"),
        (lambda m: 3, "must return TargetWeights"),
        (lambda m: None, "must return TargetWeights"),
        (lambda m: TargetWeights({}, m.as_of - timedelta(days=1)), "answered as of"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_with_its_slot(answer: Any, told: str) -> None:
    with pytest.raises(InputError, match=rf"{told}.*slot 2015-01-02"):
        run(lambda market, account, mandate: answer(market), mandate=Mandate(BARS.symbols, max_weight=0.5))


# ── books ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_profit_adds_up_by_source_and_by_period_and_costs_by_kind() -> None:
    result = run(random_targets(3), costs=Costs(Decimal(10), Decimal(1), Decimal(20)))
    change = result.equity.iloc[-1] - 1_000_000
    assert result.attribution().sum() == pytest.approx(change, abs=0.005)
    for by in ("day", "week", "month", "year"):
        table = result.attribution(by)
        assert table.to_numpy().sum() == pytest.approx(change, abs=0.005)
    assert result.attribution("day").sum(axis=1).to_numpy()[1:] == pytest.approx(result.equity.diff()[1:], abs=0.005)
    fills = result.replay.fills
    assert result.costs["commission"] == pytest.approx(float(sum(f.fee for f in fills)))
    slipped = sum(abs(float(f.price) - BARS.close.loc[f.time, f.symbol]) * float(f.quantity) for f in fills)
    assert result.costs["slippage"] == pytest.approx(slipped, rel=1e-6)
    assert result.turnover.sum() == pytest.approx(sum(float(f.value) / 2 / result.equity[f.time] for f in fills))
    assert (result.exposures["gross"] == result.exposures["long"] - result.exposures["short"]).all()
    assert np.allclose(result.exposures["net"], result.weights.sum(axis=1))
    with pytest.raises(InputError, match="a period out of day"):
        result.attribution("fortnight")


def test_a_split_inside_a_position_changes_units_and_not_worth() -> None:
    path = [100.0, 102, 104, 53, 54, 55]  # two for one before the fourth bar
    bars = Bars({"close": pd.DataFrame({"A": path}, BARS.times[:6])}, source="raw", adjustment="")
    actions = pd.DataFrame({"time": [BARS.times[3]], "symbol": ["A"], "dividend": [np.nan], "split": [2.0]})
    mandate = Mandate(("A",), Decimal(10_000))
    result = run(lambda m, a, _: [Intent(Instrument("A"), Side.BUY, Decimal(11))] if len(m) == 1 else [], bars, mandate,
                 actions=actions, costs=Costs(Decimal(0), Decimal(0), Decimal(0)))  # fmt: skip
    assert result.positions["A"].tolist() == [0, 11, 11, 22, 22, 22]
    assert result.equity.tolist() == [10_000, 10_000, 10_022, 10_044, 10_066, 10_088]
    assert result.bookings_table()["kind"].tolist() == ["split"]
    with pytest.raises(InputError, match="adjusted for splits and dividends: splits are in their prices already"):
        run(hold({}), Bars({"close": bars.close}, source="raw"), mandate, actions=actions)


def test_a_backtest_is_kept_and_read_back_whole(tmp_path: Path) -> None:
    result = run(random_targets(3), params=None, costs=Costs(Decimal(10), Decimal(1), Decimal(20)))
    back = backtest.load(result.save(tmp_path / "kept"))
    assert back.replay == result.replay
    assert back.equity.equals(result.equity) and back.stats == result.stats
    assert repr(back) == repr(result)
    equity = pd.read_parquet(tmp_path / "kept" / "equity.parquet")
    assert equity["equity"].tolist() == result.equity.tolist()
    (tmp_path / "kept" / "fills.parquet").unlink()
    with pytest.raises(DataError, match="not a whole backtest"):
        backtest.load(tmp_path / "kept")
    with pytest.raises(InputError, match="holds no backtest"):
        backtest.load(tmp_path)


@pytest.mark.slow
def test_a_compiled_rule_trades_like_a_strategy_that_wants_the_same() -> None:
    bars = market_of(np.random.default_rng(9), sessions=150, symbols=2)
    mandate = Mandate(bars.symbols, Decimal(100_000))
    params = {"fast": 3, "slow": 9}
    ruled = backtest.run(backtest.rules.sma_crossover, bars, mandate, params=params, schedule=DAILY, limits=WIDE)
    wanted = backtest.rules.sma_crossover.positions(bars, **params)
    before: dict[str, float] = dict.fromkeys(bars.symbols, 0.0)

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights | list[Intent]:
        now = dict(zip(bars.symbols, wanted[len(market) - 1], strict=True))
        last = dict(zip(bars.symbols, wanted[len(market) - 2], strict=True)) if len(market) > 1 else before
        changed = {s: w / 2 for s, w in now.items() if w != last[s]}
        return TargetWeights(changed, market.as_of, keep_others=True) if changed else []

    played = backtest.replay(decide, bars, mandate, slots=bars.times, limits=WIDE)
    assert ruled.replay.fills == played.fills and len(played.fills) > 20
    assert np.abs(ruled.equity - backtest.Backtest(played, bars, mandate, "").equity).max() < 0.005
    assert ruled.params == params
