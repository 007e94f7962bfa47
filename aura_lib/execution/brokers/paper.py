"""The paper broker: a venue of its own over the simulated exchange, with its own memory on disk.

It stands apart from the ledger on purpose: a desk may die between the venue's answer and its own book,
and then has to ask, as it would ask a real broker. Client ids are enforced for the life of the account.

The exchange is kept in memory as long as nobody else wrote to the file; of each call only what it changed is written,
so that a call costs the same with a thousand open orders as with one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aura_lib.core import (
    TERMINAL,
    Booking,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Bust,
    Capabilities,
    Clock,
    Fill,
    Holding,
    InputError,
    Order,
    Snapshot,
    canonical,
    decode,
    encode,
    iso,
    utc,
)
from aura_lib.exchange import Costs, Event, Exchange
from aura_lib.exchange.busts import bust
from aura_lib.exchange.working import package_of
from aura_lib.execution.feed import Feed
from aura_lib.ledger.frozen import begin

BUSY_SECONDS = 30  # to wait for another desk that has the file to itself
EXIT = "/exit"  # what the exchange puts behind the client id of a bracket, to name the order that closes it
_TABLES = """
CREATE TABLE IF NOT EXISTS venue (id INTEGER PRIMARY KEY CHECK (id = 1), time TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS version (id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL, time TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (client_id TEXT PRIMARY KEY, open INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS open_orders ON orders (client_id) WHERE open = 1;
CREATE TABLE IF NOT EXISTS fills (n INTEGER PRIMARY KEY AUTOINCREMENT, execution_id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bookings (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS busts (execution_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deposits (key TEXT PRIMARY KEY, amount TEXT NOT NULL);
"""


class PaperBroker:
    """A simulated venue for one account. Prices come from a feed, time from a clock."""

    name = "paper"
    capabilities = Capabilities()

    def __init__(self, file: Path, feed: Feed, clock: Clock, costs: Costs) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file, self._feed, self._clock = file, feed, clock
        self._database = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")
        fresh = canonical(Exchange(Decimal(0), costs).state())
        begin(self._database, file, BUSY_SECONDS)
        self._database.execute("INSERT OR IGNORE INTO venue VALUES (1, ?, ?)", (iso(clock.now()), fresh))
        self._database.execute("INSERT OR IGNORE INTO version SELECT 1, 0, time FROM venue")
        self._database.execute("COMMIT")
        self._exchange: Exchange | None = None
        self._version = -1  # of the file, that `_exchange` is the state of
        self._time = ""
        self._texts: dict[str, str] = {}  # open orders as they are on file
        self._inside = False
        self._changed: set[str] = set()  # orders that the present transaction touched
        self._all = False  # whether it may have touched anything

    # ---- one transaction -------------------------------------------------------------------------------------------
    @contextmanager
    def _session(self) -> Iterator[Exchange]:
        """The exchange, caught up with the clock; what happens inside is kept whole or not at all."""
        if self._inside and self._exchange is not None:
            yield self._exchange
            return
        try:
            begin(self._database, self._file, BUSY_SECONDS)
            exchange = self._caught_up()
            self._inside = True
            yield exchange
            self._keep(exchange)
            self._database.execute("COMMIT")
        except BaseException as error:
            self._exchange = None  # what is in memory may be ahead of what is kept
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise BrokerUnavailable(f"the paper venue cannot be written: {error}") from error
            raise
        finally:
            self._inside = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several calls in one transaction: all that they did is kept, or (BrokerUnavailable) none of it."""
        with self._session():
            yield

    def _caught_up(self) -> Exchange:
        version, moment = self._database.execute("SELECT n, time FROM version").fetchone()
        self._changed, self._all = set(), False
        if self._exchange is None or version != self._version:
            self._load()
            self._version, self._time = version, moment
        assert self._exchange is not None
        since, now = utc(self._time), max(self._clock.now(), utc(self._time))
        for moment in self._feed.moments(since, now):
            if self._exchange.idle:
                break  # nothing can happen at the bars that are left
            self._book(self._exchange.match(moment, self._feed.prices(moment)))
            self._all = True
        self._time = iso(now)
        return self._exchange

    def _load(self) -> None:
        (text,) = self._database.execute("SELECT state FROM venue").fetchone()
        rows = self._database.execute("SELECT client_id, body FROM orders WHERE open = 1").fetchall()
        state = {"working": [], "closed": [], **json.loads(text)}
        self._all = bool(state["working"] or state["closed"])  # of a file from before orders were kept one by one
        state["working"] += sorted((json.loads(body) for _, body in rows), key=lambda kept: int(kept["sequence"]))
        self._exchange, self._texts = Exchange.restore(state), dict(rows)

    def _keep(self, exchange: Exchange) -> None:
        """Write what changed; a question writes nothing."""
        changed = [client_id for client_id in self._open(exchange) if self._write(exchange, client_id)]
        closed = exchange.part()
        for order in closed:
            told = replace(order, parent=_parent(order.client_id))
            line = (order.client_id, canonical(encode(told)))
            self._database.execute("INSERT OR REPLACE INTO orders VALUES (?, 0, ?)", line)
            self._texts.pop(order.client_id, None)
        if self._all:
            state = canonical(exchange.state(orders=False))
            self._database.execute("UPDATE venue SET state = ?", (state,))
        if changed or closed or self._all:
            self._version += 1
            self._database.execute("UPDATE version SET n = ?, time = ?", (self._version, self._time))

    def _open(self, exchange: Exchange) -> list[str]:
        return [order.client_id for order in exchange.open_orders] if self._all else sorted(self._changed)

    def _write(self, exchange: Exchange, client_id: str) -> bool:
        kept = exchange.kept(client_id)
        text = None if kept is None else canonical(kept)
        if text is None or text == self._texts.get(client_id):
            return False
        self._database.execute("INSERT OR REPLACE INTO orders VALUES (?, 1, ?)", (client_id, text))
        self._texts[client_id] = text
        return True

    def _book(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Fill):
                line = (event.execution_id, canonical(encode(event)))
                self._database.execute("INSERT INTO fills (execution_id, body) VALUES (?, ?)", line)
            elif isinstance(event, Booking):
                line = (event.id, canonical(encode(event)))
                self._database.execute("INSERT INTO bookings (id, body) VALUES (?, ?)", line)

    # ---- commands --------------------------------------------------------------------------------------------------
    def submit(self, order: Order) -> BrokerOrder:
        """Accept an order, or raise BrokerRejected; a client id that was used before is rejected."""
        with self._session() as exchange, _refusing():
            self._unique(order.client_id)
            told = exchange.submit(order, self._clock.now())
            self._changed.add(order.client_id)
        return told

    def replace(self, old: Order, new: Order) -> BrokerOrder:
        """Put an order in the place of an open one, or raise BrokerRejected and change nothing."""
        with self._session() as exchange, _refusing():
            self._unique(new.client_id)
            self._stands(old.client_id, "replace")
            stands = exchange.find(old.client_id)
            if stands is not None and stands.filled != old.filled:
                raise BrokerRejected(f"cannot replace {old.client_id}: {stands.filled} of it are filled by now")
            told = exchange.succeed(old.client_id, new, self._clock.now())
            self._changed |= {old.client_id, new.client_id}
        return told

    def cancel(self, client_id: str) -> None:
        """Cancel an open order; one that is closed or unknown raises BrokerRejected."""
        with self._session() as exchange:
            self._stands(client_id, "cancel")
            exchange.cancel(client_id)
            self._changed.add(client_id)

    def _unique(self, client_id: str) -> None:
        if self._closed(client_id) is not None:
            raise BrokerRejected(f"client id must be unique: {client_id} is known here, it was not placed again")

    def _stands(self, client_id: str, wish: str) -> None:
        if (told := self._closed(client_id)) is not None:
            raise BrokerRejected(f"cannot {wish} {client_id}: it is {told.status.value}")

    def _closed(self, client_id: str) -> BrokerOrder | None:
        if self._exchange is not None and (told := self._exchange.find(client_id)) and told.status in TERMINAL:
            return replace(told, parent=_parent(client_id))  # closed in this very transaction
        query = "SELECT body FROM orders WHERE client_id = ? AND open = 0"
        row = self._database.execute(query, (client_id,)).fetchone()
        return decode(BrokerOrder, json.loads(row[0])) if row else None

    # ---- questions -------------------------------------------------------------------------------------------------
    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None when the venue never had it."""
        with self._session() as exchange:
            order = exchange.open_order(client_id)
            return self._closed(client_id) if order is None else _told(order)

    def orders(self) -> list[BrokerOrder]:
        """Every open order, exits of brackets too."""
        with self._session() as exchange:
            return [_told(order) for order in exchange.open_orders]

    def fills(self, after: str = "") -> list[tuple[str, Fill]]:
        """Fills with their running number, those after it."""
        return [(n, decode(Fill, body)) for n, body in self._after("fills", after)]

    def bookings(self, after: str = "") -> list[tuple[str, Booking]]:
        """What happened other than trades, with its running number, after it."""
        return [(n, decode(Booking, body)) for n, body in self._after("bookings", after)]

    def busts(self) -> list[Bust]:
        """Trades that were taken back."""
        with self._session():
            rows = self._database.execute("SELECT body FROM busts ORDER BY rowid").fetchall()
        return [decode(Bust, json.loads(body)) for (body,) in rows]

    def _after(self, table: str, cursor: str) -> list[tuple[str, Any]]:
        query = f"SELECT n, body FROM {table} WHERE n > ? ORDER BY n"
        with self._session():
            rows = self._database.execute(query, (int(cursor or 0),)).fetchall()
        return [(str(n), json.loads(body)) for n, body in rows]

    def snapshot(self) -> Snapshot:
        """Cash and holdings now."""
        with self._session() as exchange:
            account = exchange.account
        held = {s: p for s, p in account.positions.items() if p.quantity}
        holdings = {s: Holding(p.instrument, p.quantity, p.average_cost) for s, p in held.items()}
        return Snapshot(self._clock.now(), account.cash, account.currency, holdings, account.balances)

    # ---- the account -----------------------------------------------------------------------------------------------
    def deposit(self, key: str, amount: Decimal) -> None:
        """Pay money in (or, negative, out) once for each key."""
        with self._session() as exchange:
            done = self._database.execute("INSERT OR IGNORE INTO deposits VALUES (?, ?)", (key, str(amount)))
            if done.rowcount:
                exchange.deposit(amount)
                self._all = True

    def book(self, booking: Booking) -> None:
        """Book what is no trade (units brought along, a correction) once for each id."""
        with self._session() as exchange, _refusing():
            done = self._database.execute("INSERT OR IGNORE INTO deposits VALUES (?, ?)", (booking.id, "booking"))
            if done.rowcount:
                exchange.bring(booking)
                self._all = True

    def bust(self, execution_id: str, reason: str = "") -> None:
        """Take a trade back, as a venue may; once. One that never was raises InputError."""
        with self._session() as exchange:
            query = "SELECT body FROM fills WHERE execution_id = ?"
            row = self._database.execute(query, (execution_id,)).fetchone()
            if row is None:
                raise InputError(f"no execution {execution_id} is known here")
            told = canonical(encode(Bust(execution_id, self._clock.now(), reason)))
            done = self._database.execute("INSERT OR IGNORE INTO busts VALUES (?, ?)", (execution_id, told))
            if done.rowcount:
                bust(exchange, decode(Fill, json.loads(row[0])))
                self._all = True

    def time(self) -> datetime:
        """Up to where the venue has matched."""
        (time,) = self._database.execute("SELECT time FROM version").fetchone()
        return utc(time)

    def close(self) -> None:
        """Close the venue's file."""
        self._database.close()


@contextmanager
def _refusing() -> Iterator[None]:
    """What no venue could work is a refusal, here as at any broker."""
    try:
        yield
    except InputError as error:
        raise BrokerRejected(str(error)) from error


def _parent(client_id: str) -> str:
    return client_id.removesuffix(EXIT) if client_id.endswith(EXIT) else package_of(client_id)


def _told(order: Order) -> BrokerOrder:
    name = order.client_id
    return BrokerOrder(name, order.status, order.filled, parent=_parent(name), intent=order.intent, time=order.time)
