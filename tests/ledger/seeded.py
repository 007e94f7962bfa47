"""A small account with lots, income and two books, over the sample prices: for pages and commands."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aura_lib import data
from aura_lib.core import Booking, BookingKind, Fill, Settings, Side, encode, iso
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger

END = datetime(2021, 12, 31, 21, tzinfo=UTC)
OWNER = "Ada <Lovelace>"
D = Decimal


def seed(settings: Settings) -> None:
    """Write it: 30 trades of 2021 in two books, a dividend now and then, a second book paid in later."""
    bars = data.load(["AAPL", "KO", "MSFT"], source="sample", as_of=END, settings=settings)
    rows = [row for row, time in enumerate(bars.times) if time.year == 2021]
    at = [bars.times[row].to_pydatetime() for row in rows]
    lines: list[tuple[str, dict[str, Any], None]] = [
        ("owner", {"owner": OWNER}, None),
        ("cash", {"book": "core", "amount": "100000", "at": iso(at[0])}, None),
        ("cash", {"book": "swing", "amount": "20000", "at": iso(at[60])}, None),
    ]
    for number, place in enumerate(range(0, 240, 8), start=1):
        symbol, book = bars.symbols[number % 3], "swing" if place >= 120 and number % 2 else "core"
        side = Side.SELL if number > 5 and number % 5 == 0 else Side.BUY
        price = D(str(round(float(bars.close[symbol].iloc[rows[place]]), 2)))
        instrument, units = bars.instruments[symbol], D(3 if side is Side.SELL else 7 + number % 11)
        fill = Fill(f"x{number}", f"c{number}", "paper", book, instrument, side, units, price, D("1.05"), at[place])
        lines.append(("fill", {"cursor": str(number), "fill": encode(fill)}, None))
        if number % 6 == 0:
            kind = BookingKind.DIVIDEND
            told = Booking(f"d{number}", kind, D("12.34"), "USD", at[place], instrument=instrument, book=book)
            lines.append(("booking", {"booking": encode(told)}, None))
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("paper"))
        with ledger.write() as connection:
            ledger.journal.append_many_in(connection, "paper", lines)
        ledger.control.set_clock("paper", END)
        with ledger.write() as connection:
            ledger.control.clock_done(connection, "paper", END)
