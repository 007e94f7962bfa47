"""Orders in Alpaca's words, out and in: numbers as decimal text, words that are new kept as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from aura_lib.core import (
    AssetClass,
    BrokerOrder,
    Capabilities,
    InputError,
    Instrument,
    Intent,
    Leg,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    option_of,
)

CLASSES = frozenset(
    {AssetClass.EQUITY, AssetClass.ETF, AssetClass.OPTION, AssetClass.CRYPTO, AssetClass.PACKAGE}
)  # fmt: skip
SEVERAL = "mleg"  # what Alpaca calls an order for packages of options, and each of its legs
ZERO, ONE = Decimal(0), Decimal(1)
SHARE = Decimal("0.000000001")  # fractions that may be traded
QUOTES = ("USDT", "USDC", "USDG", "USD", "BTC")  # what crypto pairs are quoted in; positions are told without the slash

# Words that are not here are told as they are, and the order is treated as open.
STATUSES = {
    "filled": OrderStatus.FILLED, "canceled": OrderStatus.CANCELLED, "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED, "replaced": OrderStatus.REPLACED, "held": OrderStatus.HELD,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
}  # fmt: skip
OPEN = frozenset(
    {
        "new", "accepted", "pending_new", "pending_cancel", "pending_replace", "pending_review", "accepted_for_bidding",
        "stopped", "suspended", "calculated", "done_for_day", "held", "partially_filled",
    }
)  # fmt: skip
_TYPES = {t.value: t for t in (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)} | {
    "trailing_stop": OrderType.TRAILING_STOP
}
_PLAIN = frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT})


@dataclass(frozen=True, slots=True)
class AlpacaCapabilities(Capabilities):
    """What Alpaca takes of each class of asset (its documentation of orders, 2026)."""

    def refusal(self, intent: Intent) -> str:
        """Why Alpaca cannot take an intent; empty when it can."""
        kind, wish, force = intent.instrument.asset_class, intent.type, intent.time_in_force
        if plain := Capabilities.refusal(self, intent):
            return plain
        if kind is AssetClass.PACKAGE:
            return ""  # what a package is, is what Alpaca takes: two to four legs, market or limit, for the day
        if kind is AssetClass.OPTION:
            return _among(wish, _PLAIN, "options") or _among(force, {TimeInForce.DAY}, "options") or _whole(intent)
        if kind is AssetClass.CRYPTO:
            types = {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT}
            return _among(wish, types, "crypto") or _among(force, {TimeInForce.GTC, TimeInForce.IOC}, "crypto")
        if force in (TimeInForce.OPG, TimeInForce.CLS):
            return _among(wish, {OrderType.MARKET, OrderType.LIMIT}, f"{force.value} orders")
        if intent.extended_hours:
            return _among(wish, {OrderType.LIMIT}, "extended hours") or _among(
                force, {TimeInForce.DAY, TimeInForce.GTC}, "extended hours"
            )
        if intent.quantity % ONE:
            return _among(wish, _PLAIN, "fractions of shares") or _among(
                force, {TimeInForce.DAY}, "fractions of shares"
            )
        if wish in (OrderType.BRACKET, OrderType.OCO):
            return _among(force, {TimeInForce.DAY, TimeInForce.GTC}, f"{wish.value} orders")
        return ""


def _among(word: OrderType | TimeInForce, allowed: Any, of: str) -> str:
    listed = ", ".join(sorted(w.value for w in allowed))
    return "" if word in allowed else f"{word.value} is not possible for {of}, which take {listed}"


def _whole(intent: Intent) -> str:
    return f"{intent.quantity} contracts are no whole number" if intent.quantity % ONE else ""


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fields(order: Order) -> dict[str, Any]:
    """An order as the body of a POST. Numbers are text: as floats they would lose digits on the way."""
    intent = order.intent
    if intent.legs:
        return _package_fields(order)
    body: dict[str, Any] = {
        "symbol": intent.symbol, "qty": text(intent.quantity), "side": intent.side.value, "type": _type(intent),
        "time_in_force": intent.time_in_force.value, "client_order_id": order.client_id,
        "limit_price": text(intent.limit_price), "stop_price": text(intent.stop_price),
        "trail_price": text(intent.trail_amount), "trail_percent": text(intent.trail_percent),
        "extended_hours": intent.extended_hours or None, **_exits(intent),
    }  # fmt: skip
    return {name: value for name, value in body.items() if value is not None}


def _package_fields(order: Order) -> dict[str, Any]:
    """Packages: no symbol and no side of their own, and a limit price that is negative for a credit."""
    intent = order.intent
    legs = [
        {"symbol": leg.instrument.symbol, "ratio_qty": str(leg.ratio), "side": leg.side.value} for leg in intent.legs
    ]
    body = {
        "order_class": SEVERAL, "qty": text(intent.quantity), "type": intent.type.value,
        "time_in_force": intent.time_in_force.value, "client_order_id": order.client_id,
        "limit_price": text(intent.limit_price), "legs": legs,
    }  # fmt: skip
    return {name: value for name, value in body.items() if value is not None}


def _type(intent: Intent) -> str:
    if intent.type is OrderType.OCO:
        return "limit"
    if intent.type is not OrderType.BRACKET:
        return intent.type.value
    return "limit" if intent.limit_price is not None else "stop" if intent.stop_price is not None else "market"


def _exits(intent: Intent) -> dict[str, Any]:
    if intent.type not in (OrderType.BRACKET, OrderType.OCO):
        return {}
    both = intent.take_profit is not None and intent.stop_loss is not None
    body: dict[str, Any] = {"order_class": "oco" if intent.type is OrderType.OCO else "bracket" if both else "oto"}
    if intent.take_profit is not None:
        body["take_profit"] = {"limit_price": text(intent.take_profit)}
    if intent.stop_loss is not None:
        body["stop_loss"] = {"stop_price": text(intent.stop_loss)}
        if intent.stop_loss_limit is not None:
            body["stop_loss"]["limit_price"] = text(intent.stop_loss_limit)
    return body


def changes(new: Order) -> dict[str, Any]:
    """A replacement as the body of a PATCH: always with its quantity, which Alpaca would else take from the old."""
    intent = new.intent
    body = {
        "qty": text(intent.quantity), "time_in_force": intent.time_in_force.value,
        "limit_price": text(intent.limit_price), "stop_price": text(intent.stop_price),
        "trail": text(intent.trail_amount or intent.trail_percent), "client_order_id": new.client_id,
    }  # fmt: skip
    return {name: value for name, value in body.items() if value is not None}


def text(value: Decimal | None) -> str | None:
    """A number as plain digits, all of them."""
    if value is None:
        return None
    short = f"{value:f}"
    return short.rstrip("0").rstrip(".") if "." in short else short


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def number(value: Any) -> Decimal | None:
    """A number that Alpaca wrote, as text or as a JSON number; None when there is none."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number") from None
    if not found.is_finite():
        raise ValueError(f"{value!r} is no number")
    return found


def moment(value: Any) -> datetime | None:
    """A time that Alpaca wrote; None when there is none."""
    return datetime.fromisoformat(str(value)).astimezone(UTC) if value else None


def instrument(symbol: str, asset_class: str, quantity: Decimal = ONE) -> Instrument:
    """What Alpaca calls by a symbol. A fraction of a share shows that fractions can be traded."""
    if asset_class == "us_option":
        return option_of(symbol)
    if asset_class.startswith("crypto"):
        pair = slashed(symbol)
        return Instrument(pair, AssetClass.CRYPTO, pair.partition("/")[2], "24/7", SHARE, SHARE)
    return Instrument(symbol, lot=SHARE if quantity % ONE else ONE)


def slashed(symbol: str) -> str:
    """A crypto pair with its slash: BTC/USD, also where Alpaca writes BTCUSD."""
    if "/" in symbol:
        return symbol
    quote = next((q for q in QUOTES if symbol.endswith(q) and len(symbol) > len(q)), "")
    return f"{symbol.removesuffix(quote)}/{quote}" if quote else symbol


def broker_order(told: Mapping[str, Any], parent: str = "", replaced_by: str = "") -> BrokerOrder:
    """An order as Alpaca tells it. Raises ValueError, TypeError or LookupError for what is none."""
    status, filled = _status(told)
    known = str(told["status"]) in STATUSES or str(told["status"]) in OPEN
    reason = str(told.get("reject_reason") or "") if known else f"alpaca says {told['status']!r}"
    return BrokerOrder(
        str(told["client_order_id"]), status, filled, reason, str(told["id"]), parent, replaced_by, intent(told),
        moment(told.get("submitted_at") or told.get("created_at")),
    )  # fmt: skip


def _status(told: Mapping[str, Any]) -> tuple[OrderStatus, Decimal]:
    filled = number(told.get("filled_qty")) or ZERO
    status = STATUSES.get(str(told["status"]))
    if status is None:
        status = OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACCEPTED
    return status, filled


def intent(told: Mapping[str, Any]) -> Intent | None:
    """What an order wishes; None when it cannot be said in our words (money instead of a quantity, a new type)."""
    quantity = number(told.get("qty"))
    kind = _TYPES.get(str(told.get("type") or told.get("order_type")))
    if told.get("order_class") == SEVERAL:
        return _of_package(told, quantity)
    if quantity is None or kind is None or not told.get("symbol"):
        return None
    try:
        force = TimeInForce(str(told.get("time_in_force")))
    except ValueError:
        force = TimeInForce.DAY  # a word that is new: it matters to Alpaca only
    try:
        return Intent(
            instrument(str(told["symbol"]), str(told.get("asset_class", "")), quantity), Side(str(told["side"])),
            quantity, kind, time_in_force=force, extended_hours=bool(told.get("extended_hours")), **_prices(told, kind),
        )  # fmt: skip
    except (InputError, ValueError):
        return None


def _of_package(told: Mapping[str, Any], quantity: Decimal | None) -> Intent | None:
    """Packages, as far as their legs are told with them; or a leg, which has no price of its own."""
    if quantity is None:
        return None
    try:
        if told.get("symbol"):
            return Intent(option_of(str(told["symbol"])), Side(str(told["side"])), quantity)
        legs = [
            Leg(option_of(str(leg["symbol"])), Side(str(leg["side"])), int(number(leg["ratio_qty"]) or ZERO))
            for leg in told.get("legs") or ()
        ]
        return Intent.of_legs(legs, quantity, number(told.get("limit_price")))
    except (InputError, ValueError, LookupError):
        return None


def _prices(told: Mapping[str, Any], kind: OrderType) -> dict[str, Any]:
    names = {
        OrderType.LIMIT: {"limit_price": "limit_price"},
        OrderType.STOP: {"stop_price": "stop_price"},
        OrderType.STOP_LIMIT: {"limit_price": "limit_price", "stop_price": "stop_price"},
        OrderType.TRAILING_STOP: {"trail_amount": "trail_price", "trail_percent": "trail_percent"},
    }.get(kind, {})
    return {ours: number(told.get(theirs)) for ours, theirs in names.items()}


def flat(orders: Any) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every order and every leg of one, however deep, with the client id of the order it is a leg of."""
    for told in orders:
        yield told, ""
        for leg, above in flat(told.get("legs") or ()):
            yield leg, above or str(told["client_order_id"])
