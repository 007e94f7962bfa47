"""The rehearsal venue: one account over the matching engine, in Alpaca's words, kept whole on disk.

Everything that happens goes through `turn`: one at a time, written down before anybody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import RLock
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aura_lib.core import Booking, Fill, InputError, iso, utc
from aura_lib.exchange import Closed, Costs, Event, Exchange, FillModel, Terms
from aura_lib.exchange.changes import Changes
from aura_lib.exchange.conditions import Latency, Rejects
from aura_lib.exchange.rounds import Touch, play
from aura_lib.exchange.working import entry_of
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.answers import missing
from aura_lib.execution.brokers.rehearsal.files import Files
from aura_lib.execution.brokers.rehearsal.market import Market
from aura_lib.execution.brokers.rehearsal.tickets import Ticket, stamp, text, told

ZERO, ONE = Decimal(0), Decimal(1)
FREE = Costs(commission_bps=ZERO, slippage_bps=ZERO)
Listener = Callable[[dict[str, Any]], None]


class Venue:
    """An account at a venue. `seed` makes its ids; `leverage` of 1 is a cash account, above it one on margin."""

    def __init__(
        self,
        market: Market,
        *,
        cash: Decimal = Decimal(100_000),
        leverage: Decimal = Decimal(2),
        seed: int = 0,
        costs: Costs = FREE,
        latency: Latency | None = None,
        rejects: Rejects | None = None,
        file: Path | None = None,
    ) -> None:
        self.market, self.seed, self.leverage = market, seed, leverage
        self.account_id = str(uuid5(NAMESPACE_URL, f"rehearsal:{seed}"))
        self.files = Files(file)
        self.lock = RLock()
        self.tickets: dict[str, Ticket] = {}
        self.clients: dict[str, str] = {}  # client order id → id
        self.engines: dict[str, str] = {}  # name in the engine → id of the ticket that stands for it now
        self.open: dict[str, Ticket] = {}
        self.waiting: dict[str, Ticket] = {}
        self.packages: dict[str, Ticket] = {}  # open multi-leg orders
        self.activities: list[dict[str, Any]] = []
        self.history: dict[int, Decimal] = {}
        self.listeners: list[Listener] = []
        self.configuration: dict[str, Any] = dict(activities.CONFIGURATION)
        self.latency, self.rejects = latency, rejects
        self.created_at = market.now
        self.numbers = 0
        terms = Terms(short=leverage > 1, max_gross=leverage)
        self.exchange = Exchange(cash, costs, "rehearsal", fills=FillModel(volume_share=ONE), terms=terms)
        self._changed: dict[str, Ticket] = {}
        self._working = Changes()
        self._written, self._outbox, self._depth = 0, list[dict[str, Any]](), 0
        self._minutes: dict[int, str] = {}
        self._rewritten: list[int] = []
        if (kept := self.files.state()) is not None:
            self._restore(kept)
        else:
            with self.turn():
                self.remember()

    # ── keeping ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One thing at a time; when it is over it is on disk, and then the listeners hear of it.

        A `Refused` before anything has changed leaves everything as it was: who refuses looks first.
        """
        with self.lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    self._keep()

    def _keep(self) -> None:
        changed = [(t.id, t.client_order_id, t.kept()) for t in self._changed.values()]
        fresh = [(n, self.activities[n]) for n in (*self._rewritten, *range(self._written, len(self.activities)))]
        self._rewritten.clear()
        self.exchange.part()  # closed orders are told by their tickets
        written, gone = self._working.since(self.exchange)
        working = {name: self.exchange.kept(name) for name in written} | dict.fromkeys(gone)
        self.files.keep(self._state(), changed, fresh, self._minutes, working)
        self._changed.clear()
        self._minutes.clear()
        self._written = len(self.activities)
        updates, self._outbox = self._outbox, []
        for update in updates:
            for listener in list(self.listeners):
                listener(update)

    def _state(self) -> dict[str, Any]:
        tapes = {
            symbol: {
                "last": text(t.last), "previous": text(t.previous), "opened": str(t.opened or ""),
                "touch": None if t.touch is None else [text(part) for part in t.touch],
            }
            for symbol, t in self.market.tapes.items()
        }  # fmt: skip
        return {
            "exchange": self.exchange.state(orders=False), "now": iso(self.market.now), "tapes": tapes,
            "halted": sorted(self.market.halted), "numbers": self.numbers, "seed": self.seed,
            "leverage": str(self.leverage), "created_at": iso(self.created_at), "configuration": self.configuration,
        }  # fmt: skip

    def _restore(self, kept: Mapping[str, Any]) -> None:
        from datetime import date

        working = sorted(self.files.working(), key=lambda told: int(told["sequence"]))
        self.exchange = Exchange.restore({**kept["exchange"], "working": working, "closed": []})
        self._working = Changes()
        self._working.since(self.exchange)
        self.numbers, self.seed, self.leverage = kept["numbers"], kept["seed"], Decimal(kept["leverage"])
        self.account_id = str(uuid5(NAMESPACE_URL, f"rehearsal:{self.seed}"))
        self.created_at, self.configuration = utc(kept["created_at"]), kept["configuration"]
        self.market.halted |= set(kept["halted"])
        if utc(kept["now"]) > self.market.now:
            self.market.move(utc(kept["now"]))
        for symbol, words in kept["tapes"].items():
            tape = self.market.tape(symbol)
            tape.last, tape.previous = (None if words[n] is None else Decimal(words[n]) for n in ("last", "previous"))
            tape.opened = date.fromisoformat(words["opened"]) if words["opened"] else None
            if words["touch"] is not None:
                tape.touch = Touch(*(None if part is None else Decimal(part) for part in words["touch"]))  # type: ignore[arg-type]
        for ticket in sorted(map(Ticket.of, self.files.orders()), key=lambda t: t.number):
            self._know(ticket)
            if not ticket.parent or ticket.role == "leg":
                self.engines[ticket.engine] = ticket.id  # of a chain of replacements the last
        self.activities = self.files.activities()
        self._written = len(self.activities)
        self.history = {minute: Decimal(value) for minute, value in self.files.equity().items()}

    def reload(self) -> None:
        """Forget everything, and read it from disk again, as after a restart."""
        with self.lock:
            depth, self._depth = self._depth, 0
            self._keep()
            for memory in (
                self.tickets,
                self.clients,
                self.engines,
                self.open,
                self.waiting,
                self.packages,
                self.history,
            ):
                memory.clear()
            self._restore(self.files.state())
            self._depth = depth

    def close(self) -> None:
        """Close the venue's file."""
        with self.lock:
            self.files.close()

    # ── tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def next_id(self, kind: str) -> str:
        """A fresh id; the same one in every rehearsal with this seed."""
        self.numbers += 1
        return str(uuid5(NAMESPACE_URL, f"rehearsal:{self.seed}:{kind}:{self.numbers}"))

    def _know(self, ticket: Ticket) -> None:
        self.tickets[ticket.id] = ticket
        self.clients[ticket.client_order_id] = ticket.id
        if ticket.open:
            self.open[ticket.id] = ticket
        if ticket.waits:
            self.waiting[ticket.id] = ticket
        if ticket.order_class == "mleg" and not ticket.parent and ticket.open:
            self.packages[ticket.id] = ticket

    def add(self, ticket: Ticket) -> Ticket:
        """A new order."""
        self._know(ticket)
        self._changed[ticket.id] = ticket
        return ticket

    def change(self, ticket: Ticket, status: str = "", at: datetime | None = None) -> None:
        """Note that a ticket has changed, and its new status."""
        moment = at or self.market.now
        ticket.updated_at = moment
        if status:
            ticket.status = status
            name = f"{status}_at"
            if name in ("filled_at", "expired_at", "canceled_at", "replaced_at"):
                setattr(ticket, name, moment)
            if status == "rejected":
                ticket.failed_at = moment
            if not ticket.open:
                self.open.pop(ticket.id, None)
                self.waiting.pop(ticket.id, None)
                ticket.waits = False
        self._changed[ticket.id] = ticket

    def rewrite(self, activity: dict[str, Any]) -> None:
        """Note that what was told of something that happened has changed."""
        self._rewritten.append(next(n for n, kept in enumerate(self.activities) if kept is activity))

    def ticket(self, order_id: str) -> Ticket:
        """The order with this id; Refused when nobody knows it."""
        found = self.tickets.get(order_id)
        if found is None:
            raise missing(f"order not found for {order_id}")
        return found

    def legs(self, ticket: Ticket) -> list[Ticket]:
        """The legs of an order, as they are now: the replacements of those that were replaced."""
        return [self.tickets[leg] for leg in ticket.legs]

    def order(self, ticket: Ticket, *, nested: bool = True) -> dict[str, Any]:
        """An order as the wire tells it."""
        asset = self.market.listing.find(ticket.symbol)
        legs = [self.order(leg) for leg in self.legs(ticket)] if nested and ticket.legs else None
        kind, name = (asset.kind, str(asset.id)) if asset is not None else ("us_equity", "")
        words = told(ticket, kind, name, legs)
        if ticket.type == "trailing_stop" and (working := self.exchange.kept(ticket.engine)) and working["extreme"]:
            words["hwm"] = text(Decimal(working["extreme"]))
        if ticket.order_class == "mleg" and not ticket.parent:
            words |= {"symbol": "", "asset_id": "", "asset_class": "", "side": ""}
        return words

    def emit(self, event: str, ticket: Ticket, **more: Any) -> None:
        """Something happened to an order: the listeners hear of it when it is on disk."""
        update = {"event": event, "order": self.order(ticket), "timestamp": stamp(self.market.now), **more}
        self._outbox.append(update)

    # ── matching ────────────────────────────────────────────────────────────────────────────────────────────────────

    def match(self, symbols: set[str], *, opening: bool = False, closing: bool = False, late: bool = False) -> None:
        """Hold the open orders of some symbols against the best prices there are now."""
        market = self.market
        self.admit(symbols)
        extended = late or not market.is_open

        def takes(name: str) -> bool:
            ticket = self.standing(name)
            if ticket is None or ticket.symbol not in symbols or ticket.id in self.packages:
                return False  # packages are worked when all their legs have a price
            if "/" in ticket.symbol:
                return not closing
            return (
                ticket.extended_hours
                if extended and not (closing and not late)
                else not (closing and ticket.extended_hours)
            )

        touches = self.touches(symbols)
        events = play(self.exchange, market.stamp(), touches, takes=takes, opening=opening, closing=closing)
        self.book(events)
        if self.packages and not closing:
            from aura_lib.execution.brokers.rehearsal.packages import work

            work(self, symbols)

    def touches(self, symbols: set[str]) -> dict[str, Touch]:
        """The best prices of symbols, of what lies under them, and of what is held."""
        market, found = self.market, {}
        wanted = symbols | {i.underlying for i in map(self._instrument, symbols) if i is not None and i.underlying}
        for symbol in wanted | {p.instrument.symbol for p in self.exchange.account.positions.values() if p.quantity}:
            touch = market.tape(symbol).touch
            if touch is not None and (symbol not in market.halted):
                found[symbol] = touch
        return found

    def _instrument(self, symbol: str) -> Any:
        asset = self.market.listing.find(symbol)
        return None if asset is None else asset.instrument

    def standing(self, name: str) -> Ticket | None:
        """The ticket that an order of the engine stands for now (for a pair of exits: the order they belong to)."""
        known = self.engines.get(entry_of(name) or name)
        return None if known is None else self.tickets[known]

    def admit(self, symbols: set[str]) -> None:
        """Hand the engine what waits: orders whose way here is over, and money that can now be made a quantity."""
        from aura_lib.execution.brokers.rehearsal.submission import place

        for ticket in [t for t in self.waiting.values() if t.symbol in symbols]:
            price = self.market.tape(ticket.symbol).touch
            ready = self.market.trades(ticket.symbol, extended=ticket.extended_hours)
            late = ticket.due is not None and ticket.due > self.market.now
            if not late and (ticket.notional is None or (ready and price is not None)):
                place(self, ticket)

    def book(self, events: list[Event]) -> None:
        """What the engine says has happened, in the venue's own words."""
        from aura_lib.execution.brokers.rehearsal import happenings

        for event in events:
            if isinstance(event, Fill):
                happenings.filled(self, event)
            elif isinstance(event, Booking):
                activities.booked(self, event)
        for event in events:  # what was executed is known of all orders before the end of one takes others along
            if isinstance(event, Closed):
                happenings.closed(self, event)

    def remember(self) -> None:
        """Note what the account is worth this minute."""
        minute = int(self.market.now.timestamp()) // 60 * 60
        value = activities.equity(self)
        self.history[minute] = value
        self._minutes[minute] = str(value)

    # ── the market moves ────────────────────────────────────────────────────────────────────────────────────────────

    def tick(
        self, symbol: str, price: Decimal | str, size: Decimal | str | None = None, at: datetime | None = None
    ) -> None:
        """A trade in the market: from now on so much can be bought and sold at that price."""
        amount = None if size is None else Decimal(size)
        self._listed(symbol)
        worth = Decimal(price)
        if not worth.is_finite() or worth <= 0 or (amount is not None and not amount >= 0):
            raise InputError(f"{symbol} cannot trade {size} at {price}: a price is positive, a size not negative")
        with self.turn():
            if at is not None:
                self.advance(at)
            self.market.trade(symbol, worth, amount)
            self._moved(symbol)

    def quote(
        self, symbol: str, bid: Decimal | str, ask: Decimal | str, bid_size: Any = None, ask_size: Any = None
    ) -> None:
        """A quote in the market."""
        self._listed(symbol)
        sizes = (None if size is None else Decimal(size) for size in (bid_size, ask_size))
        touch = Touch(Decimal(bid), Decimal(ask), *sizes)
        if not (touch.bid.is_finite() and touch.ask.is_finite() and 0 < touch.bid <= touch.ask):
            raise InputError(f"{symbol} cannot have a bid of {bid} and an ask of {ask}")
        with self.turn():
            self.market.quote(symbol, touch)
            self._moved(symbol)

    def _listed(self, symbol: str) -> None:
        if self.market.listing.find(symbol) is None:
            raise InputError(f"{symbol} is not listed here: {', '.join(sorted(self.market.listing.all))}")

    def _moved(self, symbol: str) -> None:
        market = self.market
        tape, regular = market.tape(symbol), market.is_open and "/" not in symbol
        opening = regular and tape.opened != market.session and symbol not in market.halted
        if opening:
            tape.opened = market.session
            self._announce()
        if market.trades(symbol, extended=True):
            self.match({symbol}, opening=opening)
        self.remember()

    def _announce(self) -> None:
        """What came while the market was closed reaches it at the open."""
        for ticket in list(self.open.values()):
            if ticket.status == "accepted" and not ticket.waits:
                self.change(ticket, "new")
                self.emit("new", ticket)

    def advance(self, to: datetime) -> None:
        """Let time pass: sessions open and close, what is good for the day ends with it."""
        moment = utc(to, "to")
        with self.turn():
            for at, bell in list(self.market.bells(moment)):
                self.market.move(max(at, self.market.now))
                self._ring(bell)
            self.market.move(max(moment, self.market.now))
            self.admit({t.symbol for t in self.waiting.values()})
            self.remember()

    def _ring(self, bell: str) -> None:
        shares = {t.symbol for t in self.open.values() if "/" not in t.symbol}
        shares |= {s for s, p in self.exchange.account.positions.items() if p.quantity and "/" not in s}
        if bell == "close":
            from aura_lib.execution.brokers.rehearsal.cancelling import expire_exits
            from aura_lib.execution.brokers.rehearsal.packages import expire

            self.match(shares, closing=True)
            expire_exits(self)
            expire(self)
        else:
            self.match(shares, closing=True, late=True)
        self.remember()

    def halt(self, symbol: str) -> None:
        """Nobody trades a symbol until it is resumed."""
        self._listed(symbol)
        with self.turn():
            self.market.halted.add(symbol)

    def resume(self, symbol: str, price: Decimal | str | None = None) -> None:
        """A symbol trades again, at its old price or another."""
        with self.turn():
            self.market.halted.discard(symbol)
            if price is not None:
                self.tick(symbol, price)
            else:
                self._moved(symbol)

    def find(self, client_order_id: str) -> Ticket | None:
        """The order with a client id."""
        known = self.clients.get(client_order_id)
        return None if known is None else self.tickets[known]
