"""The account that a shadow is of, as its ledger stood at a moment: the same whoever asks, and whenever."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from aura_lib.core import DataError, InputError, Mode, iso, utc
from aura_lib.execution.accounts import Terms, account_terms, open_account
from aura_lib.ledger import AccountView, Entry, Ledger

PATIENCE = 60.0  # seconds that a decision by the wall clock waits for the account to come as far
PAUSE = 0.05

# kind of entry → where its body tells the moment that it is of
_MOMENTS: Mapping[str, tuple[str, str]] = {
    "fill": ("fill", "time"), "fill.parked": ("fill", "time"), "booking": ("booking", "time"),
    "transfer": ("transfer", "time"), "verdict": ("basket", "as_of"), "order": ("order", "time"),
    "adopted": ("order", "time"), "replace.asked": ("order", "time"),
}  # fmt: skip
_DECIDED = frozenset({"verdict", "order", "adopted", "replace.asked"})  # at the very moment others decide too


def open_shadow(ledger: Ledger, name: str, of: str) -> Terms:
    """Open an account as the shadow of another, on its terms, or return the terms it was opened with.

    Raises InputError for a shadow of itself, of an unknown account, or of a shadow.
    """
    if name == of:
        raise InputError(f"account {name} cannot be the shadow of itself: give it another name")
    real = account_terms(ledger, of)
    if real.shadow_of:
        raise InputError(f"{of} is itself a shadow, of {real.shadow_of}: shadow that account")
    return open_account(ledger, replace(real, name=name, account_class=Mode.PAPER, shadow_of=of))


class Mirror:
    """One account as its ledger stood at one moment after another. Nothing is written."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        self._ledger, self.account = ledger, account
        self._view = AccountView(account)
        self._moment: datetime | None = None

    def at(self, moment: datetime) -> AccountView:
        """The account as it stood at a moment, before whatever was decided at that very moment.

        It is the beginning of its chain, up to the first entry that tells of something later: so it does not matter
        how much later it is asked, nor whether the account's own decision of the moment was written before or after.
        """
        asked = utc(moment)
        if self._moment is not None and asked < self._moment:
            self._view = AccountView(self.account)
        self._moment = asked
        return self._view.apply(self._before(asked))

    def _before(self, moment: datetime) -> Iterator[Entry]:
        for entry in self._ledger.journal.each(self.account, after=self._view.n):
            if is_later(entry, moment):
                return
            yield entry


def is_later(entry: Entry, moment: datetime) -> bool:
    """Whether an entry of an account tells of something after a moment, or decided at it."""
    told = told_of(entry)
    return told is not None and (told >= moment if entry.kind in _DECIDED else told > moment)


def told_of(entry: Entry) -> datetime | None:
    """The moment that an entry is of, by the account's clock; None where it does not tell."""
    body: Any = entry.body
    if entry.kind in _MOMENTS:
        noun, field = _MOMENTS[entry.kind]
        return utc(body[noun][field])
    return utc(body["at"]) if body.get("at") else None


def behind(ledger: Ledger, real: Terms, moment: datetime) -> str:
    """Why an account's ledger does not tell yet how it stood at a moment; empty when it does."""
    if not real.simulated:
        return ""  # it lives by the real time
    clock = ledger.control.clock(real.name)
    if clock is None or clock[1] is None:
        return f"account {real.name} has not begun: its clock was never moved"
    return "" if clock[1] >= moment else f"account {real.name} stands at {iso(clock[1])}, before {iso(moment)}"


def view_of(ledger: Ledger, terms: Terms, moment: datetime, patience: float = PATIENCE) -> AccountView:
    """The account that a decision of a moment is about: the account itself or, of a shadow, the one it is of.

    A shadow waits up to `patience` seconds for an account that lives by the wall clock to come as far; after that, or
    of one whose clock is replayed by somebody, DataError says how far it is.
    """
    if not terms.shadow_of:
        return ledger.account(terms.name)
    real = account_terms(ledger, terms.shadow_of)
    until = time.monotonic() + (patience if real.clock == "wall" else 0.0)
    while why := behind(ledger, real, utc(moment)):
        if time.monotonic() >= until:
            raise DataError(f"{terms.name} shadows {real.name}, and {why}. Let that account come as far first")
        time.sleep(PAUSE)
    return Mirror(ledger, real.name).at(moment)
