"""Protection kept by the desk: exits without a notebook, once, through the same checks, and after a crash."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.core import InputError, PermissionDenied, iso
from aura_lib.execution.limits import set_limits
from aura_lib.execution.protection import Guard, Protection, protect, unprotect

D = Decimal


def guard(floor: Any, kind: Guard, name: str = "rule", book: str = "m", **more: Any) -> None:
    rule = Protection(name, book, kind, **more)
    protect(floor.ledger, floor.home, "paper", rule, who=who(), reason="test", key=f"k:{name}:{more}")


def closes(floor: Any, symbol: str = "AAA") -> list[Decimal]:
    return [D(repr(float(price))) for price in floor.bars.close[symbol]]


def bought(floor: Any, session: int, *symbols: str, quantity: int = 10) -> Any:
    """A desk that holds some of each symbol; bought at a session, filled at the next."""
    desk = floor.desk(session)
    floor.propose(session, *((symbol, "buy", quantity) for symbol in symbols or ("AAA",)))
    floor.settle(desk, session + 1)
    assert floor.view().account("m").holdings == dict.fromkeys(symbols or ("AAA",), D(quantity))
    return desk


def exits(floor: Any) -> list[Any]:
    return [o for o in floor.view().orders.values() if o.basket.startswith("protection:")]


def first(prices: list[Decimal], after: int, due: Any) -> int:
    return next(n for n in range(after, len(prices)) if due(prices[n]))


def test_a_stop_loss_closes_the_position_at_the_first_close_below_it(floor: Any) -> None:
    desk = bought(floor, 3)
    cost = floor.view().account("m").positions["AAA"].average_cost
    due = first(closes(floor), 5, lambda price: price <= cost * D("0.99"))
    guard(floor, Guard.STOP_LOSS, fraction=D("0.01"))
    floor.settle(desk, 29)
    (order,) = exits(floor)
    assert (order.intent.side.value, order.intent.quantity, order.time) == ("sell", 10, floor.time(due))
    assert floor.view().account("m").holdings == {}
    fill = floor.view().fills[-1]
    assert (fill.client_id, fill.time) == (order.client_id, floor.time(due + 1))


def test_it_is_looked_at_every_bar_however_far_the_clock_goes(floor: Any) -> None:
    desk = bought(floor, 3)
    guard(floor, Guard.STOP_LOSS, fraction=D("0.01"))
    floor.settle(desk, 29)
    slow = exits(floor)[0]
    assert slow.time < floor.time(28)
    told = floor.view().triggered["rule/AAA"]
    assert (told["at"], told["rule"]) == (iso(slow.time), "rule")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (Guard.TAKE_PROFIT, {"fraction": D("0.005")}),
        (Guard.TRAILING, {"fraction": D("0.02")}),
        (Guard.TIME, {"sessions": 6}),
    ],
)
def test_profit_trailing_and_time_close_where_a_plain_count_says(floor: Any, kind: Guard, more: dict[str, Any]) -> None:
    desk = bought(floor, 3)
    cost, prices = floor.view().account("m").positions["AAA"].average_cost, closes(floor)
    if kind is Guard.TAKE_PROFIT:
        due = first(prices, 5, lambda price: price >= cost * D("1.005"))
    elif kind is Guard.TRAILING:
        due = next(n for n in range(5, 30) if prices[n] <= max(prices[4 : n + 1]) * D("0.98"))
    else:
        due = 4 + 5  # filled in session 4: the close of that one is the first
    guard(floor, kind, **more)
    floor.settle(desk, 29)
    assert [order.time for order in exits(floor)] == [floor.time(due)]


def test_a_rule_for_one_symbol_leaves_the_others(floor: Any) -> None:
    desk = bought(floor, 3, "AAA", "BBB")
    guard(floor, Guard.TIME, symbol="BBB", sessions=2)
    floor.settle(desk, 12)
    assert floor.view().account("m").holdings == {"AAA": D(10)}


def test_a_desk_that_starts_anew_goes_on_and_never_closes_twice(floor: Any) -> None:
    desk = bought(floor, 3, "AAA", "BBB")
    guard(floor, Guard.TIME, sessions=2)
    floor.settle(desk, 5)
    for session in (5, 6, 7, 9):  # a new desk every time, from what is written
        floor.ledger.control.release(desk.seat.lease)
        desk = floor.desk(session)
        floor.settle(desk, session)
    assert sorted(o.intent.symbol for o in exits(floor)) == ["AAA", "BBB"]
    assert floor.view().account("m").holdings == {}


def test_what_is_at_work_on_the_position_is_cancelled_first(floor: Any) -> None:
    desk = bought(floor, 3)
    from aura_lib.core import Basket, Intent, OrderType, Side, TimeInForce

    far = Intent(
        floor.bars.instruments["AAA"], Side.SELL, D(10), OrderType.LIMIT, D(500), time_in_force=TimeInForce.GTC
    )
    moment = floor.time(4)
    floor.ledger.inbox.put(Basket("job", moment, "paper", "m", moment, (far,), "snap", "r1"), floor.secret(4))
    guard(floor, Guard.TIME, sessions=3)
    floor.settle(desk, 12)
    view = floor.view()
    ended = next(o for o in view.orders.values() if o.intent.limit_price == 500)
    assert (ended.status.value, len(exits(floor)), view.account("m").holdings) == ("cancelled", 1, {})


def test_a_halt_holds_protective_exits_and_they_follow_when_it_is_over(floor: Any) -> None:
    desk = bought(floor, 3)
    guard(floor, Guard.TIME, sessions=2)
    floor.ledger.control.switch("paper", True, "test", "me")
    floor.settle(desk, 8)
    assert exits(floor) == [] and "rule/AAA" in floor.view().triggered
    floor.ledger.control.switch("paper", False, "test", "me")
    floor.settle(desk, 11)
    assert len(exits(floor)) == 1 and floor.view().account("m").holdings == {}


def test_a_position_that_is_opened_again_is_protected_again(floor: Any) -> None:
    desk = bought(floor, 3)
    guard(floor, Guard.TIME, sessions=2)
    floor.settle(desk, 8)
    floor.propose(8, ("AAA", "buy", 5))
    floor.settle(desk, 14)
    assert [o.intent.quantity for o in exits(floor)] == [10, 5]


def test_a_drawdown_halts_the_book_and_closes_all_of_it(floor: Any) -> None:
    floor.fund(book="other")
    desk = bought(floor, 3, "AAA", "BBB", quantity=500)
    guard(floor, Guard.DRAWDOWN, fraction=D("0.01"))
    floor.settle(desk, 29)
    view = floor.view()
    assert view.account("m").holdings == {}
    told = view.triggered["rule/"]
    assert told["why"].startswith("drawdown: the book lost 0.0")
    assert sorted(o.intent.symbol for o in exits(floor)) == ["AAA", "BBB"]
    assert {iso(o.time) for o in exits(floor)} == {told["at"]}
    scopes = [e.body["scope"] for e in floor.ledger.journal.entries("system", kinds=("halt",))]
    assert scopes == ["paper/m"]
    floor.propose(29, ("AAA", "buy", 1))
    floor.propose(29, ("AAA", "buy", 1), origin="second", book="other")
    while desk.cycle():
        pass
    assert [v.decisions[0].rule for v in list(floor.view().verdicts.values())[-2:]] == ["halted", "limits"]


def test_the_drawdown_is_that_of_the_returns_whatever_is_paid_in(floor: Any) -> None:
    desk = bought(floor, 3, "AAA", quantity=500)
    equity = [100_000 - 500 * float(floor.view().fills[0].price) - float(floor.view().fills[0].fee)]
    values = [equity[0] + 500 * float(price) for price in closes(floor)]
    peak, due = values[4], 0
    for n in range(4, 30):
        peak = max(peak, values[n])
        if 1 - values[n] / peak >= 0.02:
            due = n
            break
    guard(floor, Guard.DRAWDOWN, fraction=D("0.02"))
    floor.settle(desk, due)
    assert [iso(o.time) for o in exits(floor)] == [iso(floor.time(due))]


def test_an_exit_that_is_refused_is_tried_again_at_the_next_price(floor: Any) -> None:
    desk = bought(floor, 3)
    set_limits(floor.ledger, floor.home, "paper", {"orders_per_minute": 0}, who=who(), reason="test")
    guard(floor, Guard.TIME, sessions=2)
    floor.settle(desk, 8)
    tried = [v for name, v in floor.view().verdicts.items() if name.startswith("protection:")]
    assert [v.decisions[0].rule for v in tried] == ["order_rate"] * 4
    set_limits(floor.ledger, floor.home, "paper", {"orders_per_minute": "unset"}, who=who(), reason="test")
    floor.settle(desk, 10)
    assert floor.view().account("m").holdings == {}


def test_rules_are_changed_removed_and_listed_in_the_journal(floor: Any) -> None:
    desk = bought(floor, 3)
    guard(floor, Guard.STOP_LOSS, fraction=D("0.5"))
    guard(floor, Guard.STOP_LOSS, fraction=D("0.4"))
    floor.settle(desk, 5)
    assert floor.view().protections["rule"]["fraction"] == "0.4"
    unprotect(floor.ledger, floor.home, "paper", "rule", who=who(), reason="test", key="gone")
    floor.settle(desk, 6)
    assert floor.view().protections == {}
    unprotect(floor.ledger, floor.home, "paper", "rule", who=who(), reason="test", key="again")
    floor.settle(desk, 7)
    kinds = [e.kind for e in floor.ledger.journal.entries("paper", kinds=("protection", "request.refused"))]
    assert kinds == ["protection", "protection", "protection", "request.refused"]


def test_protection_needs_a_book_a_reason_and_leave(floor: Any) -> None:
    desk = floor.desk(3)
    guard(floor, Guard.TIME, book="nowhere", sessions=1)
    floor.settle(desk, 4)
    assert "no book 'nowhere'" in floor.ledger.journal.entries("paper", kinds=("request.refused",))[0].body["why"]
    rule = Protection("r", "m", Guard.TIME, sessions=1)
    with pytest.raises(InputError, match="for a reason"):
        protect(floor.ledger, floor.home, "paper", rule, who=who(), reason="", key="k")
    with pytest.raises(PermissionDenied, match="may not `protect`"):
        protect(floor.ledger, floor.home, "paper", rule, who="eve", reason="why", key="k")
