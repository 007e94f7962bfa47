"""What people ask of orders that are on their way: that one be cancelled, changed, or everything stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aura_lib.core import TERMINAL, UNSETTLED, InputError, Intent, Order, OrderStatus, digest, encode
from aura_lib.execution.accounts import Terms
from aura_lib.execution.lines import Line
from aura_lib.ledger import AccountView, Request

CHANGEABLE = ("quantity", "limit_price", "stop_price")


def cancel(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """An order shall be cancelled. One that is closed, unknown, or to be cancelled already is refused."""
    order = _known(view, str(request.body["client_id"]), "cancel")
    if order.client_id in view.packages.get(order.parent, {}).values():
        raise InputError(f"cannot cancel {order.client_id}: it is a leg of {order.parent}, cancel that")
    if order.client_id in view.cancelling:
        raise InputError(f"cannot cancel {order.client_id}: that was asked for before, and its end is awaited")
    return [Line("cancel.asked", request.body, request.key)]


def change(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Another order shall take the place of one: of what is left of it, at other prices or in another quantity.

    `quantity` is the whole of the wish, filled or not. Refused while the outcome of the old one is not known.
    """
    old = _known(view, str(request.body["client_id"]), "replace")
    if old.client_id in view.packages.get(old.parent, {}).values():
        raise InputError(f"cannot replace {old.client_id}: it is a leg of {old.parent}, replace that")
    if old.status in UNSETTLED or old.status is OrderStatus.APPROVED:
        raise InputError(f"cannot replace {old.client_id}: it is {old.status.value}, wait until the broker has told")
    if old.client_id in view.cancelling or view.stopping:
        raise InputError(f"cannot replace {old.client_id}: it is to be cancelled")
    if old.client_id in view.replacing.values():
        raise InputError(f"cannot replace {old.client_id}: another order is to take its place already")
    name = digest([terms.name, old.client_id, "replace", request.key])[:20]
    new = replace(
        old, client_id=name, intent=_changed(old, request.body), parent=old.client_id, attempt=old.attempt + 1,
        status=OrderStatus.APPROVED, filled=Decimal(0), reason="", broker_id="",
    )  # fmt: skip
    body = {"order": encode(new), "client_id": old.client_id, "who": request.body["who"]}
    return [Line("replace.asked", {**body, "reason": request.body["reason"]}, request.key)]


def _known(view: AccountView, client_id: str, wish: str) -> Order:
    order = view.orders.get(client_id)
    if order is None:
        raise InputError(f"cannot {wish} {client_id}: account {view.name} has no such order")
    if order.status in TERMINAL:
        told = f" ({order.reason})" if order.reason else ""
        raise InputError(f"cannot {wish} {client_id}: it is {order.status.value}{told}")
    return order


def _changed(old: Order, wish: Mapping[str, Any]) -> Intent:
    """The intent of what takes an order's place: what is left of the quantity, and the prices that were given."""
    given = {name: Decimal(wish[name]) for name in CHANGEABLE if wish.get(name) is not None}
    if not given:
        raise InputError(f"nothing to replace: give one of {', '.join(CHANGEABLE)}")
    whole = given.pop("quantity", old.intent.quantity)
    if whole <= old.filled:
        raise InputError(f"cannot replace {old.client_id}: {old.filled} of it are filled, and {whole} asked")
    changes: dict[str, Any] = {"quantity": whole - old.filled, **given}
    intent = replace(old.intent, **changes)
    if intent == old.intent:
        raise InputError(f"cannot replace {old.client_id}: that is what it asks for already")
    return intent


def halt(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """What somebody asked for with a halt: all orders cancelled and, after that, all positions closed."""
    told = {"who": request.body["who"], "reason": request.body["reason"]}
    lines = [Line("cancel.asked", {**told, "client_id": ""}, request.key)]
    if request.body.get("flatten"):
        lines.append(
            Line("flatten.asked", {**told, "origin": f"flatten:{request.body['who']}"}, f"{request.key}/flatten")
        )
    return lines
