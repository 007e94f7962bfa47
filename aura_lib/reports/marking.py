"""What an account, or a book of it, was worth bar by bar: its events at the prices and exchange rates of the bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.core import Booking, BookingKind, Fill, InputError, Instrument, Transfer
from aura_lib.core.portfolio import pairs
from aura_lib.ledger.accounting import Currencies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Account, Bars
    from aura_lib.ledger.views import AccountView


class Rates:
    """What one unit of each currency was worth in the account's, bar by bar, by the pairs that are among the bars.

    A pair is EURUSD, EUR/USD or EURUSD=X, else the inverse of USDEUR. Before its first price it counts as at that one.
    """

    def __init__(self, bars: Bars, own: str) -> None:
        self.own, self._closes, self._known = own, bars.close, dict[str, "pd.Series | None"]()

    def of(self, currency: str) -> pd.Series | None:
        """The rate of a currency at every bar; None where the bars have no pair of it."""
        if currency not in self._known:
            self._known[currency] = self._found(currency)
        return self._known[currency]

    def at(self, currency: str, moment: datetime) -> float | None:
        """The rate in force at a moment: that of the last bar before it, or else of the first."""
        rates = self.of(currency)
        if rates is None:
            return None
        row = int(rates.index.searchsorted(pd.Timestamp(moment), side="right")) - 1
        return float(rates.iloc[max(row, 0)])

    def last(self, currency: str) -> float | None:
        """The newest rate."""
        rates = self.of(currency)
        return None if rates is None else float(rates.iloc[-1])

    def _found(self, currency: str) -> pd.Series | None:
        closes = self._closes
        if currency == self.own:
            return pd.Series(1.0, closes.index)
        for names, inverse in ((pairs(currency, self.own), False), (pairs(self.own, currency), True)):
            for name in names:
                if name in closes and closes[name].notna().any():
                    rates = closes[name].ffill().bfill()
                    return 1 / rates if inverse else rates
        return None


def apart(account: Account, rates: Rates) -> list[str]:
    """What no exchange rate is known for, and no figure contains: money and holdings, as people read them."""
    money = [f"{amount:,f} {c}" for c, amount in sorted(account.balances.items()) if amount and rates.of(c) is None]
    held = [
        f"{p.quantity:f} {symbol} ({p.instrument.currency})"
        for symbol, p in sorted(account.positions.items())
        if p.quantity and rates.of(p.instrument.currency) is None
    ]
    return money + held


def marked(view: AccountView, bars: Bars, book: str | None) -> tuple[pd.Series, pd.Series, pd.DataFrame, pd.Series]:
    """Equity and cash (a row a bar), units (time × symbol) and what was paid in; holdings at their last known close.

    All in the account's currency, others at the rates of the bars; what has no rate is left out (see `apart`). What
    happened before the first bar counts from it on, what happened between two from the later one.
    """
    times, closes, rates = bars.times, bars.close.ffill(), Rates(bars, view.currency)
    moves = [move for move in _all_moves(view, book) if rates.of(move.currency) is not None]
    held = {move.symbol: move.instrument for move in moves if move.instrument is not None}
    symbols = sorted(held)
    if not set(symbols) <= set(closes.columns):
        raise InputError(f"no bars of {', '.join(sorted(set(symbols) - set(closes.columns)))}")
    values = {symbol: _worth(closes[symbol], held[symbol], rates) for symbol in symbols}
    came = {move.currency: np.zeros(len(times)) for move in moves}
    gone = {symbol: np.zeros(len(times)) for symbol in symbols}
    paid = np.zeros(len(times))
    for row, move in zip(_rows(times, moves, bars.start), moves, strict=True):
        came[move.currency][row] += move.cash
        rate = rates.of(move.currency)
        if move.outside and rate is not None:
            paid[row] += move.cash * float(rate.iloc[row])
        if move.symbol:
            gone[move.symbol][row] += move.units
            paid[row] += float(np.nan_to_num(move.units * values[move.symbol][row])) if move.outside else 0.0
    cash = np.zeros(len(times))
    for currency, amounts in came.items():
        rate = rates.of(currency)
        cash += amounts.cumsum() * (1.0 if rate is None else rate.to_numpy())
    units = pd.DataFrame({symbol: change.cumsum() for symbol, change in gone.items()}, times, columns=symbols)
    worth = sum((np.nan_to_num(units[s].to_numpy() * values[s]) for s in symbols), np.zeros(len(times)))
    equity = pd.Series(cash + worth, times, name="equity")
    return equity, pd.Series(cash, times, name="cash"), units, pd.Series(paid, times, name="paid")


def _worth(closes: pd.Series, instrument: Instrument, rates: Rates) -> NDArray[np.float64]:
    """What one unit was worth at every bar, in the account's currency; NaN before its first close."""
    rate = rates.of(instrument.currency)
    assert rate is not None  # moves of others were left out
    worth: NDArray[np.float64] = closes.to_numpy() * rate.to_numpy() * float(instrument.multiplier)
    return worth


def _rows(times: pd.DatetimeIndex, moves: Iterable[_Move], start: datetime) -> NDArray[np.intp]:
    moments = pd.DatetimeIndex([max(move.time, start) for move in moves], tz="UTC").as_unit("us")
    return np.minimum(times.searchsorted(moments), len(times) - 1)


@dataclass(frozen=True, slots=True)
class _Move:
    """What an event did to a book: cash in a currency, units of an instrument, and whether it came from outside."""

    time: datetime
    currency: str
    cash: float = 0.0
    instrument: Instrument | None = None
    units: float = 0.0
    outside: bool = False

    @property
    def symbol(self) -> str:
        """What units are of; empty when it is money alone."""
        return self.instrument.symbol if self.instrument else ""


def _all_moves(view: AccountView, book: str | None) -> Iterator[_Move]:
    known = Currencies(view.currency)
    for event in view.events:
        if isinstance(event, Transfer):
            yield from _transferred(event, book)
            continue
        money = known.see(event)
        if book in (None, event.book):
            yield from _traded(event, money=money) if isinstance(event, Fill) else _booked(event)


def _transferred(event: Transfer, book: str | None) -> Iterator[_Move]:
    sign = (event.target == book) - (event.source == book)
    if sign and event.instrument is not None:
        yield _Move(event.time, event.instrument.currency, 0.0, event.instrument, sign * float(event.quantity), True)
    elif sign:
        yield _Move(event.time, event.currency, sign * float(event.cash), outside=True)


def _traded(fill: Fill, *, money: bool) -> Iterator[_Move]:
    instrument = fill.instrument
    if money:  # one balance for another
        yield _Move(fill.time, instrument.currency, float(fill.cash))
        yield _Move(fill.time, instrument.base, float(fill.signed))
    else:
        yield _Move(fill.time, instrument.currency, float(fill.cash), instrument, float(fill.signed))


def _booked(event: Booking) -> Iterator[_Move]:
    outside = event.kind in (BookingKind.DEPOSIT, BookingKind.IMPORT)
    yield _Move(event.time, event.currency, float(event.cash), outside=outside)
    if event.kind is BookingKind.CONVERSION and event.instrument is not None:
        yield _Move(event.time, event.instrument.base, float(event.quantity))
    elif event.instrument is not None and event.quantity:
        units = float(event.quantity)
        yield _Move(event.time, event.instrument.currency, 0.0, event.instrument, units, outside)
    if event.delivered is not None:
        yield _Move(event.time, event.delivered.currency, 0.0, event.delivered, float(event.units))
