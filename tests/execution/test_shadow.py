"""A shadow sees another account, is judged by its rules, writes its orders down, and sends none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.core import (
    Basket,
    Binding,
    BrokerUnavailable,
    DataError,
    Holding,
    InputError,
    Instrument,
    Intent,
    Mode,
    OrderStatus,
    OrderType,
    Settings,
    Side,
    SimulatedClock,
    Snapshot,
    TimeInForce,
    WallClock,
    decode,
    encode,
    iso,
)
from aura_lib.execution import open_account, open_shadow
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.connect import connect
from aura_lib.execution.feed import Feed
from aura_lib.execution.limits import set_limits
from aura_lib.execution.shadow import Mirror, compared, judged, view_of
from aura_lib.execution.shadow.desk import ShadowDesk
from aura_lib.execution.shadow.onlooker import Onlooker
from aura_lib.ledger import ALL, AccountView, LeaseLost, Token
from tests.execution.conftest import BINDING

NOBODYS = Binding("other cells", "parameters", "sources")
BUY_AAA = ("AAA", "buy", 10)


@dataclass
class Shadow:
    """A shadow of the floor's account, and how to propose to it."""

    floor: Any
    terms: Terms

    def desk(self, session: int, broker: Onlooker | None = None, **more: Any) -> ShadowDesk:
        clock = SimulatedClock(self.floor.time(session)) if self.terms.simulated else WallClock()
        if self.terms.simulated:
            self.floor.ledger.control.set_clock(self.terms.name, self.floor.time(session))
        lease = self.floor.ledger.control.acquire(self.terms.name, 60)
        assert lease is not None
        seen = broker or Onlooker(PaperBroker.name, PaperBroker.capabilities)
        desk = ShadowDesk(
            self.floor.ledger, self.terms, lease, seen, Feed(self.floor.bars), clock, self.floor.vault.public_key,
            self.floor.home, **more,
        )  # fmt: skip
        desk.start()
        return desk

    def put(
        self, session: int, *intents: Intent, origin: str = "job2", book: str = "m", binding: Binding = BINDING
    ) -> Any:
        moment, ledger = self.floor.time(session), self.floor.ledger
        name = self.terms.name
        token = Token("r1", origin, iso(moment), name, book, binding.id)
        basket = Basket(origin, moment, name, book, moment, intents, "snap", "r1")
        return ledger.inbox.put(basket, ledger.control.issue(token, 60))

    def propose(self, session: int, *wishes: tuple[str, str, int], **more: Any) -> Any:
        known = self.floor.bars.instruments
        return self.put(session, *(Intent(known[s], Side(side), Decimal(q)) for s, side, q in wishes), **more)

    def view(self) -> AccountView:
        return self.floor.ledger.account(self.terms.name)

    def rules(self) -> list[str]:
        """The rule that decided on each wish, in order."""
        return [d.rule for v in self.view().verdicts.values() for d in v.decisions]


@pytest.fixture
def shadow(floor: Any) -> Shadow:
    return Shadow(floor, open_shadow(floor.ledger, "ghost", "paper"))


def exhaust(desk: Any) -> None:
    while desk.cycle():
        pass


def live(floor: Any, *decided: tuple[int, list[tuple[str, str, int]]], until: int) -> None:
    """Let the real account decide at sessions, and follow it to another."""
    desk = floor.desk(decided[0][0] if decided else 0)
    for session, wishes in decided:
        floor.settle(desk, session)
        floor.propose(session, *wishes)
    floor.settle(desk, until)


# ---- opening --------------------------------------------------------------------------------------------------------
def test_a_shadow_has_the_terms_of_its_account_and_the_class_paper(floor: Any) -> None:
    real = open_account(floor.ledger, Terms("real", Mode.LIVE, "alpaca", "wall", source="yfinance"))
    opened = open_shadow(floor.ledger, "ghost", "real")
    assert opened == replace(real, name="ghost", account_class=Mode.PAPER, shadow_of="real")
    assert opened == open_shadow(floor.ledger, "ghost", "real") == account_terms(floor.ledger, "ghost")
    assert opened.keys == ()


def test_accounts_that_were_opened_before_there_were_shadows_are_read_as_none(floor: Any) -> None:
    told = encode(Terms("old"))
    del told["shadow_of"]
    assert decode(Terms, told) == Terms("old") and Terms("old").shadow_of == ""


@pytest.mark.parametrize(
    ("name", "of", "why"),
    [
        ("paper", "paper", "shadow of itself"),
        ("s", "nobody", "no account 'nobody'; open accounts: paper"),
        ("s", "ghost", "itself a shadow, of paper"),
        ("other", "paper", "opened with other terms"),
    ],
)
def test_a_shadow_is_of_another_account_that_is_none(floor: Any, name: str, of: str, why: str) -> None:
    open_shadow(floor.ledger, "ghost", "paper")
    open_account(floor.ledger, Terms("other"))
    with pytest.raises(InputError, match=why):
        open_shadow(floor.ledger, name, of)


def test_no_broker_can_be_had_for_a_shadow(shadow: Shadow) -> None:
    with pytest.raises(InputError, match="no broker stands behind it"):
        connect(shadow.terms, Settings.load(), Feed(shadow.floor.bars), WallClock())
    desk = shadow.desk(0)
    for command in ("submit", "replace", "cancel"):
        assert not hasattr(desk.seat.broker, command)


# ---- what it does with a basket -------------------------------------------------------------------------------------
def test_a_basket_is_judged_written_down_and_withheld(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, (2, [("AAA", "buy", 40)]), until=4)
    before = floor.view().n
    desk = shadow.desk(4)
    basket = shadow.propose(4, ("AAA", "sell", 15), ("BBB", "buy", 20))
    exhaust(desk)
    orders = list(shadow.view().orders.values())
    assert [o.status for o in orders] == [OrderStatus.WITHHELD] * 2
    assert {o.reason for o in orders} == {"not sent: a shadow of paper"}
    kinds = [e.kind for e in floor.ledger.journal.entries("ghost")]
    assert kinds == ["desk.started", "verdict", "order", "order", "seen", "status", "status"]
    assert shadow.view().account().holdings == {}, "a shadow holds nothing"
    assert floor.view().n == before and floor.view().account("m").holdings == {"AAA": 40}
    (told,) = judged(floor.ledger, "ghost")
    assert told.basket == basket and told.before == floor.view().account()
    assert told.prices == {s: Decimal(str(floor.bars.close[s].iloc[4])) for s in ("AAA", "BBB")}
    assert floor.ledger.journal.verify().ok


def test_the_same_decision_twice_is_one_basket(shadow: Shadow) -> None:
    live(shadow.floor, until=5)
    desk = shadow.desk(3)
    first = shadow.propose(3, BUY_AAA)
    exhaust(desk)
    assert shadow.propose(3, ("AAA", "buy", 99)) == first
    exhaust(desk)
    assert [o.intent.quantity for o in shadow.view().orders.values()] == [10]


def test_it_is_judged_by_the_rules_of_its_account(shadow: Shadow) -> None:
    floor = shadow.floor
    set_limits(floor.ledger, floor.home, "paper", {"restricted": ["CCC"]}, who="ada", reason="insider list")
    live(floor, (2, [("AAA", "buy", 40)]), until=8)
    desk = shadow.desk(4)
    shadow.propose(4, ("CCC", "buy", 10), ("BBB", "sell", 1), ("BBB", "buy", 10))
    shadow.propose(5, BUY_AAA, book="nobody's")
    shadow.propose(6, BUY_AAA, binding=NOBODYS)
    exhaust(desk)
    told = [(d.rule, d.approved) for v in shadow.view().verdicts.values() for d in v.decisions]
    assert told == [("restricted", False), ("no_short", False), ("limits", True), ("book", False), ("promotion", False)]
    assert compared(floor.ledger, "ghost", bars=floor.bars).refusals == {
        "book": 1, "no_short": 1, "promotion": 1, "restricted": 1,
    }  # fmt: skip


def test_its_own_limits_may_be_tighter_and_never_looser(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, until=8)
    desk = shadow.desk(4)
    set_limits(floor.ledger, floor.home, "ghost", {"max_order_weight": 0.001}, who="ada", reason="small")
    shadow.propose(4, BUY_AAA)
    exhaust(desk)
    set_limits(floor.ledger, floor.home, "paper", {"max_order_weight": 0.0001}, who="ada", reason="smaller")
    set_limits(floor.ledger, floor.home, "ghost", {"max_order_weight": "unset"}, who=who(), reason="back")
    shadow.propose(5, BUY_AAA)
    exhaust(desk)
    limits = [d.limit for v in shadow.view().verdicts.values() for d in v.decisions]
    assert len(limits) == 2 and "0.001" in limits[0] and "0.0001" in limits[1]


@pytest.mark.parametrize("scope", [ALL, "paper", "paper/m", "ghost", "ghost/m"])
def test_a_halt_of_it_or_of_its_account_lets_nothing_be_written_as_an_order(shadow: Shadow, scope: str) -> None:
    floor = shadow.floor
    live(floor, until=6)
    desk = shadow.desk(3)
    floor.ledger.control.switch(scope, True, "storm", "me")
    shadow.propose(3, BUY_AAA)
    exhaust(desk)
    floor.ledger.control.switch(scope, False, "over", "me")
    shadow.propose(4, BUY_AAA)
    exhaust(desk)
    assert shadow.rules() == ["halted", "limits"]
    assert len(shadow.view().orders) == 1


def test_drift_of_its_account_refuses_as_it_would_there(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, until=6)
    floor.ledger.journal.append("paper", "drift", {"what": "AAA 3 at the broker", "at": iso(floor.time(6))})
    desk = shadow.desk(6)
    shadow.propose(6, BUY_AAA)
    exhaust(desk)
    assert shadow.rules() == ["drift"]


@pytest.mark.parametrize("kind", ["cash", "import", "protect", "slice", "transfer", "mend", "owner"])
def test_what_a_shadow_has_nothing_to_do_with_is_refused_and_names_the_account(shadow: Shadow, kind: str) -> None:
    shadow.floor.ledger.inbox.ask("ghost", kind, {"book": "m", "amount": Decimal(5), "who": "me"}, f"{kind}:1")
    shadow.desk(3)
    entry = shadow.floor.ledger.journal.find("ghost", f"{kind}:1")
    assert entry.kind == "request.refused" and "Ask for it on paper" in entry.body["why"]


def test_a_halt_that_flattens_makes_no_order_and_a_withheld_one_cannot_be_cancelled(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, (2, [BUY_AAA]), until=4)
    desk = shadow.desk(4)
    shadow.propose(4, BUY_AAA)
    exhaust(desk)
    (order,) = shadow.view().orders
    told = {"who": "me", "reason": "r"}
    floor.ledger.inbox.ask("ghost", "cancel", {**told, "client_id": order}, "cancel:1")
    floor.ledger.inbox.ask("ghost", "halt", {**told, "flatten": True}, "halt:1")
    exhaust(desk)
    refused = floor.ledger.journal.find("ghost", "cancel:1")
    assert refused.kind == "request.refused" and "it is withheld" in refused.body["why"]
    assert len(shadow.view().orders) == 1 and not shadow.view().stopping and not shadow.view().flattening
    assert floor.view().account("m").holdings == {"AAA": 10}


# ---- what it sees ---------------------------------------------------------------------------------------------------
def test_a_decision_sees_the_account_as_it_stood_and_not_what_came_after(shadow: Shadow) -> None:
    """Asked in step, or long after: the same books, orders and cash."""
    floor = shadow.floor
    real = floor.desk(2)
    mirror, asked = Mirror(floor.ledger, "paper"), []
    for session in range(2, 9):
        floor.settle(real, session)
        asked.append(_told(mirror.at(floor.time(session))))  # before the account's own decision of this moment
        limit = Intent(floor.bars.instruments["BBB"], Side.BUY, Decimal(3), OrderType.LIMIT, Decimal(1),
                       time_in_force=TimeInForce.GTC)  # fmt: skip
        floor.put(session, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(session)), limit)
        exhaust(real)
        assert _told(Mirror(floor.ledger, "paper").at(floor.time(session))) == asked[-1], "nor after it"
    assert [one[1] for one in asked] == [0, 0 + 1, 2, 3, 4, 5, 6], "limits that rest, each since its own decision"
    for session in (8, 2, 5, 3, 7, 4, 6):
        assert _told(mirror.at(floor.time(session))) == asked[session - 2]


def _told(view: AccountView) -> tuple[Any, ...]:
    return view.n, len(view.live), view.account("m").cash, view.account("m").holdings, [*view.fills]


def test_it_does_not_decide_on_an_account_that_has_not_come_as_far(shadow: Shadow) -> None:
    floor = shadow.floor
    with pytest.raises(DataError, match="has not begun"):
        view_of(floor.ledger, shadow.terms, floor.time(3))
    live(floor, until=3)
    assert view_of(floor.ledger, shadow.terms, floor.time(3)).account("m").cash == 100_000
    with pytest.raises(DataError, match=r"ghost shadows paper, and account paper stands at .* before"):
        view_of(floor.ledger, shadow.terms, floor.time(4))
    desk = shadow.desk(4)
    shadow.propose(4, BUY_AAA)
    exhaust(desk)
    assert shadow.rules() == ["account"] and not shadow.view().orders
    assert "stands at" in shadow.view().verdicts[f"job2@{iso(floor.time(4))}"].decisions[0].value


def test_without_a_price_nothing_is_approved(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, until=5)
    desk = shadow.desk(3)
    shadow.put(3, Intent(Instrument("GONE"), Side.BUY, Decimal(1)))
    exhaust(desk)
    (told,) = judged(floor.ledger, "ghost")
    assert not told.decisions[0].approved and told.prices == {}


# ---- a real broker is looked at, and never asked for anything -------------------------------------------------------
class Seen:
    """What a real broker says of the account."""

    def __init__(self, cash: str = "100000", power: str = "400000", **held: int) -> None:
        self.cash, self.power, self.held, self.down, self.looks = Decimal(cash), Decimal(power), held, False, 0

    def __call__(self) -> Snapshot:
        self.looks += 1
        if self.down:
            raise BrokerUnavailable("503")
        holdings = {s: Holding(Instrument(s), Decimal(q)) for s, q in self.held.items()}
        return Snapshot(WallClock().now(), self.cash, "USD", holdings, buying_power=self.power)


@pytest.fixture
def real(floor: Any) -> Callable[..., tuple[Shadow, ShadowDesk]]:
    """A shadow of a live account, of which the ledger knows 100,000 of cash."""
    open_account(floor.ledger, Terms("real", Mode.LIVE, "alpaca", "wall"))
    body = {"book": "m", "amount": Decimal(100_000), "key": "k", "at": iso(floor.time(0))}
    floor.ledger.journal.append("real", "cash", body)
    shadow = Shadow(floor, open_shadow(floor.ledger, "ghost", "real"))

    def opened(seen: Seen, wait: float = 0.0) -> tuple[Shadow, ShadowDesk]:
        return shadow, shadow.desk(0, Onlooker("alpaca", PaperBroker.capabilities, seen), wait=wait)

    return opened


def test_a_live_account_whose_broker_agrees_is_seen_with_its_buying_power(real: Any, floor: Any) -> None:
    shadow, desk = real(Seen(power="123"))
    shadow.put(29, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(1)))
    exhaust(desk)
    assert desk.seat.buying_power == 123
    assert "account" not in shadow.rules()


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Seen(AAA=7), "AAA 0 in the ledger, 7 at alpaca"),
        (Seen(cash="99000"), "cash 100000 in the ledger, 99000 at alpaca"),
    ],
)
def test_a_ledger_that_differs_from_its_broker_is_not_decided_on(real: Any, floor: Any, seen: Seen, why: str) -> None:
    shadow, desk = real(seen)
    shadow.put(29, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(1)))
    exhaust(desk)
    assert shadow.rules() == ["account"] and not shadow.view().orders
    (verdict,) = shadow.view().verdicts.values()
    assert why in verdict.decisions[0].value


def test_a_broker_that_is_down_is_waited_for_and_then_the_basket_is_refused(real: Any, floor: Any) -> None:
    seen = Seen()
    seen.down = True
    shadow, desk = real(seen, wait=3600.0)
    shadow.put(29, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(1)))
    assert not desk.cycle() and not shadow.rules(), "not answered yet"
    desk.cycle()
    assert seen.looks == 1, "and not asked again at once"
    desk._wait, desk.seat.ask_after = 0.0, {}
    exhaust(desk)
    assert shadow.rules() == ["account"]
    (verdict,) = shadow.view().verdicts.values()
    assert "alpaca does not tell how real stands: 503" in verdict.decisions[0].value


# ---- killed, frozen -------------------------------------------------------------------------------------------------
def test_killed_at_any_write_it_has_all_of_a_basket_or_none_and_the_next_desk_ends_it_once(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, until=9)

    class Killed(BaseException):
        pass

    for kill, session in enumerate(range(3, 7)):
        desk = shadow.desk(session)
        shadow.propose(session, BUY_AAA, ("BBB", "buy", 5))
        write, left = desk.seat.write, [kill]

        def dying(lines: Any, write: Any = write, left: list[int] = left) -> None:
            if not left[0]:
                raise Killed
            left[0] -= 1
            write(lines)

        desk.seat.write = dying  # type: ignore[method-assign]
        with suppress(Killed):
            exhaust(desk)
        assert len(shadow.view().orders) % 2 == 0
        exhaust(shadow.desk(session))
    orders = shadow.view().orders.values()
    assert len(orders) == 8 and {o.status for o in orders} == {OrderStatus.WITHHELD}
    assert len(judged(floor.ledger, "ghost")) == 4


def test_a_frozen_shadow_writes_nothing_when_it_wakes(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, until=5)
    asleep = shadow.desk(3)
    lease = floor.ledger.control.acquire("ghost", 60, holder="elsewhere:1:1") or None
    assert lease is None, "while it holds the lease nobody else has it"
    floor.ledger.control.release(asleep.seat.lease)
    second = floor.ledger.control.acquire("ghost", 60, holder="elsewhere:1:1")
    assert second is not None
    shadow.propose(3, BUY_AAA)
    with pytest.raises(LeaseLost):
        exhaust(asleep)
    assert not shadow.view().verdicts


# ---- against what came after ---------------------------------------------------------------------------------------
def test_who_decides_as_the_account_did_would_have_traded_as_it_did(shadow: Shadow) -> None:
    """The same wishes to both: every would-be fill is the fill that was, and nobody is ahead."""
    floor = shadow.floor
    plan = {3: [("AAA", "buy", 100), ("BBB", "buy", 50)], 6: [("AAA", "sell", 40), ("CCC", "buy", 300)],
            9: [("BBB", "sell", 50), ("CCC", "sell", 300)]}  # fmt: skip
    live(floor, *plan.items(), until=12)
    for session, wishes in plan.items():
        desk = shadow.desk(session)
        shadow.propose(session, *wishes)
        exhaust(desk)
    found = compared(floor.ledger, "ghost", bars=floor.bars)
    assert found.as_of == floor.time(12), "as far as the account has come, though there are more bars"
    facts = [(f.symbol, f.signed, f.price, f.fee, f.time) for f in floor.view().fills]
    assert [(f.symbol, f.signed, f.price, f.fee, f.time) for o in found.orders for f in o.fills] == facts
    assert [one.ahead for one in found.decisions] == [0, 0, 0] and found.profit == found.compared()[1] != 0
    assert [(o.live_quantity, o.live_price) for o in found.orders] == [(f[1], f[2]) for f in facts]
    assert {o.note for o in found.orders} == {""}


def test_a_changed_strategy_is_told_by_how_much_it_would_have_been_ahead(shadow: Shadow) -> None:
    floor = shadow.floor
    live(floor, (3, [("AAA", "buy", 100)]), until=10)
    desk = shadow.desk(3)
    shadow.propose(3, ("BBB", "buy", 200))
    exhaust(desk)
    closes, slip, fee = floor.bars.close, Decimal("1.0005"), Decimal("0.0001")

    def made(symbol: str, units: int) -> Decimal:
        first, last = (Decimal(str(closes[symbol].iloc[n])) for n in (4, 10))
        paid = (first * slip).quantize(Decimal("1e-6"))
        return units * (last - paid) - (units * paid * fee).quantize(Decimal("1e-4"))

    (one,) = compared(floor.ledger, "ghost", bars=floor.bars).decisions
    assert (one.profit, one.live) == (made("BBB", 200), made("AAA", 100))
    assert one.ahead == made("BBB", 200) - made("AAA", 100)
    earlier = compared(floor.ledger, "ghost", bars=floor.bars, as_of=floor.time(3)).decisions[0]
    assert (earlier.profit, earlier.live) == (0, 0) and not earlier.orders[0].fills


def test_an_account_that_is_no_shadow_is_not_compared(floor: Any) -> None:
    with pytest.raises(InputError, match="paper is no shadow: `aura account open NAME --shadow-of paper`"):
        compared(floor.ledger, "paper", bars=floor.bars)


def test_a_shadow_that_decided_nothing_is_compared_to_nothing(shadow: Shadow) -> None:
    found = compared(shadow.floor.ledger, "ghost", bars=shadow.floor.bars)
    assert found.decisions == () and found.profit == 0 and found.compared() == (0, 0)
