"""Packages of options through the desk: one order, its legs' own fills, and nothing doubled, lost or half-booked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.access import Vault
from aura_lib.core import Intent, OrderStatus
from aura_lib.execution.accounts import Terms, open_account
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.feed import Feed
from aura_lib.ledger import AccountView, Ledger
from tests.execution.conftest import Floor
from tests.options import C105, C110, DEBIT, option_bars

D = Decimal


@pytest.fixture
def floor(tmp_path: Path, ledger_url: str) -> Iterator[Floor]:
    """A desk's surroundings over a market that lists options."""
    ledger = Ledger(ledger_url)
    terms, bars = open_account(ledger, Terms("paper")), option_bars()
    floor = Floor(
        ledger, tmp_path, bars, terms, Vault(tmp_path),
        lambda clock: PaperBroker(tmp_path / "brokers" / "paper.db", Feed(bars), clock, terms.costs),
    )  # fmt: skip
    floor.promote()
    floor.fund()
    yield floor
    ledger.close()


def only(view: AccountView) -> Any:
    (order,) = [order for order in view.orders.values() if order.intent.legs]
    return order


def test_a_package_is_one_order_whose_legs_fill_at_their_own_prices(floor: Floor) -> None:
    desk = floor.desk(0)
    floor.put(0, Intent.of_legs(DEBIT, D(3), D("1.00")))
    floor.settle(desk, 0)
    assert only(floor.view()).status is OrderStatus.ACCEPTED
    floor.settle(desk, 1)  # 1.49 and 0.82: with five basis points of slippage 0.671 a package
    view = floor.view()
    package, *legs = view.orders.values()
    assert (package.status, package.filled) == (OrderStatus.FILLED, 3)
    assert {(o.parent, o.intent.symbol, o.status, o.filled) for o in legs} == {
        (package.client_id, symbol, OrderStatus.FILLED, 3) for symbol in (C105.symbol, C110.symbol)
    }  # fmt: skip
    assert view.account("m").holdings == {C105.symbol: 3, C110.symbol: -3}
    assert sorted((f.symbol, f.signed, f.price) for f in view.fills) == [
        (C105.symbol, 3, D("1.490745")), (C110.symbol, -3, D("0.819590")),
    ]  # fmt: skip
    assert not view.drift and not view.live and desk.seat.view.money.refused == []
