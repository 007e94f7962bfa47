"""Parity: equal runs do not differ, and every difference that is planted is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aura_lib.backtest import Difference, Replay, SlotRecord, parity, replay
from aura_lib.core import Account, Bars, Decision, Fill, InputError, Mandate, Market, Schedule, Side, TargetWeights
from aura_lib.exchange import Costs
from aura_lib.risk import Limits
from tests.backtest.scenarios import market_of

BARS = market_of(np.random.default_rng(17), sessions=280, symbols=6)
MANDATE = Mandate(BARS.symbols)
SLOTS = list(Schedule.parse("XNYS month-end close").slots(BARS.times[30], BARS.times[270]))


def winners(market: Market, account: Account, mandate: Mandate, *, lookback: int = 20, top: int = 3) -> TargetWeights:
    """The strategy on record: the last winners, equally weighted."""
    change = market.close.iloc[-1] / market.close.iloc[-1 - lookback] - 1
    return TargetWeights(dict.fromkeys(change.nlargest(top).index, 0.9 / top), market.as_of)


def losers(market: Market, account: Account, mandate: Mandate, *, lookback: int = 20, top: int = 3) -> TargetWeights:
    """The same with one word changed."""
    change = market.close.iloc[-1] / market.close.iloc[-1 - lookback] - 1
    return TargetWeights(dict.fromkeys(change.nsmallest(top).index, 0.9 / top), market.as_of)


def play(decide: Callable[..., Any] = winners, bars: Bars = BARS, **given: Any) -> Replay:
    return replay(decide, bars, MANDATE, slots=SLOTS, **given)


def records(of: Replay) -> list[SlotRecord]:
    return [SlotRecord(s.slot, s.intents, s.decisions) for s in of.slots]


def named(fills: tuple[Fill, ...]) -> list[Fill]:
    """The same fills under a broker's own ids: ids are not compared."""
    return [replace(f, execution_id=f"x{n}", client_id=f"y{n}", account="paper") for n, f in enumerate(fills)]


PAPER = play()


def test_equal_runs_do_not_differ_and_say_how_much_was_compared() -> None:
    result = parity(records(PAPER), play(), named(PAPER.fills))
    assert result.differences == ()
    assert result.holds
    legs = sum(len(slot.intents) for slot in PAPER.slots)
    assert result.compared == {"slot": 12, "intent": legs, "decision": legs, "fill": len(PAPER.fills)}
    assert legs > 30
    assert str(result) == f"12 slots, {legs} intents, {legs} decisions, {len(PAPER.fills)} fills compared: 0 differ"


def test_empty_slots_on_both_sides_are_compared_and_nothing_at_all_is_no_parity() -> None:
    empty = [replace(slot, intents=(), decisions=()) for slot in PAPER.slots[:2]]
    quiet = replace(PAPER, slots=tuple(empty), fills=())
    result = parity(records(quiet), quiet, [])
    assert (result.compared["slot"], result.holds) == (2, True)
    assert not parity([], replace(PAPER, slots=(), fills=()), []).holds


@pytest.mark.parametrize(
    ("planted", "kinds"),
    [
        ({"costs": Costs(commission_bps=Decimal("1.5"))}, {"fill"}),
        ({"costs": Costs(slippage_bps=Decimal(6))}, {"fill", "intent"}),
        ({"params": {"lookback": 19}}, {"intent", "decision", "fill"}),
        ({"params": {"top": 2}}, {"intent", "decision", "fill"}),
        ({"decide": losers}, {"intent", "decision", "fill"}),
        ({"limits": Limits(max_order_weight=0.2)}, {"decision", "fill"}),
    ],
)
def test_a_planted_fee_slippage_parameter_code_or_limit_is_found(planted: dict[str, Any], kinds: set[str]) -> None:
    result = parity(records(PAPER), play(**planted), named(PAPER.fills))
    assert not result.holds
    assert kinds <= {difference.kind for difference in result.differences}


def test_a_fee_is_told_apart_from_a_price() -> None:
    dearer = play(costs=Costs(commission_bps=Decimal("1.5")))
    first = parity(records(PAPER), dearer, named(PAPER.fills)).differences[0]
    fill, other = PAPER.fills[0], dearer.fills[0]
    assert first == Difference(SLOTS[0], "fill", f"{fill.symbol} fee", str(fill.fee), str(other.fee))
    assert "recorded" in str(first)


def test_a_planted_price_of_one_symbol_is_found_in_that_symbols_fill_and_in_what_follows() -> None:
    fill = PAPER.fills[4]
    close = BARS.close.copy()
    close.loc[fill.time, fill.symbol] *= 1.0001
    result = parity(records(PAPER), play(bars=Bars({"close": close}, source="planted")), named(PAPER.fills))
    first = result.differences[0]
    assert (f"{fill.symbol} price", str(fill.price)) in [(d.what, d.recorded) for d in result.differences]
    assert first.slot >= max(slot for slot in SLOTS if slot < fill.time)


def _changed(fills: list[Fill], n: int, **changes: Any) -> list[Fill]:
    return [replace(f, **changes) if k == n else f for k, f in enumerate(fills)]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("price", lambda f: f.price + Decimal("0.000001")),
        ("fee", lambda f: f.fee + Decimal("0.0001")),
        ("quantity", lambda f: f.quantity + 1),
        ("side", lambda f: Side.SELL if f.side is Side.BUY else Side.BUY),
        ("time", lambda f: f.time + timedelta(seconds=1)),
    ],
)
@pytest.mark.parametrize("n", [0, 7, -1])
def test_the_smallest_change_of_one_recorded_fill_is_the_one_difference(
    n: int, field: str, change: Callable[[Fill], Any]
) -> None:
    n %= len(PAPER.fills)
    fills = _changed(named(PAPER.fills), n, **{field: change(PAPER.fills[n])})
    (difference,) = parity(records(PAPER), PAPER, fills).differences
    assert (difference.kind, difference.what) == ("fill", f"{PAPER.fills[n].symbol} {field}")


def test_a_fill_in_the_bar_of_the_next_slot_belongs_to_the_slot_before() -> None:
    days = list(BARS.times[30:36])
    daily = replay(winners, BARS, MANDATE, slots=days)
    fills = [replace(f, fee=f.fee + 1) if f.time == days[1] else f for f in daily.fills]
    differences = parity(records(daily), daily, fills).differences
    assert {difference.slot for difference in differences} == {days[0]}
    assert {difference.kind for difference in differences} == {"fill"}


def test_a_missing_and_an_extra_fill_are_told_as_such() -> None:
    missing = parity(records(PAPER), PAPER, named(PAPER.fills)[1:]).differences
    assert [(d.kind, d.what, d.recorded) for d in missing] == [("fill", PAPER.fills[0].symbol, "nothing")]
    extra = parity(records(PAPER), replace(PAPER, fills=PAPER.fills[:-1]), named(PAPER.fills)).differences
    assert [(d.kind, d.what, d.replayed) for d in extra] == [("fill", PAPER.fills[-1].symbol, "nothing")]


def test_one_leg_more_is_one_difference_not_a_shift_of_all() -> None:
    kept = records(PAPER)
    cut = replace(kept[3], intents=kept[3].intents[1:], decisions=kept[3].decisions[1:])
    result = parity([*kept[:3], cut, *kept[4:]], PAPER, named(PAPER.fills))
    symbol = kept[3].intents[0].symbol
    assert [(d.slot, d.kind, d.what) for d in result.differences] == [
        (SLOTS[3], "intent", symbol),
        (SLOTS[3], "decision", symbol),
    ]


def test_another_verdict_or_rule_is_a_difference() -> None:
    kept = records(PAPER)
    first = kept[0].decisions[0]
    other = Decision(first.leg, first.symbol, False, "halted")
    changed = replace(kept[0], decisions=(other, *kept[0].decisions[1:]))
    result = parity([changed, *kept[1:]], PAPER, named(PAPER.fills))
    assert [(d.what, d.recorded, d.replayed) for d in result.differences] == [
        (f"{first.symbol} approved", "False", "True"),
        (f"{first.symbol} rule", "halted", "limits"),
    ]


def test_a_slot_that_only_one_side_has_is_a_difference() -> None:
    result = parity(records(PAPER)[1:], PAPER, named(PAPER.fills))
    (first, *rest) = result.differences
    assert (first.slot, first.kind, first.recorded) == (SLOTS[0], "slot", "nothing")
    assert {d.kind for d in rest} == {"intent", "decision"}
    assert result.compared["slot"] == 12


def test_two_records_of_one_slot_are_refused() -> None:
    with pytest.raises(InputError, match="recorded twice"):
        parity([*records(PAPER), records(PAPER)[0]], PAPER, [])
