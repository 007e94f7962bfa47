"""What the market would have made of withheld orders, against a plain telling of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import (
    Account,
    Bars,
    Basket,
    Calendar,
    Decision,
    Fill,
    Instrument,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Side,
    TimeInForce,
)
from aura_lib.exchange import Costs, FillModel
from aura_lib.execution.shadow import Comparison, Judged, Traded, compare
from tests.oracle.plain_shadow import shadow as plain

SYMBOLS = ("AAA", "BBB", "CCC")
COSTS = Costs(commission_bps=Decimal(2), slippage_bps=Decimal(7))
VENUE = {"share": None, "commission_bps": 2, "slippage_bps": 7}
CLOSES = Calendar.of("XNYS").closes
FIRST = int(CLOSES.searchsorted(pd.Timestamp("2021-01-04", tz="UTC")))


def sessions(count: int) -> pd.DatetimeIndex:
    return CLOSES[FIRST : FIRST + count]


def made_up(rng: np.random.Generator, days: int) -> dict[str, list[Any]]:
    """Random bars with cent prices, a tenth of them missing."""
    market: dict[str, list[Any]] = {}
    for symbol, start in zip(SYMBOLS, (100.0, 50.0, 20.0), strict=True):
        path = start * np.exp(rng.normal(0, 0.02, days * 4).cumsum())
        rows = path.reshape(days, 4)
        market[symbol] = [
            None
            if day and rng.random() < 0.1
            else (*(f"{x:.2f}" for x in (row[0], row.max(), row.min(), row[3])), None)
            for day, row in enumerate(rows)
        ]
    return market


def as_bars(market: Mapping[str, Sequence[Any]], days: int) -> Bars:
    times = sessions(days)
    fields = {
        name: pd.DataFrame(
            {s: [np.nan if bar is None else float(bar[n]) for bar in market[s]] for s in market}, index=times
        )
        for n, name in enumerate(("open", "high", "low", "close"))
    }
    return Bars(fields, source="made up")


def wish(rng: np.random.Generator, number: int, market: Mapping[str, Sequence[Any]], day: int) -> dict[str, Any]:
    """An order as the oracle is told of it."""
    symbol = str(rng.choice(SYMBOLS))
    last = next(float(bar[3]) for bar in reversed(market[symbol][: day + 1]) if bar is not None)
    side = str(rng.choice(["buy", "sell"]))
    kind = str(rng.choice(["market", "market", "limit", "stop", "bracket"])) if side == "buy" else "market"
    force = "day" if kind == "market" else str(rng.choice(["day", "gtc"]))
    told: dict[str, Any] = {"id": f"o{number}", "symbol": symbol, "side": side, "type": kind, "force": force}
    told["quantity"] = int(rng.integers(1, 60))

    def near(low: float, high: float) -> str:
        return f"{last * rng.uniform(low, high):.2f}"

    if kind == "limit":
        told["limit"] = near(0.95, 1.01)
    elif kind == "stop":
        told["stop"] = near(1.0, 1.05)
    elif kind == "bracket":
        told |= {"take": near(1.02, 1.08), "loss": near(0.92, 0.98)}
    return told


def intent(told: Mapping[str, Any]) -> Intent:
    names = {"limit": "limit_price", "stop": "stop_price", "take": "take_profit", "loss": "stop_loss"}
    prices: dict[str, Any] = {names[name]: Decimal(told[name]) for name in names if name in told}
    return Intent(
        Instrument(told["symbol"], venue="XNYS"), Side(told["side"]), Decimal(told["quantity"]),
        OrderType(told["type"]), time_in_force=TimeInForce(told["force"]), **prices,
    )  # fmt: skip


def judged(times: pd.DatetimeIndex, decision: Mapping[str, Any]) -> Judged:
    at = times[decision["day"]].to_pydatetime()
    intents = tuple(intent(o) for o in decision["orders"])
    origin = f"ticket:{decision['job']}" if decision["ticket"] else decision["job"]
    basket = Basket(origin, at, "ghost", "m", at, intents)
    orders = tuple(
        Order(o["id"], "ghost", "m", basket.id, leg, 1, i, at, OrderStatus.WITHHELD)
        for leg, (o, i) in enumerate(zip(decision["orders"], intents, strict=True))
    )
    held = {s: Position(Instrument(s, venue="XNYS"), Decimal(q), Decimal(1)) for s, q in decision["held"].items()}
    account = Account("paper", Decimal(decision["cash"]), positions=MappingProxyType(held))
    verdicts = tuple(Decision(leg, i.symbol, True, "limits") for leg, i in enumerate(intents))
    return Judged(basket, verdicts, orders, account)


def trade(times: pd.DatetimeIndex, number: int, told: tuple[Any, ...]) -> Traded:
    decided, filled, symbol, signed, price, fee = told
    side = Side.BUY if signed > 0 else Side.SELL
    when = times[filled].to_pydatetime()
    fill = Fill(
        f"e{number}", f"c{number}", "paper", "m", Instrument(symbol), side, Decimal(abs(signed)), Decimal(price),
        Decimal(fee), when,
    )  # fmt: skip
    return Traded(times[decided].to_pydatetime(), fill)


def close_to(number: Decimal | None, plainly: Fraction | None) -> bool:
    if number is None or plainly is None:
        return number is None and plainly is None
    return abs(Fraction(number) - plainly) < Fraction(1, 10**9)


def a_world(rng: np.random.Generator) -> tuple[Any, ...]:
    days, number = 24, 0
    market = made_up(rng, days)
    decisions: list[dict[str, Any]] = []
    for day in sorted(rng.choice(np.arange(1, days - 1), 6, replace=False).tolist()):
        orders = []
        for _ in range(int(rng.integers(1, 5))):
            orders.append(wish(rng, number, market, day))
            number += 1
        held = {s: int(rng.integers(0, 80)) for s in SYMBOLS}
        job = str(rng.choice(["one", "two", "ada"], p=[0.4, 0.4, 0.2]))  # ada is a person
        decisions.append(
            {"day": day, "job": job, "ticket": job == "ada",
             "cash": int(rng.integers(500, 9000)), "held": held, "orders": orders}
        )  # fmt: skip
    trades = []
    for _ in range(8):
        decided = int(rng.integers(0, days - 1))
        filled, symbol = min(days - 1, decided + int(rng.integers(0, 4))), str(rng.choice(SYMBOLS))
        signed = int(rng.choice([-1, 1])) * int(rng.integers(1, 40))
        trades.append((decided, filled, symbol, signed, f"{rng.uniform(10, 90):.2f}", f"{rng.uniform(0, 2):.4f}"))
    return market, days, decisions, trades


def ours(world: tuple[Any, ...], at: str, today: int) -> Comparison:
    market, days, decisions, trades = world
    times = sessions(days)
    fills = FillModel(at)  # type: ignore[arg-type]
    return compare(
        [judged(times, d) for d in decisions], as_bars(market, days), as_of=times[today].to_pydatetime(),
        traded=[trade(times, n, t) for n, t in enumerate(trades)], costs=COSTS, fills=fills,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("at", ["open", "close"])
def test_every_order_and_every_profit_is_as_a_plain_telling_has_it(seed: int, at: str) -> None:
    rng = np.random.default_rng(seed)
    world = a_world(rng)
    today = int(rng.integers(12, 24))
    found = ours(world, at, today)
    expected = plain(world[0], world[2], world[3], today, at=at, **VENUE)
    assert len(found.decisions) == len(expected)
    times = sessions(24)
    for one, told in zip(found.decisions, expected, strict=True):
        assert one.until == times[told["until"]].to_pydatetime()
        assert close_to(one.profit, told["profit"]), one.notes
        assert close_to(one.live, told["live"])
        for result in one.orders:
            fate = told["orders"][result.order.client_id]
            assert (result.status.value, Fraction(result.filled)) == (fate["status"], fate["filled"])
            assert close_to(result.decision_price, fate["decided"])
            assert close_to(result.price, fate["price"])
            assert close_to(result.slippage_bps, fate["slippage"])
            assert close_to(result.missed_bps, fate["missed"])
            for name in ("next close", "5 sessions"):
                assert close_to(result.markouts_bps.get(name), fate[name]), name


@pytest.mark.parametrize("seed", range(5))
def test_nothing_that_comes_after_the_moment_changes_what_is_told_of_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    market, days, decisions, trades = a_world(rng)
    other = {s: bars[:15] + made_up(rng, days)[s][15:] for s, bars in market.items()}
    assert other != market
    assert ours((market, days, decisions, trades), "open", 14) == ours((other, days, decisions, trades), "open", 14)


# ---- the cases that go wrong ---------------------------------------------------------------------------------------
def flat(days: int = 12, **changed: Mapping[int, float]) -> Bars:
    """Three names at 100, with some closes changed."""
    frame = pd.DataFrame(100.0, index=sessions(days), columns=list(SYMBOLS))
    for symbol, values in changed.items():
        for day, price in values.items():
            frame.loc[frame.index[day], symbol] = price
    return Bars({"close": frame}, source="made up")


def bought(symbol: str = "AAA", day: int = 2, **more: Any) -> Judged:
    order = {"id": f"{symbol}{day}", "symbol": symbol, "side": "buy", "type": "market", "force": "day", "quantity": 10}
    decision = {"day": day, "job": "job", "ticket": False, "cash": 10_000, "held": {}, "orders": [order | more]}
    return judged(sessions(12), decision)


def moment(day: int) -> datetime:
    when: datetime = sessions(12)[day].to_pydatetime()
    return when


FREE = Costs(commission_bps=Decimal(0), slippage_bps=Decimal(0))


def test_a_decision_counts_until_the_same_job_decides_again_and_the_sum_counts_nothing_twice() -> None:
    """A job that says each time what it still lacks is not paid for it twice."""
    rising = flat(AAA={n: 100.0 + n for n in range(12)})
    found = compare([bought(day=2), bought(day=5)], rising, as_of=moment(11), costs=FREE)
    assert [one.profit for one in found.decisions] == [10 * (105 - 103), 10 * (111 - 106)]
    assert [one.until for one in found.decisions] == [moment(5), moment(11)]
    assert found.profit == 70


def test_a_name_that_vanished_is_said_to_have_and_does_not_stop_the_others() -> None:
    gone = flat()
    left = replace(gone, fields={"close": gone.close[["BBB", "CCC"]]}, instruments={})
    found = compare([bought("AAA"), bought("BBB", 3)], left, as_of=moment(11), costs=FREE)
    first, second = found.orders
    assert first.note == "there are no prices of AAA any more" and not first.fills
    assert (first.decision_price, first.slippage_bps, first.missed_bps) == (None, None, None)
    assert second.status is OrderStatus.FILLED


def test_a_name_that_stopped_trading_is_valued_at_its_last_price_and_says_so() -> None:
    halted = flat(AAA=dict.fromkeys(range(5, 12), np.nan))
    found = compare([bought(day=2)], halted, as_of=moment(11), costs=FREE)
    (one,) = found.decisions
    assert one.profit == 0 and one.notes == ("AAA is valued at its last price, of 2021-01-08",)
    assert one.orders[0].markouts_bps["5 sessions"] == 0, "the last price there was by then"


def test_a_trade_of_the_account_without_a_price_leaves_the_comparison_open_and_says_why() -> None:
    told = trade(sessions(12), 1, (2, 3, "ZZZ", 5, "9", "0"))
    found = compare([bought()], flat(), as_of=moment(11), traded=[told], costs=FREE)
    (one,) = found.decisions
    assert (one.profit, one.live, one.ahead) == (Decimal(0), None, None)
    assert one.notes == ("ZZZ has no price by 2021-01-20: its trades cannot be valued",)
    assert found.compared() == (0, 0)


def test_prices_that_were_revised_since_the_decision_are_pointed_out() -> None:
    seen = replace(bought(), prices={"AAA": Decimal(200)})
    (order,) = compare([seen], flat(), as_of=moment(11), costs=FREE).orders
    assert order.note == "its price at the decision was 200, and was revised to 100.0 since"
    assert order.decision_price == 100, "on the scale of the fill"


def test_what_was_refused_is_counted_by_rule_and_a_decision_that_saw_nothing_has_no_account_beside_it() -> None:
    blind = bought()
    refused = tuple(replace(d, approved=False, rule="account") for d in blind.decisions)
    found = compare([replace(blind, decisions=refused, orders=(), before=None)], flat(), as_of=moment(11))
    assert found.refusals == {"account": 1} and found.orders == ()
    assert (found.decisions[0].profit, found.decisions[0].live) == (0, None)


def test_what_the_venue_would_have_refused_is_rejected_with_its_reason() -> None:
    seen = bought()
    (order,) = seen.orders
    foreign = replace(order.intent.instrument, currency="EUR")
    told = replace(seen, orders=(replace(order, intent=replace(order.intent, instrument=foreign)),))
    (result,) = compare([told], flat(), as_of=moment(11)).orders
    assert result.status is OrderStatus.REJECTED and "trades in EUR" in result.reason


def test_an_hour_later_is_told_where_the_bars_know_it() -> None:
    open_, close = Calendar.of("XNYS").opens[FIRST], sessions(1)[0]
    times = pd.date_range(open_ + timedelta(minutes=15), close, freq="15min")
    prices = pd.DataFrame({"AAA": 100.0 + np.arange(len(times))}, index=times)
    bars = Bars({"close": prices}, source="made up", frequency="15m")
    at = times[3].to_pydatetime()
    seen = bought()
    basket = replace(seen.basket, slot=at, as_of=at)
    orders = tuple(replace(o, time=at, basket=basket.id) for o in seen.orders)
    found = compare([replace(seen, basket=basket, orders=orders)], bars, as_of=times[-1].to_pydatetime(), costs=FREE)
    (order,) = found.orders
    assert order.fills[0].time == times[4].to_pydatetime() and order.price == 104
    assert order.slippage_bps == -Decimal(100) * 100 / 103, "decided at 103"
    assert order.markouts_bps["1 h"] == Decimal(4) / 104 * 10_000, "four bars of a quarter of an hour"
    assert order.markouts_bps["next close"] == 0 + (100 + Decimal(len(times) - 1) - 104) / 104 * 10_000
    assert order.markouts_bps["5 sessions"] is None, "not there yet"
    assert found.decisions[0].profit == 10 * (100 + len(times) - 1 - 104)


def test_what_an_account_traded_of_the_same_name_stands_beside_the_order() -> None:
    times = sessions(12)
    trades = [trade(times, 1, (2, 3, "AAA", 4, "101", "0")), trade(times, 2, (3, 4, "AAA", 4, "103", "0")),
              trade(times, 3, (1, 3, "AAA", 9, "1", "0"))]  # fmt: skip
    (order,) = compare([bought()], flat(), as_of=moment(11), traded=trades, costs=FREE).orders
    assert (order.live_quantity, order.live_price) == (8, 102), "decisions before it are not beside it"
