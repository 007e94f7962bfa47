"""Limits in force: of an account, its books and its users, the tightest of them; every change is in the journal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aura_lib.access import Action, may
from aura_lib.core import InputError, Mode, utc
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.risk.pretrade import NAMES, TradeLimits, changed, loosened, tightest

KIND = "limits"
UNSET = "unset"  # a value of one's own is taken back
# What a live account has besides the limits it was opened with, until somebody sets others.
LIVE: Mapping[str, Any] = {
    "collar": 0.10,
    "duplicate_seconds": 5.0,
    "account_orders_per_minute": 300,
    "max_account_daily_loss": 0.10,
}
_HUGE = sys.float_info.max
ANYTHING = TradeLimits(
    max_position_weight=_HUGE, max_order_weight=_HUGE, max_gross=_HUGE, max_orders=sys.maxsize,
    short=True, extended_hours=True, crossing=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose limits: an account's, a book's (`paper/momentum`) or a user's (`paper@ada`)."""

    account: str
    book: str = ""
    user: str = ""

    @staticmethod
    def of(text: str) -> Scope:
        """The scope that a text names; InputError for one that names none."""
        account, at, user = text.partition("@")
        account, slash, book = account.partition("/")
        if not account or (at and not user) or (slash and not book) or (book and user):
            raise InputError(f"limits are those of ACCOUNT, ACCOUNT/BOOK or ACCOUNT@USER, not of {text!r}")
        return Scope(account, book, user)

    def __str__(self) -> str:
        return (
            f"{self.account}/{self.book}" if self.book else f"{self.account}@{self.user}" if self.user else self.account
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One change of limits: of what, to what, by whom, when and why; `loosened` are those that allow more since."""

    scope: Scope
    limits: Mapping[str, Any]
    who: str
    reason: str
    time: datetime
    loosened: tuple[str, ...] = ()


class Rulebook:
    """The limits of an account as the journal tells them. What was written since is read at every question."""

    def __init__(self, ledger: Ledger, terms: Terms) -> None:
        self._ledger, self.terms, self._n = ledger, terms, 0
        self.head: int | None = None  # where the system's chain is known to end, by who knows: then nothing is asked
        self._own: dict[Scope, dict[str, Any]] = {}
        self._tightest: dict[tuple[str, str], TradeLimits] = {}  # book and user → what binds them, until it changes
        self.changes: list[Change] = []

    def read(self) -> Rulebook:
        """Take in what was written since."""
        if self.head is not None and self._n >= self.head:
            return self
        for entry in self._ledger.journal.entries(SYSTEM, after=self._n, kinds=(KIND,)):
            self._n, scope = entry.n, Scope.of(str(entry.body["scope"]))
            if scope.account != self.terms.name:
                continue
            self._tightest.clear()
            own = self._own.setdefault(scope, {})
            own |= entry.body["limits"]
            self._own[scope] = {name: value for name, value in own.items() if value != UNSET}
            self.changes.append(
                Change(
                    scope, entry.body["limits"], str(entry.body["who"]), str(entry.body["reason"]), utc(entry.time),
                    tuple(entry.body.get("loosened", ())),
                )
            )  # fmt: skip
        self._n = max(self._n, self.head or 0)
        return self

    def own(self, scope: Scope) -> Mapping[str, Any]:
        """What was set for exactly this scope."""
        return self._own.get(scope, {})

    @property
    def scopes(self) -> Sequence[Scope]:
        """Those that have limits of their own."""
        return sorted((scope for scope, own in self._own.items() if own), key=str)

    def base(self) -> TradeLimits:
        """The limits that the account was opened with."""
        base = TradeLimits.over(self.terms.limits)
        return tightest(base, changed(ANYTHING, LIVE)) if self.terms.account_class is Mode.LIVE else base

    def of(self, scope: Scope) -> TradeLimits:
        """The limits of a scope alone: an account's over those it was opened with, others' over nothing."""
        nothing = ANYTHING if scope.book or scope.user else self.base()
        return changed(nothing, self.own(scope))

    def effective(self, book: str = "", user: str = "") -> TradeLimits:
        """What binds an order: the tightest of the account's, its book's and its user's limits."""
        self.read()
        if (book, user) not in self._tightest:
            name = self.terms.name
            scopes = [Scope(name)] + ([Scope(name, book)] if book else []) + ([Scope(name, user=user)] if user else [])
            self._tightest[book, user] = tightest(*(self.of(scope) for scope in scopes))
        return self._tightest[book, user]


def set_limits(
    ledger: Ledger, home: Path, scope: Scope | str, values: Mapping[str, Any], *, who: str, reason: str
) -> TradeLimits:
    """Write limits of a scope to the journal and return what is then in force there.

    `values` maps names of `TradeLimits` to their values; "unset" takes a value of one's own back. Tightening is open
    to everybody; loosening needs the permission `limits` on the account. Raises InputError for an unknown account,
    book, name or value, or without a reason; PermissionDenied.
    """
    scope = Scope.of(scope) if isinstance(scope, str) else scope
    if not reason.strip():
        raise InputError("a change of limits needs a reason")
    if not values:
        raise InputError("nothing to set: give NAME=VALUE")
    terms = account_terms(ledger, scope.account)
    if scope.book and scope.book not in (books := ledger.account(scope.account).cash):
        raise InputError(f"account {scope.account} has no book {scope.book!r}; books: {', '.join(sorted(books))}")
    rules = Rulebook(ledger, terms).read()
    before = rules.of(scope)
    nothing = ANYTHING if scope.book or scope.user else rules.base()
    if strange := [name for name in values if name not in NAMES]:
        changed(nothing, dict.fromkeys(strange))  # which tells the names that there are
    kept = {name: value for name, value in {**rules.own(scope), **values}.items() if value != UNSET}
    after = changed(nothing, kept)
    looser = loosened(before, after)
    if looser:
        may(home, who, Action.LIMITS, terms.account_class, scope.account)
    body = {"scope": str(scope), "limits": dict(values), "who": who, "reason": reason, "loosened": list(looser)}
    ledger.journal.append(SYSTEM, KIND, body)
    return rules.effective(scope.book, scope.user)
