"""Limits: what no basket of a book may go beyond, and the verdict on each leg."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from aura_lib.core import Account, AssetClass, DataError, Decision, InputError, Instrument, Intent, Mandate, Side, rate
from aura_lib.risk import packages as options

ZERO, ONE = Decimal(0), Decimal(1)
BUY = Side.BUY
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
    packages: Sequence[Intent] = (),
) -> list[Decision]:
    """The verdict on every leg of a basket, in its order: each leg sees what the approved ones before it would do.

    Pure. `prices` maps symbols to the price they are valued at; a symbol that did not trade is missing.
    `working` maps symbols to the signed quantity still on its way: buys among it reserve cash and count as held,
    sells among it are no longer there to sell and bring no cash yet. Proceeds of approved sells in the same
    basket pay for its buys (they are matched first). Costs are not in the sums: the plan's cash buffer is for them.
    `packages` are those of options still on their way, apart from `working`: of written options the cash keeps what
    they may lose at most, and what covers them is not sold.

    The rules, the first that says no decides: not_tradable, duplicate (one leg an instrument), max_orders,
    no_price, restricted, no_short, buying_power, max_order_weight, max_position_weight, max_gross, max_net.
    Positions in other currencies are valued at the price of their pair; without one they have no price.
    An approved leg has the rule "limits".
    """
    book = Book.of(account, prices, working or {}, intents, packages, margin=limits.margin)
    decisions, rules = [], _rules(limits)
    for place, intent in enumerate(intents):
        if intent.legs:
            refusal = options.refusal(place, intent, book, limits)
        else:
            leg = book.leg(place, intent)
            refusal = _first_refusal(leg, book, limits, rules)
        if refusal is None:
            book.take(intent)
            decisions.append(Decision(place, intent.symbol, True, "limits"))
        else:
            decisions.append(Decision(place, intent.symbol, False, *refusal))
        book.seen.update(instrument.symbol for instrument, _ in intent.traded)
    return decisions


Refusal = tuple[str, str, str]  # rule, value, limit


class _Units(dict[str, Decimal | None]):
    """Symbol → what one unit or contract is worth in the account's currency, worked out when it is first asked for.

    None for what has no price: no positive one, or none of its currency.
    """

    def __init__(self, account: Account, prices: Mapping[str, Decimal], intents: Iterable[Intent]) -> None:
        super().__init__()
        self._prices, self._own = prices, account.currency
        self._positions = account.positions
        self._wished = {one.symbol: one for i in intents for one, _ in i.traded}

    def __missing__(self, symbol: str) -> Decimal | None:
        position = self._positions.get(symbol)
        worth = self._worth(symbol, position.instrument if position else self._wished.get(symbol))
        self[symbol] = worth
        return worth

    def _worth(self, symbol: str, instrument: Instrument | None) -> Decimal | None:
        price = self._prices.get(symbol)
        if price is None or not price.is_finite() or price <= 0:
            return None
        if instrument is None:  # on its way, and of a kind that nobody told
            return price
        worth = self.rate(instrument.currency)
        return None if worth is None else price * worth * instrument.multiplier

    def rate(self, currency: str) -> Decimal | None:
        """What a unit of a currency is worth in the account's own; None where nobody knows."""
        try:
            return ONE if currency == self._own else rate(self._prices, currency, self._own)
        except DataError:
            return None


class _Leg:
    """An intent as the rules look at it: what it meets, and how much of it closes nothing.

    A buy meets all that may be there (`held`), a sell what is sure to be there (`sellable`).
    """

    __slots__ = ("before", "buys", "intent", "opened", "place", "priced", "quantity", "signed", "symbol", "unit")

    def __init__(self, place: int, intent: Intent, unit: Decimal | None, held: Decimal, sellable: Decimal) -> None:
        self.place, self.intent, self.symbol = place, intent, intent.instrument.symbol
        self.priced, self.unit = unit is not None, ZERO if unit is None else unit
        self.quantity = quantity = intent.quantity
        self.buys = buys = intent.side is BUY
        self.signed = signed = quantity if buys else -quantity
        self.before = before = held if buys else sellable
        if not before or (before > 0) is buys:
            self.opened = quantity
        else:
            after = before + signed
            self.opened = abs(after) if after and (after > 0) is buys else ZERO


@dataclass(slots=True)
class Book:
    """The account as the legs approved so far would leave it."""

    cash: Decimal
    equity: Decimal
    held: dict[str, Decimal]  # with working buys
    sellable: dict[str, Decimal]  # without working sells
    units: _Units
    prices: Mapping[str, Decimal]
    options: options.Options
    unpriced: tuple[str, ...]
    gross: Decimal = ZERO  # of what is held
    net: Decimal = ZERO
    seen: set[str] = field(default_factory=set)
    bounds: dict[float, Decimal] = field(default_factory=dict)  # fraction of equity → money

    @staticmethod
    def of(
        account: Account,
        prices: Mapping[str, Decimal],
        working: Mapping[str, Decimal],
        intents: Iterable[Intent],
        packages: Sequence[Intent],
        *,
        margin: bool,
    ) -> Book:
        """A book as it stands, with what is on its way."""
        units = _Units(account, prices, [*intents, *packages])
        holdings = account.holdings
        coming = {s: q for s, q in working.items() if q > 0}
        leaving = {s: q for s, q in working.items() if q < 0}
        held, sellable = dict(holdings), dict(holdings)
        for symbol, quantity in coming.items():
            held[symbol] = held.get(symbol, ZERO) + quantity
        for symbol, quantity in leaving.items():
            if symbol in sellable:
                sellable[symbol] += quantity
        unpriced = sorted(s for s in held if units[s] is None)
        money, unknown = _money_of(account, prices)
        covering = options.Options(account, sellable, packages, units.rate)
        book = Book(money, money, held, sellable, units, prices, covering, (*unpriced, *unknown))
        book._add_up(holdings, leaving if margin else {})
        book.cash -= sum((q * (units[s] or ZERO) for s, q in coming.items()), covering.required)
        for intent in packages:
            book._move(intent, max(book.paid(intent) or ZERO, ZERO))
        return book

    def _add_up(self, holdings: Mapping[str, Decimal], leaving: Mapping[str, Decimal]) -> None:
        """Equity of what is held, and exposure of what may be: what is on its way may make a position larger."""
        for symbol in self.held.keys() | leaving.keys() if leaving else self.held:
            unit, there = self.units[symbol] or ZERO, holdings.get(symbol, ZERO)
            most, least = self.held.get(symbol, ZERO), there + leaving[symbol] if symbol in leaving else there
            value = (most if abs(most) >= abs(least) else least) * unit
            self.equity += there * unit
            self.gross += abs(value)
            self.net += value

    def leg(self, place: int, intent: Intent) -> _Leg:
        """An intent as the rules look at it."""
        symbol = intent.instrument.symbol
        return _Leg(place, intent, self.units[symbol], self.held.get(symbol, ZERO), self.sellable.get(symbol, ZERO))

    def over(self, rule: str, value: Decimal, limit: float) -> Refusal | None:
        """The refusal of what is more than that fraction of equity."""
        most = self.bounds.get(limit)
        if most is None:
            most = self.bounds[limit] = Decimal(repr(limit)) * max(self.equity, ZERO)
        if value <= most and self.equity > 0:
            return None
        return rule, f"{value / self.equity:.6f}" if self.equity > 0 else "no equity", f"{limit:g}"

    def take(self, intent: Intent) -> None:
        """Let an approved intent count: what it costs, and what the options may lose more, is no longer there."""
        paid = self.paid(intent)
        if more := options.changes(intent):
            self.cash -= self.options.added(more) or ZERO
            self.options.take(more)
        self._move(intent, paid or ZERO)

    def _move(self, intent: Intent, paid: Decimal) -> None:
        self.cash -= paid
        for instrument, quantity in intent.traded:
            symbol, unit = instrument.symbol, self.units[instrument.symbol] or ZERO
            before = self.held.get(symbol, ZERO)
            self.gross += (abs(before + quantity) - abs(before)) * unit
            self.net += quantity * unit
            self.held[symbol] = before + quantity

    def paid(self, intent: Intent) -> Decimal | None:
        """What an intent costs at the last prices, packages at their limit; negative for what it brings."""
        if not intent.legs:
            unit = self.units[intent.symbol]
            return None if unit is None else intent.signed * unit
        cost, worth = options.cost(intent, self.prices), self.units.rate(intent.instrument.currency)
        return None if cost is None or worth is None else cost * worth

    def before(self, symbol: str, quantity: Decimal) -> Decimal:
        """What a trade meets: a buy all that may be there, a sell what is sure to be."""
        return (self.held if quantity > 0 else self.sellable).get(symbol, ZERO)

    def opened(self, symbol: str, quantity: Decimal) -> Decimal:
        """How much of a trade closes nothing."""
        before = self.before(symbol, quantity)
        return abs(quantity) if before * quantity >= 0 else max(abs(quantity) - abs(before), ZERO)


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


def _first_refusal(leg: _Leg, book: Book, limits: Limits, rules: Rules) -> Refusal | None:
    adds = (leg.buys or limits.short) and leg.opened > 0
    for rule in rules[leg.buys, adds]:
        refusal = rule(leg, book, limits)
        if refusal is not None:
            return refusal
    return None


def _not_tradable(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    kind = leg.intent.instrument.asset_class
    return ("not_tradable", kind.value, "something that trades") if kind in NOT_TRADABLE else None


def _duplicate(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    return ("duplicate", leg.symbol, "one leg an instrument") if leg.symbol in book.seen else None


def _max_orders(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    return ("max_orders", str(leg.place + 1), str(limits.max_orders)) if leg.place >= limits.max_orders else None


def _no_price(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    return None if leg.priced else ("no_price", leg.symbol, "a price at the moment of decision")


def _restricted(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    names = [n for n in (leg.symbol, leg.intent.instrument.underlying) if n in limits.restricted]
    return ("restricted", names[0] or "", "sell only") if names else None


def _no_short(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    there = max(book.sellable.get(leg.symbol, ZERO), ZERO)
    if leg.quantity > there:
        return "no_short", _text(leg.quantity), _text(there)
    more = options.changes(leg.intent)
    if more and book.options.added(more) is None:
        return "no_short", f"{_text(leg.quantity)} that cover written options", "what covers nothing"
    return None


def _equity_known(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    """A book that holds something without a price has no equity to measure a buy against."""
    return ("no_price", ", ".join(book.unpriced), "a price for every holding") if book.unpriced else None


def _buying_power(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    value = leg.quantity * leg.unit
    return ("buying_power", _money(value), _money(book.cash)) if value > book.cash else None


def _max_order_weight(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    return book.over("max_order_weight", leg.opened * leg.unit, limits.max_order_weight)


def _max_position_weight(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    after = abs(leg.before + leg.signed)
    return book.over("max_position_weight", after * leg.unit, limits.max_position_weight)


def _max_gross(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    added = (abs(leg.before + leg.signed) - abs(leg.before)) * leg.unit
    return book.over("max_gross", book.gross + added, limits.max_gross)


def _max_net(leg: _Leg, book: Book, limits: Limits) -> Refusal | None:
    limit = limits.max_net
    after = book.net + leg.signed * leg.unit
    return book.over("max_net", abs(after), limit) if limit is not None and abs(after) > abs(book.net) else None


Rule = Callable[[_Leg, Book, Limits], Refusal | None]
Rules = Mapping[tuple[bool, bool], tuple[Rule, ...]]
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
_RULES: Rules = {  # buys, adds → what it has to pass
    (True, True): _ALWAYS + _ADDING,
    (True, False): _ALWAYS,
    (False, True): _ALWAYS + _SELL + _ADDING,
    (False, False): _ALWAYS + _SELL,
}


def _rules(limits: Limits) -> Rules:
    """The rules that these limits have a use for."""
    return _used(limits.short, limits.margin, bool(limits.restricted), limits.max_net is not None)


@cache
def _used(short: bool, margin: bool, restricted: bool, net: bool) -> Rules:
    idle: dict[Rule, bool] = {
        _no_short: short,
        _restricted: not restricted,
        _buying_power: margin,  # exposure is bound by equity: max_gross
        _max_net: not net,
    }
    return {case: tuple(rule for rule in rules if not idle.get(rule)) for case, rules in _RULES.items()}


def _text(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def _money(value: Decimal) -> str:
    return f"{value:.2f}"
