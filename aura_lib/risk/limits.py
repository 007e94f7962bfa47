"""Limits: what no basket of a book may go beyond, and the verdict on each leg."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aura_lib.core import Account, AssetClass, Decision, InputError, Instrument, Intent, Side

ZERO = Decimal(0)
NOT_TRADABLE = frozenset({AssetClass.INDEX})


@dataclass(frozen=True, slots=True)
class Limits:
    """What no basket of a book may go beyond. Weights are fractions of the book's equity.

    `max_order_weight`, `max_position_weight` and `max_gross` bind orders that add exposure: a way out is never
    closed. `max_orders` counts the legs of one basket; `restricted` symbols may be sold, not bought.

    Raises InputError for a limit that is no finite number of zero or more.
    """

    max_position_weight: float = 0.60
    max_order_weight: float = 0.60
    max_gross: float = 1.0
    max_orders: int = 200
    restricted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_position_weight", "max_order_weight", "max_gross", "max_orders"):
            value = getattr(self, name)
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
    no_price, restricted, no_short, buying_power, max_order_weight, max_position_weight, max_gross.
    An approved leg has the rule "limits".
    """
    book = _Book.of(account, prices, working or {}, intents)
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
    seen: set[str] = field(default_factory=set)

    @staticmethod
    def of(
        account: Account, prices: Mapping[str, Decimal], working: Mapping[str, Decimal], intents: Iterable[Intent]
    ) -> _Book:
        prices = {s: p for s, p in prices.items() if p.is_finite() and p > 0}
        instruments = {i.symbol: i.instrument for i in intents} | {
            s: p.instrument for s, p in account.positions.items()
        }
        holdings = account.holdings
        coming = {s: q for s, q in working.items() if q > 0}
        held = {s: holdings.get(s, ZERO) + coming.get(s, ZERO) for s in holdings.keys() | coming.keys()}
        sellable = {s: q + min(working.get(s, ZERO), ZERO) for s, q in holdings.items()}
        book = _Book(
            account.cash, ZERO, held, sellable, prices, instruments, tuple(sorted(s for s in held if s not in prices))
        )
        book.equity = account.cash + sum((book.value(s, q) for s, q in holdings.items()), ZERO)
        book.gross = sum((abs(book.value(s, q)) for s, q in held.items()), ZERO)
        book.cash -= sum((book.value(s, q) for s, q in coming.items()), ZERO)
        return book

    def value(self, symbol: str, quantity: Decimal) -> Decimal:
        price, instrument = self.prices.get(symbol), self.instruments.get(symbol)
        return ZERO if price is None else quantity * price * (instrument.multiplier if instrument else 1)

    def weight(self, value: Decimal) -> Decimal:
        return value / self.equity if self.equity > 0 else Decimal("Infinity")

    def take(self, intent: Intent) -> None:
        symbol = intent.symbol
        before = self.held.get(symbol, ZERO)
        self.cash -= self.value(symbol, intent.signed)
        self.gross += abs(self.value(symbol, before + intent.signed)) - abs(self.value(symbol, before))
        self.held[symbol] = before + intent.signed


def _first_refusal(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    rules = _ALWAYS + (_BUY if intent.side is Side.BUY else _SELL)
    return next((refusal for rule in rules if (refusal := rule(leg, intent, book, limits))), None)


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
    there = max(book.sellable.get(intent.symbol, ZERO), ZERO)
    return ("no_short", _text(intent.quantity), _text(there)) if intent.quantity > there else None


def _equity_known(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    """A book that holds something without a price has no equity to measure a buy against."""
    return ("no_price", ", ".join(book.unpriced), "a price for every holding") if book.unpriced else None


def _buying_power(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    value = book.value(intent.symbol, intent.quantity)
    return ("buying_power", _money(value), _money(book.cash)) if value > book.cash else None


def _max_order_weight(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    weight = book.weight(book.value(intent.symbol, intent.quantity))
    return _over("max_order_weight", weight, limits.max_order_weight)


def _max_position_weight(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    after = book.held.get(intent.symbol, ZERO) + intent.quantity
    return _over("max_position_weight", book.weight(book.value(intent.symbol, after)), limits.max_position_weight)


def _max_gross(leg: int, intent: Intent, book: _Book, limits: Limits) -> Refusal | None:
    after = book.gross + book.value(intent.symbol, intent.quantity)
    return _over("max_gross", book.weight(after), limits.max_gross)


Rule = Callable[[int, Intent, _Book, Limits], Refusal | None]
_ALWAYS: tuple[Rule, ...] = (_not_tradable, _duplicate, _max_orders, _no_price)
_SELL: tuple[Rule, ...] = (_no_short,)
_BUY: tuple[Rule, ...] = (
    _restricted,
    _equity_known,
    _buying_power,
    _max_order_weight,
    _max_position_weight,
    _max_gross,
)


def _over(rule: str, weight: Decimal, limit: float) -> Refusal | None:
    if weight <= Decimal(repr(limit)):
        return None
    return rule, f"{weight:.6f}" if weight.is_finite() else "no equity", f"{limit:g}"


def _text(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def _money(value: Decimal) -> str:
    return f"{value:.2f}"
