"""What a desk answers besides orders: one handler a kind of request, and the entries that it makes of one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from aura_lib.core import InputError
from aura_lib.execution import asked, protection, slicing
from aura_lib.execution.accounts import Terms
from aura_lib.execution.lines import Handler, Line
from aura_lib.ledger import AccountView, Request

__all__ = ["HANDLERS", "Handler", "Line", "answer"]


def answer(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """The entries that a request leads to: those of its handler, or a refusal that says why."""
    named = {"request": request.n, "key": request.key}
    try:
        handler = HANDLERS.get(request.kind)
        if handler is None:
            raise InputError(f"unknown request {request.kind!r}; a desk answers {', '.join(sorted(HANDLERS))}")
        lines = handler(view, terms, request)
    except InputError as error:
        return [refused(request, str(error))]
    return [Line(kind, {**body, **named}, key) for kind, body, key in lines]


def refused(request: Request, why: str) -> Line:
    """The entry that says that a request is not met, and why."""
    return Line("request.refused", {"request": request.n, "key": request.key, "why": why}, request.key)


def cash(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Money into a book or, negative, out of it; never more than it has."""
    amount, book = Decimal(request.body["amount"]), str(request.body["book"])
    held = view.account(book).cash
    if amount < 0 and held + amount < 0:
        raise InputError(f"book {book} has {held}, cannot pay {-amount}")
    return [Line("cash", request.body, request.key)]


def mend(view: AccountView, terms: Terms, request: Request) -> Sequence[Line]:
    """What a person wants written where ledger and broker differ."""
    from aura_lib.execution.reconcile.mending import mend

    return mend(view, terms, request)


HANDLERS: dict[str, Handler] = {
    "cash": cash,
    "cancel": asked.cancel,
    "replace": asked.change,
    "halt": asked.halt,
    "protect": protection.answer,
    "slice": slicing.answer,
    "mend": mend,
}
