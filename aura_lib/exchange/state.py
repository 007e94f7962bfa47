"""A venue as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aura_lib.core import Account, BrokerOrder, InputError, Instrument, decode, encode, iso, utc
from aura_lib.exchange.costs import Costs
from aura_lib.exchange.fills import FillModel
from aura_lib.exchange.floor import Floor
from aura_lib.exchange.terms import Standing, Terms
from aura_lib.exchange.working import Working

_NEEDED = {"account", "costs", "matched", "working", "closed"}  # what a state had from the first day


def told(floor: Floor) -> dict[str, Any]:
    """Everything a venue knows."""
    in_time = sorted(floor.working.values(), key=lambda w: w.sequence)
    orders = {"working": [w.told() for w in in_time], "closed": [encode(order) for order in floor.closed.values()]}
    return without_orders(floor) | orders


def without_orders(floor: Floor) -> dict[str, Any]:
    """Everything it knows but its orders."""
    listed = floor.instruments
    return {
        "account": encode(floor.books.account),
        "costs": encode(floor.costs),
        "fills": encode(floor.fills),
        "terms": encode(floor.terms),
        "instruments": None if listed is None else [encode(i) for i in listed.values()],
        "matched": None if floor.matched is None else iso(floor.matched),
        "opening": floor.opening,
        "standing": floor.standing.value,
        "marks": {symbol: str(mark) for symbol, mark in floor.purse.marks.items()},
    }


def restored(state: Mapping[str, Any]) -> Floor:
    """The venue that a state described; an old one opens with what was the only way then."""
    missing = _NEEDED - set(state)
    if missing:
        raise InputError(f"this is no state of an exchange: {', '.join(sorted(missing))} is missing")
    listed = [decode(Instrument, i) for i in state["instruments"]] if state.get("instruments") is not None else None
    floor = Floor(
        decode(Account, state["account"]),
        decode(Costs, state["costs"]),
        decode(FillModel, state.get("fills", {})),
        decode(Terms, state.get("terms", {})),
        None if listed is None else {i.symbol: i for i in listed},
    )
    floor.matched = None if state["matched"] is None else utc(state["matched"], "matched")
    floor.opening, floor.standing = state.get("opening", True), Standing(state.get("standing", Standing.OPEN))
    floor.purse.marks.update({symbol: Decimal(mark) for symbol, mark in state.get("marks", {}).items()})
    for kept in state["working"]:
        working = Working.of(kept, floor.next())
        floor.sequence = max(floor.sequence, working.sequence)
        floor.add(working)
    for kept in state["closed"]:
        closed = decode(BrokerOrder, kept)
        floor.closed[closed.client_id] = closed
    return floor
