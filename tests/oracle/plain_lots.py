"""Tax lots recomputed slowly from the bodies of a journal, in fractions: lists that are sorted and searched each time.

First in, first out within a book, or the average of what is held (the longest held go first). What crosses zero opens
the rest. Fees are shared by units. Nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction as F
from typing import Any


@dataclass
class Unit:
    """Units of one lot; `price` is what one cost, `fee` what one paid."""

    name: str
    units: F
    price: F
    fee: F
    since: datetime
    order: int


@dataclass
class Gone:
    name: str
    book: str
    symbol: str
    units: F
    gain: F
    fee: F
    since: datetime
    at: datetime


@dataclass
class World:
    average: bool
    lots: dict[tuple[str, str], list[Unit]]
    gone: list[Gone]
    count: int = 0

    def put(self, book: str, symbol: str, name: str, units: F, price: F, fee: F, since: datetime) -> None:
        self.count += 1
        held = self.lots.setdefault((book, symbol), [])
        held.append(Unit(name, units, price, fee, since, self.count))
        held.sort(key=lambda lot: (lot.since, lot.order))
        if self.average:
            units = sum((lot.units for lot in held), F(0))
            price = sum((lot.units * lot.price for lot in held), F(0)) / units
            fee = sum((abs(lot.units) * lot.fee for lot in held), F(0)) / abs(units)
            for lot in held:
                lot.price, lot.fee = price, fee

    def take(self, book: str, symbol: str, units: F) -> list[Unit]:
        held, taken = self.lots.setdefault((book, symbol), []), []
        while units and held:
            first = held[0]
            part = first.units if abs(first.units) <= abs(units) else units
            taken.append(Unit(first.name, part, first.price, first.fee, first.since, 0))
            first.units -= part
            units -= part
            if not first.units:
                held.pop(0)
        return taken

    def trade(self, book: str, symbol: str, name: str, change: F, price: F, fee: F, at: datetime, since: Any) -> None:
        held = sum((lot.units for lot in self.lots.get((book, symbol), [])), F(0))
        each = fee / abs(change)
        closing = F(0)
        if held * change < 0:
            closing = min(abs(held), abs(change)) * (1 if held > 0 else -1)
            for lot in self.take(book, symbol, closing):
                gain, paid = lot.units * (price - lot.price), abs(lot.units) * (lot.fee + each)
                self.gone.append(Gone(lot.name, book, symbol, lot.units, gain, paid, lot.since, at))
        if change + closing:
            self.put(book, symbol, name, change + closing, price, each, since)


def lots_of(entries: Sequence[tuple[str, Mapping[str, Any]]], average: bool) -> World:
    """The lots after all entries."""
    busted = {body["execution_id"] for kind, body in entries if kind == "bust"}
    world = World(average, {}, [])
    for kind, body in entries:
        if kind == "fill" and body["fill"]["execution_id"] not in busted:
            told, sign = body["fill"], 1 if body["fill"]["side"] == "buy" else -1
            at = datetime.fromisoformat(told["time"])
            world.trade(
                told["book"], told["instrument"]["symbol"], told["execution_id"], sign * F(told["quantity"]),
                F(told["price"]), F(told["fee"]), at, at,
            )  # fmt: skip
        elif kind == "import":
            for told in body["positions"]:
                at, since = datetime.fromisoformat(told["time"]), datetime.fromisoformat(told["acquired"])
                world.trade(
                    told["book"], told["instrument"]["symbol"], told["id"], F(told["quantity"]), F(told["price"]), F(0),
                    at, since,
                )  # fmt: skip
        elif kind == "transfer" and body["transfer"]["instrument"]:
            told = body["transfer"]
            symbol = told["instrument"]["symbol"]
            for lot in world.take(told["source"], symbol, F(told["quantity"])):
                world.put(told["target"], symbol, lot.name, lot.units, lot.price, lot.fee, lot.since)
        elif kind == "booking" and body["booking"]["kind"] == "split":
            told = body["booking"]
            held = world.lots[told["book"], told["instrument"]["symbol"]]
            before = sum((lot.units for lot in held), F(0))
            ratio = (before + F(told["quantity"])) / before
            for lot in held:
                lot.units, lot.price, lot.fee = lot.units * ratio, lot.price / ratio, lot.fee / ratio
    return world
