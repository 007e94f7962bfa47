"""A rebalance plan: what it says before it is proposed, that nothing is sent, and that its lots are taken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.core import InputError, Mandate, TargetWeights
from aura_lib.execution.feed import Feed
from aura_lib.execution.limits import set_limits
from aura_lib.execution.propose import Proposal
from aura_lib.execution.rebalance import keep_lots, preview
from aura_lib.ledger.accounting import tax_lots
from aura_lib.reports.rebalance import rebalance_sheet

D = Decimal
MANDATE = Mandate(("AAA", "BBB", "CCC"), cash_buffer=0.05)


def previewed(floor: Any, session: int, weights: dict[str, float], **more: Any) -> Any:
    targets = TargetWeights(weights, floor.time(session))
    return preview(floor.ledger, targets, MANDATE, account="paper", book="m", who=who(), feed=Feed(floor.bars), **more)


def holding(floor: Any) -> Any:
    """A desk whose book bought AAA twice, at two prices; the clock stands at session 7."""
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 300))
    floor.settle(desk, 5)
    floor.propose(5, ("AAA", "buy", 200))
    floor.settle(desk, 7)
    return desk


def test_a_plan_tells_orders_lots_costs_cash_and_what_the_desk_would_say(floor: Any) -> None:
    holding(floor)
    plan = previewed(floor, 7, {"AAA": 0.1, "BBB": 0.3})
    price = D(repr(float(floor.bars.close["AAA"].iloc[7])))
    account = floor.view().account("m")
    equity = account.cash + 500 * price
    wanted = D("0.1") * equity * D("0.95") // price  # the cash buffer is never invested
    assert [(i.symbol, i.side.value) for i in plan.intents] == [("AAA", "sell"), ("BBB", "buy")]
    assert plan.intents[0].quantity == 500 - wanted
    assert plan.approved and plan.cash_buffer == D("0.05") * equity
    costs = {lot.id: (lot.cost + lot.fee) / lot.quantity for lot in tax_lots(floor.view()).open("m", "AAA")}
    first = plan.taken["AAA"][0]
    assert first.lot == max(costs, key=lambda name: costs[name])  # the dearest makes the least gain, all are short-term
    realised = sum((t.quantity * (price - costs[t.lot]) for t in plan.taken["AAA"]), D(0))
    assert plan.gain(long=True) == 0
    assert abs(plan.gain(long=False) - realised) < D("1e-9")
    assert plan.tax == max(plan.gain(long=False) * D("0.37"), 0)
    spent = sum(-i.signed * plan.plan.prices[i.symbol] for i in plan.intents)
    assert plan.cash_after == account.cash + spent - plan.estimated_cost
    assert plan.estimated_cost > 0 and plan.cash_after >= plan.cash_buffer
    assert floor.view().verdicts.keys() == {v for v in floor.view().verdicts if v.startswith("job@")}


def test_nothing_is_sent_by_looking(floor: Any) -> None:
    desk = holding(floor)
    before = floor.view().n
    previewed(floor, 7, {"BBB": 0.5})
    while desk.cycle():
        pass
    assert floor.view().n == before


def test_what_the_desk_would_refuse_is_said_before(floor: Any) -> None:
    holding(floor)
    set_limits(floor.ledger, floor.home, "paper", {"max_order_value": 1000}, who=who(), reason="test")
    plan = previewed(floor, 7, {"AAA": 0.1, "BBB": 0.3})
    assert not plan.approved
    assert [d.rule for d in plan.decisions] == ["limits", "max_order_value"]
    assert plan.summary()["refused"] == 1
    assert plan.table()["verdict"].tolist()[1].startswith("max_order_value: ")


def test_the_chosen_lots_are_those_that_the_sale_takes(floor: Any) -> None:
    desk = holding(floor)
    plan = previewed(floor, 7, {"AAA": 0.4}, lots="highest_cost")
    (intent,) = plan.intents
    assert 0 < intent.quantity < 200
    expected = {(t.lot, t.quantity) for t in plan.taken["AAA"]}
    basket = floor.propose(7, ("AAA", "sell", int(intent.quantity)))
    while desk.seat.view.inbox == 2:
        desk.cycle()
    decisions = floor.view().verdicts[basket.id].decisions
    assert keep_lots(floor.ledger, plan, Proposal(basket, decisions), who=who()) == 1
    floor.settle(desk, 9)
    closed = {(c.id, c.quantity) for c in tax_lots(floor.view()).closed}
    assert closed == expected


def test_it_shows_itself_as_a_table_without_foreign_words(floor: Any) -> None:
    holding(floor)
    sheet = rebalance_sheet(previewed(floor, 7, {"AAA": 0.1, "BBB": 0.3}))
    page = sheet._repr_html_()
    for word in ("Rebalance of paper/m", "nothing is sent", "turnover", "estimated tax", "AAA", "approved", "short"):
        assert word in page and word in repr(sheet)
    assert "<script" not in page and "http" not in page


def test_a_plan_without_trades_is_a_plan(floor: Any) -> None:
    holding(floor)
    equity = previewed(floor, 7, {}).plan.equity
    now = 500 * float(floor.bars.close["AAA"].iloc[7]) / float(equity) / 0.95
    plan = previewed(floor, 7, {"AAA": now})
    assert plan.intents == () and plan.tax == 0 and plan.turnover == 0
    assert "no order" in rebalance_sheet(plan)._repr_html_()


def test_an_unknown_book_or_way_is_refused(floor: Any) -> None:
    holding(floor)
    with pytest.raises(InputError, match="lots are chosen by least_tax"):
        previewed(floor, 7, {}, lots="best")
    targets = TargetWeights({}, floor.time(7))
    with pytest.raises(InputError, match="no book 'x'"):
        preview(floor.ledger, targets, MANDATE, account="paper", book="x", who="me", feed=Feed(floor.bars))
