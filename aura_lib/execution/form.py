"""The ticket's fields, as somebody typed them, made an Intent; or the sentence that says what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aura_lib.core import InputError, Instrument, Intent, OrderType, Side, TimeInForce

# type → the fields it has besides symbol, side, size and time in force; `words.ticket` shows only these
FIELDS: Mapping[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderType.TRAILING_STOP: ("trail_amount", "trail_percent"),
    OrderType.BRACKET: ("limit_price", "take_profit", "stop_loss", "stop_loss_limit"),
    OrderType.OCO: ("take_profit", "stop_loss", "stop_loss_limit"),
}
LABELS = {
    "limit_price": "Limit price", "stop_price": "Stop price", "trail_amount": "Trail by amount",
    "trail_percent": "Trail by percent", "take_profit": "Take profit", "stop_loss": "Stop loss",
    "stop_loss_limit": "Stop loss limit",
}  # fmt: skip


def intent_of(
    fields: Mapping[str, str], instruments: Mapping[str, Instrument], prices: Mapping[str, Decimal]
) -> Intent:
    """The Intent that the fields describe. Raises InputError with what a person has to change.

    A size in money becomes a quantity at the limit or last price, rounded down to the instrument's lot.
    """
    symbol = fields.get("symbol", "").strip().upper()
    if not symbol:
        raise InputError("choose a symbol")
    if symbol not in instruments:
        raise InputError(f"{symbol} is not traded on this account's prices")
    instrument, kind = instruments[symbol], OrderType(fields.get("type", "market"))
    words = [name for name in FIELDS[kind] if fields.get(name, "").strip()]
    given: dict[str, Any] = {name: number(LABELS[name], fields[name]) for name in words}
    return Intent(
        instrument,
        Side(fields.get("side", "buy")),
        _quantity(fields, instrument, given.get("limit_price") or prices.get(symbol)),
        kind,
        time_in_force=TimeInForce(fields.get("time_in_force", "day")),
        extended_hours=bool(fields.get("extended_hours")),
        reason=fields.get("reason", "").strip()[:200],
        **given,
    )


def _quantity(fields: Mapping[str, str], instrument: Instrument, price: Decimal | None) -> Decimal:
    text = fields.get("size", "")
    if not text.strip():
        raise InputError("say how much")
    if fields.get("by") != "notional":
        return number("Quantity", text)
    return bought(number(f"Amount in {instrument.currency}", text), instrument, price)


def bought(money: Decimal, instrument: Instrument, price: Decimal | None) -> Decimal:
    """What an amount of money buys at a price, rounded down to the lot. Raises InputError for nothing."""
    if price is None:
        raise InputError(f"{instrument.symbol} has no price now: give a quantity instead of an amount of money")
    lots = money / (price * instrument.multiplier) // instrument.lot * instrument.lot
    if not lots:
        raise InputError(f"{money} {instrument.currency} do not buy one lot of {instrument.symbol} at {price}")
    return lots


def number(label: str, text: str) -> Decimal:
    """A positive decimal number as somebody typed it: 1000 or 0.5."""
    try:
        value = Decimal(text.strip().replace("\N{NO-BREAK SPACE}", ""))
    except InvalidOperation:
        raise InputError(f"{label}: {text.strip()!r} is no number; write 1000 or 0.5") from None
    if not value.is_finite() or value <= 0:
        raise InputError(f"{label} must be above zero, not {text.strip()}")
    return value


def targets(texts: Iterable[str]) -> dict[str, float]:
    """Symbol → weight, of texts such as AAPL=0.3 or AAPL=30%; each symbol once."""
    found: dict[str, float] = {}
    for text in texts:
        symbol, equals, weight = text.rpartition("=")
        if not equals or not symbol.strip():
            raise InputError(f"expected SYMBOL=WEIGHT such as AAPL=0.3 or AAPL=30%, not {text!r}")
        name = symbol.strip().upper()
        if name in found:
            raise InputError(f"{name} has two targets")
        found[name] = _weight(name, weight.strip())
    return found


def _weight(symbol: str, text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        raise InputError(f"{symbol}={text}: a weight is a number such as 0.3 or 30%") from None
    return value / 100 if text.endswith("%") else value


def told(intent: Intent) -> str:
    """An Intent in one sentence, as a trader says it.

    Example: Buy 10 AAPL at 180 or better, good for the day; then take profit at 190 or stop loss at 175.
    """
    sentence = f"{intent.side.value.capitalize()} {_plain(intent.quantity)} {intent.symbol} {how(intent)}"
    sentence += f", {WORDS[intent.time_in_force]}" + (", also outside regular hours" * intent.extended_hours)
    legs = [
        f"{name} at {_plain(value)}"
        for name, value in (("take profit", intent.take_profit), ("stop loss", intent.stop_loss))
        if value is not None
    ]
    if legs and intent.type is OrderType.BRACKET:
        sentence += f"; then {' or '.join(legs)}"
    return sentence


WORDS = {
    TimeInForce.DAY: "good for the day",
    TimeInForce.GTC: "good till cancelled",
    TimeInForce.IOC: "at once or not at all (a part will do)",
    TimeInForce.FOK: "at once and whole, or not at all",
    TimeInForce.OPG: "in the opening auction",
    TimeInForce.CLS: "in the closing auction",
}


def how(intent: Intent) -> str:
    """How the price of an order is found, in words."""
    match intent.type:
        case OrderType.LIMIT:
            return f"at {_price(intent.limit_price)} or better"
        case OrderType.STOP:
            return f"at the market once it trades at {_price(intent.stop_price)}"
        case OrderType.STOP_LIMIT:
            return f"at {_price(intent.limit_price)} or better once it trades at {_price(intent.stop_price)}"
        case OrderType.TRAILING_STOP:
            distance = (
                f"{_price(intent.trail_percent)} %" if intent.trail_percent is not None else _price(intent.trail_amount)
            )
            return f"with a stop that trails by {distance}"
        case OrderType.OCO:
            return f"at {_price(intent.take_profit)}, or at the market once it trades at {_price(intent.stop_loss)}"
        case OrderType.BRACKET if intent.limit_price is not None:
            return f"at {_price(intent.limit_price)} or better"
        case _:
            return "at the market"


def _price(value: Decimal | None) -> str:
    return "–" if value is None else _plain(value)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():,f}"
