"""The journal: append-only, one hash chain per account and one for the system."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from aura_lib.core import canonical, iso, utc
from aura_lib.ledger import schema
from aura_lib.ledger.database import Database

SYSTEM = "system"
GENESIS = "0" * 64
CHUNK = 5_000  # entries read at once
_Line = tuple[int, str, str, str | None, str, str, str]  # n, time, kind, key, body, prev, hash
_quoted = json.JSONEncoder(
    ensure_ascii=False
).encode  # of a text: what `canonical` makes of it, without its other cares


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. `n` counts within its chain from 1, `seq` over the whole journal."""

    seq: int
    chain: str
    n: int
    time: str
    kind: str
    key: str | None
    body: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found: how many entries in how many chains, and the first bad one, if any."""

    entries: int
    chains: int
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether every chain holds."""
        return not self.problem


def chained(chain: str, n: int, time: str, kind: str, key: str | None, body: str, prev: str) -> str:
    """The hash of an entry: SHA-256 over its content and the hash of the one before, as canonical JSON."""
    named = "null" if key is None else _quoted(key)
    line = f"[{_quoted(chain)},{n},{_quoted(time)},{_quoted(kind)},{named},{_quoted(body)},{_quoted(prev)}]"
    return hashlib.sha256(line.encode()).hexdigest()


class Journal:
    """Append entries and read them back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, chain: str, kind: str, body: Mapping[str, Any], key: str | None = None) -> Entry:
        """Append one entry in its own transaction; with a `key` that is taken, return the entry that has it."""
        with self._database.write() as connection:
            return self.append_in(connection, chain, kind, body, key)

    def append_in(
        self, connection: sa.Connection, chain: str, kind: str, body: Mapping[str, Any], key: str | None = None
    ) -> Entry:
        """Append within a transaction the caller has open."""
        head = connection.execute(sa.select(schema.heads).where(schema.heads.c.chain == chain)).first()
        if key is not None and (taken := self._find(connection, chain, key)):
            return taken
        n, prev = (head.n + 1, head.hash) if head else (1, GENESIS)
        text, time = canonical(body), iso(datetime.now(UTC))
        own = chained(chain, n, time, kind, key, text, prev)
        line = {"chain": chain, "n": n, "time": time, "kind": kind, "key": key, "body": text, "prev": prev, "hash": own}
        inserted = connection.execute(schema.journal.insert().values(**line)).inserted_primary_key
        assert inserted is not None
        if head:
            connection.execute(schema.heads.update().where(schema.heads.c.chain == chain).values(n=n, hash=own))
        else:
            connection.execute(schema.heads.insert().values(chain=chain, n=n, hash=own))
        return Entry(inserted[0], chain, n, time, kind, key, json.loads(text), own)

    @staticmethod
    def _find(connection: sa.Connection, chain: str, key: str) -> Entry | None:
        table = schema.journal
        row = connection.execute(sa.select(table).where(table.c.chain == chain, table.c.key == key)).first()
        return _entry(row) if row else None

    def find(self, chain: str, key: str) -> Entry | None:
        """The entry with this key, or None."""
        with self._database.read() as connection:
            return self._find(connection, chain, key)

    def entries(self, chain: str, *, after: int = 0, kinds: Sequence[str] = ()) -> list[Entry]:
        """The entries of a chain with n > `after`, in order; of some kinds only, if any are given."""
        table = schema.journal
        query = sa.select(table).where(table.c.chain == chain, table.c.n > after).order_by(table.c.n)
        if kinds:
            query = query.where(table.c.kind.in_(kinds))
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def last(self) -> int:
        """The highest `seq` so far; 0 for an empty journal."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.max(schema.journal.c.seq))) or 0

    def newest(self) -> datetime | None:
        """The latest time that any entry bears; None for an empty journal."""
        with self._database.read() as connection:
            time = connection.scalar(sa.select(sa.func.max(schema.journal.c.time)))
        return utc(time) if time else None

    def chains(self) -> list[str]:
        """Names of all chains."""
        with self._database.read() as connection:
            return list(connection.scalars(sa.select(schema.heads.c.chain).order_by(schema.heads.c.chain)))

    def heads(self) -> dict[str, str]:
        """Chain → hash of its last entry."""
        with self._database.read() as connection:
            return {row.chain: row.hash for row in connection.execute(sa.select(schema.heads))}

    def tops(self) -> dict[str, tuple[int, str]]:
        """Chain → number and hash of its last entry."""
        with self._database.read() as connection:
            return {row.chain: (row.n, row.hash) for row in connection.execute(sa.select(schema.heads))}

    def hash_of(self, chain: str, n: int) -> str | None:
        """The hash that an entry bears; None when the chain has no such entry."""
        c = schema.journal.c
        with self._database.read() as connection:
            return connection.scalar(sa.select(c.hash).where(c.chain == chain, c.n == n))

    def verify(self) -> Verification:
        """Recompute every hash. The first entry that was changed, removed, inserted or moved is named."""
        entries = 0
        names: set[str] = set()
        with self._database.read() as connection:
            heads = {row.chain: row for row in connection.execute(sa.select(schema.heads))}
            names.update(heads, connection.scalars(sa.select(schema.journal.c.chain).distinct()))
            for name in sorted(names):
                n, prev = 0, GENESIS
                for line in self._lines(connection, name):
                    if problem := _problem(name, line, n, prev):
                        return Verification(entries, len(names), problem)
                    n, prev, entries = n + 1, line[-1], entries + 1
                head = heads.get(name)
                if head is None or (head.n, head.hash) != (n, prev):
                    there = f"entry {head.n}" if head else "nothing"
                    text = f"chain {name} ends at entry {n}, but {there} was written last: its tail is missing"
                    return Verification(entries, len(names), text)
        return Verification(entries, len(names))

    @staticmethod
    def _lines(connection: sa.Connection, chain: str) -> Iterator[_Line]:
        """What is hashed of each entry, and its hash, in order; a few thousand at a time in memory."""
        c = schema.journal.c
        query = sa.select(c.n, c.time, c.kind, c.key, c.body, c.prev, c.hash).where(c.chain == chain).order_by(c.n)
        for some in connection.execution_options(yield_per=CHUNK).execute(query).partitions():
            yield from map(tuple, some)


def _problem(chain: str, line: _Line, n: int, prev: str) -> str:
    number, time, kind, key, body, before, own = line
    if number == n + 1 and before == prev and own == chained(chain, number, time, kind, key, body, before):
        return ""
    where = f"chain {chain}, entry {number} ({kind}, {time})"
    if number != n + 1:
        return f"{where}: expected entry {n + 1} here; one was removed, inserted or moved"
    if before != prev:
        return f"{where}: it does not follow entry {n}"
    return f"{where}: its content was changed after it was written"


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(row.seq, row.chain, row.n, row.time, row.kind, row.key, json.loads(row.body), row.hash)
