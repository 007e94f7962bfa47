"""Desks for a server: each account gets one as soon as it needs one, and keeps it until the server stops."""

from __future__ import annotations

import logging
from threading import Event, Thread
from types import TracebackType

from aura_lib.core import AuraError, Settings
from aura_lib.execution import DeskProcess, account_terms, accounts
from aura_lib.ledger import AccountView, Ledger

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at what waits


class Desks:
    """Looks for accounts that need a desk, and starts one for each.

    A command's own desk may come to work beside it: one of the two has the lease, the other waits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._desks: dict[str, DeskProcess] = {}
        self._views: dict[str, AccountView] = {}
        self._over = Event()
        self._watcher = Thread(target=self._watch, name="desks", daemon=True)

    def __enter__(self) -> Desks:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watcher.join()
        for desk in self._desks.values():
            desk.stop()

    def _watch(self) -> None:
        told = ""
        with Ledger.open(self._settings) as ledger:
            while not self._over.wait(LOOK):
                try:
                    self._look(ledger)
                    told = ""
                except AuraError as error:  # a ledger that cannot be read now may be read later
                    if str(error) != told:
                        log.warning("desks: %s", error)
                    told = str(error)

    def _look(self, ledger: Ledger) -> None:
        for name in accounts(ledger):
            if name not in self._desks and self._needed(ledger, name):
                self._desks[name] = DeskProcess(self._settings, name)
                self._desks[name].start()

    def _needed(self, ledger: Ledger, account: str) -> bool:
        """Whether something waits for a desk or is to be looked after, and none is at work."""
        if ledger.control.age(f"desk:{account}") is not None:
            return False
        clock = ledger.control.clock(account)
        moved = clock is not None and clock[1] != clock[0]
        return moved or ledger.waiting(account) or self._looked_after(ledger, account)

    def _looked_after(self, ledger: Ledger, account: str) -> bool:
        """Whether the market can do something to it by itself: it lives by the wall clock, and has orders or rules."""
        if account_terms(ledger, account).clock != "wall":
            return False
        view = self._views[account] = ledger.account(account, self._views.get(account))
        return bool(view.live or view.protections or view.sliced or view.stopping or view.flattening)
