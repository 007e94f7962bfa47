"""At the desk's gate: the checks before a trade, under limits that somebody set while the desk was at work."""

from __future__ import annotations

from typing import Any

from aura_lib.access import who
from aura_lib.execution.limits import set_limits


def rules(floor: Any, basket: int = -1) -> list[str]:
    return [d.rule for d in list(floor.view().verdicts.values())[basket].decisions]


def limited(floor: Any, scope: str, **values: Any) -> None:
    set_limits(floor.ledger, floor.home, scope, values, who=who(), reason="test")


def test_a_limit_that_is_set_binds_the_next_basket(floor: Any) -> None:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 100))
    floor.settle(desk, 4)
    limited(floor, "paper/m", max_order_quantity=50)
    floor.propose(4, ("AAA", "buy", 51), ("BBB", "buy", 50))
    floor.settle(desk, 5)
    assert (rules(floor, 0), rules(floor)) == (["limits"], ["max_order_quantity", "limits"])


def test_the_limits_of_one_book_do_not_bind_another(floor: Any) -> None:
    floor.fund(book="other")
    desk = floor.desk(3)
    limited(floor, "paper/m", max_order_quantity=50)
    floor.propose(3, ("AAA", "buy", 51), origin="other", book="other")
    floor.settle(desk, 4)
    assert rules(floor) == ["limits"]


def test_two_books_may_not_trade_with_each_other(floor: Any) -> None:
    floor.fund(book="other")
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    floor.propose(4, ("AAA", "sell", 5))
    floor.propose(4, ("AAA", "buy", 5), origin="second", book="other")
    while desk.cycle():
        pass
    assert rules(floor) == ["crossing"]


def test_a_loss_of_the_day_stops_what_opens_and_not_the_way_out(floor: Any) -> None:
    falls = next(n for n in range(4, 29) if floor.bars.close["AAA"].iloc[n] < floor.bars.close["AAA"].iloc[n - 1])
    desk = floor.desk(falls - 2)
    limited(floor, "paper", max_position_weight=1.0, max_order_weight=1.0)
    floor.propose(falls - 2, ("AAA", "buy", 900))
    floor.settle(desk, falls)
    limited(floor, "paper/m", max_daily_loss=0.0)
    floor.propose(falls, ("BBB", "buy", 1), ("AAA", "sell", 900))
    floor.settle(desk, falls + 1)
    assert rules(floor) == ["daily_loss", "limits"]


def test_money_that_was_paid_in_or_out_today_is_no_gain_and_no_loss(floor: Any) -> None:
    desk = floor.desk(3)
    floor.settle(desk, 3)
    limited(floor, "paper/m", max_daily_loss=0.01)
    limited(floor, "paper", max_account_daily_loss=0.01)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    assert rules(floor) == ["limits"], "its first day: it had nothing when that began"
    floor.fund("-50000")
    floor.settle(desk, 5)
    floor.propose(5, ("AAA", "buy", 10))
    floor.settle(desk, 6)
    assert rules(floor) == ["limits"], "half of it was taken out"
    floor.fund("70000")
    sink = {"paper/m": 0.0, "paper": 1.0}
    for scope, limit in sink.items():
        limited(floor, scope, **{f"max_{'account_' if scope == 'paper' else ''}daily_loss": limit})
    floor.settle(desk, 7)
    falls = next(n for n in range(8, 29) if floor.bars.close["AAA"].iloc[n] < floor.bars.close["AAA"].iloc[n - 1])
    floor.settle(desk, falls)
    floor.propose(falls, ("BBB", "buy", 1))
    floor.settle(desk, falls + 1)
    assert rules(floor) == ["daily_loss"], "and a loss is still one"
