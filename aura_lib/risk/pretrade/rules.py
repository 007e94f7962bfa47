"""The rules of a trade, one small function each, in one table: what they refuse, and the value against its limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal

from aura_lib.core import DataError, Instrument, Intent, Order, OrderType, Side, TimeInForce
from aura_lib.core.orders import PRICES
from aura_lib.risk.pretrade import packages
from aura_lib.risk.pretrade.scene import ALWAYS_OPEN, MINUTE, ZERO, Scene

Refused = tuple[str, str]  # value, limit
Test = Callable[[Intent, Scene], "Refused | None"]
BEFORE_OPEN = timedelta(minutes=2)  # an opening auction takes no orders from here on
BEFORE_CLOSE = timedelta(minutes=10)  # and a closing one none from here
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


# ---- the instrument ------------------------------------------------------------------------------------------------
def _instrument(intent: Intent, scene: Scene) -> Refused | None:
    known = scene.context.instruments
    if known is None:
        return None
    traded = [instrument for instrument, _ in intent.traded]
    if strange := [given.symbol for given in traded if given.symbol not in known]:
        return ", ".join(strange), "an instrument that the venue knows"
    for given in traded:
        there = known[given.symbol]
        wrong = [n for n in ("asset_class", "currency", "multiplier", "underlying", "expiry", "strike", "right")
                 if getattr(there, n) != getattr(given, n)]  # fmt: skip
        if wrong:
            return _fields(given, wrong), _fields(there, wrong)
    return None


def _fields(instrument: Instrument, names: list[str]) -> str:
    return ", ".join(f"{name} {getattr(instrument, name)}" for name in names)


def _expired(intent: Intent, scene: Scene) -> Refused | None:
    trading, expiry = scene.context.trading, intent.instrument.expiry
    today = trading.session if trading else scene.context.now.date()
    return (f"expired {expiry}", f"an expiry of {today} or later") if expiry and expiry < today else None


def _lot(intent: Intent, scene: Scene) -> Refused | None:
    lot = _of_venue(intent, scene).lot
    return (_text(intent.quantity), f"a multiple of the lot {_text(lot)}") if intent.quantity % lot else None


def _tick(intent: Intent, scene: Scene) -> Refused | None:
    tick = _of_venue(intent, scene).tick
    given = {n: getattr(intent, n) for n in PRICES if n != "trail_percent" and getattr(intent, n) is not None}
    wrong = [f"{name} {price}" for name, price in given.items() if price % tick]
    return (", ".join(wrong), f"a multiple of the tick {_text(tick)}") if wrong else None


def _of_venue(intent: Intent, scene: Scene) -> Instrument:
    return (scene.context.instruments or {}).get(intent.symbol, intent.instrument)


def _symbols(intent: Intent) -> list[str]:
    return [instrument.symbol for instrument, _ in intent.traded]


def _halted(intent: Intent, scene: Scene) -> Refused | None:
    names = {intent.instrument.underlying, *_symbols(intent)} & scene.context.halted
    return (f"{', '.join(sorted(map(str, names)))} halted", "a symbol that trades") if names else None


# ---- the hours -----------------------------------------------------------------------------------------------------
def _hours(intent: Intent, scene: Scene) -> Refused | None:
    """Day and gtc orders may wait for the next session; those that act at once, or in an auction, may not."""
    kind, trading, now = intent.time_in_force, scene.context.trading, scene.context.now
    if intent.instrument.asset_class in ALWAYS_OPEN:
        never = kind in (TimeInForce.OPG, TimeInForce.CLS)
        return (kind.value, "a market with auctions") if never else None
    if trading is None:
        return None
    if kind in AT_ONCE and trading.state != "open" and not (intent.extended_hours and trading.state in ("pre", "post")):
        return f"{kind.value} while {trading.state}", f"after {trading.opens:%Y-%m-%d %H:%M} UTC"
    if kind is TimeInForce.OPG and trading.opens - BEFORE_OPEN <= now < trading.closes:
        return f"opg at {now:%H:%M} UTC", f"before {trading.opens - BEFORE_OPEN:%H:%M} UTC, or after the close"
    if kind is TimeInForce.CLS and trading.closes - BEFORE_CLOSE <= now < trading.closes:
        return f"cls at {now:%H:%M} UTC", f"before {trading.closes - BEFORE_CLOSE:%H:%M} UTC, or after the close"
    return None


def _extended_hours(intent: Intent, scene: Scene) -> Refused | None:
    if not intent.extended_hours or intent.instrument.asset_class in ALWAYS_OPEN:
        return None
    if not scene.limits.extended_hours:
        return "extended hours", "regular hours only"
    limit = intent.type is OrderType.LIMIT and intent.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
    return None if limit else (f"{intent.type.value} {intent.time_in_force.value}", "a limit order, day or gtc")


# ---- the price -----------------------------------------------------------------------------------------------------
def _no_price(intent: Intent, scene: Scene) -> Refused | None:
    missing = [symbol for symbol in _symbols(intent) if symbol not in scene.context.prices]
    return (", ".join(missing), "a price at the moment of decision") if missing else None


def _stale_price(intent: Intent, scene: Scene) -> Refused | None:
    stale = [f"{symbol}: {why}" for symbol in _symbols(intent) if (why := scene.why_no_price(symbol))]
    return ("; ".join(stale), _wanted(scene)) if stale else None


def _wanted(scene: Scene) -> str:
    limited = scene.context.trading is not None or scene.limits.max_price_age is not None
    return f"a price since {scene.freshest:%Y-%m-%d %H:%M:%S}" if limited else "a price with its time"


def _collar(intent: Intent, scene: Scene) -> Refused | None:
    """How far a limit is from where it comes to bear: the last price, or the stop that wakes it."""
    if intent.legs:
        return packages.collar(intent, scene)
    collar, last = scene.limits.collar, scene.prices[intent.symbol]
    pairs = ((intent.limit_price, intent.stop_price or last), (intent.stop_loss_limit, intent.stop_loss or last))
    for price, base in pairs:
        if price is not None and collar is not None:
            away = abs(price - base) / base
            if refused := _over(away, collar, f"{price} is {away:.6f} from {base}"):
                return refused
    return None


def _wrong_side(intent: Intent, scene: Scene) -> Refused | None:
    """A stop that would act at once, or the exits of a bracket on the wrong side of the market, are mistakes."""
    if intent.legs:
        return packages.wrong_sign(intent, scene)
    last, buys = scene.prices[intent.symbol], intent.side is Side.BUY
    stop = intent.stop_price
    if stop is not None and (stop <= last if buys else stop >= last):
        return f"{intent.side.value} stop {stop}", f"{'above' if buys else 'below'} {last}"
    if intent.type not in (OrderType.BRACKET, OrderType.OCO):
        return None
    sells = buys if intent.type is OrderType.BRACKET else not buys  # the exits do
    entry = next((p for p in (intent.limit_price, stop) if p is not None), last)
    return _wrong_exit(intent, entry, sells)


def _wrong_exit(intent: Intent, entry: Decimal, sells: bool) -> Refused | None:
    for name, price, above in (("take_profit", intent.take_profit, sells), ("stop_loss", intent.stop_loss, not sells)):
        if price is not None and (price <= entry if above else price >= entry):
            return f"{name} {price}", f"{'above' if above else 'below'} {entry}"
    return None


# ---- the size ------------------------------------------------------------------------------------------------------
def _max_order_quantity(intent: Intent, scene: Scene) -> Refused | None:
    limit = scene.limits.max_order_quantity
    opened = max(quantity for _, quantity in scene.opened(intent))
    return _over(opened, limit, _text(opened)) if limit is not None else None


def _max_order_value(intent: Intent, scene: Scene) -> Refused | None:
    limit = scene.limits.max_order_value
    if limit is None:
        return None
    value = scene.value(intent)
    return _over(value, limit, f"{value:.2f}")


def _no_short(intent: Intent, scene: Scene) -> Refused | None:
    """No accidental short: the sells at work never add up to more than there is, in the book and in the account.

    What a package writes is looked at by the limits of the book: its own legs may cover it.
    """
    if intent.side is Side.BUY:
        return None
    there = [] if scene.limits.short else [scene.closable(scene.context.book, scene.at_work_here, intent)]
    if not (scene.limits.short or scene.context.account_short):
        there.append(scene.closable(scene.context.account, scene.at_work, intent))
    least = min(there, default=intent.quantity)
    return (_text(intent.quantity), _text(least)) if intent.quantity > least else None


def _buying_power(intent: Intent, scene: Scene) -> Refused | None:
    power, opened = scene.context.buying_power, scene.opens(intent)
    if power is None or not opened:
        return None
    need = scene.spent + scene.value(intent)
    return (f"{need:.2f}", f"{power:.2f}") if not power.is_finite() or need > power else None


# ---- what was sent already -----------------------------------------------------------------------------------------
def _duplicate_intent(intent: Intent, scene: Scene) -> Refused | None:
    seconds = scene.limits.duplicate_seconds
    if seconds is None:
        return None
    since = scene.context.now - timedelta(seconds=seconds)
    for order in scene.context.recent:
        if order.time > since and _origin(order) == scene.context.origin and _same(order.intent, intent):
            return f"the same at {order.time:%H:%M:%S}", f"{seconds:g} s between"
    return None


def _origin(order: Order) -> str:
    return order.basket.rpartition("@")[0]


def _same(one: Intent, other: Intent) -> bool:
    return (one.symbol, one.side, one.quantity) == (other.symbol, other.side, other.quantity)


def _order_rate(intent: Intent, scene: Scene) -> Refused | None:
    context, limits = scene.context, scene.limits
    times = [(o.book, o.time) for o in context.recent if o.time > context.now - MINUTE]
    here = sum(book == context.book.name for book, _ in times)
    for count, limit in ((here, limits.orders_per_minute), (len(times), limits.account_orders_per_minute)):
        after = count + len(scene.taken) + 1
        if limit is not None and after > limit:
            return f"{after} in a minute", str(limit)
    return None


def _crossing(intent: Intent, scene: Scene) -> Refused | None:
    """An order that could trade with one of the same owner: a wash trade. Exits of a bracket are not meant.

    Nor is one that has traded all it can, though nobody told yet that it is done.
    """
    if scene.limits.crossing:
        return None
    for order in scene.about(intent):
        other, meant = order.intent, order.remaining > 0 and order.client_id not in scene.context.legs
        if meant and _opposite(intent, other) and _meet(intent, other):
            return f"{intent.side.value} against {other.side.value} {order.client_id}", "nothing opposite at work"
    return None


def _opposite(one: Intent, other: Intent) -> bool:
    """Whether one buys what the other sells; packages do so leg by leg."""
    if not (one.legs or other.legs):
        return other.symbol == one.symbol and other.side is not one.side
    sides = {instrument.symbol: quantity > 0 for instrument, quantity in one.traded}
    return any(sides.get(i.symbol, quantity > 0) is not (quantity > 0) for i, quantity in other.traded)


def _meet(one: Intent, other: Intent) -> bool:
    """Whether two orders of opposite sides could trade with each other. Only two limits can be known not to."""
    buy, sell = (one, other) if one.side is Side.BUY else (other, one)
    if buy.legs or sell.legs:
        return True  # what a leg trades at is not told
    if buy.type is not OrderType.LIMIT or sell.type is not OrderType.LIMIT:
        return OrderType.OCO not in (one.type, other.type)
    assert buy.limit_price is not None and sell.limit_price is not None
    return buy.limit_price >= sell.limit_price


# ---- the book ------------------------------------------------------------------------------------------------------
def _daily_loss(intent: Intent, scene: Scene) -> Refused | None:
    context, limits = scene.context, scene.limits
    told = (
        (limits.max_daily_loss, context.book, context.opening),
        (limits.max_account_daily_loss, context.account, context.account_opening),
    )
    if not scene.opens(intent):
        return None
    for limit, account, opening in told:
        if limit is None:
            continue
        if opening is None or not opening.is_finite() or opening <= 0:
            return f"equity of {account.name} when the day began: {opening}", "a positive number"
        loss = (opening - scene.equity(account)) / opening
        if loss >= Decimal(repr(limit)) and loss > 0:
            return f"{loss:.6f}", f"{limit:g}"
    return None


def _sector(intent: Intent, scene: Scene) -> Refused | None:
    opened = scene.opens(intent)
    name = scene.sector(intent.instrument.underlying or intent.symbol)
    cap = scene.limits.cap(name)
    if cap is None or not opened:
        return None
    equity = scene.equity(scene.context.book)
    if equity <= 0:
        return f"{name}: no equity", f"{cap:g}"
    value = scene.exposure(intent)
    weight = (scene.sectors.get(name, ZERO) + value) / equity
    return _over(weight, cap, f"{name} {weight:.6f}")


# ---- the table -----------------------------------------------------------------------------------------------------
# Before the limits of a book, in this order; the first that says no decides.
BEFORE: Mapping[str, Test] = {
    "instrument": _instrument,
    "expired": _expired,
    "lot": _lot,
    "tick": _tick,
    "halted_symbol": _halted,
    "hours": _hours,
    "extended_hours": _extended_hours,
    "no_price": _no_price,
    "stale_price": _stale_price,
    "collar": _collar,
    "wrong_side": _wrong_side,
    "no_short": _no_short,
    "max_order_quantity": _max_order_quantity,
    "max_order_value": _max_order_value,
    "duplicate_intent": _duplicate_intent,
    "crossing": _crossing,
}
# After them: what the legs approved so far add up to.
AFTER: Mapping[str, Test] = {
    "daily_loss": _daily_loss,
    "sector": _sector,
    "buying_power": _buying_power,
    "order_rate": _order_rate,
}


def judged(intent: Intent, scene: Scene, rules: Mapping[str, Test]) -> tuple[str, str, str] | None:
    """The first rule that refuses a leg, with value and limit; what cannot be valued is refused too."""
    for name, rule in rules.items():
        try:
            refused = rule(intent, scene)
        except DataError as error:
            return name, str(error), "a fresh price"
        if refused:
            return name, *refused
    return None


def _over(value: Decimal, limit: float, told: str) -> Refused | None:
    return (told, f"{limit:g}") if value > Decimal(repr(limit)) else None


def _text(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
