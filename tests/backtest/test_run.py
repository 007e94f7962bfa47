"""backtest.run: its window, its slots, its result, and what it says about bad input."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.core import (
    Account,
    AssetClass,
    Bars,
    DataError,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Market,
    ModelError,
    OrderStatus,
    Side,
    TargetWeights,
)
from aura_lib.exchange import Costs
from aura_lib.risk import Limits
from tests.backtest.scenarios import hold, market_of, random_targets

DAILY, MONTHLY = "XNYS daily close", "XNYS month-end close"
BARS = market_of(np.random.default_rng(5), sessions=130)  # 2015-01-02 to 2015-07-09
MANDATE = Mandate(BARS.symbols)


def run(decide: Any = None, bars: Bars = BARS, mandate: Mandate = MANDATE, **given: Any) -> backtest.Backtest:
    return backtest.run(decide or hold({"S00": 0.5}), bars, mandate, **{"schedule": MONTHLY, **given})


def days(result: backtest.Backtest) -> list[str]:
    return [f"{slot.slot:%Y-%m-%d}" for slot in result.replay.slots]


def test_it_decides_at_the_slots_and_fills_at_the_next_close() -> None:
    result = run(costs=Costs(Decimal(0), Decimal(0), Decimal(0)))
    assert days(result) == ["2015-01-30", "2015-02-27", "2015-03-31", "2015-04-30", "2015-05-29", "2015-06-30"]
    first = result.replay.fills[0]
    assert first.time == datetime(2015, 2, 2, 21, tzinfo=UTC)
    assert float(first.price) == pytest.approx(BARS.close.loc[first.time, "S00"], abs=1e-6)
    assert first.quantity == int(490_000 / BARS.close.loc["2015-01-30 21:00Z", "S00"])


def test_a_strategy_sees_the_account_after_the_fills_of_its_slots_own_bar() -> None:
    seen: list[tuple[Decimal, Decimal]] = []

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        seen.append((account.quantity("S00"), account.cash))
        return [Intent(market.bars.instruments["S00"], Side.BUY, Decimal(1))]

    result = run(decide, schedule=DAILY, end="2015-01-07")
    assert [held for held, _ in seen] == [0, 1, 2, 3, 3, 0]  # the last two: it is asked again
    assert [float(cash) for _, cash in seen[:4]] == pytest.approx(result.cash.tolist(), abs=0.005)


def test_a_window_starts_and_ends_at_sessions_even_when_its_dates_are_none() -> None:
    result = run(start="2015-01-31", end=date(2015, 4, 4))  # a Saturday, and the day after Good Friday
    assert (f"{result.bars.start:%Y-%m-%d}", f"{result.bars.end:%Y-%m-%d}") == ("2015-02-02", "2015-04-02")
    assert days(result) == ["2015-02-27", "2015-03-31"]
    assert result.equity.iloc[0] == 1_000_000
    moment = run(start=BARS.times[30], end=BARS.times[80])
    assert (moment.bars.start, moment.bars.end) == (BARS.times[30], BARS.times[80])


def test_bars_before_the_start_are_history_the_strategy_sees_and_none_after_its_slot() -> None:
    seen: list[tuple[int, datetime, datetime]] = []

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        seen.append((len(market.bars), market.bars.end, market.as_of))
        return TargetWeights({}, market.as_of)

    run(decide, start="2015-03-01")
    assert [length for length, _, _ in seen] == [61, 82, 102, 124, 124, 61]  # the last two: it is asked again
    assert all(end == as_of for _, end, as_of in seen)


def test_warm_up_leaves_out_the_slots_before_it() -> None:
    assert days(run(warmup=19)) == days(run())
    assert BARS.times[19] == pd.Timestamp("2015-01-30 21:00Z")
    assert days(run(warmup=20)) == days(run())[1:]
    assert len(run(warmup=20).equity) == 110
    assert days(run(warmup=20, start="2015-03-01")) == days(run(start="2015-03-01"))


def test_a_strategy_whose_history_is_too_short_is_told_how_to_start_later() -> None:
    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        if len(market.bars) < 50:
            raise DataError("needs 50 bars")
        return TargetWeights({}, market.as_of)

    with pytest.raises(DataError, match=r"needs 50 bars \(slot 2015-01-30T21.*20 bars of history\).*warmup="):
        run(decide)
    assert len(run(decide, warmup=50).replay.slots) == 4


@pytest.mark.parametrize("error", [InputError, DataError, ModelError])
def test_what_the_strategy_raises_later_names_its_slot_and_keeps_its_kind(error: type[Exception]) -> None:
    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        if len(market.bars) > 50:
            raise error("no solution")
        return TargetWeights({}, market.as_of)

    with pytest.raises(error, match=r"no solution \(slot 2015-03-31T") as caught:
        run(decide)
    assert "warmup" not in str(caught.value)


def test_an_error_that_is_not_ours_comes_through_as_it_is_with_a_note_of_its_slot() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(lambda market, account, mandate: 1 / 0)
    assert any("decide raised at the slot 2015-01-" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"start": "2014-12-30"}, "reach outside the data"),
        ({"end": "2016-01-01"}, "run from 2015-01-02 to 2015-07-09"),
        ({"start": "2015-05-01", "end": "2015-03-01"}, "the window is empty"),
        ({"start": "2015-02-30"}, "start='2015-02-30'"),
        ({"start": "yesterday"}, "start='yesterday'"),
        ({"start": datetime(2015, 3, 1)}, "no time zone"),  # noqa: DTZ001
        ({"start": "2015-02-03", "end": "2015-02-10"}, "has no slot between 2015-02-03 and 2015-02-10"),
        ({"warmup": 130}, "from 0 to 129"),
        ({"warmup": -1}, "from 0 to 129"),
        ({"warmup": "126"}, "warmup='126'"),
        ({"schedule": "monthly"}, "is no schedule"),
        ({"mandate": Mandate(("S00", "ZZZ"))}, r"universe names \['ZZZ'\]"),
        ({"params": {"lookback": 3}, "decide": random_targets(1)}, "lookback"),
    ],
)
def test_a_call_that_cannot_be_is_refused_with_the_reason(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        run(**given)


def test_a_session_the_data_miss_is_said() -> None:
    holed = Bars({"close": BARS.close.drop(pd.Timestamp("2015-03-31 20:00Z"))}, source="holed")
    with pytest.raises(DataError, match=r"1 slots of 'XNYS month-end close' have no bar \(2015-03-31"):
        run(bars=holed)


def test_an_index_is_never_traded() -> None:
    instruments = {"S01": Instrument("S01", AssetClass.INDEX)}
    bars = Bars({"close": BARS.close}, source="random", instruments=instruments)
    result = run(hold({"S00": 0.3, "S01": 0.3}), bars)
    assert {fill.symbol for fill in result.replay.fills} == {"S00"}
    assert set(result.decisions_table().query("not approved")["rule"]) == {"not_tradable"}
    assert result.stats["n_rejected"] == 6


def test_limits_and_costs_reach_the_loop() -> None:
    assert run(limits=Limits(max_order_weight=0.1)).stats["n_orders"] == 0
    dear = run(costs=Costs(Decimal(50), Decimal(0), Decimal(0)))
    assert dear.stats["fees"] == pytest.approx(sum(float(f.value) for f in dear.replay.fills) * 0.005, rel=1e-6)
    assert dear.stats["slippage"] == pytest.approx(0, abs=1)


def test_orders_with_no_bar_after_them_stay_open_and_are_counted() -> None:
    result = run(schedule=DAILY, end="2015-01-05", start="2015-01-05")
    assert result.stats["n_open"] == len(result.replay.open_orders) == 1
    assert result.replay.open_orders[0].status is OrderStatus.ACCEPTED
    assert "1 orders had no bar after them" in result.assumptions["end"]
    assert result.stats["n_fills"] == 0


def test_progress_is_told_after_every_slot() -> None:
    told: list[tuple[int, int]] = []
    run(progress=lambda done, total: told.append((done, total)))
    assert told == [(n, 6) for n in range(1, 7)]


def test_the_same_call_gives_the_same_result_to_the_last_digit() -> None:
    one, other = (run(random_targets(3), schedule=DAILY, warmup=90) for _ in range(2))
    assert one.replay == other.replay
    assert one.equity.equals(other.equity)


def test_a_strategy_cannot_change_the_prices_behind_the_market() -> None:
    before = BARS.close.copy()

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        market.close.iloc[-1] = 1.0
        return TargetWeights({}, market.as_of)

    run(decide)
    assert BARS.close.equals(before)


def test_trading_figures_are_the_sums_of_the_fills() -> None:
    result = run(hold({"S00": 0.3, "S01": 0.3}), costs=Costs(Decimal(5), Decimal(1), Decimal(20)))
    fills, stats = result.replay.fills, result.stats
    assert stats["n_fills"] == len(fills) == len(result.fills_table())
    assert stats["fees"] == pytest.approx(float(sum(f.fee for f in fills)))
    closes = [BARS.close.loc[f.time, f.symbol] for f in fills]
    slipped = sum(abs(float(f.price) - c) * float(f.quantity) for f, c in zip(fills, closes, strict=True))
    assert stats["slippage"] == pytest.approx(slipped)
    assert stats["costs"] == stats["fees"] + stats["slippage"]
    traded = sum(float(f.price * f.quantity) for f in fills)
    years = (len(result.bars) - 1) / 252
    assert stats["turnover"] == pytest.approx(traded / 2 / result.equity.mean() / years)
    assert stats["final_equity"] == result.equity.iloc[-1]
    assert stats["exposure"] == pytest.approx(1 - (result.cash / result.equity).mean())
    assert result.replay.account.fees == sum(f.fee for f in fills)


def test_weights_and_cash_add_up_to_one() -> None:
    result = run(random_targets(2), schedule="XNYS week-end close")
    assert (result.weights.sum(axis=1) + result.cash / result.equity).sub(1).abs().max() < 1e-12
    assert result.weights.index.equals(result.returns.index.insert(0, result.bars.times[0]))


def test_tables_are_there_for_people() -> None:
    result = run(hold({"S00": 0.3, "S01": 0.3}))
    orders, trades = result.orders_table(), result.trades
    assert list(orders["status"].unique()) == ["filled"]
    assert list(orders["wish"].iloc[:2]) == ["weight 0.0000 to 0.3000"] * 2
    assert trades["open"].sum() == 2
    assert trades["fees"].sum() == pytest.approx(result.stats["fees"])
    profit = result.equity.iloc[-1] - 1_000_000
    assert trades["profit"].sum() == pytest.approx(profit)
    assert "2015-01-02 to 2015-07-09" in repr(result)
    assert set(result.timing) == {"calendar", "decide", "loop"}


def test_assumptions_say_what_was_taken_for_granted() -> None:
    told = run(costs=Costs(Decimal(7), Decimal(2), Decimal(9))).assumptions
    assert "next bar's close" in told["fills"]
    assert all(part in told["costs"] for part in ("7 bps", "2 USD", "9 bps"))
    assert "earns nothing" in told["cash"]
    assert "survivors" in told["universe"]


def test_a_benchmark_is_measured_over_the_same_window() -> None:
    result = run(start="2015-03-02", end="2015-06-01")
    index = pd.Series(np.linspace(100, 200, 130), index=BARS.times)
    window = index.loc[result.bars.times]
    figures = result.benchmark(index)
    assert figures["total_return"] == pytest.approx(window.iloc[-1] / window.iloc[0] - 1)
    assert figures["years"] == result.stats["years"]
    holed = index.drop(result.bars.times[5])
    assert result.benchmark(holed)["total_return"] == figures["total_return"]
    with pytest.raises(InputError, match="the benchmark has prices for"):
        result.benchmark(index.iloc[60:])
    with pytest.raises(InputError, match="indexed by times with a zone"):
        result.benchmark(index.tz_localize(None))


# ── nothing later is in a decision ──────────────────────────────────────────────────────────────────────────────────


def past(result: backtest.Backtest, cut: datetime) -> tuple[Any, Any, Any]:
    slots = [slot for slot in result.replay.slots if slot.slot <= cut]
    fills = [fill for fill in result.replay.fills if fill.time <= cut]
    return slots, fills, result.equity[result.equity.index <= cut]


def reversal(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
    """Buys what fell: a strategy that reacts to every price."""
    change = market.close.iloc[-1] / market.close.iloc[-4] - 1
    return TargetWeights(dict.fromkeys(change.nsmallest(2).index, 0.4), market.as_of)


@pytest.mark.parametrize("cut", [20, 41, 77, 128])
def test_taking_away_or_changing_the_future_moves_nothing_before_it(cut: int, rng: np.random.Generator) -> None:
    moment = BARS.times[cut]
    whole = past(run(reversal, schedule=DAILY, warmup=5), moment)
    shorter = past(run(reversal, BARS.until(moment), schedule=DAILY, warmup=5), moment)
    other = BARS.close.copy()
    other.iloc[cut + 1 :] *= rng.uniform(0.5, 2.0, other.iloc[cut + 1 :].shape)
    changed = past(run(reversal, Bars({"close": other}, source="random"), schedule=DAILY, warmup=5), moment)
    assert whole[0] == shorter[0] == changed[0]
    assert whole[1] == shorter[1] == changed[1]
    assert len(whole[1]) > 10
    assert np.allclose(whole[2], shorter[2], rtol=1e-12, atol=0)
    assert np.allclose(whole[2], changed[2], rtol=1e-12, atol=0)


def test_a_fill_before_its_decision_would_be_seen() -> None:
    """The check above can fail: a strategy that peeks past its market is caught by it."""

    def peeking(bars: Bars) -> Any:
        def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
            ahead = bars.close.iloc[min(len(market.bars), len(bars) - 1)] / market.close.iloc[-1]
            return TargetWeights({ahead.idxmax(): 0.5}, market.as_of)

        return decide

    moment = BARS.times[60]
    whole = past(run(peeking(BARS), schedule=DAILY), moment)
    short = BARS.until(moment)
    assert whole[0] != past(run(peeking(short), short, schedule=DAILY), moment)[0]


# ── replay alone ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_replay_goes_on_from_an_account_that_holds_something() -> None:
    slots = list(BARS.times[[30, 60, 90]])
    whole = backtest.replay(reversal, BARS, MANDATE, slots=slots)
    first = backtest.replay(reversal, BARS.until(slots[1] - timedelta(seconds=1)), MANDATE, slots=slots[:1])
    rest = backtest.replay(reversal, BARS, MANDATE, slots=slots[1:], account=first.account)
    assert (first.slots + rest.slots, first.fills + rest.fills) == (whole.slots, whole.fills)
    assert rest.account == whole.account


def test_slots_must_ascend() -> None:
    with pytest.raises(InputError, match="ascending and unique"):
        backtest.replay(reversal, BARS, MANDATE, slots=[BARS.times[30], BARS.times[30]])
    with pytest.raises(DataError, match="no bar"):
        backtest.replay(reversal, BARS, MANDATE, slots=[BARS.times[0] - timedelta(days=1)])


def test_client_ids_tell_slot_and_leg_and_explicit_orders_keep_their_wish() -> None:
    slot = BARS.times[30]

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        return [Intent(market.bars.instruments[s], Side.BUY, Decimal(5), reason="ticket") for s in ("S01", "S00")]

    done = backtest.replay(decide, BARS, MANDATE, slots=[slot], name="mine")
    stamp = slot.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [o.client_id for o in done.orders] == [f"{stamp}/0", f"{stamp}/1"]
    assert [f.execution_id for f in done.fills] == [f"{stamp}/0#1", f"{stamp}/1#1"]
    assert {(o.book, o.basket, o.intent.reason) for o in done.orders} == {("mine", f"mine@{stamp}", "ticket")}
    assert done.account.holdings == {"S01": Decimal(5), "S00": Decimal(5)}
