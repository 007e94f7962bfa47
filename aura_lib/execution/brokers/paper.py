"""The paper broker: a venue of its own over the simulated exchange, with its own memory on disk.

It stands apart from the ledger on purpose: a desk may die between the venue's answer and its own book,
and then has to ask, as it would ask a real broker. Client ids are enforced for the life of the account.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from aura_lib.core import (
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Clock,
    Fill,
    InputError,
    Order,
    OrderType,
    canonical,
    decode,
    encode,
    iso,
    utc,
)
from aura_lib.exchange import Costs, Event, Exchange
from aura_lib.execution.feed import Feed

_TABLES = """
CREATE TABLE IF NOT EXISTS venue (id INTEGER PRIMARY KEY CHECK (id = 1), time TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fills (n INTEGER PRIMARY KEY AUTOINCREMENT, execution_id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deposits (key TEXT PRIMARY KEY, amount TEXT NOT NULL);
"""


class PaperBroker:
    """A simulated venue for one account. Prices come from a feed, time from a clock."""

    name = "paper"

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

    def submit(self, order: Order) -> BrokerOrder:
        """Accept an order, or raise BrokerRejected; a client id that was used before is rejected."""
        if order.intent.type is OrderType.BRACKET:
            raise BrokerRejected("nobody would follow the exit of a bracket here: send its entry, then an oco order")
        with self._session() as exchange:
            try:
                return exchange.submit(order, self._clock.now())
            except InputError as error:
                raise BrokerRejected(str(error)) from error

    def cancel(self, client_id: str) -> None:
        """Cancel an open order; one that is closed or unknown raises BrokerRejected."""
        with self._session() as exchange:
            exchange.cancel(client_id)

    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None when the venue never had it."""
        with self._session() as exchange:
            return exchange.find(client_id)

    def fills(self, after: int = 0) -> list[tuple[int, Fill]]:
        """Fills with their running number, those above `after`."""
        with self._session():
            rows = self._database.execute("SELECT n, body FROM fills WHERE n > ? ORDER BY n", (after,)).fetchall()
        return [(n, decode(Fill, json.loads(body))) for n, body in rows]

    def positions(self) -> Mapping[str, Decimal]:
        """Symbol → quantity, where not zero."""
        with self._session() as exchange:
            return exchange.account.holdings

    def cash(self) -> Decimal:
        """Cash at the venue."""
        with self._session() as exchange:
            return exchange.account.cash

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
