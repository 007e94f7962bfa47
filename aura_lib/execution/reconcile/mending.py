"""What a person asks for when ledger and broker differ: the entries that were offered, written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aura_lib.core import TRANSITIONS, InputError, OrderStatus
from aura_lib.execution.accounts import Terms
from aura_lib.execution.lines import Line
from aura_lib.ledger import AccountView, Ledger, Request

KINDS = frozenset({"fill", "booking", "bust", "status", "transfer"})


def ask(ledger: Ledger, view: AccountView, difference: str, *, who: str, reason: str) -> str:
    """Ask the desk of an account to mend a difference that it found; the request's key.

    Raises InputError for one that its last comparison did not find, or that nothing was offered for.
    """
    offered = _offered(view, difference)
    if not reason.strip():
        raise InputError("say why: --reason is written to the journal with the entries")
    key = f"mend:{view.name}:{difference}"
    body = {"difference": difference, "entries": offered, "who": who, "reason": reason.strip()}
    ledger.inbox.ask(view.name, "mend", body, key)
    return key


def _offered(view: AccountView, difference: str) -> Sequence[Mapping[str, Any]]:
    told = {d["id"]: d for d in view.differences}
    if difference not in told:
        known = ", ".join(told) or "none"
        raise InputError(f"the last comparison with the broker found no difference {difference}; it found: {known}")
    if not told[difference]["mending"]:
        raise InputError(f"nothing can be booked for {difference}: {told[difference]['meaning']}")
    return list(told[difference]["mending"])


def mend(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Answer a `mend` request: the entries that were offered, and one that says who wanted them.

    Only what the desk itself found, and found last, is written. Raises InputError for anything else.
    """
    body = request.body
    entries = _offered(view, str(body["difference"]))
    if list(entries) != list(body["entries"]):
        raise InputError(f"difference {body['difference']} is not what it was: look again with aura reconcile")
    strange = [e["kind"] for e in entries if e["kind"] not in KINDS]
    if strange:
        raise InputError(f"account {terms.name}: a {strange[0]!r} entry mends nothing")
    for entry in entries:
        if entry["kind"] == "status":
            _still_possible(view, entry["body"])
    lines = [Line(e["kind"], {**e["body"], "mends": body["difference"]}, e["key"]) for e in entries]
    told = {"what": body["difference"], "entries": [e["key"] for e in entries]}
    return [*lines, Line("mended", {**told, "who": body["who"], "reason": body["reason"]}, request.key)]


def _still_possible(view: AccountView, body: Mapping[str, Any]) -> None:
    """An order that has moved on is not put back: the journal takes no step that an order cannot make."""
    order = view.orders[str(body["client_id"])]
    if OrderStatus(body["status"]) not in TRANSITIONS[order.status]:
        raise InputError(f"order {order.client_id} is {order.status.value} by now: look again with aura reconcile")
