"""A sliced order: what shall be traded over a time, as somebody asked for it and the journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aura_lib.access import Action, may, trading
from aura_lib.core import InputError, Intent, OrderType, TimeInForce, decode, encode, utc
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.lines import Line
from aura_lib.execution.slicing.schedule import Schedule
from aura_lib.ledger import AccountView, Ledger, Request

KIND = "slice"
ORIGIN = "slice:"  # what the origin of a child order begins with
TYPES = frozenset({OrderType.MARKET, OrderType.LIMIT})
TIMES = frozenset({TimeInForce.DAY, TimeInForce.GTC})


@dataclass(frozen=True, slots=True)
class Sliced:
    """An order that is sent in slices: its `intent` is the whole, each child one of the same kind and a part of it.

    Raises InputError for a type that cannot be cut: market and limit orders can, for the day or until cancelled.
    """

    name: str
    book: str
    intent: Intent
    schedule: Schedule
    who: str = ""

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"a sliced order is named with letters, digits, - and _, not {self.name!r}")
        if self.intent.type not in TYPES or self.intent.time_in_force not in TIMES:
            raise InputError(f"{self.intent.type.value} {self.intent.time_in_force.value} orders are not sliced")
        if self.intent.legs:
            raise InputError(f"{self.intent.symbol}: packages of options are not sliced; their legs trade together")

    @property
    def origin(self) -> str:
        """The origin of its children."""
        return f"{ORIGIN}{self.who}:{self.name}"


def slice_order(ledger: Ledger, home: Path, account: str, sliced: Sliced, *, who: str, reason: str) -> str:
    """Ask the desk to send an order in slices; the key of its answer. The first order of a name stands.

    Raises PermissionDenied for who may not trade on the account, InputError for a name that another order has.
    """
    terms = account_terms(ledger, account)
    may(home, who, trading(terms.account_class), terms.account_class, account)
    body = {"set": encode(sliced), "who": who, "reason": reason}
    ledger.inbox.ask(account, KIND, body, key := f"slice:{account}:{sliced.name}")
    return key


def cancel_sliced(ledger: Ledger, home: Path, account: str, name: str, *, who: str, reason: str) -> str:
    """Ask the desk to send no more slices of an order, and to cancel the one at work; the key of its answer."""
    terms = account_terms(ledger, account)
    may(home, who, Action.CANCEL, terms.account_class, account)
    key = f"slice:{account}:{name}:cancel"
    ledger.inbox.ask(account, KIND, {"cancel": name, "who": who, "reason": reason}, key)
    return key


def answer(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """What a desk writes of a request: the order that shall be sliced, or that its rest shall not be sent."""
    told: dict[str, Any] = {"who": request.body.get("who", ""), "reason": request.body.get("reason", "")}
    if name := request.body.get("cancel"):
        if name not in view.sliced:
            raise InputError(f"no sliced order {name!r} is at work; there are {', '.join(view.sliced) or 'none'}")
        return [Line("sliced", {"cancel": name, **told}, request.key)]
    sliced = decode(Sliced, request.body.get("set"))
    if sliced.book not in view.cash:
        raise InputError(f"account {terms.name} has no book {sliced.book!r}; books: {', '.join(sorted(view.cash))}")
    if sliced.schedule.end <= utc(request.body["at"]):
        raise InputError(f"{sliced.name}: its schedule ended at {sliced.schedule.end}, it is {request.body['at']}")
    return [Line("sliced", {"set": {**encode(sliced), "who": told["who"]}, **told}, request.key)]
