"""Limits: what no basket of a book may go beyond, and the verdict on each leg."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from aura_lib.core import Account, AssetClass, DataError, Decision, InputError, Instrument, Intent, Mandate, Side, rate

ZERO, ONE = Decimal(0), Decimal(1)
NOT_TRADABLE = frozenset({AssetClass.INDEX})


@dataclass(frozen=True, slots=True)
class Limits:
    """What no basket of a book may go beyond. Weights are fractions of the book's equity.

    `max_order_weight`, `max_position_weight`, `max_gross` (the sum of all absolute weights) and `max_net` (the absolute
    sum of all weights; None: as `max_gross`) bind orders that add exposure: a way out is never closed. `max_orders`
    counts the legs of one basket; `restricted` symbols may be brought nearer to nothing, not further away. `short`
    allows positions below zero. With it, or a `max_gross` above 1, the book is on margin: its exposure is bound by its
    equity and no longer by its cash.

    Raises InputError for a limit that is no finite number of zero or more.
    """

    max_position_weight: float = 0.60
    max_order_weight: float = 0.60
    max_gross: float = 1.0
    max_orders: int = 200
    restricted: tuple[str, ...] = ()
    short: bool = False
    max_net: float | None = None

    @staticmethod
    def of(mandate: Mandate) -> Limits:
        """The limits of a mandate that borrows or goes short; the default ones for any other."""
        return Limits(max_gross=mandate.max_gross, short=mandate.short)

    @property
    def margin(self) -> bool:
        """Whether anything may be borrowed: shares or money."""
        return self.short or self.max_gross > 1

    def __post_init__(self) -> None:
        for name in ("max_position_weight", "max_order_weight", "max_gross", "max_orders", "max_net"):
            value = getattr(self, name)
            if name == "max_net" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InputError(f"{name} must be a finite number of zero or more, not {value!r}")
        given: object = self.restricted
        if isinstance(given, str):
            raise InputError(f"restricted must be a tuple of symbols, not the text {given!r}")
        object.__setattr__(self, "restricted", tuple(self.restricted))


def check(
    intents: Sequence[Intent],
    account: Account,
    prices: Mapping[str, Decimal],
    limits: Limits,
    *,
    working: Mapping[str, Decimal] | None = None,
) -> list[Decision]:
    """The verdict on every leg of a basket, in its order: each leg sees what the approved ones before it would do.

    Pure. `prices` maps symbols to the price they are valued at; a symbol that did not trade is missing.
    `working` maps symbols to the signed quantity still on its way: buys among it reserve cash and count as held,
    sells among it are no longer there to sell and bring no cash yet. Proceeds of approved sells in the same
    basket pay for its buys (they are matched first). Costs are not in the sums: the plan's cash buffer is for them.

    The rules, the first that says no decides: not_tradable, duplicate (one leg an instrument), max_orders,
    no_price, restricted, no_short, buying_power, max_order_weight, max_position_weight, max_gross, max_net.
    Positions in other currencies are valued at the price of their pair; without one they have no price.
    An approved leg has the rule "limits".
    """
    book = _Book.of(account, prices, working or {}, intents, margin=limits.margin)
    decisions = []
    for leg, intent in enumerate(intents):
        refusal = _first_refusal(leg, intent, book, limits)
        if refusal is None:
            book.take(intent)
        rule, value, limit = refusal or ("limits", "", "")
        decisions.append(Decision(leg, intent.symbol, refusal is None, rule, value, limit))
        book.seen.add(intent.symbol)
    return decisions


Refusal = tuple[str, str, str]  # rule, value, limit


@dataclass(slots=True)
class _Book:
    """The account as the legs approved so far would leave it."""

    cash: Decimal
    equity: Decimal
    held: dict[str, Decimal]  # with working buys
    sellable: dict[str, Decimal]  # without working sells
    prices: Mapping[str, Decimal]
    instruments: dict[str, Instrument]
    unpriced: tuple[str, ...]
    gross: Decimal = ZERO  # of what is held
    net: Decimal = ZERO
    seen: set[str] = field(default_factory=set)

    @staticmethod
    def of(
        account: Account,
        prices: Mapping[str, Decimal],
        working: Mapping[str, Decimal],
        intents: Iterable[Intent],
        *,
        margin: bool,
    ) -> _Book:
        prices = {s: p for s, p in prices.items() if p.is_finite() and p > 0}
        instruments = {i.symbol: i.instrument for i in intents} | {
            s: p.instrument for s, p in account.positions.items()
        }
        prices = _in_one_currency(prices, instruments, account.currency)
        holdings = account.holdings
        coming = {s: q for s, q in working.items() if q > 0}
        held = {s: holdings.get(s, ZERO) + coming.get(s, ZERO) for s in holdings.keys() | coming.keys()}
        sellable = {s: q + min(working.get(s, ZERO), ZERO) for s, q in holdings.items()}
        unpriced = sorted(s for s in held if s not in prices)
        money, unknown = _money_of(account, prices)
        book = _Book(money, ZERO, held, sellable, prices, instruments, (*unpriced, *unknown))
        book.equity = money + sum((book.value(s, q) for s, q in holdings.items()), ZERO)
        leaving = {s: q for s, q in working.items() if q < 0 and margin}
        for symbol in held.keys() | leaving.keys() if leaving else held:
            less = holdings.get(symbol, ZERO) + leaving.get(symbol, ZERO)
            furthest = max(held.get(symbol, ZERO), less, key=abs)  # what is on its way may make it larger
            value = book.value(symbol, furthest)
            book.gross += abs(value)
            book.net += value
        book.cash -= sum((book.value(s, q) for s, q in coming.items()), ZERO)
        return book

    def value(self, symbol: str, quantity: Decimal) -> Decimal:
        price, instrument = self.prices.get(symbol), self.instruments.get(symbol)
        return ZERO if price is None else quantity * price * (instrument.multiplier if instrument else 1)

    def weight(self, value: Decimal) -> Decimal:
        return value / self.equity if self.equity > 0 else Decimal("Infinity")

    def before(self, intent: Intent) -> Decimal:
        """What an order meets: all that may be there when it buys, what is sure to be there when it sells."""
        there = self.held if intent.side is Side.BUY else self.sellable
        return there.get(intent.symbol, ZERO)

    def adds(self, intent: Intent) -> bool:
        """Whether an order opens or enlarges a position, be it on the other side of the one there was."""
        return self.opened(intent) > 0

    def opened(self, intent: Intent) -> Decimal:
        """How much of an order closes nothing, in units."""
        before = self.before(intent)
        after = before + intent.signed
        if before * intent.signed >= 0:
            return intent.quantity
        return abs(after) if after * before < 0 else ZERO

    def added(self, intent: Intent) -> Decimal:
        """The exposure that an order adds, in money."""
        before = self.before(intent)
        return (abs(before + intent.signed) - abs(before)) * self.value(intent.symbol, ONE)

    def take(self, intent: Intent) -> None:
        symbol, signed = intent.symbol, intent.signed
        before, unit = self.held.get(symbol, ZERO), self.value(symbol, ONE)
        value = signed * unit
        self.cash -= value
        self.gross += (abs(before + signed) - abs(before)) * unit
        self.net += value
        self.held[symbol] = before + signed


def _in_one_currency(prices: dict[str, Decimal], instruments: Mapping[str, Instrument], own: str) -> dict[str, Decimal]:
    """Prices in the account's currency; those whose currency has no price in it are left out."""
    converted = dict(prices)
    for symbol, instrument in instruments.items():
        if instrument.currency == own or symbol not in prices:
            continue
        try:
            converted[symbol] = prices[symbol] * rate(prices, instrument.currency, own)
        except DataError:
            del converted[symbol]
    return converted


def _money_of(account: Account, prices: Mapping[str, Decimal]) -> tuple[Decimal, list[str]]:
    """Cash and balances in the account's currency, and the currencies that have no price."""
    money, unknown = account.cash, []
    for currency, amount in account.balances.items():
        if not amount:
            continue
        try:
            money += amount * rate(prices, currency, account.currency)
        except DataError:
            unknown.append(currency)
    return money, unknown


def _first_refusal(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    buys = intent.side is Side.BUY
    adds = (buys or limits.short) and book.adds(intent)
    for rule in _RULES[buys, adds]:
        if refusal := rule(leg, intent, book, limits):
            return refusal
    return None


def _not_tradable(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    kind = intent.instrument.asset_class
    return ("not_tradable", kind.value, "something that trades") if kind in NOT_TRADABLE else None


def _duplicate(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    return ("duplicate", intent.symbol, "one leg an instrument") if intent.symbol in book.seen else None


def _max_orders(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    return ("max_orders", str(leg + 1), str(limits.max_orders)) if leg >= limits.max_orders else None


def _no_price(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    known = intent.symbol in book.prices
    return None if known else ("no_price", intent.symbol, "a price at the moment of decision")


def _restricted(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    return ("restricted", intent.symbol, "sell only") if intent.symbol in limits.restricted else None


def _no_short(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    if limits.short:
        return None
    there = max(book.sellable.get(intent.symbol, ZERO), ZERO)
    return ("no_short", _text(intent.quantity), _text(there)) if intent.quantity > there else None


def _equity_known(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    """A book that holds something without a price has no equity to measure a buy against."""
    return ("no_price", ", ".join(book.unpriced), "a price for every holding") if book.unpriced else None


def _buying_power(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    if limits.margin:
        return None  # exposure is bound by equity: max_gross
    value = book.value(intent.symbol, intent.quantity)
    return ("buying_power", _money(value), _money(book.cash)) if value > book.cash else None


def _max_order_weight(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    weight = book.weight(book.value(intent.symbol, book.opened(intent)))
    return _over("max_order_weight", weight, limits.max_order_weight)


def _max_position_weight(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    after = abs(book.before(intent) + intent.signed)
    return _over("max_position_weight", book.weight(book.value(intent.symbol, after)), limits.max_position_weight)


def _max_gross(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    return _over("max_gross", book.weight(book.gross + book.added(intent)), limits.max_gross)


def _max_net(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    if limits.max_net is None:
        return None
    after = book.net + book.value(intent.symbol, intent.signed)
    further = abs(after) > abs(book.net)
    return _over("max_net", book.weight(abs(after)), limits.max_net) if further else None


Rule = Callable[[int, Intent, _Book, Limits], Refusal | None]
_ALWAYS: tuple[Rule, ...] = (_not_tradable, _duplicate, _max_orders, _no_price)
_SELL: tuple[Rule, ...] = (_no_short,)
_ADDING: tuple[Rule, ...] = (
    _restricted,
    _equity_known,
    _buying_power,
    _max_order_weight,
    _max_position_weight,
    _max_gross,
    _max_net,
)
_RULES: dict[tuple[bool, bool], tuple[Rule, ...]] = {  # buys, adds → what it has to pass
    (True, True): _ALWAYS + _ADDING,
    (True, False): _ALWAYS,
    (False, True): _ALWAYS + _SELL + _ADDING,
    (False, False): _ALWAYS + _SELL,
}


@cache
def _exact(limit: float) -> Decimal:
    return Decimal(repr(limit))


def _over(rule: str, weight: Decimal, limit: float) -> Refusal | None:
    if weight <= _exact(limit):
        return None
    return rule, f"{weight:.6f}" if weight.is_finite() else "no equity", f"{limit:g}"


def _text(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def _money(value: Decimal) -> str:
    return f"{value:.2f}"
