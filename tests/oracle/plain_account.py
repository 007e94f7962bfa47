"""The books of an account, recomputed slowly from the bodies of its journal, in fractions. Nothing of ours.

An entry is (kind, body) as its JSON reads. Average cost; what crosses zero opens the rest at the price of the trade. A
split keeps the cost as a whole. Units that are imported or transferred keep what they cost. What the account as a whole
is paid (no book named) goes to the books in proportion to what they hold, in whole cents or lots, rests to the largest
remainder; what nobody holds goes to the only named book, else to the book "".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction as F
from typing import Any

WHOLE = "*"


@dataclass
class Holding:
    units: F = F(0)
    cost: F = F(0)  # of one
    gained: F = F(0)

    def trade(self, change: F, price: F) -> None:
        left = self.units + change
        if self.units * change >= 0:
            self.cost = (self.units * self.cost + change * price) / left if left else F(0)
        else:
            closed = min(abs(change), abs(self.units))
            self.gained += closed * (price - self.cost) * (1 if self.units > 0 else -1)
            self.cost = F(0) if not left else self.cost if left * self.units > 0 else price
        self.units = left


@dataclass
class Book:
    cash: F = F(0)
    fees: F = F(0)
    income: F = F(0)
    held: dict[str, Holding] = field(default_factory=dict)

    def holding(self, symbol: str) -> Holding:
        return self.held.setdefault(symbol, Holding())


def books_of(entries: Sequence[tuple[str, Mapping[str, Any]]], until: str = "9999-12-31T00:00:00Z") -> dict[str, Book]:
    """Book → how it stood at a moment (ISO text), and "*" → the whole account."""
    end = _at(until)
    busted = {body["execution_id"] for kind, body in entries if kind == "bust"}
    books = {WHOLE: Book()}
    for kind, body in entries:
        if kind == "fill" and _at(body["fill"]["time"]) <= end:
            if body["fill"]["execution_id"] not in busted:
                _fill(books, body["fill"])
        elif kind == "cash" and _at(body.get("at", "0001-01-01T00:00:00Z")) <= end:
            for name in (WHOLE, body["book"]):
                books.setdefault(name, Book()).cash += F(body["amount"])
        elif kind == "transfer" and _at(body["transfer"]["time"]) <= end:
            _transfer(books, body["transfer"])
        elif kind == "import":
            for told in body["positions"]:
                if _at(told["time"]) <= end:
                    for name in (WHOLE, body["book"]):
                        book = books.setdefault(name, Book())
                        book.holding(told["instrument"]["symbol"]).trade(F(told["quantity"]), F(told["price"]))
        elif kind == "booking" and _at(body["booking"]["time"]) <= end:
            _booking(books, body["booking"])
    return books


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _fill(books: dict[str, Book], fill: Mapping[str, Any]) -> None:
    sign = 1 if fill["side"] == "buy" else -1
    quantity, price, fee = F(fill["quantity"]), F(fill["price"]), F(fill["fee"])
    for name in (WHOLE, fill["book"]):
        book = books.setdefault(name, Book())
        book.holding(fill["instrument"]["symbol"]).trade(sign * quantity, price)
        book.cash -= sign * quantity * price + fee
        book.fees += fee


def _transfer(books: dict[str, Book], told: Mapping[str, Any]) -> None:
    source, target = books.setdefault(told["source"], Book()), books.setdefault(told["target"], Book())
    if told["instrument"] is None:
        source.cash -= F(told["cash"])
        target.cash += F(told["cash"])
        return
    symbol, units = told["instrument"]["symbol"], F(told["quantity"])
    cost = source.holding(symbol).cost
    source.holding(symbol).trade(-units, cost)
    target.holding(symbol).trade(units, cost)


def _booking(books: dict[str, Book], told: Mapping[str, Any]) -> None:
    symbol = told["instrument"]["symbol"] if told["instrument"] else ""
    if told["book"]:
        parts = {told["book"]: (F(told["cash"]), F(told["quantity"]))}
    else:
        held = {n: b.held[symbol].units for n, b in books.items() if n != WHOLE and symbol in b.held}
        held = {n: units for n, units in held.items() if units}
        if held and sum(held.values()):
            cash, units = _parts(F(told["cash"]), held, F(1, 100)), _parts(F(told["quantity"]), held, F(1))
            parts = {n: (cash[n], units[n]) for n in held}
        else:
            named = [n for n in books if n not in (WHOLE, "")]
            parts = {named[0] if len(named) == 1 else "": (F(told["cash"]), F(told["quantity"]))}
    for name, (cash, units) in {**parts, WHOLE: (F(told["cash"]), F(told["quantity"]))}.items():
        book = books.setdefault(name, Book())
        book.cash += cash
        book.income += cash if told["kind"] in ("dividend", "interest", "borrow") else 0
        book.fees -= cash if told["kind"] == "fee" else 0
        if told["kind"] == "split" and units:
            held = book.holding(symbol)
            held.cost = held.cost * held.units / (held.units + units)
            held.units += units


def _parts(amount: F, held: Mapping[str, F], step: F) -> dict[str, F]:
    step = step if amount % step == 0 else F(1, 10**10)
    total = sum(held.values())
    exact = {n: amount * units / total for n, units in held.items()}
    parts = {n: value // step * step for n, value in exact.items()}
    over = amount - sum(parts.values())
    for name in sorted(held, key=lambda n: (parts[n] - exact[n], n)):
        more = min(step, over)
        parts[name] += more
        over -= more
    return parts
