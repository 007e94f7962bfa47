"""TargetWeights + Account + prices → Intents: lots, cash buffer, sells first, minimum trade, cost estimate"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from aura_lib.core import Account, DataError, InputError, Instrument, Intent, Mandate, Side, TargetWeights
from aura_lib.exchange import FEE_QUANTUM, Costs

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.core import Market

ZERO = Decimal(0)
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


def decimal_weight(weight: float) -> Decimal:
    """A float weight as a Decimal of 8 digits."""
    return Decimal(repr(float(weight))).quantize(WEIGHT_QUANTUM, rounding=ROUND_HALF_EVEN)


def decimal_prices(symbols: Iterable[str], prices: Iterable[float]) -> dict[str, Decimal]:
    """Symbol → Decimal price, of one bar; NaN (it did not trade in that bar) is left out."""
    return {symbol: decimal_price(price) for symbol, price in zip(symbols, prices, strict=True) if price == price}


def prices_at(market: Market) -> dict[str, Decimal]:
    """Symbol → close of the market's last bar, as Decimal.

    A symbol whose last close is NaN (it did not trade in that bar) is absent: an older price is no price to trade at.
    """
    return decimal_prices(market.bars.instruments, market.prices.tolist())


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes to bring an account to its targets: intents, sells first, each side in symbol order.

    `turnover` is half the traded value over equity (buying in from cash is 0.5); `estimated_cost` is commission
    and slippage together, in the account's currency.
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
        unit = self.prices[intent.symbol] * intent.instrument.multiplier
        held = self.account.quantity(intent.symbol)
        before, after = (_fraction(q * unit, self.equity) for q in (held, held + intent.signed))
        figures = (intent.quantity, self.prices[intent.symbol], intent.quantity * unit, before, after)
        target = self.targets.weights.get(intent.symbol, 0.0)
        return intent.symbol, intent.side.value, *(float(f) for f in figures), target


@dataclass(frozen=True, slots=True)
class _Leg:
    """A trade under consideration."""

    instrument: Instrument
    side: Side
    quantity: Decimal
    price: Decimal  # reference, before slippage
    reason: str

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price * self.instrument.multiplier

    def cash(self, costs: Costs) -> Decimal:
        """What it would do to cash, costs included: negative for a buy."""
        value = self.quantity * costs.price(self.price, self.side) * self.instrument.multiplier
        return -self.side.sign * value - costs.commission(value)

    def cost(self, costs: Costs) -> Decimal:
        return -self.side.sign * self.value - self.cash(costs)

    def resized(self, quantity: Decimal) -> _Leg:
        return _Leg(self.instrument, self.side, quantity, self.price, self.reason)

    def intent(self) -> Intent:
        return Intent(self.instrument, self.side, self.quantity, reason=self.reason)


def rebalance(
    targets: TargetWeights,
    account: Account,
    prices: Mapping[str, Decimal],
    mandate: Mandate,
    instruments: Mapping[str, Instrument],
    costs: Costs | None = None,
) -> Plan:
    """The trades from what an account holds to its target weights, all fixed at the moment of decision.

    A target's quantity is weight × equity × (1 − cash buffer) / price, rounded down to the lot. What is held and
    not in the targets is sold. Trades below `mandate.min_trade` are left out, except full exits. Restricted symbols
    are never bought. Buys are scaled down together when cash and the estimated proceeds of the sells, costs
    included, would not pay for them (the cash buffer normally makes sure they do).

    `prices` maps symbols to the price of decision (`prices_at`), `instruments` symbols to what they are.

    Raises InputError for a target outside the mandate's universe, above its max_weight, short, or without an
    instrument; DataError when a target or a holding has no price.
    """
    costs = costs or Costs()
    weights = _weights(targets, mandate)
    _priced(weights, account, prices)
    equity = account.equity(prices)
    legs = _legs(weights, account, prices, mandate, instruments, equity)
    sells = [leg for leg in legs if leg.side is Side.SELL]
    buys = [leg for leg in legs if leg.side is Side.BUY and leg.instrument.symbol not in mandate.restricted]
    available = account.cash + sum((leg.cash(costs) for leg in sells), ZERO)
    buys = [leg for leg in _affordable(buys, available, costs) if leg.value >= mandate.min_trade]
    chosen = sells + buys
    traded = sum((leg.value for leg in chosen), ZERO)
    return Plan(
        intents=tuple(leg.intent() for leg in chosen),
        turnover=float(_fraction(traded, equity) / 2),
        estimated_cost=sum((leg.cost(costs) for leg in chosen), ZERO),
        targets=targets,
        prices=prices,
        account=account,
        equity=equity,
    )


def _weights(targets: TargetWeights, mandate: Mandate) -> dict[str, Decimal]:
    weights = {symbol: decimal_weight(weight) for symbol, weight in sorted(targets.weights.items())}
    strangers = [s for s in weights if s not in mandate.universe]
    if strangers:
        raise InputError(f"targets for {strangers}, which the mandate's universe does not name: {mandate.universe}")
    short = {s: str(w) for s, w in weights.items() if w < -TOLERANCE}
    if short:
        raise InputError(f"short targets are not supported yet: {short}; use weights of zero or more")
    cap = Decimal(repr(mandate.max_weight)) + TOLERANCE
    above = {s: str(w) for s, w in weights.items() if w > cap}
    if above:
        raise InputError(f"weights {above} are above the mandate's max_weight of {mandate.max_weight}")
    return {symbol: max(weight, ZERO) for symbol, weight in weights.items()}


def _priced(weights: Mapping[str, Decimal], account: Account, prices: Mapping[str, Decimal]) -> None:
    wanted = [s for s, w in weights.items() if w and s not in prices]
    held = [s for s in account.holdings if s not in prices]
    if wanted or held:
        raise DataError(
            f"no price at the moment of decision: targets {wanted}, holdings {held}. "
            "Leave out of the targets what does not trade; a holding without a price cannot be valued"
        )


def _legs(
    weights: Mapping[str, Decimal],
    account: Account,
    prices: Mapping[str, Decimal],
    mandate: Mandate,
    instruments: Mapping[str, Instrument],
    equity: Decimal,
) -> list[_Leg]:
    investable = max(equity, ZERO) * (1 - Decimal(repr(mandate.cash_buffer)))
    holdings = account.holdings
    legs = []
    for symbol in sorted({s for s, w in weights.items() if w} | holdings.keys()):
        instrument, price = _instrument(symbol, account, instruments), prices[symbol]
        unit = price * instrument.multiplier
        held, weight = holdings.get(symbol, ZERO), weights.get(symbol, ZERO)
        wanted = _floor(weight * investable / unit, instrument.lot)
        quantity = _floor(abs(wanted - held), instrument.lot)
        worth_it = quantity * unit >= mandate.min_trade or wanted == 0
        if quantity and worth_it:
            side = Side.BUY if wanted > held else Side.SELL
            reason = f"weight {_fraction(held * unit, equity):.4f} to {weight:.4f}"
            legs.append(_Leg(instrument, side, quantity, price, reason))
    return legs


def _instrument(symbol: str, account: Account, instruments: Mapping[str, Instrument]) -> Instrument:
    if symbol in account.positions:
        return account.positions[symbol].instrument
    if symbol not in instruments:
        raise InputError(f"no instrument is known for the target {symbol}: give it in `instruments`")
    return instruments[symbol]


def _fraction(value: Decimal, equity: Decimal) -> Decimal:
    """Value over equity; zero for an account that is worth nothing."""
    return value / equity if equity > 0 else ZERO


def _floor(quantity: Decimal, lot: Decimal) -> Decimal:
    return quantity // lot * lot


def _affordable(buys: list[_Leg], available: Decimal, costs: Costs) -> list[_Leg]:
    """The buys, or the same fraction of each that `available` pays for, costs included."""
    need = -sum((leg.cash(costs) for leg in buys), ZERO)
    if not buys or need <= available:
        return buys
    fixed = len(buys) * (costs.min_commission + FEE_QUANTUM)  # a fee is at most its proportional and fixed part
    values = [leg.quantity * costs.price(leg.price, leg.side) * leg.instrument.multiplier for leg in buys]
    variable = sum(values, ZERO) * (1 + costs.commission_bps / 10_000)
    fraction = max((available - fixed) / variable, ZERO)
    scaled = [leg.resized(_floor(leg.quantity * fraction, leg.instrument.lot)) for leg in buys]
    return [leg for leg in scaled if leg.quantity]


def propose(
    decide: Decide,
    market: Market,
    account: Account,
    mandate: Mandate,
    params: Mapping[str, Any] | None = None,
    *,
    costs: Costs | None = None,
) -> tuple[Intent, ...]:
    """Ask a strategy and turn its answer into intents, sells first: the one road of backtest, paper and live.

    `decide(market, account, mandate, **params)` returns TargetWeights as of the market's moment, or a list of
    Intents. `costs` are for the estimate in the plan.

    Raises InputError for parameters `decide` does not take, for an answer of another type, as of another moment,
    or outside the mandate; and whatever `rebalance` and `decide` raise.
    """
    answer = _ask(decide, market, account, mandate, params or {})
    if isinstance(answer, TargetWeights):
        if answer.as_of != market.as_of:
            raise InputError(f"decide was asked as of {market.as_of} and answered as of {answer.as_of}")
        instruments = market.bars.instruments
        return rebalance(answer, account, prices_at(market), mandate, instruments, costs).intents
    if isinstance(answer, list | tuple) and all(isinstance(intent, Intent) for intent in answer):
        return _within(tuple(answer), mandate)
    kinds = sorted({type(part).__name__ for part in answer}) if isinstance(answer, list | tuple) else []
    given = f"{type(answer).__name__} of {', '.join(kinds)}" if kinds else type(answer).__name__
    raise InputError(f"decide must return TargetWeights or a list of Intent, not {given}")


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


def _within(intents: tuple[Intent, ...], mandate: Mandate) -> tuple[Intent, ...]:
    """Explicit intents, sells first; a buy outside the mandate raises InputError."""
    bought = [i.symbol for i in intents if i.side is Side.BUY]
    outside = [s for s in bought if s not in mandate.universe]
    restricted = [s for s in bought if s in mandate.restricted]
    if outside or restricted:
        raise InputError(f"decide may not buy {outside or restricted}: outside the universe, or restricted")
    return tuple(sorted(intents, key=lambda intent: intent.side is Side.BUY))
