"""Journals of an account that never was, for the views to be tried on: the entries of a seed, as (kind, body)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from aura_lib.core import Booking, BookingKind, Fill, Instrument, Side, Transfer, encode, iso
from aura_lib.ledger import Entry

Line = tuple[str, dict[str, Any]]
START = datetime(2024, 1, 2, 15, tzinfo=UTC)
BOOKS = ("core", "swing", "hedge")
NAMES = {symbol: Instrument(symbol) for symbol in ("AAA", "BBB", "CCC")}
D = Decimal


def entries(lines: Sequence[Line], chain: str = "paper") -> Iterator[Entry]:
    """Lines as a journal gives them."""
    for n, (kind, body) in enumerate(lines, start=1):
        yield Entry(n, chain, n, iso(START), kind, None, body, "")


def fill(number: int, book: str, symbol: str, signed: Decimal, price: Decimal, time: datetime, fee: str = "1") -> Line:
    """A trade of so many units (signed)."""
    side = Side.BUY if signed > 0 else Side.SELL
    made = Fill(f"x{number}", f"c{number}", "paper", book, NAMES[symbol], side, abs(signed), price, D(fee), time)
    return "fill", {"cursor": str(number), "fill": encode(made)}


def booking(number: int, kind: BookingKind, cash: Decimal, time: datetime, **more: Any) -> Line:
    """Something other than a trade."""
    return "booking", {"booking": encode(Booking(f"b{number}", kind, cash, "USD", time, account="paper", **more))}


def random_journal(seed: int, count: int) -> list[Line]:
    """A journal of some length: mostly trades, some of them late, and a little of everything else."""
    rng = np.random.default_rng(seed)
    lines: list[Line] = [
        ("cash", {"book": book, "amount": str(100_000 + n), "at": iso(START)}) for n, book in enumerate(BOOKS)
    ]
    held: dict[str, dict[str, Decimal]] = {book: dict.fromkeys(NAMES, D(0)) for book in BOOKS}
    for number in range(count):
        time = START + timedelta(hours=number) - timedelta(hours=int(rng.integers(0, 40)) * int(rng.random() < 0.1))
        book, symbol = str(rng.choice(BOOKS)), str(rng.choice(list(NAMES)))
        price, units = D(int(rng.integers(100, 20_000))) / 100, D(int(rng.integers(1, 200)))
        have, kind = held[book], float(rng.random())
        if kind < 0.7:
            signed = units * int(rng.choice([-1, 1]))
            lines.append(fill(number, book, symbol, signed, price, time, str(D(int(rng.integers(0, 300))) / 100)))
            have[symbol] += signed
        elif kind < 0.78:
            at = iso(time)
            lines.append(("cash", {"book": book, "amount": str(price - 90), "at": at, "key": f"k{number}"}))
        elif kind < 0.84:
            whole = rng.random() < 0.5
            lines.append(booking(
                number, BookingKind.DIVIDEND, price - 50, time, instrument=NAMES[symbol], book="" if whole else book
            ))  # fmt: skip
        elif kind < 0.88:
            lines.append(booking(number, BookingKind.FEE, -price / 10, time, book=book if rng.random() < 0.5 else ""))
        elif kind < 0.93 and have[symbol] > 1:
            to = str(rng.choice([name for name in BOOKS if name != book]))
            if held[to][symbol] >= 0:
                units = D(int(rng.integers(1, int(have[symbol]) + 1)))
                lines.append(_moved(number, book, to, time, instrument=NAMES[symbol], quantity=units, price=price))
                have[symbol] -= units
                held[to][symbol] += units
        elif kind < 0.96:
            to = str(rng.choice([name for name in BOOKS if name != book]))
            lines.append(_moved(number, book, to, time, cash=price))
        elif have[symbol] >= 0:
            told = Booking(
                f"i{number}", BookingKind.IMPORT, D(0), "USD", time, NAMES[symbol], units, book=book, price=price,
                acquired=time - timedelta(days=int(rng.integers(0, 900))),
            )  # fmt: skip
            lines.append(("import", {"book": book, "positions": [encode(told)]}))
            have[symbol] += units
    return lines


def _moved(number: int, source: str, target: str, time: datetime, **what: Any) -> Line:
    return "transfer", {"transfer": encode(Transfer(f"t{number}", source, target, time, **what))}
