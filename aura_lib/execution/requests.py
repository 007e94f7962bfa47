"""What a desk answers besides orders: one handler a kind of request, and the entries that it makes of one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aura_lib.core import InputError, iso
from aura_lib.execution import asked, capital, money, protection, slicing
from aura_lib.execution.accounts import Terms
from aura_lib.execution.lines import Handler, Line
from aura_lib.execution.reconcile.mending import mend
from aura_lib.ledger import AccountView, Request

__all__ = ["HANDLERS", "Handler", "Line", "answer"]


def answer(view: AccountView, terms: Terms, request: Request, now: datetime) -> list[Line]:
    """The entries that a request leads to: those of its handler, or a refusal that says why.

    `now` is the time of the account's clock: the body bears it as `at`, unless whoever asked told another.
    """
    request = replace(request, body={"at": iso(now), **request.body})
    named = {"request": request.n, "key": request.key}
    try:
        handler = HANDLERS.get(request.kind)
        if handler is None:
            raise InputError(f"unknown request {request.kind!r}; a desk answers {', '.join(sorted(HANDLERS))}")
        if terms.shadow_of and request.kind not in OF_SHADOWS:
            raise InputError(
                f"account {terms.name} shadows {terms.shadow_of}: it holds nothing of its own, so {request.kind} has "
                f"nothing to do there. Ask for it on {terms.shadow_of}"
            )
        lines = handler(view, terms, request)
    except InputError as error:
        return [refused(request, str(error))]
    return [Line(kind, {**body, **named}, key) for kind, body, key in lines]


def refused(request: Request, why: str) -> Line:
    """The entry that says that a request is not met, and why."""
    told = {"kind": request.kind, "who": str(request.body.get("who") or "")}
    return Line("request.refused", {"request": request.n, "key": request.key, "why": why, **told}, request.key)


OF_SHADOWS = frozenset({"cancel", "halt", "replace"})  # all that a shadow has are baskets
HANDLERS: dict[str, Handler] = {
    "allocate": capital.allocate,
    "booking": money.booking,
    "cash": money.cash,
    "cancel": asked.cancel,
    "replace": asked.change,
    "halt": asked.halt,
    "import": money.bring,
    "lots": money.lots,
    "protect": protection.answer,
    "slice": slicing.answer,
    "mend": mend,
    "owner": money.owner,
    "transfer": money.transfer,
}
