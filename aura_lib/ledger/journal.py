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
KEYS = 1_000  # asked for at once
Writing = tuple[str, Mapping[str, Any], str | None]  # kind, body, key
_Line = tuple[int, str, str, str | None, str, str, str]  # n, time, kind, key, body, prev, hash
# what every entry needs: made once, since making a statement takes longer than asking it
_J, _H = schema.journal.c, schema.heads.c
_HEAD = sa.select(schema.heads).where(_H.chain == sa.bindparam("chain"))
_KEYED = sa.select(schema.journal).where(
    _J.chain == sa.bindparam("chain"), _J.key.in_(sa.bindparam("keys", expanding=True))
)
_AFTER = sa.select(schema.journal).where(_J.chain == sa.bindparam("chain"), _J.n > sa.bindparam("after")).order_by(_J.n)
_OF_KINDS = _AFTER.where(_J.kind.in_(sa.bindparam("kinds", expanding=True)))
_NUMBERS = sa.select(_J.seq).where(_J.chain == sa.bindparam("chain"), _J.n > sa.bindparam("after")).order_by(_J.n)
_APPEND, _FIRST = schema.journal.insert(), schema.heads.insert()
_MOVE = (
    schema.heads.update()
    .where(_H.chain == sa.bindparam("of"))
    .values(n=sa.bindparam("to"), hash=sa.bindparam("hashed"))
)
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
        return self.append_many_in(connection, chain, [(kind, body, key)])[0]

    def append_many_in(self, connection: sa.Connection, chain: str, entries: Sequence[Writing]) -> list[Entry]:
        """Append entries, each a (kind, body, key), in order, within a transaction the caller has open.

        One whose key is taken, in the journal or earlier among `entries`, is not written: the entry that has the key is
        returned in its place. The head is read once, and all go in with one statement.
        """
        head = connection.execute(_HEAD, {"chain": chain}).first()
        old, prev = (head.n, head.hash) if head else (0, GENESIS)
        known = _taken(connection, chain, sorted({key for _, _, key in entries if key is not None}))
        lines, names = _lines_of(chain, old, prev, [e for e in entries if e[2] is None or e[2] not in known])
        if lines:
            _move_head(connection, chain, lines[-1], new=head is None)
        written = [_written(*both) for both in zip(_insert(connection, chain, old, lines), lines, strict=True)]
        known |= {key: written[place] for key, place in names.items()}
        fresh = iter([entry for entry in written if entry.key is None])
        return [known[key] if key is not None else next(fresh) for _, _, key in entries]

    @staticmethod
    def head_in(connection: sa.Connection, chain: str) -> int:
        """The number of the last entry of a chain, within a transaction the caller has open; 0 for an empty one."""
        head = connection.execute(_HEAD, {"chain": chain}).first()
        return head.n if head else 0

    @staticmethod
    def _find(connection: sa.Connection, chain: str, key: str) -> Entry | None:
        return _taken(connection, chain, [key]).get(key)

    def find(self, chain: str, key: str) -> Entry | None:
        """The entry with this key, or None."""
        with self._database.read() as connection:
            return self._find(connection, chain, key)

    def entries(self, chain: str, *, after: int = 0, kinds: Sequence[str] = ()) -> list[Entry]:
        """The entries of a chain with n > `after`, in order; of some kinds only, if any are given."""
        query, given = (_OF_KINDS, {"kinds": kinds}) if kinds else (_AFTER, {})
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query, {"chain": chain, "after": after, **given})]

    def each(self, chain: str, *, after: int = 0) -> Iterator[Entry]:
        """The entries of a chain with n > `after`, in order; a few thousand at a time in memory, all of one moment."""
        given = {"chain": chain, "after": after}
        with self._database.read() as connection:
            for some in connection.execution_options(yield_per=CHUNK).execute(_AFTER, given).partitions():
                yield from map(_entry, some)

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


def _taken(connection: sa.Connection, chain: str, keys: Sequence[str]) -> dict[str, Entry]:
    """Key → the entry that has it, for those that are taken."""
    found: dict[str, Entry] = {}
    for start in range(0, len(keys), KEYS):
        given = {"chain": chain, "keys": keys[start : start + KEYS]}
        found |= {row.key: _entry(row) for row in connection.execute(_KEYED, given)}
    return found


def _lines_of(chain: str, n: int, prev: str, entries: Sequence[Writing]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows that follow entry `n`, each hashed onto the one before, and which of them has a key."""
    time, names = iso(datetime.now(UTC)), dict[str, int]()
    lines: list[dict[str, Any]] = []
    for kind, body, key in entries:
        if key is not None:
            if key in names:
                continue
            names[key] = len(lines)
        n, text = n + 1, canonical(body)
        own = chained(chain, n, time, kind, key, text, prev)
        line = {"chain": chain, "n": n, "time": time, "kind": kind, "key": key, "body": text, "prev": prev, "hash": own}
        lines.append(line)
        prev = own
    return lines, names


def _insert(connection: sa.Connection, chain: str, old: int, lines: Sequence[dict[str, Any]]) -> Sequence[int]:
    """Write the rows; their numbers over the whole journal, in order."""
    if not lines:
        return []
    if len(lines) == 1:
        inserted = connection.execute(_APPEND, lines[0]).inserted_primary_key
        assert inserted is not None
        return [inserted[0]]
    connection.execute(_APPEND, lines)
    return connection.scalars(_NUMBERS, {"chain": chain, "after": old}).all()


def _move_head(connection: sa.Connection, chain: str, last: Mapping[str, Any], *, new: bool) -> None:
    if new:
        connection.execute(_FIRST, {"chain": chain, "n": last["n"], "hash": last["hash"]})
    else:
        connection.execute(_MOVE, {"of": chain, "to": last["n"], "hashed": last["hash"]})


def _written(seq: int, line: Mapping[str, Any]) -> Entry:
    body = json.loads(line["body"])
    return Entry(seq, line["chain"], line["n"], line["time"], line["kind"], line["key"], body, line["hash"])


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
