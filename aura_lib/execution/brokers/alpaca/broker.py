"""An account at Alpaca, behind the port that every broker has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any, TypeVar

from aura_lib.core import (
    TERMINAL,
    Booking,
    BrokerError,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Bust,
    Capabilities,
    Clock,
    Fill,
    Holding,
    Order,
    OutcomeUnknown,
    Snapshot,
    WallClock,
)
from aura_lib.execution.brokers.alpaca import activities, words
from aura_lib.execution.brokers.alpaca.door import Door, NotFound
from aura_lib.execution.brokers.alpaca.keys import Keys
from aura_lib.execution.brokers.alpaca.listener import Line

GRACE = 10.0  # seconds after a submission in which "not found" proves nothing: the order may still be on its way
LOOK_AGAIN = 0.5  # seconds before such an order is looked for again; then twice as long after it left, and so on
LOOK_BACK = 60.0  # seconds between two looks at what may have been written down late
PAGE = 500
PAIRED = ("bracket", "oco", "oto")
AROUND = timedelta(seconds=5)  # an order for packages and its legs are written down within that
MOVING = 3  # looks at an account that changes while it is looked at

T = TypeVar("T")


class AlpacaBroker:
    """A paper or live account at Alpaca. For one thread, except `listen`, which has a connection of its own.

    Args:
        keys: whose account, and where.
        account: its name in the ledger, which fills and bookings bear.
        since: what happened before is not told: the account was kept elsewhere then.
        grace: seconds in which an order that was sent may be on its way, and "not found" proves nothing.
        door: how Alpaca is asked.
        clock: what time it is.
        now: a clock that counts seconds.
    """

    name = "alpaca"
    poll_seconds = 5.0  # between two looks when the stream is quiet: seven requests each, of two hundred a minute
    cash_step = Decimal("0.01")  # the smallest amount that is booked: every trade is rounded to it
    capabilities: Capabilities = words.AlpacaCapabilities(extended_hours=True, asset_classes=words.CLASSES)

    def __init__(
        self,
        keys: Keys,
        account: str = "",
        *,
        since: datetime | None = None,
        grace: float = GRACE,
        door: Door | None = None,
        clock: Clock | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys, self._account, self._since = keys, account, since
        self._door, self._clock, self._now, self._grace = door or Door(keys), clock or WallClock(), now, grace
        self._born = now()
        self._sent: dict[str, float] = {}  # client id → when it was last put on the wire
        self._denied: dict[str, float] = {}  # client id → seconds after it was sent before which it is not looked for
        self._names: dict[str, str] = {}  # Alpaca's id → client id
        self._ids: dict[str, str] = {}  # client id → Alpaca's id
        self._parents: dict[str, str] = {}  # client id of a leg → of its order
        self._alone: set[str] = set()  # orders whose parent was looked for
        self._executions: dict[str, str] = {}  # execution → the activity that it was told as
        self._busts: dict[str, Bust] = {}  # executions that were taken back; the stream's thread writes here too
        self._looked: dict[str, float] = {}  # list of activities → when it was last looked at from further back

    def room(self) -> int:
        """How many orders Alpaca takes now: 200 requests a minute, and none for a while when it says so."""
        return self._door.room

    # ---- commands --------------------------------------------------------------------------------------------------
    def submit(self, order: Order) -> BrokerOrder:
        """Place an order, once. BrokerRejected when its client id is taken: then look that one up."""
        if refusal := self.capabilities.refusal(order.intent):
            raise BrokerRejected(f"alpaca: {refusal}")
        return self._command(order, lambda: self._door.post("/orders", words.fields(order)))

    def replace(self, old: Order, new: Order) -> BrokerOrder:
        """Put an order in the place of an open one; its quantity is what is worked from now on."""
        if refusal := self.capabilities.refusal(new.intent):
            raise BrokerRejected(f"alpaca: {refusal}")
        stands = self._told(old.client_id)
        if stands is None or stands.status in TERMINAL or stands.filled != old.filled:
            state = "is not there" if stands is None else f"is {stands.status.value} with {stands.filled} filled"
            raise BrokerRejected(f"cannot replace {old.client_id}: it {state}")
        path = f"/orders/{stands.broker_id}"
        return self._command(new, lambda: self._door.patch(path, words.changes(new)), parent=old.client_id)

    def _command(self, order: Order, send: Callable[[], Any], parent: str = "") -> BrokerOrder:
        """Send, and bind the answer to the order only when it is about this order."""
        self._sent[order.client_id] = self._now()
        self._denied.pop(order.client_id, None)
        try:
            told = send()
        except (BrokerRejected, BrokerUnavailable):
            self._sent.pop(order.client_id)  # refused, or it never left: nothing of it is on its way
            raise
        try:
            answer = self._learn(told, parent)
            intent = words.intent(told)
        except (BrokerError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise OutcomeUnknown(f"alpaca took {order.client_id} and its answer cannot be read: {error}") from error
        same = answer.client_id == order.client_id and intent is not None
        if not same or (intent is not None and not _about(intent, order)):
            raise OutcomeUnknown(f"alpaca answered for {order.client_id} with another order, {answer.client_id}")
        return answer

    def cancel(self, client_id: str) -> None:
        """Ask to cancel. One that is closed or unknown raises BrokerRejected."""
        name = self._ids.get(client_id)
        if name is None:
            stands = self._told(client_id)
            if stands is None:
                raise BrokerRejected(f"alpaca has no order {client_id}")
            name = stands.broker_id
        self._door.delete(f"/orders/{name}")

    # ---- questions -------------------------------------------------------------------------------------------------
    def find(self, client_id: str) -> BrokerOrder | None:
        """The order, open or closed. None only once it had the time to arrive, and Alpaca still has none."""
        waited = self._now() - self._sent.get(client_id, self._born)
        not_yet = f"alpaca has no order {client_id} yet, {waited:.0f} s after it may have left"
        if waited < self._denied.get(client_id, 0.0):
            raise BrokerUnavailable(not_yet)
        found = self._told(client_id)
        if found is None and waited < self._grace:
            self._denied[client_id] = min(2 * waited + LOOK_AGAIN, self._grace)
            raise BrokerUnavailable(not_yet)
        self._denied.pop(client_id, None)
        return found

    def _told(self, client_id: str) -> BrokerOrder | None:
        try:
            told = self._door.get("/orders:by_client_order_id", client_order_id=client_id)
        except NotFound:
            return None
        except BrokerRejected as error:
            raise BrokerUnavailable(f"alpaca does not say what became of {client_id}: {error}") from error
        if told.get("order_class") == words.SEVERAL and told.get("symbol") and client_id not in self._parents:
            self._meet_package(told)
        return self._readable("an order", lambda: self._learn(told))

    def _meet_package(self, leg: Mapping[str, Any]) -> None:
        """The leg of an order that this process has not seen: that was written down at about the same moment."""
        at = self._readable("an order", lambda: words.moment(leg["created_at"]))
        if at is None or str(leg["client_order_id"]) in self._alone:
            return
        self._alone.add(str(leg["client_order_id"]))
        window = {"after": (at - AROUND).isoformat(), "until": (at + AROUND).isoformat()}
        for told in self._ask("closed orders", "/orders", status="all", limit=PAGE, nested="true", **window):
            self._readable("an order", lambda t=told: self._learn(t))  # type: ignore[misc]

    def orders(self) -> list[BrokerOrder]:
        """Every open order: legs and held ones, and those placed elsewhere. All of them, or BrokerUnavailable."""
        found: dict[str, BrokerOrder] = {}
        for nested in ("true", "false"):  # held legs are told with their order only, others of closed ones without it
            for told, parent in words.flat(self._open(nested)):
                order = self._readable("the open orders", lambda t=told, p=parent: self._learn(t, p))  # type: ignore[misc]
                if order.status not in TERMINAL and (parent or order.client_id not in found):
                    found[order.client_id] = order
                    if told.get("order_class") in PAIRED and not order.parent and not told.get("legs"):
                        self._adopt(order, found)
        return list(found.values())

    def _adopt(self, order: BrokerOrder, found: dict[str, BrokerOrder]) -> None:
        """The leg of an order that is closed, met by a process that has not seen that one: its parent is looked up."""
        if order.intent is None or order.client_id in self._alone:
            return
        self._alone.add(order.client_id)
        query = {"status": "all", "symbols": order.intent.symbol, "limit": PAGE, "direction": "desc", "nested": "true"}
        for told, above in words.flat(self._ask("closed orders", "/orders", **query)):
            if above:
                self._parents[str(told["client_order_id"])] = above
        if parent := self._parents.get(order.client_id):
            found[order.client_id] = replace(order, parent=parent)

    def _open(self, nested: str) -> list[Mapping[str, Any]]:
        query: dict[str, Any] = {"status": "open", "limit": PAGE, "direction": "asc", "nested": nested}
        found: dict[str, Mapping[str, Any]] = {}
        while True:
            page = self._ask("the open orders", "/orders", **query)
            fresh = [told for told in page if str(told["id"]) not in found]
            found |= {str(told["id"]): told for told in fresh}
            if len(page) < PAGE:
                return list(found.values())
            if not fresh:
                raise BrokerUnavailable(f"alpaca: more than {PAGE} open orders of one moment; not all can be told")
            last = words.moment(page[-1]["submitted_at"])
            assert last is not None, "an open order was submitted"
            query["after"] = (last - timedelta(microseconds=1)).isoformat()  # it leaves out those of the moment itself

    def fills(self, after: str = "") -> list[tuple[str, Fill]]:
        """Executions after a cursor, in order; some are told again now and then, as they may be written down late."""
        told = self._activities("/account/activities/FILL", after)
        return self._readable("executions", lambda: [(str(a["id"]), self._fill(a)) for a in told if not self._taken(a)])

    def busts(self) -> list[Bust]:
        """Trades that were taken back, as the list of executions and the stream of trade updates told since the start.

        Both name an execution by what stands behind the time in the name of its activity. One that is in neither, as
        nobody listened, is found by the comparison with the broker.
        """
        told = list(self._busts.values())
        return [replace(one, execution_id=self._executions.get(one.execution_id, one.execution_id)) for one in told]

    def _taken(self, told: Mapping[str, Any]) -> bool:
        """Whether an activity, or a word of the stream, is about a trade that was taken back; then it is kept."""
        if (bust := activities.bust(told)) is not None:
            self._busts.setdefault(bust.execution_id, bust)
        return bust is not None

    def _fill(self, told: Mapping[str, Any]) -> Fill:
        name = str(told["order_id"])
        self._executions[str(told["id"]).rpartition("::")[2]] = str(told["id"])
        if name not in self._names:
            try:
                self._learn(self._door.get(f"/orders/{name}"))
            except BrokerRejected as error:
                raise BrokerUnavailable(f"alpaca does not tell order {name} of an execution: {error}") from error
        return activities.fill(told, self._names[name], self._account)

    def bookings(self, after: str = "") -> list[tuple[str, Booking]]:
        """What happened other than trades, after a cursor, in order."""
        told = self._activities("/account/activities", after, category="non_trade_activity")
        return self._readable("activities", lambda: activities.bookings(told, self._account))

    def _activities(self, path: str, after: str, **query: Any) -> list[Mapping[str, Any]]:
        back = self._now() - self._looked.get(path, float("-inf")) >= LOOK_BACK
        found = self._readable(
            "activities", lambda: activities.written(self._door, path, after, self._since, back, **query)
        )
        if back:
            self._looked[path] = self._now()
        return found

    def snapshot(self) -> Snapshot:
        """Cash and holdings of one moment: the account must say the same before and after the holdings are asked."""
        for _ in range(MOVING):
            taken = self._clock.now()
            before = self._ask("the account", "/account")
            held = self._ask("the holdings", "/positions")
            after = self._ask("the account", "/account")
            if before["cash"] == after["cash"]:
                return self._readable("the account", lambda a=after, h=held, t=taken: _snapshot(a, h, t))  # type: ignore[misc]
        raise BrokerUnavailable(f"alpaca: the account changed while it was looked at, {MOVING} times")

    def close(self) -> None:
        """Let go of the connection."""
        self._door.close()

    # ---- the stream ------------------------------------------------------------------------------------------------
    def listen(self, wake: Callable[[], None], stopped: Event) -> None:
        """Wake on any word of the trade updates, and after every connection, until stopped."""
        Line(self._keys, heard=self._taken).listen(wake, stopped)

    # ---- inside ----------------------------------------------------------------------------------------------------
    def _ask(self, what: str, path: str, **query: Any) -> Any:
        try:
            return self._door.get(path, **query)
        except BrokerRejected as error:
            raise BrokerUnavailable(f"alpaca does not tell {what}: {error}") from error

    def _readable(self, what: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            said = self._keys.clean(f"{type(error).__name__}: {str(error)[:200]}")
            raise BrokerUnavailable(f"alpaca: what it tells of {what} cannot be read ({said})") from error

    def _learn(self, told: Mapping[str, Any], parent: str = "") -> BrokerOrder:
        """An order as it is told, with the names of those around it; they are remembered."""
        name, client_id = str(told["id"]), str(told["client_order_id"])
        self._names[name], self._ids[client_id] = client_id, name
        for leg, above in words.flat([told]):
            if above:
                self._parents[str(leg["client_order_id"])] = above
                self._names[str(leg["id"])] = str(leg["client_order_id"])
        parent = parent or self._parents.get(client_id, "") or self._name_of(told.get("replaces"))
        if parent:
            self._parents[client_id] = parent
        return words.broker_order(told, parent, self._name_of(told.get("replaced_by")))

    def _name_of(self, name: Any) -> str:
        """The client id of an order that is told by Alpaca's id."""
        if not name:
            return ""
        if str(name) not in self._names:
            self._names[str(name)] = str(self._ask("an order", f"/orders/{name}")["client_order_id"])
        return self._names[str(name)]


def _about(intent: Any, order: Order) -> bool:
    wished = order.intent
    return (intent.symbol, intent.side, intent.quantity) == (wished.symbol, wished.side, wished.quantity)


def _snapshot(account: Mapping[str, Any], held: Sequence[Mapping[str, Any]], taken: datetime) -> Snapshot:
    cash = words.number(account["cash"])
    if cash is None:
        raise ValueError("the account has no cash")
    holdings = [_holding(position) for position in held]
    return Snapshot(
        taken, cash, str(account["currency"]), {h.instrument.symbol: h for h in holdings if h.quantity},
        equity=words.number(account.get("equity")), buying_power=words.number(account.get("buying_power")),
        blocked=_blocked(account),
    )  # fmt: skip


def _holding(told: Mapping[str, Any]) -> Holding:
    quantity = words.number(told["qty"])
    if quantity is None:
        raise ValueError(f"the holding in {told['symbol']} has no quantity")
    signed = -abs(quantity) if told.get("side") == "short" else quantity
    what = words.instrument(str(told["symbol"]), str(told.get("asset_class", "")), quantity)
    average = words.number(told.get("avg_entry_price"))
    return Holding(what, signed, average if average is None or average > 0 else None)


def _blocked(account: Mapping[str, Any]) -> str:
    why = [name for name in ("account_blocked", "trading_blocked", "trade_suspended_by_user") if account.get(name)]
    status = str(account.get("status", "ACTIVE"))
    return ", ".join([*why, *([f"status {status}"] if status != "ACTIVE" else [])])
