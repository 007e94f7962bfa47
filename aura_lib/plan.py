"""TargetWeights + Account + prices → Intents: lots, cash buffer, sells first, minimum trade, cost estimate"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aura_lib.core import (
    Account,
    DataError,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Side,
    Signals,
    TargetWeights,
    rate,
)
from aura_lib.exchange import Ceiling, Costs
from aura_lib.exchange.costs.pricing import Pricing

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.core import Market

ZERO, ONE = Decimal(0), Decimal(1)
BUY, SELL = Side.BUY, Side.SELL
WEIGHT_QUANTUM = Decimal("0.00000001")  # a weight is rounded half-even to this when it becomes a Decimal
TOLERANCE = Decimal("0.000001")  # on max_weight: what an optimiser's arithmetic leaves over

Decide = Callable[..., Any]


def decimal_price(price: float) -> Decimal:
    """A float price as the Decimal of its shortest text: the same digits on every machine.

    Example:
        >>> decimal_price(0.1)
        Decimal('0.1')
    """
    return Decimal(repr(float(price)))


@lru_cache(1024)  # equal shares are one weight
def decimal_weight(weight: float) -> Decimal:
    """A float weight as a Decimal of 8 digits."""
    return Decimal(repr(float(weight))).quantize(WEIGHT_QUANTUM, ROUND_HALF_EVEN) + ZERO  # no minus before nothing


def decimal_prices(symbols: Iterable[str], prices: Iterable[float]) -> dict[str, Decimal]:
    """Symbol → Decimal price, of one bar; NaN (it did not trade in that bar) is left out."""
    return {symbol: decimal_price(price) for symbol, price in zip(symbols, prices, strict=True) if price == price}


def prices_at(market: Market) -> dict[str, Decimal]:
    """Symbol → close of the market's last bar, as Decimal.

    A symbol whose last close is NaN (it did not trade in that bar) is absent: an older price is no price to trade at.
    """
    return decimal_prices(market.instruments, market.values()[-1].tolist())


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes to bring an account to its targets: intents, sells first, each side in symbol order.

    On margin what makes positions smaller comes first, then what makes them larger, each of them so ordered.

    `turnover` is half the traded value over equity (buying in from cash is 0.5); `estimated_cost` is commission,
    spread and slippage together (not what depends on the bar: impact and volatility), in the account's currency.
    """

    intents: tuple[Intent, ...]
    turnover: float
    estimated_cost: Decimal
    targets: TargetWeights
    prices: Mapping[str, Decimal]
    account: Account
    equity: Decimal

    def table(self) -> pd.DataFrame:
        """The plan for people: a row a leg, with its value and the weight before and after it."""
        import pandas as pd

        rows = [self._row(intent) for intent in self.intents]
        columns = ["symbol", "side", "quantity", "price", "value", "weight before", "weight after", "target"]
        return pd.DataFrame(rows, columns=columns)

    def _row(self, intent: Intent) -> tuple[Any, ...]:
        unit = _unit(intent.instrument, self.prices, self.account)
        held = self.account.quantity(intent.symbol)
        before, after = (_fraction(q * unit, self.equity) for q in (held, held + intent.signed))
        figures = (intent.quantity, self.prices[intent.symbol], intent.quantity * unit, before, after)
        target = self.targets.weights.get(intent.symbol, 0.0)
        return intent.symbol, intent.side.value, *(float(f) for f in figures), target


class _Leg:
    """A trade under consideration. What it is worth and does to cash is in the account's currency."""

    __slots__ = ("_rate", "after", "buys", "cash", "enlarges", "held", "instrument", "opens", "paid", "price",
                 "pricing", "quantity", "unit", "value", "weight")  # fmt: skip

    def __init__(
        self,
        instrument: Instrument,
        buys: bool,
        quantity: Decimal,
        held: Decimal,
        price: Decimal,  # reference, before slippage
        rate: Decimal,  # of the instrument's currency in the account's
        weight: Decimal,
        pricing: Pricing,
    ) -> None:
        self.instrument, self.buys, self.quantity, self.held = instrument, buys, quantity, held
        self.price, self._rate, self.weight, self.pricing = price, rate, weight, pricing
        multiplier = instrument.multiplier
        paid = quantity * pricing.small(price, buys) * multiplier
        fee = pricing.costs.commission(paid, quantity)
        self.unit = price * multiplier * rate
        self.value = quantity * self.unit
        self.paid = paid * rate  # or received, without the commission
        self.cash = (-paid - fee if buys else paid - fee) * rate  # costs included: negative for a buy
        self.after = after = held + quantity if buys else held - quantity
        self.enlarges = abs(after) > abs(held)  # it ends further away from nothing than it began
        self.opens = self.enlarges or after * held < 0  # or on the other side

    @property
    def cost(self) -> Decimal:
        return -self.value - self.cash if self.buys else self.value - self.cash

    def most(self, ceiling: Ceiling) -> tuple[Decimal, Decimal]:
        """What a buy takes at most, the fee rounded up: a fixed part, and one in proportion to its quantity."""
        return ceiling.fixed * self._rate, self.paid * (
            1 + ceiling.fraction
        ) + ceiling.per_unit * self.quantity * self._rate

    def resized(self, quantity: Decimal) -> _Leg:
        told = (self.held, self.price, self._rate, self.weight, self.pricing)
        return _Leg(self.instrument, self.buys, quantity, *told)

    def intent(self, equity: Decimal) -> Intent:
        before = _fraction(self.held * self.unit, equity) if self.held else ZERO
        reason = f"weight {_four_digits(before)} to {_four_digits(self.weight)}"
        return Intent(self.instrument, BUY if self.buys else SELL, self.quantity, reason=reason)


def _four_digits(weight: Decimal) -> str:
    return f"{weight:.4f}" if weight else "0.0000"


def rebalance(
    targets: TargetWeights,
    account: Account,
    prices: Mapping[str, Decimal],
    mandate: Mandate,
    instruments: Mapping[str, Instrument],
    costs: Costs | None = None,
) -> Plan:
    """The trades from what an account holds to its target weights, all fixed at the moment of decision.

    A target's quantity is weight × equity × (1 − cash buffer) / price of a contract, rounded towards zero to the lot;
    below zero where the mandate may be short. What is held and not in the targets is closed. Trades below
    `mandate.min_trade` are left out, except full exits. Positions in restricted symbols are only ever made smaller.
    Buys are scaled down together when cash and the estimated proceeds of the sells, costs included, would not pay for
    them (the cash buffer normally makes sure they do). On margin (a mandate that may be short, or whose `max_gross` is
    above 1) what opens is scaled down together when the exposure would be above `max_gross` × equity after costs.

    `prices` maps symbols to the price of decision (`prices_at`), `instruments` symbols to what they are. Other
    currencies count at the price of their pair (`core.rate`).

    Raises InputError for a target outside the mandate's universe, above its max_weight or max_gross, short where it
    may not be, or without an instrument; DataError when a target, a holding or a currency has no price.
    """
    costs = costs or Costs()
    weights = _weights(targets, mandate)
    held = account.holdings
    _priced(weights, held, prices)
    equity = account.equity(prices)
    wanted = {s for s, w in weights.items() if w}
    named = wanted | (held.keys() & weights.keys()) if targets.keep_others else wanted | held.keys()
    legs = _legs(named, weights, held, account, prices, mandate, instruments, equity, costs)
    allowed = [leg for leg in legs if leg.instrument.symbol not in mandate.restricted or not leg.opens]
    if mandate.short or mandate.max_gross > 1:
        fitting = _carried(allowed, account, prices, equity, mandate)
    else:
        fitting = _paid(allowed, account, prices, mandate)
    chosen = sorted(fitting, key=lambda leg: (leg.enlarges, leg.buys))  # stable: by symbol within
    traded = sum([leg.value for leg in chosen], ZERO)
    return Plan(
        intents=tuple([leg.intent(equity) for leg in chosen]),
        turnover=float(_fraction(traded, equity) / 2),
        estimated_cost=sum([leg.cost for leg in chosen], ZERO),
        targets=targets,
        prices=prices,
        account=account,
        equity=equity,
    )


def _weights(targets: TargetWeights, mandate: Mandate) -> dict[str, Decimal]:
    weights = {symbol: decimal_weight(weight) for symbol, weight in sorted(targets.weights.items())}
    universe = frozenset(mandate.universe)
    if strangers := [s for s in weights if s not in universe]:
        raise InputError(f"targets for {strangers}, which the mandate's universe does not name: {mandate.universe}")
    short = {s: str(w) for s, w in weights.items() if w < -TOLERANCE and not mandate.short}
    if short:
        raise InputError(f"short targets {short}: the mandate is long only; use weights of zero or more, or short=True")
    cap = Decimal(repr(mandate.max_weight)) + TOLERANCE
    above = {s: str(w) for s, w in weights.items() if abs(w) > cap}
    if above:
        raise InputError(f"weights {above} are above the mandate's max_weight of {mandate.max_weight}")
    gross = sum(map(abs, weights.values()), ZERO)
    if gross > Decimal(repr(mandate.max_gross)) + TOLERANCE + len(weights) * WEIGHT_QUANTUM:
        raise InputError(f"weights use {gross} of the equity, the mandate's max_gross is {mandate.max_gross}")
    return weights if mandate.short else {symbol: max(weight, ZERO) for symbol, weight in weights.items()}


def _priced(weights: Mapping[str, Decimal], held: Iterable[str], prices: Mapping[str, Decimal]) -> None:
    wanted = [s for s, w in weights.items() if w and s not in prices]
    lost = [s for s in held if s not in prices]
    if wanted or lost:
        raise DataError(
            f"no price at the moment of decision: targets {wanted}, holdings {lost}. "
            "Leave out of the targets what does not trade; a holding without a price cannot be valued"
        )


def _unit(instrument: Instrument, prices: Mapping[str, Decimal], account: Account) -> Decimal:
    """What one unit or contract is worth in the account's currency."""
    unit = prices[instrument.symbol] * instrument.multiplier
    own = instrument.currency == account.currency
    return unit if own else unit * rate(prices, instrument.currency, account.currency)


def _legs(
    named: Iterable[str],
    weights: Mapping[str, Decimal],
    holdings: Mapping[str, Decimal],
    account: Account,
    prices: Mapping[str, Decimal],
    mandate: Mandate,
    instruments: Mapping[str, Instrument],
    equity: Decimal,
    costs: Costs,
) -> list[_Leg]:
    investable = max(equity, ZERO) * (1 - Decimal(repr(mandate.cash_buffer)))
    pricing, least, own = Pricing(costs), mandate.min_trade, account.currency
    legs = []
    for symbol in sorted(named):
        instrument, price = _instrument(symbol, account, instruments), prices[symbol]
        lot, currency = instrument.lot, instrument.currency
        other = ONE if currency == own else rate(prices, currency, own)
        unit = price * instrument.multiplier * other
        held, weight = holdings.get(symbol, ZERO), weights.get(symbol, ZERO)
        wanted = weight * investable / unit // lot * lot
        quantity = abs(wanted - held) // lot * lot
        if quantity and (quantity * unit >= least or not wanted):
            legs.append(_Leg(instrument, wanted > held, quantity, held, price, other, weight, pricing))
    return legs


def _instrument(symbol: str, account: Account, instruments: Mapping[str, Instrument]) -> Instrument:
    position = account.positions.get(symbol)
    if position is not None:
        return position.instrument
    if symbol not in instruments:
        raise InputError(f"no instrument is known for the target {symbol}: give it in `instruments`")
    return instruments[symbol]


def _fraction(value: Decimal, equity: Decimal) -> Decimal:
    """Value over equity; zero for an account that is worth nothing."""
    return value / equity if equity > 0 else ZERO


def _floor(quantity: Decimal, lot: Decimal) -> Decimal:
    """A quantity in whole lots, rounded towards zero."""
    return quantity // lot * lot


def _paid(legs: list[_Leg], account: Account, prices: Mapping[str, Decimal], mandate: Mandate) -> list[_Leg]:
    """The legs, their buys scaled down to what cash and the proceeds of the sells pay for."""
    sells = [leg for leg in legs if not leg.buys]
    buys = [leg for leg in legs if leg.buys]
    money = account.cash + sum(
        (amount * rate(prices, currency, account.currency) for currency, amount in account.balances.items() if amount),
        ZERO,
    )
    return sells + _affordable(buys, money + sum((leg.cash for leg in sells), ZERO), mandate)


def _affordable(buys: list[_Leg], available: Decimal, mandate: Mandate) -> list[_Leg]:
    """The buys, or the same fraction of each that `available` pays for, costs included."""
    need = -sum((leg.cash for leg in buys), ZERO)
    if not buys or need <= available:
        return buys
    ceiling = buys[0].pricing.costs.ceiling()
    most = [leg.most(ceiling) for leg in buys]
    fixed, variable = (sum(parts, ZERO) for parts in zip(*most, strict=True))
    return _scaled(buys, max((available - fixed) / variable, ZERO), mandate)


def _scaled(legs: list[_Leg], fraction: Decimal, mandate: Mandate) -> list[_Leg]:
    scaled = [leg.resized(_floor(leg.quantity * fraction, leg.instrument.lot)) for leg in legs]
    return [leg for leg in scaled if leg.quantity and leg.value >= mandate.min_trade]


def _carried(
    legs: list[_Leg], account: Account, prices: Mapping[str, Decimal], equity: Decimal, mandate: Mandate
) -> list[_Leg]:
    """The legs, those that open scaled down to what the equity that is left after costs may carry."""
    held = {s: p.quantity * _unit(p.instrument, prices, account) for s, p in account.positions.items() if p.quantity}
    limit = Decimal(repr(mandate.max_gross)) * (equity - sum((leg.cost for leg in legs), ZERO))
    after = held | {leg.instrument.symbol: leg.after * leg.unit for leg in legs}
    excess = sum(map(abs, after.values()), ZERO) - limit
    opening = [leg for leg in legs if leg.opens]
    opened = sum((leg.value for leg in opening), ZERO)
    if excess <= 0 or not opening:
        return legs
    return [leg for leg in legs if not leg.opens] + _scaled(opening, max(1 - excess / opened, ZERO), mandate)


def propose(
    decide: Decide,
    market: Market,
    account: Account,
    mandate: Mandate,
    params: Mapping[str, Any] | None = None,
    *,
    costs: Costs | None = None,
    prices: Mapping[str, Decimal] | None = None,
) -> tuple[Intent, ...]:
    """Ask a strategy and turn its answer into intents, sells first: the one road of backtest, paper and live.

    `decide(market, account, mandate, **params)` returns TargetWeights or Signals as of the market's moment, or a
    list of Intents. `costs` are for the estimate in the plan, `prices` the market's (`prices_at`) where somebody
    has them at hand.

    Raises InputError for parameters `decide` does not take, for an answer of another type, as of another moment,
    or outside the mandate; and whatever `rebalance` and `decide` raise.
    """
    answer = _ask(decide, market, account, mandate, params or {})
    if isinstance(answer, Signals):
        answer = _followed(answer, account, mandate)
    if isinstance(answer, TargetWeights):
        if answer.as_of != market.as_of:
            raise InputError(f"decide was asked as of {market.as_of} and answered as of {answer.as_of}")
        known = prices_at(market) if prices is None else prices
        return rebalance(answer, account, known, mandate, market.instruments, costs).intents
    if isinstance(answer, list | tuple) and all(isinstance(intent, Intent) for intent in answer):
        return _within(tuple(answer), mandate)
    kinds = sorted({type(part).__name__ for part in answer}) if isinstance(answer, list | tuple) else []
    given = f"{type(answer).__name__} of {', '.join(kinds)}" if kinds else type(answer).__name__
    raise InputError(f"decide must return TargetWeights, Signals or a list of Intent, not {given}")


def _ask(decide: Decide, market: Market, account: Account, mandate: Mandate, params: Mapping[str, Any]) -> Any:
    if not callable(decide):
        raise InputError(f"decide must be a function of (market, account, mandate, **params), not {decide!r}")
    try:
        return decide(market, account, mandate, **params)
    except TypeError:
        if mismatch := _mismatch(decide, market, account, mandate, params):
            raise mismatch from None
        raise  # from inside the strategy


def _mismatch(decide: Decide, *args: Any) -> InputError | None:
    """What is wrong with the arguments, when it is they."""
    *positional, params = args
    try:
        inspect.signature(decide).bind(*positional, **params)
    except TypeError as error:
        name = getattr(decide, "__name__", repr(decide))
        return InputError(f"{name} is called as decide(market, account, mandate, **{dict(params)}): {error}")
    return None


def _followed(signals: Signals, account: Account, mandate: Mandate) -> TargetWeights:
    """Signals as targets of the symbols they name: an entry into what is held on that side already is none."""
    share = 1 / len(mandate.universe)
    held = account.holdings
    entries = {s: share if w is None else w for s, w in signals.entered.items()}
    weights = {s: w for s, w in entries.items() if not held.get(s) or (held[s] > 0) != (w > 0)}
    weights |= {s: 0.0 for s in signals.exits if s in held}
    gross = max(mandate.max_gross, 1.0)
    return TargetWeights(weights, signals.as_of, long_only=not mandate.short, max_gross=gross, keep_others=True)


def _within(intents: tuple[Intent, ...], mandate: Mandate) -> tuple[Intent, ...]:
    """Explicit intents, sells first; a buy (or any leg of a package) outside the mandate raises InputError."""
    bought = [instrument for i in intents for instrument, units in i.traded if units > 0 or i.legs]
    outside = [i.symbol for i in bought if i.symbol not in mandate.universe]
    restricted = [i.symbol for i in bought if {i.symbol, i.underlying} & set(mandate.restricted)]
    if outside or restricted:
        raise InputError(f"decide may not buy {outside or restricted}: outside the universe, or restricted")
    return tuple(sorted(intents, key=lambda intent: intent.side is Side.BUY))
