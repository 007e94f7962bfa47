"""A request for an order, read and checked: what comes out can be worked, what cannot is refused with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from aura_lib.execution.brokers.rehearsal.answers import Refused, invalid, malformed
from aura_lib.execution.brokers.rehearsal.assets import Asset, Listing

TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
FORCES = ("day", "gtc", "opg", "cls", "ioc", "fok")
CLASSES = ("simple", "bracket", "oco", "oto", "mleg")
PRICES = ("limit_price", "stop_price", "trail_price", "trail_percent")
LONGEST_ID = 128
CENT, MILL, ONE = Decimal("0.01"), Decimal("0.0001"), Decimal(1)
DIGITS = Decimal("0.000000001")
LARGEST = Decimal("1e12")


@dataclass
class Wish:
    """What is asked for, in the venue's own words."""

    asset: Asset
    side: str
    type: str
    time_in_force: str
    order_class: str = "simple"
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    stop_loss_limit: Decimal | None = None
    extended_hours: bool = False
    client_order_id: str = ""
    position_intent: str = ""
    legs: list[tuple[Asset, str, Decimal, str]] = field(default_factory=list)  # contract, side, ratio, intent


def number(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A positive number, told as text or as a JSON number; None when it is not there."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise malformed(f"request body format is invalid: {name} must be a number")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise malformed(f"request body format is invalid: {name} must be a number") from None
    if not found.is_finite():
        raise malformed(f"request body format is invalid: {name} must be a number")
    if found <= 0:
        raise invalid(f"{name} must be > 0")
    if found > LARGEST:
        raise invalid(f"{name} is too large")
    if name not in ("qty", "notional") and found != (rounded := found.quantize(DIGITS)):
        found = rounded  # a float that grew a tail on its way
    return found


def read(body: Any, listing: Listing) -> Wish:
    """The wish that the body of a POST tells. What cannot be is Refused."""
    if not isinstance(body, Mapping):
        raise malformed("request body format is invalid")
    kind = _word(body, "order_class", CLASSES, "simple")
    if kind == "mleg":
        return _several(body, listing)
    asset = _asset(body.get("symbol"), listing)
    side, intent = _side(body)
    wish = Wish(asset, side, _word(body, "type", TYPES, ""), _word(body, "time_in_force", FORCES, "day"), kind)
    for name in ("qty", "notional", *PRICES):
        setattr(wish, name, number(body, name))
    wish.client_order_id, wish.position_intent = client_id(body), intent
    wish.extended_hours = _flag(body, "extended_hours")
    _legs(wish, body)
    check(wish)
    return wish


def client_id(body: Mapping[str, Any]) -> str:
    """The client order id that a body gives, or none."""
    told = body.get("client_order_id")
    if told is None:
        return ""
    if not isinstance(told, str):
        raise malformed("request body format is invalid: client_order_id must be a string")
    if len(told) > LONGEST_ID:
        raise invalid(f"client_order_id must be no more than {LONGEST_ID} characters")
    return told


def _flag(body: Mapping[str, Any], name: str) -> bool:
    told = body.get(name)
    if told not in (None, True, False):
        raise malformed(f"request body format is invalid: {name} must be a boolean")
    return bool(told)


def _word(body: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    told = body.get(name) or default
    if told not in known:
        raise invalid(f"invalid {name}" if told else f"{name} is required")
    return str(told)


def _asset(symbol: Any, listing: Listing) -> Asset:
    if not isinstance(symbol, str) or not symbol:
        raise invalid("symbol is required")
    asset = listing.find(symbol)
    if asset is None:
        raise invalid(f'asset "{symbol}" not found')
    if not asset.tradable or not asset.active:
        raise invalid(f'asset "{symbol}" is not tradable' if asset.active else f'asset "{symbol}" is not active')
    return asset


def _side(body: Mapping[str, Any]) -> tuple[str, str]:
    intent = body.get("position_intent") or ""
    if intent not in ("", "buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"):
        raise invalid("invalid position_intent")
    side = body.get("side") or str(intent).partition("_")[0]
    if side not in ("buy", "sell"):
        raise invalid("invalid side" if side else "side is required")
    if intent and not intent.startswith(side):
        raise invalid(f"position intent {intent} does not match the side {side}")
    return str(side), str(intent)


def _legs(wish: Wish, body: Mapping[str, Any]) -> None:
    for name in ("take_profit", "stop_loss"):
        part = body.get(name)
        if part is None:
            continue
        if not isinstance(part, Mapping):
            raise malformed(f"request body format is invalid: {name} must be an object")
        if wish.order_class == "simple":
            raise invalid(f"{name} is only accepted for bracket, oco and oto orders")
        if name == "take_profit":
            wish.take_profit = number(part, "limit_price")
            if wish.take_profit is None:
                raise invalid("take_profit.limit_price is required")
        else:
            wish.stop_loss, wish.stop_loss_limit = number(part, "stop_price"), number(part, "limit_price")
            if wish.stop_loss is None:
                raise invalid("stop_loss.stop_price is required")


def check(wish: Wish) -> None:
    """Refuse what no order desk would take."""
    _size(wish)
    _prices(wish)
    _force(wish)
    if wish.order_class != "simple":
        _group(wish)


def _size(wish: Wish) -> None:
    if wish.qty is None and wish.notional is None:
        raise invalid("qty or notional is required")
    if wish.qty is not None and wish.notional is not None:
        raise invalid("only one of qty or notional is accepted")
    asset = wish.asset
    if wish.notional is not None:
        if not asset.fractional:
            raise invalid(f'asset "{asset.symbol}" is not fractionable')
        if wish.notional < ONE:
            raise forbidden_cost()
        if wish.notional != wish.notional.quantize(CENT):
            raise invalid("notional value must be limited to 2 decimal places")
    elif wish.qty is not None:
        if wish.qty % 1 and not asset.fractional:
            raise invalid("qty must be an integer" if asset.option else f'asset "{asset.symbol}" is not fractionable')
        if wish.qty != wish.qty.quantize(DIGITS):
            raise invalid("qty must be limited to 9 decimal places")
    if _fraction(wish) and not asset.crypto:
        if wish.time_in_force != "day":
            raise invalid("fractional orders must be DAY orders")
        if wish.order_class != "simple":
            raise invalid("fractional orders must be simple orders")
        if wish.type == "trailing_stop":
            raise invalid("fractional orders cannot be trailing stop orders")


def forbidden_cost() -> Refused:
    """Less than a dollar."""
    return Refused(403, 40310000, "cost basis must be >= minimal amount of order 1")


def _fraction(wish: Wish) -> bool:
    return wish.notional is not None or (wish.qty is not None and bool(wish.qty % 1))


_NEEDS = {
    "market": (), "limit": ("limit_price",), "stop": ("stop_price",), "stop_limit": ("limit_price", "stop_price"),
    "trailing_stop": (),
}  # fmt: skip


def _prices(wish: Wish) -> None:
    given = [name for name in PRICES if getattr(wish, name) is not None]
    if wish.order_class == "oco":
        if wish.type != "limit":
            raise invalid("oco orders must be limit orders")
        if wish.limit_price is not None and wish.take_profit is None:
            wish.take_profit = wish.limit_price
        given = []
    else:
        for name in _NEEDS[wish.type]:
            if name not in given:
                raise invalid(f"{wish.type.replace('_', ' ')} orders require {name.replace('_', ' ')}")
        trailing = [name for name in given if name.startswith("trail")]
        if wish.type == "trailing_stop":
            if len(trailing) != 1:
                raise invalid("trailing stop orders require either trail price or trail percent")
            if wish.trail_percent is not None and wish.trail_percent >= 100:
                raise invalid("trail_percent must be < 100")
        strangers = [
            n for n in given if n not in _NEEDS[wish.type] and not (n in trailing and wish.type == "trailing_stop")
        ]
        if strangers:
            raise invalid(f"{wish.type.replace('_', ' ')} orders must not have {strangers[0].replace('_', ' ')}")
    for name in ("limit_price", "stop_price", "take_profit", "stop_loss", "stop_loss_limit"):
        penny(wish.asset, name, getattr(wish, name))


def penny(asset: Asset, name: str, price: Decimal | None) -> None:
    """A price between ticks: whole cents, of shares under a dollar hundredths of a cent."""
    if price is None or asset.crypto:
        return
    step = CENT if price >= 1 or asset.option else MILL
    if price % step:
        raise invalid(f"invalid {name} {price:f}. sub-penny increment does not fulfill minimum pricing criteria")


def _force(wish: Wish) -> None:
    asset, force, kind = wish.asset, wish.time_in_force, wish.type
    if asset.crypto:
        if force not in ("gtc", "ioc"):
            raise invalid("invalid crypto time_in_force")
        if kind not in ("market", "limit", "stop_limit"):
            raise invalid("invalid order type for crypto order")
        if wish.order_class != "simple":
            raise invalid("crypto orders must be simple orders")
    if asset.option:
        if force not in ("day", "gtc"):
            raise invalid("order_time_in_force provided not supported for options trading")
        if kind == "trailing_stop" or wish.order_class != "simple":
            raise invalid("complex orders not supported for options trading")
        if wish.extended_hours:
            raise invalid("extended hours not supported for options trading")
    if wish.extended_hours and not asset.crypto and (kind != "limit" or force not in ("day", "gtc")):
        raise invalid("extended hours order must be DAY or GTC limit orders")
    if force in ("opg", "cls") and kind not in ("market", "limit"):
        raise invalid(f"{force} orders must be market or limit orders")
    if force in ("ioc", "fok") and kind not in ("market", "limit"):
        raise invalid(f"{force} orders must be market or limit orders")


def _group(wish: Wish) -> None:
    kind = wish.order_class
    if wish.time_in_force not in ("day", "gtc"):
        raise invalid(f"{kind} orders must be DAY or GTC orders")
    if wish.extended_hours:
        raise invalid(f"{kind} orders cannot be extended hours orders")
    if kind in ("bracket", "oto") and wish.type not in ("market", "limit", "stop"):
        raise invalid(f"{kind} orders must be entered with market, limit or stop orders")
    if kind in ("bracket", "oco"):
        if wish.take_profit is None:
            raise invalid(f"{kind} orders require take_profit.limit_price")
        if wish.stop_loss is None:
            raise invalid(f"{kind} orders require stop_loss.stop_price")
    elif (wish.take_profit is None) == (wish.stop_loss is None):
        raise invalid("oto orders require either take_profit or stop_loss")
    ladder(wish)


def ladder(wish: Wish) -> None:
    """Profit, entry and loss must lie in the order in which a falling (or rising) market meets them."""
    sells = (wish.side == "buy") == (wish.order_class != "oco")  # the legs sell
    sign = 1 if sells else -1
    entry = None if wish.order_class == "oco" else wish.limit_price or wish.stop_price
    take, stop, limit = wish.take_profit, wish.stop_loss, wish.stop_loss_limit
    way, back = (">", "<") if sells else ("<", ">")
    if take is not None and stop is not None and (take - stop) * sign <= CENT * 0:
        raise invalid(f"take_profit.limit_price must be {way} stop_loss.stop_price")
    if take is not None and entry is not None and (take - entry) * sign <= 0:
        raise invalid(f"take_profit.limit_price must be {way} the entry price {entry:f}")
    if stop is not None and entry is not None and (entry - stop) * sign <= 0:
        raise invalid(f"stop_loss.stop_price must be {back} the entry price {entry:f}")
    if stop is not None and limit is not None and (stop - limit) * sign < 0:
        raise invalid(f"stop_loss.limit_price must be {back}= stop_loss.stop_price")


def _several(body: Mapping[str, Any], listing: Listing) -> Wish:
    """A multi-leg option order: its quantity counts packages, its limit price is that of one (negative: a credit)."""
    told = body.get("legs")
    if not isinstance(told, list) or not all(isinstance(leg, Mapping) for leg in told):
        raise invalid("legs is required for the mleg order class")
    if not 2 <= len(told) <= 4:
        raise invalid("mleg orders must have 2 to 4 legs")
    legs = []
    for leg in told:
        asset = _asset(leg.get("symbol"), listing)
        if not asset.option:
            raise invalid("all legs of an mleg order must be options")
        ratio = number(leg, "ratio_qty")
        if ratio is None or ratio % 1:
            raise invalid("ratio_qty must be a positive integer")
        legs.append((asset, *_side(leg)[:1], ratio, _side(leg)[1]))
    if len({asset.symbol for asset, *_ in legs}) != len(legs):
        raise invalid("all legs must have unique symbols")
    kind, force = _word(body, "type", ("market", "limit"), ""), _word(body, "time_in_force", FORCES, "day")
    qty = number(body, "qty")
    if qty is None or qty % 1:
        raise invalid("qty must be a positive integer for the mleg order class")
    if force not in ("day", "gtc"):
        raise invalid("order_time_in_force provided not supported for options trading")
    limit = signed(body.get("limit_price")) if kind == "limit" else None
    if kind == "limit" and limit is None:
        raise invalid("limit orders require limit price")
    return Wish(
        legs[0][0], "buy", kind, force, "mleg", qty, limit_price=limit, client_order_id=client_id(body), legs=legs
    )


def signed(value: Any) -> Decimal | None:
    """A net price, of either sign; None when there is none."""
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise malformed("request body format is invalid: limit_price must be a number") from None
    if not found.is_finite() or found != found.quantize(CENT):
        raise invalid("invalid limit_price")
    return found
