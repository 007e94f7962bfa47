"""Control: leases, heartbeats, clocks, slots, tokens and the kill switch. Mutable, not chained."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aura_lib.core import InputError, LedgerError, RunStatus, iso, utc
from aura_lib.ledger import schema
from aura_lib.ledger.database import Database, now
from aura_lib.ledger.journal import SYSTEM, Journal

ALL = "ALL"
# what a desk asks at every turn: made once, since making a statement takes longer than asking it
_LEASE = sa.select(schema.leases).where(schema.leases.c.account == sa.bindparam("account"))
_CLOCK = sa.select(schema.clocks).where(schema.clocks.c.account == sa.bindparam("account"))
_HALTS = sa.select(schema.switches).where(schema.switches.c.halted.is_(True))


class LeaseLost(LedgerError):
    """Another desk took over, or this one slept past its lease: stop, and start from what is written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act for an account. The epoch rises with every new holder."""

    account: str
    holder: str
    epoch: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Token:
    """What a one-run token stands for. Only its hash is kept."""

    run: str
    origin: str
    slot: str
    account: str
    book: str
    binding: str

    @staticmethod
    def of(row: sa.Row[Any]) -> Token:
        """A token from its row."""
        return Token(row.run, row.origin, row.slot, row.account, row.book, row.binding)


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: of what, by which process, when (seconds since 1970), and what it said."""

    name: str
    holder: str
    at: float
    note: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A claimed slot of a job: which run has it and how it stands (running, or a final run status).

    `at` is when that was written, seconds since 1970.
    """

    job: str
    slot: str
    run: str
    attempt: int
    holder: str
    status: str
    at: float = 0.0

    @staticmethod
    def of(row: sa.Row[Any]) -> Slot:
        """A slot from its row."""
        return Slot(row.job, row.slot, row.run, row.attempt, row.holder, row.status, row.at)


def this_process(pid: int | None = None) -> str:
    """Name of a process that survives pid reuse: host, pid and when it started."""
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}:{number}:{_started(number)}"


def _started(pid: int) -> str:
    try:  # field 22 of /proc/PID/stat, after the command, which may hold spaces; state Z is dead already
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self").exists() else str(_exists(pid))
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> int:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return 0
    except PermissionError:
        return 1
    return 1


def surely_dead(holder: str) -> bool:
    """Whether the process is provably gone. A process on another host never is."""
    host, pid, started = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    return _started(int(pid)) != started


def surely_alive(holder: str) -> bool:
    """Whether the process is provably at work. A process on another host never is."""
    return holder.rsplit(":", 2)[0] == socket.gethostname() and not surely_dead(holder)


def _put(connection: sa.Connection, table: sa.Table, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
    """Within a transaction: update the row with this key, or insert it."""
    here = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if not connection.execute(table.update().where(here).values(**values)).rowcount:
        connection.execute(table.insert().values(**key, **values))


class Control:
    """The mutable part of the ledger."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    # ---- leases ----------------------------------------------------------------------------------------------------
    def acquire(self, account: str, seconds: float, holder: str | None = None) -> Lease | None:
        """The lease of an account, or None while another living holder has it."""
        me, table = holder or this_process(), schema.leases
        with self._database.write() as connection:
            row = connection.execute(sa.select(table).where(table.c.account == account)).first()
            if row and row.holder != me and row.expires > now(connection) and not surely_dead(row.holder):
                return None
            epoch = row.epoch + 1 if row else 1
            values = {"holder": me, "epoch": epoch, "expires": now(connection) + seconds}
            _put(connection, table, {"account": account}, values)
        return Lease(account, me, epoch, seconds)

    def renew(self, lease: Lease) -> None:
        """Prolong a lease; LeaseLost when it is no longer ours or has run out."""
        with self._database.write() as connection:
            self.hold(connection, lease)
            expires = schema.leases.update().where(schema.leases.c.account == lease.account)
            connection.execute(expires.values(expires=now(connection) + lease.seconds))

    def hold(self, connection: sa.Connection, lease: Lease) -> None:
        """Within a transaction: LeaseLost unless the lease is ours and has not run out."""
        row = connection.execute(_LEASE, {"account": lease.account}).first()
        if row is None or (row.holder, row.epoch) != (lease.holder, lease.epoch):
            raise LeaseLost(f"the lease of {lease.account} (epoch {lease.epoch}) was taken over")
        if row.expires < now(connection):
            raise LeaseLost(f"the lease of {lease.account} (epoch {lease.epoch}) ran out before it was renewed")

    def check(self, lease: Lease) -> None:
        """LeaseLost unless the lease is ours and has not run out: asked before every send."""
        with self._database.read() as connection:
            self.hold(connection, lease)

    def look(self, lease: Lease) -> dict[str, str]:
        """Before a send, of one moment: LeaseLost unless the lease is ours, and all that is halted (scope → why)."""
        with self._database.read() as connection:
            return self.look_in(connection, lease)

    def look_in(self, connection: sa.Connection, lease: Lease) -> dict[str, str]:
        """`look`, within a transaction the caller has open."""
        self.hold(connection, lease)
        return {row.scope: f"{row.scope} halted: {row.reason}" for row in connection.execute(_HALTS)}

    def release(self, lease: Lease) -> None:
        """Give a lease back at once, if it is still ours."""
        table = schema.leases
        mine = (table.c.account == lease.account) & (table.c.holder == lease.holder) & (table.c.epoch == lease.epoch)
        with self._database.write() as connection:
            connection.execute(table.update().where(mine).values(expires=0.0))

    def holder(self, account: str) -> str:
        """The process (host:pid:start) that holds the lease of an account now; empty when none does."""
        table = schema.leases
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.account == account)).first()
            valid = row is not None and row.expires > now(connection) and not surely_dead(row.holder)
        return row.holder if row and valid else ""

    def let_go(self) -> None:
        """In a restored copy: forget who was at work in the original. Epochs stay, so that the next holder's is new."""
        with self._database.write() as connection:
            connection.execute(schema.leases.update().values(expires=0.0))
            connection.execute(schema.heartbeats.delete())
            connection.execute(schema.tokens.update().values(expires=0.0))
            lost = schema.slots.update().where(schema.slots.c.status == "running")
            connection.execute(lost.values(status=RunStatus.LOST.value))

    # ---- heartbeats ------------------------------------------------------------------------------------------------
    def beat(self, name: str, note: str = "", holder: str | None = None) -> None:
        """Say that something is alive."""
        with self._database.write() as connection:
            values = {"holder": holder or this_process(), "at": now(connection), "note": note}
            _put(connection, schema.heartbeats, {"name": name}, values)

    def age(self, name: str) -> float | None:
        """Seconds since the last beat of a living holder; None when there never was one or its process is gone."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(schema.heartbeats).where(schema.heartbeats.c.name == name)).first()
            return None if row is None or surely_dead(row.holder) else now(connection) - row.at

    def beats(self, prefix: str) -> list[Beat]:
        """The last beat of everything whose name begins so, by name."""
        table = schema.heartbeats
        query = sa.select(table).where(table.c.name.startswith(prefix, autoescape=True)).order_by(table.c.name)
        with self._database.read() as connection:
            return [Beat(row.name, row.holder, row.at, row.note) for row in connection.execute(query)]

    # ---- simulated clocks ------------------------------------------------------------------------------------------
    def set_clock(self, account: str, target: datetime) -> None:
        """Ask the desk to process all that is due up to `target`. A clock never goes back: earlier is ignored."""
        moment, table = iso(target), schema.clocks
        with self._database.write() as connection:
            stands = connection.scalar(sa.select(table.c.target).where(table.c.account == account))
            if stands is None or moment > stands:
                _put(connection, table, {"account": account}, {"target": moment})

    def clock(self, account: str) -> tuple[datetime, datetime | None] | None:
        """(target, done) of an account's simulated clock; None when it lives by the wall clock."""
        with self._database.read() as connection:
            return self.clock_in(connection, account)

    @staticmethod
    def clock_in(connection: sa.Connection, account: str) -> tuple[datetime, datetime | None] | None:
        """`clock`, within a transaction the caller has open."""
        row = connection.execute(_CLOCK, {"account": account}).first()
        return None if row is None else (utc(row.target), utc(row.done) if row.done else None)

    def clock_done(self, connection: sa.Connection, account: str, moment: datetime) -> None:
        """Within the desk's transaction: all that was due up to `moment` is written."""
        connection.execute(schema.clocks.update().where(schema.clocks.c.account == account).values(done=iso(moment)))

    # ---- slots -----------------------------------------------------------------------------------------------------
    def claim(self, job: str, slot: datetime, run: str) -> Slot | None:
        """Claim a slot for a run: None when it is done, or a living process is at it.

        A slot whose run failed, or whose holder is dead, is claimed again with the next attempt.
        """
        table, moment = schema.slots, iso(slot)
        here = (table.c.job == job) & (table.c.slot == moment)
        with self._database.write() as connection:
            row = connection.execute(sa.select(table).where(here)).first()
            if row and not self.claimable(Slot.of(row)):
                return None
            attempt = row.attempt + 1 if row else 1
            claim = Slot(job, moment, run, attempt, this_process(), "running")
            values = {
                "run": run,
                "attempt": attempt,
                "holder": claim.holder,
                "status": "running",
                "at": now(connection),
            }
            _put(connection, table, {"job": job, "slot": moment}, {**values, "at": now(connection)})
        return claim

    @staticmethod
    def claimable(claimed: Slot) -> bool:
        """Whether a claimed slot may be claimed again: its run failed, or its holder is dead."""
        return claimed.status != "succeeded" and (claimed.status != "running" or surely_dead(claimed.holder))

    def finish(self, connection: sa.Connection, claim: Slot, status: str) -> None:
        """Within a transaction: write how a claimed slot ended, unless another run has claimed it since."""
        table = schema.slots
        mine = (table.c.job == claim.job) & (table.c.slot == claim.slot) & (table.c.run == claim.run)
        connection.execute(table.update().where(mine).values(status=status, at=now(connection)))

    def slot(self, job: str, slot: datetime) -> Slot | None:
        """How a slot stands; None when nobody claimed it."""
        return next((s for s in self.slots(job) if s.slot == iso(slot)), None)

    def slots(self, job: str) -> list[Slot]:
        """All claimed slots of a job, in order."""
        table = schema.slots
        with self._database.read() as connection:
            rows = connection.execute(sa.select(table).where(table.c.job == job).order_by(table.c.slot)).all()
        return [Slot.of(row) for row in rows]

    def miss(self, connection: sa.Connection, job: str, slot: datetime, run: str, at: datetime) -> bool:
        """Within a transaction: write that a slot was missed; False when it was run, is being run, or is written so."""
        table, key = schema.slots, {"job": job, "slot": iso(slot)}
        here = (table.c.job == job) & (table.c.slot == iso(slot))
        row = connection.execute(sa.select(table).where(here)).first()
        taken = Slot.of(row) if row else None
        if taken and (not self.claimable(taken) or (taken.status == RunStatus.MISSED and taken.at <= at.timestamp())):
            return False
        attempt = taken.attempt if taken else 0
        values = {"run": run, "attempt": attempt, "holder": this_process(), "status": RunStatus.MISSED.value}
        _put(connection, table, key, {**values, "at": at.timestamp()})
        return True

    def watch(self, job: str, now: datetime) -> datetime:
        """From when on the slots of a job count: from the first time that this was asked for it."""
        table = schema.watches
        with self._database.write() as connection:
            since = connection.scalar(sa.select(table.c.since).where(table.c.job == job))
            if since is None or since > iso(now):  # a clock that ran ahead when it was first asked
                since = iso(now)
                _put(connection, table, {"job": job}, {"since": since})
        return utc(since)

    # ---- outputs that retention took away ---------------------------------------------------------------------------
    def note_removed(self, run: str, at: datetime) -> None:
        """Write that the output of a run is gone; the Run itself stays in the journal."""
        with self._database.write() as connection:
            _put(connection, schema.removed, {"run": run}, {"at": iso(at)})

    def removed(self, run: str) -> datetime | None:
        """When the output of a run was taken away; None when it was not."""
        with self._database.read() as connection:
            at = connection.scalar(sa.select(schema.removed.c.at).where(schema.removed.c.run == run))
        return utc(at) if at else None

    # ---- tokens ----------------------------------------------------------------------------------------------------
    def issue(self, token: Token, seconds: float) -> str:
        """A one-run token: the secret is returned once, its hash is kept."""
        secret = secrets.token_urlsafe(32)
        values = {name: getattr(token, name) for name in Token.__slots__}
        line = {"hash": hashlib.sha256(secret.encode()).hexdigest(), **values}
        with self._database.write() as connection:
            connection.execute(schema.tokens.insert().values(**line, expires=now(connection) + seconds))
        return secret

    def revoke(self, run: str) -> None:
        """End the tokens of a run: an orphaned kernel can propose nothing after this."""
        with self._database.write() as connection:
            connection.execute(schema.tokens.update().where(schema.tokens.c.run == run).values(expires=0.0))

    # ---- kill switch -----------------------------------------------------------------------------------------------
    def switch(self, scope: str, halted: bool, reason: str, who: str) -> None:
        """Halt or resume an account, or ALL: written to the journal and effective in the same transaction."""
        if not reason.strip():
            raise InputError("a halt or resume needs a reason")
        body = {"scope": scope, "reason": reason, "who": who}
        with self._database.write() as connection:
            self._journal.append_in(connection, SYSTEM, "halt" if halted else "resume", body)
            _put(connection, schema.switches, {"scope": scope}, {"halted": halted, "reason": reason})

    def switches(self) -> dict[str, bool]:
        """Every scope that was ever halted → whether it is."""
        with self._database.read() as connection:
            return {row.scope: row.halted for row in connection.execute(sa.select(schema.switches))}

    def halted(self, account: str, book: str = "") -> str:
        """Why an account is halted, itself, with ALL, or one book of it; empty when it is not."""
        table = schema.switches
        scopes = [account, ALL, *([f"{account}/{book}"] if book else [])]
        query = sa.select(table).where(table.c.scope.in_(scopes), table.c.halted.is_(True))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return f"{row.scope} halted: {row.reason}" if row else ""
