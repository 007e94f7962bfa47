"""What an account can pay: by its cash, or on margin by its equity; and what it is worth at the last known prices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import NamedTuple

from aura_lib.core import AssetClass, Books, DataError, Instrument, rate, worst_case
from aura_lib.exchange.costs import Costs
from aura_lib.exchange.terms import Terms

ZERO = Decimal(0)
BPS = Decimal(10_000)
QUANTUM = Decimal("0.000001")  # of converted money
SLACK = Decimal("0.001")  # left alone where money is converted: what the rounding of several conversions may take
NO_CASH, NO_HOLDINGS, NO_MARGIN = "insufficient cash", "insufficient holdings", "insufficient margin"
NO_COVER = "it covers options that are written"


class Means(NamedTuple):
    """How much of an order can be paid, its fee, and what stands in the way of the rest."""

    quantity: Decimal
    fee: Decimal
    obstacle: str


class Part(NamedTuple):
    """One leg of a package: its contract, how many of it (sold: negative) are in one package, and their price."""

    instrument: Instrument
    signed: int
    price: Decimal


class Conversion(NamedTuple):
    """So much of a currency (negative: sold) for so much of the account's own."""

    currency: str
    amount: Decimal
    cash: Decimal


class Purse:
    """Cash, holdings and what the terms let an account do with them. `marks` are the last known prices.

    An account that may not be short may still write options, as part of a package whose loss has an end: the most that
    all its options can lose stays in cash (`reserve`), and what covers them is not sold.
    """

    __slots__ = ("_worth", "books", "costs", "marks", "terms", "writes")

    def __init__(self, books: Books, terms: Terms, costs: Costs) -> None:
        self.books, self.terms, self.costs = books, terms, costs
        self.marks: dict[str, Decimal] = {}
        self._worth: tuple[Decimal, Decimal] | None = None  # as long as neither prices nor holdings change
        self.writes = False  # whether any option that is held is a written one

    def watch(self) -> None:
        """Note whether any option is written."""
        positions = self.books.positions.values()
        self.writes = any(p.quantity < 0 and p.instrument.asset_class is AssetClass.OPTION for p in positions)

    def reserve(self, currency: str, changes: Mapping[Instrument, Decimal] | None = None) -> Decimal | None:
        """What the options can lose at most, once so many more (signed) are held; None where that has no end."""
        if not self.writes and not changes:
            return ZERO
        held = dict(changes or {})
        for position in self.books.positions.values():
            if position.quantity and position.instrument.asset_class is AssetClass.OPTION:
                held[position.instrument] = held.get(position.instrument, ZERO) + position.quantity
        return worst_case({option: quantity for option, quantity in held.items() if option.currency == currency})

    def fee(self, instrument: Instrument, quantity: Decimal, price: Decimal, maker: bool) -> Decimal:
        """The commission of a trade."""
        return self.costs.commission(quantity * price * instrument.multiplier, quantity, maker=maker)

    def affordable(
        self, instrument: Instrument, buys: bool, wanted: Decimal, price: Decimal, *, maker: bool, reduces: bool
    ) -> Means:
        """The most of `wanted` that the account may trade at a price, in whole lots."""
        held = self._held(instrument)
        if reduces:
            against = max(-held if buys else held, ZERO)
            if against < wanted:
                part = self.affordable(
                    instrument, buys, against - against % instrument.lot, price, maker=maker, reduces=False
                )
                return Means(part.quantity, part.fee, NO_HOLDINGS)
        if not buys and not self.terms.short and wanted > held:
            most = max(held - held % instrument.lot, ZERO)
            return self._paid(instrument, buys, most, price, maker)._replace(obstacle=NO_HOLDINGS)
        if not buys and self.writes and not self.terms.short:
            most = self._uncovering(instrument, wanted)
            if most < wanted:
                return self._paid(instrument, buys, most, price, maker)._replace(obstacle=NO_COVER)
        return self._paid(instrument, buys, wanted, price, maker)

    def _uncovering(self, instrument: Instrument, wanted: Decimal) -> Decimal:
        """The most of a holding that may be sold before an option that is written is no longer covered."""
        if instrument.asset_class is not AssetClass.OPTION:
            return wanted
        lot = instrument.lot

        def covered(lots: int) -> bool:
            return self.reserve(instrument.currency, {instrument: -lots * lot}) is not None

        lots = int(wanted / lot)
        return wanted if covered(lots) else _last(covered, lots) * lot

    def packages(self, parts: Sequence[Part], wanted: Decimal) -> Means:
        """The most of so many packages that the account may trade at these prices, and their fees together."""
        quantity = wanted
        if not self._carries(parts, wanted):
            quantity = Decimal(_last(lambda packages: self._carries(parts, Decimal(packages)), int(wanted)))
        obstacle = "" if quantity == wanted else NO_MARGIN if self.terms.margin else NO_CASH
        return Means(quantity, self._fees(parts, quantity), obstacle)

    def _fees(self, parts: Sequence[Part], packages: Decimal) -> Decimal:
        fees = (self.fee(part.instrument, packages * abs(part.signed), part.price, False) for part in parts)
        return sum(fees, ZERO) if packages else ZERO

    def _carries(self, parts: Sequence[Part], packages: Decimal) -> bool:
        """Whether so many packages can be paid, and what they may lose at most."""
        currency = parts[0].instrument.currency
        changes = {part.instrument: packages * part.signed for part in parts}
        after = self.reserve(currency, changes)
        if after is None and not self.terms.short:
            return False
        fees = self._fees(parts, packages)
        if self.terms.margin:
            return self._exposed(parts, changes, fees)
        cost = sum((changes[p.instrument] * p.price * p.instrument.multiplier for p in parts), fees)
        return self._covers(currency, cost, after)

    def _covers(self, currency: str, cost: Decimal, after: Decimal | None) -> bool:
        """Whether a cost can be paid, and cash is left for what the options may lose then; less of that always may."""
        available, before = self.available(currency), self.reserve(currency) or ZERO
        return after is not None and cost <= available and (cost + after <= available or cost + after <= before)

    def _exposed(self, parts: Sequence[Part], changes: Mapping[Instrument, Decimal], fees: Decimal) -> bool:
        """On margin: the exposure of all legs together may be `max_gross` times the equity; less of it always may."""
        equity, gross = self.worth()
        before, other = gross, self.rate(parts[0].instrument.currency)
        for instrument, _, price in parts:
            held, position = self._held(instrument), self.books.positions.get(instrument.symbol)
            unit = instrument.multiplier * other
            mark = self.mark(instrument.symbol, price if position is None else position.average_cost)
            equity += held * (price - mark) * unit
            gross += (abs(held + changes[instrument]) * price - abs(held) * mark) * unit
        return gross <= self.terms.max_gross * (equity - fees * other) or gross <= before

    def _held(self, instrument: Instrument) -> Decimal:
        position = self.books.positions.get(instrument.symbol)
        return ZERO if position is None else position.quantity

    def _paid(self, instrument: Instrument, buys: bool, wanted: Decimal, price: Decimal, maker: bool) -> Means:
        if not wanted:
            return Means(ZERO, ZERO, NO_CASH)
        fee = self.fee(instrument, wanted, price, maker)
        pays = self._margin_rule if self.terms.margin else self._cash_rule
        check = pays(instrument, buys, price)
        if check(wanted, fee):
            return Means(wanted, fee, "")
        if not buys and not self.terms.margin:
            return Means(ZERO, ZERO, NO_CASH)  # the fee of a sell is more than it brings
        lot = instrument.lot

        def enough(lots: int) -> bool:
            return check(lots * lot, self.fee(instrument, lots * lot, price, maker))

        most = _last(enough, int(wanted / lot)) * lot
        obstacle = NO_MARGIN if self.terms.margin else NO_CASH
        return Means(most, self.fee(instrument, most, price, maker) if most else ZERO, obstacle)

    def _cash_rule(self, instrument: Instrument, buys: bool, price: Decimal) -> Callable[[Decimal, Decimal], bool]:
        """Nothing may end below zero."""
        unit = price * instrument.multiplier
        if self.writes:
            return self._written_rule(instrument, buys, unit)
        available = self.available(instrument.currency)
        if buys:
            return lambda quantity, fee: quantity * unit + fee <= available
        return lambda quantity, fee: available + (quantity * unit - fee) >= 0

    def _written_rule(self, instrument: Instrument, buys: bool, unit: Decimal) -> Callable[[Decimal, Decimal], bool]:
        """The same, and what the options may lose stays in cash."""
        sign, currency = 1 if buys else -1, instrument.currency
        option = instrument.asset_class is AssetClass.OPTION

        def check(quantity: Decimal, fee: Decimal) -> bool:
            changes = {instrument: sign * quantity} if option else None
            return self._covers(currency, sign * quantity * unit + fee, self.reserve(currency, changes))

        return check

    def _margin_rule(self, instrument: Instrument, buys: bool, price: Decimal) -> Callable[[Decimal, Decimal], bool]:
        """What makes the position smaller is always allowed; else exposure may be `max_gross` times the equity."""
        held = self._held(instrument)
        unit = price * instrument.multiplier * self.rate(instrument.currency)
        position = self.books.positions.get(instrument.symbol)
        known = self.mark(instrument.symbol, price if position is None else position.average_cost)
        mark = known * instrument.multiplier * self.rate(instrument.currency)
        equity, gross = self.worth()
        equity, gross = equity + held * (unit - mark), gross - abs(held) * mark
        other = self.rate(instrument.currency)
        ratio = self.terms.max_gross

        def check(quantity: Decimal, fee: Decimal) -> bool:
            after = held + quantity if buys else held - quantity
            if abs(after) <= abs(held) and after * held >= 0:
                return True
            return gross + abs(after) * unit <= ratio * (equity - fee * other)

        return check

    def available(self, currency: str) -> Decimal:
        """What can be paid in a currency: what there is of it and, where the terms convert, what the others buy."""
        books = self.books
        there = books.balance(currency)
        if not books.balances or not self.terms.converts:
            return there
        own, fee = max(books.cash, ZERO), self.terms.conversion_bps / BPS
        for other, amount in books.balances.items():
            if amount > 0 and other != currency:
                own += amount * self.rate(other) * (1 - fee)
        if currency == books.currency:
            return own if own == there else max(own - SLACK, there)
        return there + max(own / (self.rate(currency) * (1 + fee)) - SLACK, ZERO)

    def conversions(self, currency: str, payment: Decimal, keep: str = "") -> list[Conversion]:
        """What has to be converted before a payment: its own cash first, then other balances by name (not `keep`)."""
        books, fee = self.books, self.terms.conversion_bps / BPS
        short = payment - books.balance(currency)
        if short <= 0:
            return []
        if currency != books.currency:
            cost = (short * self.rate(currency) * (1 + fee)).quantize(QUANTUM, rounding=ROUND_UP)
            before = [] if self.terms.margin else self.conversions(books.currency, cost, keep=currency)
            return [*before, Conversion(currency, short, -cost)]
        if self.terms.margin:
            return []  # it borrows
        made = []
        for other, balance in sorted(books.balances.items()):
            unit = self.rate(other) * (1 - fee) if balance > 0 and other != keep else ZERO
            if unit > 0 and short > 0:
                amount = min(balance, ((short + QUANTUM) / unit).quantize(QUANTUM, rounding=ROUND_UP))
                brought = (amount * unit).quantize(QUANTUM, rounding=ROUND_DOWN)
                made.append(Conversion(other, -amount, brought))
                short -= brought
        return made

    def rate(self, currency: str) -> Decimal:
        """What a unit of a currency is worth in the account's own, at the last known price of the pair."""
        return rate(self.marks, currency, self.books.currency)

    def mark(self, symbol: str, average_cost: Decimal) -> Decimal:
        """The last known price; what it cost while none is known."""
        return self.marks.get(symbol, average_cost)

    def exposures(self) -> Mapping[str, Decimal]:
        """Symbol → signed market value in the account's currency, where not zero."""
        own = self.books.currency
        found = {}
        for symbol, position in self.books.positions.items():
            if position.quantity:
                value = position.value(self.mark(symbol, position.average_cost))
                currency = position.instrument.currency
                found[symbol] = value if currency == own else value * self.rate(currency)
        return found

    def forget(self) -> None:
        """Prices or balances have changed: add up anew when asked."""
        self._worth = None

    def traded(self, instrument: Instrument, held: Decimal, change: Decimal, price: Decimal, fee: Decimal) -> None:
        """Carry what the account is worth over a trade, instead of adding up all positions again."""
        fresh = instrument.symbol not in self.marks
        mark = self.marks.setdefault(instrument.symbol, price)
        if self._worth is None or (fresh and held) or instrument.asset_class is AssetClass.FX:
            self._worth = None
            return
        equity, gross = self._worth
        other = self.rate(instrument.currency)
        unit = instrument.multiplier * other
        equity += change * (mark - price) * unit - fee * other
        self._worth = equity, gross + (abs(held + change) - abs(held)) * mark * unit

    def worth(self) -> tuple[Decimal, Decimal]:
        """Equity, and the sum of all absolute exposures."""
        if self._worth is None:
            self._worth = self._added_up()
        return self._worth

    def _added_up(self) -> tuple[Decimal, Decimal]:
        exposures = self.exposures().values()
        equity = self.books.cash + sum(exposures, ZERO)
        for currency, amount in self.books.balances.items():
            if amount:
                equity += amount * self.rate(currency)
        return equity, sum(map(abs, exposures), ZERO)

    def known(self, currencies: Iterable[str], fresh: Mapping[str, Decimal]) -> None:
        """Raise DataError when there is no price of a currency that is about to be used, be it a fresh one."""
        if not (self.terms.converts or self.terms.margin):
            return
        marks = {**self.marks, **fresh}
        for currency in sorted(currencies):
            try:
                rate(marks, currency, self.books.currency)
            except DataError as error:
                raise DataError(
                    f"{error}: orders and holdings in {currency} cannot be paid or valued without it"
                ) from None


def _last(pays: Callable[[int], bool], most: int) -> int:
    """The largest number below `most` that still `pays`, by halving: what is paid grows with the number."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return low
