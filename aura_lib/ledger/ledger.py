"""The ledger as one thing: journal, inbox and control over one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from aura_lib.core import Evidence, Run, Settings, decode
from aura_lib.ledger.control import Control, Lease
from aura_lib.ledger.database import Database
from aura_lib.ledger.inbox import Inbox, Received, Request
from aura_lib.ledger.journal import SYSTEM, Journal
from aura_lib.ledger.views import AccountView
from aura_lib.ledger.watch import Watch


@dataclass(frozen=True, slots=True)
class News:
    """What a desk has to know of one moment: what is asked and proposed, what is halted, where its clock shall be."""

    requests: Sequence[Request]
    baskets: Sequence[Received]
    halts: Mapping[str, str]  # scope → why
    clock: tuple[datetime, datetime | None] | None  # of a simulated clock: where it shall be, and where it is
    system: int  # the last entry of the system's chain


class Ledger:
    """Journal, inbox and control over one database."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.journal = Journal(self._database)
        self.control = Control(self._database, self.journal)
        self.inbox = Inbox(self._database)

    @staticmethod
    def open(settings: Settings | None = None) -> Ledger:
        """The ledger of these settings (of the environment when none are given), created when it is not there."""
        settings = settings or Settings.load()
        settings.ensure_home()
        return Ledger(settings.database_url)

    @staticmethod
    def find(settings: Settings | None = None) -> Ledger | None:
        """The ledger of these settings if there is one: who only asks makes no files."""
        settings = settings or Settings.load()
        file = settings.database_url.removeprefix("sqlite:///")
        there = file == settings.database_url or Path(file).exists()
        return Ledger(settings.database_url) if there else None

    @property
    def version(self) -> int:
        """The schema version of the tables as they are."""
        return self._database.version

    def watch(self) -> Watch:
        """Tells of every commit, also of other processes, to who waits for one; to be closed by who asked for it."""
        return self._database.watch()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction over all parts."""
        with self._database.write() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def account(self, name: str, into: AccountView | None = None) -> AccountView:
        """The view of an account: all of it, or what is new since `into` was last fed."""
        view = into or AccountView(name)
        return view.apply(self.journal.each(name, after=view.n))

    def news(self, lease: Lease, request: int, basket: int) -> News:
        """What came after these places of the inbox and all else a desk goes by, of one moment; or LeaseLost."""
        with self._database.read() as connection:
            return News(
                requests=self.inbox.asked_in(connection, lease.account, request),
                baskets=self.inbox.after_in(connection, lease.account, basket),
                halts=self.control.look_in(connection, lease),
                clock=self.control.clock_in(connection, lease.account),
                system=self.journal.head_in(connection, SYSTEM),
            )

    def waiting(self, account: str) -> bool:
        """Whether anything in the inbox of an account has no answer of its desk yet."""
        keys = self.inbox.newest(account)
        return any(self.journal.find(account, key) is None for key in keys)

    def runs(self, job: str | None = None) -> list[Run]:
        """Every Run as it was last written, in the order they began; of one job if it is named."""
        latest: dict[str, Run] = {}
        for entry in self.journal.entries(SYSTEM, kinds=("run",)):
            run = decode(Run, entry.body)
            latest[run.id] = run
        return [run for run in latest.values() if job in (None, run.job)]

    def evidence(self) -> list[Evidence]:
        """All evidence that runners wrote, oldest first."""
        return [decode(Evidence, entry.body) for entry in self.journal.entries(SYSTEM, kinds=("evidence",))]
