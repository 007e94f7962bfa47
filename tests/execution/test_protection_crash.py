"""Protection and slices through crashes: a desk that dies after every few writes ends where one that lived ends."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.core import Intent, Side, TimeInForce
from aura_lib.execution.accounts import Terms, open_account
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.feed import Feed
from aura_lib.execution.protection import Guard, Protection, protect
from aura_lib.execution.slicing import Schedule, Sliced, slice_order
from aura_lib.ledger import Ledger
from tests.execution.conftest import Floor, Vault, made_up_bars

D = Decimal
LAST = 16


class Died(Exception):
    """The desk was killed."""


def world(home: Path) -> Floor:
    """A ledger in a file, a book with money, rules that come to bear, and an order in slices."""
    home.mkdir()
    ledger, bars = Ledger(f"sqlite:///{home / 'ledger.db'}"), made_up_bars()
    terms = open_account(ledger, Terms("paper"))
    floor = Floor(
        ledger, home, bars, terms, Vault(home),
        lambda clock: PaperBroker(home / "brokers" / "paper.db", Feed(bars), clock, terms.costs),
    )  # fmt: skip
    floor.promote()
    floor.fund()
    floor.fund(book="other")
    for name, book, guard, more in (
        ("time", "m", Guard.TIME, {"symbol": "AAA", "sessions": 2}),
        ("fall", "other", Guard.DRAWDOWN, {"fraction": D("0.005")}),
    ):
        rule = Protection(name, book, guard, **more)
        protect(ledger, home, "paper", rule, who=who(), reason="test", key=name)
    wish = Intent(bars.instruments["CCC"], Side.BUY, D(60), time_in_force=TimeInForce.GTC)
    schedule = Schedule(tuple(floor.time(n) for n in (4, 6, 8)), floor.time(10), (D(1),) * 3)
    slice_order(ledger, home, "paper", Sliced("cut", "m", wish, schedule), who=who(), reason="test")
    return floor


def played(floor: Floor, alive: Callable[[], None]) -> dict[str, Any]:
    """The account after the last session; a desk that dies is followed by another."""
    floor.propose(2, ("AAA", "buy", 10), ("BBB", "buy", 20))
    floor.propose(2, ("AAA", "buy", 400), ("BBB", "buy", 400), origin="second", book="other")
    for session in range(2, LAST):
        while True:
            try:
                alive()
                desk = floor.desk(session)
                floor.settle(desk, session)
            except Died:
                continue
            break
    view = floor.view()
    orders = {o.client_id: (o.intent.symbol, o.intent.side.value, o.intent.quantity, o.status, o.filled, o.time)
              for o in view.orders.values()}  # fmt: skip
    fills = sorted((f.client_id, f.quantity, f.price, f.time) for f in view.fills)
    return {"orders": orders, "fills": fills, "held": {b: view.account(b).holdings for b in ("m", "other")}}


@pytest.mark.parametrize("lives", [3, 4, 5])
def test_a_desk_that_dies_after_every_few_writes_ends_where_one_that_lived_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: int
) -> None:
    calm = world(tmp_path / "calm")
    expected = played(calm, lambda: None)
    calm.ledger.close()
    assert expected["held"] == {"m": {"BBB": D(20), "CCC": D(60)}, "other": {}}

    left, deaths = [lives], [0]
    real_write = Seat.write

    def write(seat: Seat, lines: Any) -> None:
        if not lines:
            return
        if left[0] == 0:
            deaths[0] += 1
            raise Died
        left[0] -= 1
        real_write(seat, lines)

    floor = world(tmp_path / "wild")
    monkeypatch.setattr(Seat, "write", write)
    found = played(floor, lambda: left.__setitem__(0, lives))
    monkeypatch.undo()
    floor.ledger.close()
    assert deaths[0] > 4
    assert found == expected
