"""The paper broker: a venue of its own over the simulated exchange, with its own memory on disk.

It stands apart from the ledger on purpose: a desk may die between the venue's answer and its own book,
and then has to ask, as it would ask a real broker. Client ids are enforced for the life of the account.
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
    Booking,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
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
from aura_lib.execution.feed import Feed

EXIT = "/exit"  # what the exchange puts behind the client id of a bracket, to name the order that closes it
_TABLES = """
CREATE TABLE IF NOT EXISTS venue (id INTEGER PRIMARY KEY CHECK (id = 1), time TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fills (n INTEGER PRIMARY KEY AUTOINCREMENT, execution_id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bookings (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deposits (key TEXT PRIMARY KEY, amount TEXT NOT NULL);
"""


class PaperBroker:
    """A simulated venue for one account. Prices come from a feed, time from a clock."""

    name = "paper"
    capabilities = Capabilities()

    def __init__(self, file: Path, feed: Feed, clock: Clock, costs: Costs) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._feed, self._clock = feed, clock
        self._database = sqlite3.connect(file, timeout=30, isolation_level=None)
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_TABLES}")
        fresh = Exchange(Decimal(0), costs).state()
        self._database.execute("INSERT OR IGNORE INTO venue VALUES (1, ?, ?)", (iso(clock.now()), canonical(fresh)))

    @contextmanager
    def _session(self) -> Iterator[Exchange]:
        """The exchange, caught up with the clock; what happens inside is kept whole or not at all."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise BrokerUnavailable(f"the paper venue cannot be written: {error}") from error
        try:
            time, state = self._database.execute("SELECT time, state FROM venue").fetchone()
            exchange = Exchange.restore(json.loads(state))
            now = max(self._clock.now(), utc(time))
            for moment in self._feed.moments(utc(time), now):
                if exchange.idle:
                    break  # nothing can happen at the bars that are left
                self._book(exchange.match(moment, self._feed.prices(moment)))
            yield exchange
            after = (iso(now), canonical(exchange.state()))
            if after != (time, state):  # a question writes nothing
                self._database.execute("UPDATE venue SET time = ?, state = ?", after)
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    def _book(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Fill):
                line = (event.execution_id, canonical(encode(event)))
                self._database.execute("INSERT INTO fills (execution_id, body) VALUES (?, ?)", line)
            elif isinstance(event, Booking):
                self._database.execute(
                    "INSERT INTO bookings (id, body) VALUES (?, ?)", (event.id, canonical(encode(event)))
                )

    def submit(self, order: Order) -> BrokerOrder:
        """Accept an order, or raise BrokerRejected; a client id that was used before is rejected."""
        with self._session() as exchange, _refusing():
            return exchange.submit(order, self._clock.now())

    def replace(self, old: Order, new: Order) -> BrokerOrder:
        """Put an order in the place of an open one, or raise BrokerRejected and change nothing."""
        with self._session() as exchange, _refusing():
            stands = exchange.find(old.client_id)
            if stands is not None and stands.filled != old.filled:
                raise BrokerRejected(f"cannot replace {old.client_id}: {stands.filled} of it are filled by now")
            return exchange.succeed(old.client_id, new, self._clock.now())

    def cancel(self, client_id: str) -> None:
        """Cancel an open order; one that is closed or unknown raises BrokerRejected."""
        with self._session() as exchange:
            exchange.cancel(client_id)

    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None when the venue never had it."""
        with self._session() as exchange:
            found = exchange.find(client_id)
            return None if found is None else replace(found, parent=_parent(client_id))

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

    def deposit(self, key: str, amount: Decimal) -> None:
        """Pay money in (or, negative, out) once for each key."""
        with self._session() as exchange:
            done = self._database.execute("INSERT OR IGNORE INTO deposits VALUES (?, ?)", (key, str(amount)))
            if done.rowcount:
                exchange.deposit(amount)

    def time(self) -> datetime:
        """Up to where the venue has matched."""
        (time,) = self._database.execute("SELECT time FROM venue").fetchone()
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
    return client_id.removesuffix(EXIT) if client_id.endswith(EXIT) else ""


def _told(order: Order) -> BrokerOrder:
    name = order.client_id
    return BrokerOrder(name, order.status, order.filled, parent=_parent(name), intent=order.intent, time=order.time)
