"""What a desk answers besides orders: one handler a kind of request, and the entries that it makes of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from aura_lib.core import InputError
from aura_lib.execution.accounts import Terms
from aura_lib.ledger import AccountView, Request


class Line(NamedTuple):
    """An entry to be written: its kind and body, and the key that may be written once only."""

    kind: str
    body: Mapping[str, Any]
    key: str | None = None


# What a handler gets besides the request is the account as it stands; an InputError is the refusal. The desk puts
# `request` (its place in the inbox) and `key` into every body.
Handler = Callable[[AccountView, Terms, Request], Sequence[Line]]


def answer(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """The entries that a request leads to: those of its handler, or a refusal that says why."""
    named = {"request": request.n, "key": request.key}
    try:
        handler = HANDLERS.get(request.kind)
        if handler is None:
            raise InputError(f"unknown request {request.kind!r}; a desk answers {', '.join(sorted(HANDLERS))}")
        lines = handler(view, terms, request)
    except InputError as error:
        return [Line("request.refused", {**named, "why": str(error)}, request.key)]
    return [Line(kind, {**body, **named}, key) for kind, body, key in lines]


def cash(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Money into a book or, negative, out of it; never more than it has."""
    amount, book = Decimal(request.body["amount"]), str(request.body["book"])
    held = view.account(book).cash
    if amount < 0 and held + amount < 0:
        raise InputError(f"book {book} has {held}, cannot pay {-amount}")
    return [Line("cash", request.body, request.key)]


HANDLERS: dict[str, Handler] = {"cash": cash}
