"""Packages of options under the limits of a book: what they cost, what they may lose at most, what covers what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from aura_lib.core import Account, AssetClass, Instrument, Intent, worst_case

if TYPE_CHECKING:
    from aura_lib.risk.limits import Book, Limits, Refusal

ZERO = Decimal(0)
Rate = Callable[[str], Decimal | None]  # currency → what a unit of it is worth in the account's own


class Options:
    """The options of a book with the packages that are on their way, and the most that they can lose at expiry.

    What is bought singly and still on its way covers nothing yet; what is sold singly covers nothing any more.
    """

    def __init__(
        self, account: Account, sellable: Mapping[str, Decimal], packages: Iterable[Intent], rate: Rate
    ) -> None:
        self._rate = rate
        self._held: dict[Instrument, Decimal] = {}
        for symbol, position in account.positions.items():
            if position.quantity and position.instrument.asset_class is AssetClass.OPTION:
                left = sellable.get(symbol, position.quantity) if position.quantity > 0 else position.quantity
                self._held[position.instrument] = left
        for intent in packages:
            self.take(changes(intent))
        self.required = self.after({}) or ZERO

    def after(self, more: Mapping[Instrument, Decimal]) -> Decimal | None:
        """The most that may be lost once so much more (signed) is held, in the account's currency; None: no end."""
        total, held = ZERO, self._with(more)
        for currency in {option.currency for option in held}:
            loss = worst_case({option: quantity for option, quantity in held.items() if option.currency == currency})
            worth = self._rate(currency)
            if loss is None or worth is None:
                return None
            total += loss * worth
        return total

    def added(self, more: Mapping[Instrument, Decimal]) -> Decimal | None:
        """How much more may be lost then; negative for less, None where it has no end."""
        if not self._held and all(quantity >= 0 for quantity in more.values()):
            return ZERO
        after = self.after(more)
        return None if after is None else after - self.required

    def take(self, more: Mapping[Instrument, Decimal]) -> None:
        """Let so much more count as held."""
        self._held = self._with(more)
        self.required = self.after({}) or ZERO

    def _with(self, more: Mapping[Instrument, Decimal]) -> dict[Instrument, Decimal]:
        held = dict(self._held)
        for option, quantity in more.items():
            held[option] = held.get(option, ZERO) + quantity
        return {option: quantity for option, quantity in held.items() if quantity}


def changes(intent: Intent) -> dict[Instrument, Decimal]:
    """What an intent does to the options that are held."""
    return {i: quantity for i, quantity in intent.traded if i.asset_class is AssetClass.OPTION}


def cost(intent: Intent, prices: Mapping[str, Decimal]) -> Decimal | None:
    """What packages cost at their limit, else at the last prices, in their currency; negative: what they bring.

    None where a leg has no price.
    """
    net = intent.limit_price
    if net is None:
        known = [(leg.signed, prices.get(leg.instrument.symbol)) for leg in intent.legs]
        if any(price is None for _, price in known):
            return None
        net = sum((signed * price for signed, price in known if price is not None), ZERO)
    return net * intent.quantity * intent.instrument.multiplier


def refusal(place: int, intent: Intent, book: Book, limits: Limits) -> Refusal | None:
    """What stands in the way of packages in a book: the rules of `limits.check`, leg by leg or of all legs together."""
    symbols = [instrument.symbol for instrument, _ in intent.traded]
    if again := sorted({intent.symbol, *symbols} & book.seen):
        return "duplicate", ", ".join(again), "one leg an instrument"
    if place >= limits.max_orders:
        return "max_orders", str(place + 1), str(limits.max_orders)
    paid = book.paid(intent)
    if paid is None or any(book.units[symbol] is None for symbol in symbols):
        missing = [symbol for symbol in symbols if book.units[symbol] is None]
        return "no_price", ", ".join(missing or symbols), "a price of every leg at the moment of decision"
    if adds := [(i, quantity) for i, quantity in intent.traded if book.opened(i.symbol, quantity)]:
        if names := sorted({intent.instrument.underlying or "", *symbols} & set(limits.restricted)):
            return "restricted", ", ".join(names), "sell only"
        if book.unpriced:
            return "no_price", ", ".join(book.unpriced), "a price for every holding"
    return _risk(intent, paid, book, limits) or (_weights(intent, paid, book, limits) if adds else None)


def _risk(intent: Intent, paid: Decimal, book: Book, limits: Limits) -> Refusal | None:
    """What may be lost has an end, and is there in cash; what makes it less only has to be paid."""
    added = book.options.added(changes(intent))
    if added is None:
        return None if limits.short else ("no_short", "a loss without end", "written options that others cover")
    needs = paid + added
    if limits.margin or (needs <= book.cash and paid <= book.cash + book.options.required):
        return None
    return "buying_power", f"{max(needs, paid):.2f}", f"{book.cash:.2f}"


def _weights(intent: Intent, paid: Decimal, book: Book, limits: Limits) -> Refusal | None:
    """The order weighs what it may lose (where that has no end: all its legs), each leg what it is worth."""
    parts = [(i.symbol, quantity, book.units[i.symbol] or ZERO) for i, quantity in intent.traded]
    added = book.options.added(changes(intent))
    legs = sum((abs(quantity) * unit for _, quantity, unit in parts), ZERO)
    if found := book.over("max_order_weight", legs if added is None else paid + added, limits.max_order_weight):
        return found
    gross = net = ZERO
    for symbol, quantity, unit in parts:
        before = book.before(symbol, quantity)
        after = before + quantity
        if abs(after) > abs(before) and (
            found := book.over("max_position_weight", abs(after) * unit, limits.max_position_weight)
        ):
            return found
        gross, net = gross + (abs(after) - abs(before)) * unit, net + quantity * unit
    if gross > 0 and (found := book.over("max_gross", book.gross + gross, limits.max_gross)):
        return found
    far = limits.max_net is not None and abs(book.net + net) > abs(book.net)
    return book.over("max_net", abs(book.net + net), limits.max_net or 0.0) if far else None
