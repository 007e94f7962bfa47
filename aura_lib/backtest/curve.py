"""Holdings, cash and equity at every bar, summed up from what was booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from aura_lib.core import Account, AssetClass, Bars, DataError, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]


BUY, FX = Side.BUY, AssetClass.FX


@dataclass(frozen=True, eq=False, slots=True)
class Changes:
    """What was booked, as columns: units that came and went, and money, each at a row of the bars.

    A unit change is of a symbol (by its place among `symbols`); a flow of money is of a currency, and for the sake of
    a symbol, or of nothing (−1: interest).
    """

    symbols: tuple[str, ...]
    unit_row: Rows
    unit_symbol: Rows
    units: Floats
    flow_row: Rows
    flow_symbol: Rows
    flow_currency: tuple[str, ...] | str  # one for all, or one each
    flow: Floats


@dataclass(frozen=True, eq=False)
class Curve:
    """Changes laid out over bars. Frames have a row a bar; a symbol is marked at its last known close."""

    bars: Bars
    opening: Account
    changes: Changes

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Units held at the end of each bar, time × symbol."""
        return self._frame(self._units)

    @cached_property
    def values(self) -> pd.DataFrame:
        """What each holding is worth at the end of each bar, in the account's currency; negative when short."""
        return self._frame(self._values)

    @cached_property
    def balances(self) -> dict[str, pd.Series]:
        """Currency → what the account has of it at the end of each bar."""
        return {c: pd.Series(money, self.bars.times, name=c) for c, money in self._money.items()}

    @cached_property
    def cash(self) -> pd.Series:
        """All currencies together at the end of each bar, in the account's own."""
        return pd.Series(self._cash, self.bars.times, name="cash")

    @cached_property
    def equity(self) -> pd.Series:
        """Cash plus holdings at the end of each bar."""
        return pd.Series(self._cash + self._values.sum(axis=1), self.bars.times, name="equity")

    @cached_property
    def profit(self) -> pd.DataFrame:
        """What each bar earned or lost, costs included, time × source; a row sums to that bar's change of equity.

        The sources are the symbols; "cash" for interest; and a currency for what holding it gained.
        """
        flows = self._flows_by_symbol()
        first = np.array([self._opening_value(symbol) for symbol in self.changes.symbols])
        gained = np.diff(self._values, axis=0, prepend=first[None, :]) + flows[:, :-1]
        frame = self._frame(gained)
        frame["cash"] = flows[:, -1]
        for currency, money in self._money.items():
            if currency != self.opening.currency:
                rate = self._rate(currency)
                before = np.concatenate([[float(self.opening.balances.get(currency, 0))], money[:-1]])
                frame[currency] = before * np.diff(rate, prepend=rate[0])
        return frame

    # ── how ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _frame(self, values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.bars.times, columns=list(self.changes.symbols), copy=False)

    @cached_property
    def _units(self) -> Floats:
        changes = self.changes
        units = np.zeros((len(self.bars), len(changes.symbols)))
        np.add.at(units, (changes.unit_row, changes.unit_symbol), changes.units)
        for symbol, quantity in self.opening.holdings.items():
            units[0, changes.symbols.index(symbol)] += float(quantity)
        np.cumsum(units, axis=0, out=units)
        if (changes.units % 1).any():  # opening holdings come in them too, when they are closed
            units[np.abs(units) < 1e-9] = 0.0  # what sums of small lots leave over
        return units

    @cached_property
    def _close(self) -> Floats:
        """Last known closes, as worth of one unit in the account's currency."""
        known = [s for s in self.changes.symbols if s in self.bars.instruments]
        close = self.bars.close
        frame = close if list(close.columns) == known else close[known]
        values = frame.to_numpy()
        if np.isnan(values).any():
            values = frame.ffill().to_numpy()
        if len(known) != len(self.changes.symbols):
            lost = sorted(set(self.changes.symbols) - set(known))
            raise DataError(f"the bars have no prices for {', '.join(lost)}, which were traded")
        scale = np.array([float(self.bars.instruments[s].multiplier) for s in self.changes.symbols])
        if (scale != 1).any():
            values = values * scale
        return self._converted(values)

    def _converted(self, values: Floats) -> Floats:
        own = self.opening.currency
        currencies = [self.bars.instruments[s].currency for s in self.changes.symbols]
        foreign = {c for c in currencies if c != own}
        if not foreign:
            return values
        values = values.copy()
        for currency in foreign:
            columns = [n for n, c in enumerate(currencies) if c == currency]
            values[:, columns] *= self._rate(currency)[:, None]
        return values

    @cached_property
    def _values(self) -> Floats:
        values = self._units * self._close
        return np.where(self._units == 0.0, 0.0, values) if np.isnan(values).any() else values

    @cached_property
    def _money(self) -> dict[str, Floats]:
        own, changes = self.opening.currency, self.changes
        opening = {own: self.opening.cash, **self.opening.balances}
        given = changes.flow_currency
        labels = np.array([given] * len(changes.flow) if isinstance(given, str) else given, dtype=object)
        money = {}
        for currency in dict.fromkeys([*opening, *labels.tolist()]):
            path = np.zeros(len(self.bars))
            of_it = slice(None) if isinstance(given, str) else labels == currency
            np.add.at(path, changes.flow_row[of_it], changes.flow[of_it])
            money[currency] = float(opening.get(currency, 0)) + np.cumsum(path)
        return money

    @cached_property
    def _cash(self) -> Floats:
        own = self.opening.currency
        total = self._money[own].copy()
        for currency, money in self._money.items():
            if currency != own:
                total += np.where(money == 0, 0.0, money * self._rate(currency))
        return total

    def _flows_by_symbol(self) -> Floats:
        changes, own = self.changes, self.opening.currency
        amounts = changes.flow
        if not isinstance(changes.flow_currency, str):
            rates = {c: self._rate(c) for c in set(changes.flow_currency) if c != own}
            pairs = zip(changes.flow_currency, changes.flow_row.tolist(), strict=True)
            amounts = amounts * np.array([rates[c][row] if c in rates else 1.0 for c, row in pairs])
        flows = np.zeros((len(self.bars), len(changes.symbols) + 1))
        np.add.at(flows, (changes.flow_row, changes.flow_symbol), amounts)  # −1 is the last column
        return flows

    def _opening_value(self, symbol: str) -> float:
        held = self.opening.quantity(symbol)
        return float(held) * float(self._close[0, self.changes.symbols.index(symbol)]) if held else 0.0

    def _rate(self, currency: str) -> Floats:
        return exchange_rate(self.bars, currency, self.opening.currency)


def exchange_rate(bars: Bars, currency: str, into: str) -> Floats:
    """What one unit of a currency is worth in another at every bar, by the last known price of their pair.

    Pairs are called EURUSD, EUR/USD or EURUSD=X; the inverse pair serves too. Without one: DataError.
    """
    if currency == into:
        return np.ones(len(bars))
    for one, other, turned in ((currency, into, False), (into, currency, True)):
        for pair in (f"{one}{other}", f"{one}/{other}", f"{one}{other}=X"):
            if pair in bars.instruments:
                rate = bars.close[pair].ffill().bfill().to_numpy()  # before its first price nothing was converted
                return 1 / rate if turned else rate
    raise DataError(f"no prices of {currency} in {into}: the bars need the pair {currency}{into}")


def changes_of(
    fills: Iterable[Any], bookings: Iterable[Any], bars: Bars, symbols: Sequence[str], opening: Account
) -> Changes:
    """Fills and bookings as columns over bars. One outside the bars raises DataError."""
    place = {symbol: n for n, symbol in enumerate(symbols)}
    money = {opening.currency, *opening.balances}
    units, flows = _Units([], [], []), _Flows([], [], [], [])
    for fill in fills:
        instrument, time = fill.instrument, fill.time
        symbol, size = place[instrument.symbol], float(fill.quantity)
        paid = size * float(fill.price) * float(instrument.multiplier)
        if fill.side is BUY:
            paid = -paid
        else:
            size = -size
        if instrument.asset_class is FX and instrument.base in money:
            flows.add(time, symbol, instrument.base, size)
        else:
            units.add(time, symbol, size)
        flows.add(time, symbol, instrument.currency, paid - float(fill.fee))
    for booking in bookings:
        _booked(booking, place, units, flows)
    return _columns(tuple(symbols), units, flows, bars)


class _Units(NamedTuple):
    """Units that came and went, as columns."""

    times: list[Any]
    symbols: list[int]
    sizes: list[float]

    def add(self, time: Any, symbol: int, size: float) -> None:
        self.times.append(time)
        self.symbols.append(symbol)
        self.sizes.append(size)


class _Flows(NamedTuple):
    """Money that came and went, as columns."""

    times: list[Any]
    symbols: list[int]
    currencies: list[str]
    amounts: list[float]

    def add(self, time: Any, symbol: int, currency: str, amount: float) -> None:
        self.times.append(time)
        self.symbols.append(symbol)
        self.currencies.append(currency)
        self.amounts.append(amount)


def _booked(booking: Any, place: Mapping[str, int], units: _Units, flows: _Flows) -> None:
    symbol = place[booking.symbol] if booking.symbol else -1
    if booking.kind == "conversion":
        flows.add(booking.time, symbol, booking.instrument.base, float(booking.quantity))
    elif booking.quantity:
        units.add(booking.time, symbol, float(booking.quantity))
    if booking.delivered is not None:
        units.add(booking.time, place[booking.delivered.symbol], float(booking.units))
    if booking.cash:
        flows.add(booking.time, symbol, booking.currency, float(booking.cash))


def _columns(symbols: tuple[str, ...], units: _Units, flows: _Flows, bars: Bars) -> Changes:
    row = rows_of({*units.times, *flows.times}, bars)
    currencies = set(flows.currencies)
    return Changes(
        symbols,
        np.array([row[time] for time in units.times], dtype=np.int64),
        np.array(units.symbols, dtype=np.int64),
        np.array(units.sizes, dtype=np.float64),
        np.array([row[time] for time in flows.times], dtype=np.int64),
        np.array(flows.symbols, dtype=np.int64),
        currencies.pop() if len(currencies) == 1 else tuple(flows.currencies),
        np.array(flows.amounts, dtype=np.float64),
    )


def rows_of(moments: Iterable[Any], bars: Bars) -> dict[Any, int]:
    """The bar in which each moment lies: the first that closed at it or later. None: DataError."""
    unique = list(moments)
    found = bars.times.searchsorted(pd.DatetimeIndex(unique, tz="UTC").as_unit("us"), side="left")
    late = found == len(bars)
    if late.any():
        raise DataError(f"something was booked at {unique[int(late.argmax())]}, after the last of the {len(bars)} bars")
    return dict(zip(unique, found.tolist(), strict=True))
