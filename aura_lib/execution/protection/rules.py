"""Protection: what shall happen to positions when nobody looks, as people set it and the journal keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from aura_lib.access import Action, may
from aura_lib.core import InputError, decode, encode, utc
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.lines import Line
from aura_lib.ledger import AccountView, Ledger, Request

KIND = "protect"
ORIGIN = "protection:"  # what the origin of a protective exit begins with
ONE = Decimal(1)


class Guard(StrEnum):
    """What ends a position, or (drawdown) a book."""

    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING = "trailing"
    TIME = "time"
    DRAWDOWN = "drawdown"


@dataclass(frozen=True, slots=True)
class Protection:
    """A rule that the desk keeps for a book: one position of it, or (no `symbol`) every one, now and later.

    A stop_loss or take_profit stands at `price`, or at a `fraction` of the average cost away from it; a trailing stop
    at a `fraction` of the best price since the position was opened and the rule set; time closes what was held for a
    number of `sessions`. A drawdown closes all of the book and halts it when it lost a `fraction` since its best
    moment after the rule was set. Short positions are protected the other way round. `time` is when it was set.

    Raises InputError for a rule that lacks what it goes by, has more than that, or makes no sense.
    """

    name: str
    book: str
    guard: Guard
    symbol: str = ""
    fraction: Decimal | None = None
    price: Decimal | None = None
    sessions: int | None = None
    time: datetime | None = None

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"a protection is named with letters, digits, - and _, not {self.name!r}")
        given = {n for n in ("fraction", "price", "sessions") if getattr(self, n) is not None}
        if given not in _NEEDS[self.guard]:
            wanted = " or ".join(" and ".join(sorted(need)) for need in _NEEDS[self.guard])
            raise InputError(
                f"{self.name}: {self.guard.value} goes by {wanted}, given {', '.join(sorted(given)) or 'none'}"
            )
        for name in ("fraction", "price"):
            value = getattr(self, name)
            if value is not None and (not value.is_finite() or value <= 0):
                raise InputError(f"{self.name}: {name} must be a positive number, not {value}")
        if self.fraction is not None and self.fraction >= ONE and self.guard is not Guard.TAKE_PROFIT:
            raise InputError(f"{self.name}: fraction {self.fraction} would never be lost: it must be under 1")
        if self.price is not None and not self.symbol:
            raise InputError(f"{self.name}: a price is that of one symbol, name it")
        if self.sessions is not None and self.sessions < 1:
            raise InputError(f"{self.name}: sessions must be 1 or more, not {self.sessions}")
        if self.guard is Guard.DRAWDOWN and self.symbol:
            raise InputError(f"{self.name}: a drawdown is that of a book, not of {self.symbol}")
        if self.time is not None:
            object.__setattr__(self, "time", utc(self.time, "time"))


_NEEDS: Mapping[Guard, tuple[set[str], ...]] = {
    Guard.STOP_LOSS: ({"fraction"}, {"price"}),
    Guard.TAKE_PROFIT: ({"fraction"}, {"price"}),
    Guard.TRAILING: ({"fraction"},),
    Guard.TIME: ({"sessions"},),
    Guard.DRAWDOWN: ({"fraction"},),
}


def protections(view: AccountView) -> dict[str, Protection]:
    """Name → the rules that stand, as the journal tells them."""
    return {name: decode(Protection, body) for name, body in view.protections.items()}


# ---- asking for it -------------------------------------------------------------------------------------------------
def protect(ledger: Ledger, home: Path, account: str, rule: Protection, *, who: str, reason: str, key: str) -> None:
    """Ask the desk to keep a rule; one of the same name is replaced. The same `key` asks once.

    It counts from the moment the desk takes it, unless it has a time. Raises PermissionDenied without the permission
    `protect`, InputError without a reason.
    """
    _ask(ledger, home, account, {"set": encode(rule)}, who, reason, key)


def unprotect(ledger: Ledger, home: Path, account: str, name: str, *, who: str, reason: str, key: str) -> None:
    """Ask the desk to keep a rule no more. An exit that it began goes on."""
    _ask(ledger, home, account, {"remove": name}, who, reason, key)


def _ask(ledger: Ledger, home: Path, account: str, body: dict[str, Any], who: str, reason: str, key: str) -> None:
    if not reason.strip():
        raise InputError("protection is set and removed for a reason")
    terms = account_terms(ledger, account)
    may(home, who, Action.PROTECT, terms.account_class, account)
    ledger.inbox.ask(account, KIND, {**body, "who": who, "reason": reason}, key)


def answer(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """What a desk writes of a request: the rule that is set (with the time of its book), or the one that is gone."""
    told = {"who": request.body.get("who", ""), "reason": request.body.get("reason", "")}
    if name := request.body.get("remove"):
        if name not in view.protections:
            raise InputError(f"no protection is called {name!r}; there are {', '.join(view.protections) or 'none'}")
        return [Line("protection", {"removed": name, **told}, request.key)]
    rule = decode(Protection, request.body.get("set"))
    rule = rule if rule.time is not None else replace(rule, time=utc(request.body["at"]))
    if rule.book not in view.cash:
        raise InputError(f"account {terms.name} has no book {rule.book!r}; books: {', '.join(sorted(view.cash))}")
    return [Line("protection", {"set": encode(rule), **told}, request.key)]
