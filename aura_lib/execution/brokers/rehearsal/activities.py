"""The account as the wire tells it: money, positions, what happened to them, and what they were worth when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from aura_lib.core import AuraError, Booking, BookingKind, Fill, Position, encode, utc
from aura_lib.execution.brokers.rehearsal.answers import invalid, missing
from aura_lib.execution.brokers.rehearsal.tickets import Ticket, stamp, text

if TYPE_CHECKING:
    from aura_lib.execution.brokers.rehearsal.venue import Venue

ZERO, CENT = Decimal(0), Decimal("0.01")
CONFIGURATION: Mapping[str, Any] = {
    "fractional_trading": True, "max_margin_multiplier": "4", "no_shorting": False, "suspend_trade": False,
    "trade_confirm_email": "none", "ptp_no_exception_entry": False, "max_options_trading_level": None,
}  # fmt: skip
KINDS = {
    BookingKind.DIVIDEND: "DIV", BookingKind.DEPOSIT: "CSD", BookingKind.INTEREST: "INT", BookingKind.BORROW: "FEE",
    BookingKind.SPLIT: "SPLIT", BookingKind.CASH_IN_LIEU: "CIL", BookingKind.EXERCISE: "OPEXC",
    BookingKind.ASSIGNMENT: "OPASN", BookingKind.EXPIRY: "OPEXP", BookingKind.CONVERSION: "FXTRD",
}  # fmt: skip
PAGE = 100
INSIDE = ("fill", "busted")  # what is kept of an activity, and not told


# ── what there is ───────────────────────────────────────────────────────────────────────────────────────────────────


def held(venue: Venue, symbol: str) -> Decimal:
    """How much is held, signed."""
    position = venue.exchange.account.positions.get(symbol)
    return ZERO if position is None else position.quantity


def reserved(venue: Venue, symbol: str, side: str) -> Decimal:
    """How much open orders of a side are for; a pair of exits counts once."""
    total = ZERO
    for ticket in venue.open.values():
        if ticket.symbol == symbol and ticket.side == side and not _counted(venue, ticket):
            total += ticket.left
    return total


def _counted(venue: Venue, ticket: Ticket) -> bool:
    """Whether an exit waits for an entry that was not filled yet, or shares its quantity with its sibling."""
    if ticket.status == "held":
        return True
    if not ticket.parent or ticket.role != "stop_loss":
        return False
    head = venue.tickets[ticket.parent]
    return any(other.open for other in (head, *venue.legs(head)) if other.role == "take_profit")


def worth(venue: Venue, position: Position) -> Decimal:
    """What a position is worth at the last price."""
    price = venue.market.price(position.instrument.symbol)
    return position.value(position.average_cost if price is None else price)


def equity(venue: Venue) -> Decimal:
    """Cash and positions."""
    account = venue.exchange.account
    return account.cash + sum((worth(venue, p) for p in account.positions.values() if p.quantity), ZERO)


def promised(venue: Venue, ticket: Ticket) -> Decimal:
    """What an open order that opens a position would cost."""
    holds = held(venue, ticket.symbol)
    if ticket.parent or (holds < 0 if ticket.side == "buy" else holds > 0):
        return ZERO
    if ticket.notional is not None:
        return ticket.notional - ticket.value
    price = ticket.limit_price or ticket.stop_price or venue.market.price(ticket.symbol)
    asset = venue.market.listing.find(ticket.symbol)
    if price is None or asset is None or ticket.order_class == "oco":
        return ZERO
    return ticket.left * price * asset.instrument.multiplier


def buying_power(venue: Venue) -> Decimal:
    """What can still be bought: equity times leverage, less what is held and what open orders would take."""
    account = venue.exchange.account
    open_orders = sum((promised(venue, t) for t in venue.open.values() if not t.parent), ZERO)
    if venue.leverage <= 1:
        return max(account.cash - open_orders, ZERO)
    gross = sum((abs(worth(venue, p)) for p in account.positions.values() if p.quantity), ZERO)
    return max(equity(venue) * venue.leverage - gross - open_orders, ZERO)


def cents(value: Decimal) -> str:
    """Money as the wire has it."""
    return text(value.quantize(CENT, ROUND_HALF_EVEN)) or "0"


def account(venue: Venue) -> dict[str, Any]:
    """The account."""
    books, power = venue.exchange.account, buying_power(venue)
    values = [worth(venue, p) for p in books.positions.values() if p.quantity]
    longs, shorts = sum((v for v in values if v > 0), ZERO), sum((v for v in values if v < 0), ZERO)
    whole = books.cash + longs + shorts
    day = venue.market.now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    before = [value for minute, value in venue.history.items() if minute < day]
    margin = (longs - shorts) / venue.leverage
    return {
        "id": venue.account_id, "admin_configurations": {}, "user_configurations": None,
        "account_number": f"RH{venue.seed:07d}", "status": "ACTIVE", "crypto_status": "ACTIVE", "currency": "USD",
        "options_approved_level": 3, "options_trading_level": 3,
        "buying_power": cents(power), "regt_buying_power": cents(power), "daytrading_buying_power": "0",
        "effective_buying_power": cents(power), "options_buying_power": cents(min(power, max(books.cash, ZERO))),
        "non_marginable_buying_power": cents(max(min(books.cash, power), ZERO)), "bod_dtbp": "0",
        "cash": cents(books.cash), "accrued_fees": "0", "portfolio_value": cents(whole), "equity": cents(whole),
        "last_equity": cents(before[-1] if before else whole), "long_market_value": cents(longs),
        "short_market_value": cents(shorts), "position_market_value": cents(longs - shorts),
        "initial_margin": cents(margin), "maintenance_margin": cents((longs - shorts) * venue.exchange.terms.floor),
        "last_maintenance_margin": "0", "sma": "0", "multiplier": text(venue.leverage),
        "shorting_enabled": venue.leverage > 1 and not venue.configuration["no_shorting"],
        "trading_blocked": False, "transfers_blocked": False, "account_blocked": False,
        "trade_suspended_by_user": bool(venue.configuration["suspend_trade"]),
        "created_at": stamp(venue.created_at), "balance_asof": venue.market.session.isoformat(),
        "crypto_tier": 1, "intraday_adjustments": "0", "pending_reg_taf_fees": "0",
    }  # fmt: skip


def positions(venue: Venue) -> list[dict[str, Any]]:
    """Every open position, by symbol."""
    held_now = venue.exchange.account.positions
    return [position(venue, held_now[s]) for s in sorted(held_now) if held_now[s].quantity]


def find_position(venue: Venue, name: str) -> Position:
    """The open position in a symbol (or asset id); Refused when there is none."""
    asset = venue.market.listing.find(name)
    found = None if asset is None else venue.exchange.account.positions.get(asset.symbol)
    if found is None or not found.quantity:
        raise missing("position does not exist" if asset is not None else f"symbol not found: {name}")
    return found


def position(venue: Venue, kept: Position) -> dict[str, Any]:
    """A position."""
    symbol = kept.instrument.symbol
    asset, tape = venue.market.listing.find(symbol), venue.market.tape(symbol)
    assert asset is not None
    price = venue.market.price(symbol) or kept.average_cost
    before = tape.previous or price
    value, cost = kept.value(price), kept.value(kept.average_cost)
    gain, today = value - cost, kept.value(price) - kept.value(before)
    side = "long" if kept.quantity > 0 else "short"
    free = abs(kept.quantity) - reserved(venue, symbol, "sell" if side == "long" else "buy")

    def part(amount: Decimal, of: Decimal) -> str:
        return text((amount / abs(of)).quantize(Decimal("0.0000000001")) if of else ZERO) or "0"

    return {
        "asset_id": str(asset.id), "symbol": symbol.replace("/", ""), "exchange": asset.told()["exchange"],
        "asset_class": asset.kind, "asset_marginable": not asset.crypto and not asset.option,
        "avg_entry_price": text(kept.average_cost), "qty": text(kept.quantity), "side": side,
        "market_value": text(value), "cost_basis": text(cost), "unrealized_pl": text(gain),
        "unrealized_plpc": part(gain, cost), "unrealized_intraday_pl": text(today),
        "unrealized_intraday_plpc": part(today, value), "current_price": text(price), "lastday_price": text(before),
        "change_today": part(price - before, before),
        "qty_available": text(max(free, ZERO) * (1 if side == "long" else -1)),
    }  # fmt: skip


# ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────────


def _name(at: datetime, uuid: str) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{uuid}"


def traded(venue: Venue, ticket: Ticket, fill: Fill, execution: str) -> None:
    """Note an execution."""
    venue.activities.append(
        {
            "id": _name(fill.time, execution), "account_id": venue.account_id, "activity_type": "FILL",
            "transaction_time": stamp(fill.time), "type": "fill" if ticket.status == "filled" else "partial_fill",
            "price": text(fill.price), "qty": text(fill.quantity), "side": ticket.side, "symbol": ticket.symbol,
            "leaves_qty": text(max(ticket.left, ZERO)), "order_id": ticket.id, "cum_qty": text(ticket.filled),
            "order_status": ticket.status, "fill": encode(fill),
        }
    )  # fmt: skip
    if fill.fee:
        _other(venue, "FEE", f"{execution}:fee", -fill.fee, fill.time, ticket.symbol, None, "commission")


def taken_back(venue: Venue, ticket: Ticket, fill: Fill, kind: str, name: str, execution: str) -> None:
    """Note that an execution was taken back, or corrected by another."""
    at = venue.market.stamp()
    entry = str(uuid5(NAMESPACE_URL, f"{venue.account_id}:{execution}:{kind}"))
    venue.activities.append(
        {
            "id": _name(at, entry), "account_id": venue.account_id, "activity_type": "FILL",
            "transaction_time": stamp(at), "type": kind, "price": text(fill.price), "qty": text(fill.quantity),
            "side": ticket.side, "symbol": ticket.symbol, "leaves_qty": text(max(ticket.left, ZERO)),
            "order_id": ticket.id, "cum_qty": text(ticket.filled), "order_status": ticket.status,
            "execution_id": name, "previous_execution_id": execution,
        }
    )  # fmt: skip
    if fill.fee:
        _other(venue, "FEE", f"{execution}:refund", fill.fee, at, ticket.symbol, None, "commission given back")


def booked(venue: Venue, booking: Booking) -> None:
    """Note what was no trade."""
    kind, symbol = KINDS[booking.kind], booking.symbol
    if booking.kind is BookingKind.DEPOSIT and booking.cash < 0:
        kind = "CSW"
    quantity = booking.quantity or None
    _other(venue, kind, booking.id, booking.cash, booking.time, symbol, quantity, booking.note)
    if booking.delivered is not None:
        price = abs(booking.cash / (booking.units * booking.delivered.multiplier))
        _other(
            venue, "OPTRD", f"{booking.id}:shares", booking.cash, booking.time, booking.delivered.symbol,
            booking.units, booking.note, price=text(price),
        )  # fmt: skip


def _other(
    venue: Venue,
    kind: str,
    key: str,
    cash: Decimal,
    at: datetime,
    symbol: str,
    qty: Decimal | None,
    note: str,
    **more: Any,
) -> None:
    name = str(uuid5(NAMESPACE_URL, f"{venue.account_id}:{key}:{len(venue.activities)}"))
    words: dict[str, Any] = {
        "id": _name(at, name), "account_id": venue.account_id, "activity_type": kind, "date": at.date().isoformat(),
        "net_amount": text(cash), "description": note, "status": "executed", **more,
    }  # fmt: skip
    if symbol:
        words["symbol"] = symbol
    if qty is not None:
        words["qty"] = text(qty)
    if kind == "DIV" and symbol and (units := held(venue, symbol)):
        words |= {"qty": text(units), "per_share_amount": text(cash / units)}
    venue.activities.append(words)


def activity_list(venue: Venue, query: Mapping[str, str], kinds: str = "") -> list[dict[str, Any]]:
    """A page of what happened: `activity_types`, `date`, `after`, `until`, `direction`, `page_size`, `page_token`."""
    wanted = {k for k in (kinds or query.get("activity_types", "")).split(",") if k}
    first, last = moment(query, "after"), moment(query, "until")
    day = query.get("date")
    size = _size(query)
    rising = query.get("direction", "desc") == "asc"
    if query.get("direction", "desc") not in ("asc", "desc"):
        raise invalid("direction must be asc or desc")
    with venue.lock:
        found = [a for a in venue.activities if not wanted or a["activity_type"] in wanted]
        found = [a for a in found if not a.get("busted")]
    if day is not None:
        found = [a for a in found if _when(a)[:10] == day]
    found = [a for a in found if (first is None or _at(a) > first) and (last is None or _at(a) <= last)]
    if not rising:
        found.reverse()
    token = query.get("page_token")
    if token:
        places = [n for n, a in enumerate(found) if a["id"] == token]
        if not places:
            raise invalid("page_token is not valid")
        found = found[places[0] + 1 :]
    return [{name: value for name, value in a.items() if name not in INSIDE} for a in found[:size]]


def _when(activity: Mapping[str, Any]) -> str:
    return str(activity.get("transaction_time") or activity["date"])


def _at(activity: Mapping[str, Any]) -> datetime:
    told = _when(activity)
    return utc(datetime.fromisoformat(told) if "T" in told else datetime.fromisoformat(told).replace(tzinfo=UTC))


def moment(query: Mapping[str, str], name: str) -> datetime | None:
    """The time that a query names; what is none is Refused."""
    told = query.get(name)
    if not told:
        return None
    try:
        found = datetime.fromisoformat(told.replace(" ", "+"))
        return utc(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, AuraError):
        raise invalid(f"{name} is not a time: {told}") from None


def _size(query: Mapping[str, str]) -> int:
    told = query.get("page_size") or str(PAGE)
    if not told.isdecimal() or not 1 <= int(told) <= PAGE:
        raise invalid(f"page_size must be between 1 and {PAGE}")
    return int(told)


# ── what it was worth ───────────────────────────────────────────────────────────────────────────────────────────────

_UNITS = {"D": 1, "W": 7, "M": 30, "A": 365}
_FRAMES = {"1Min": 60, "5Min": 300, "15Min": 900, "1H": 3600, "1D": 86400}


def portfolio_history(venue: Venue, query: Mapping[str, str]) -> dict[str, Any]:
    """What the account was worth at the end of each stretch of a period."""
    period = query.get("period") or "1M"
    if period[-1:] not in _UNITS or not period[:-1].isdecimal():
        raise invalid("period is not valid")
    days = int(period[:-1]) * _UNITS[period[-1]]
    frame = query.get("timeframe") or ("1Min" if days < 7 else "15Min" if days < 30 else "1D")
    if frame not in _FRAMES:
        raise invalid("timeframe is not valid")
    end = moment(query, "end") or moment(query, "date_end") or venue.market.now
    start = moment(query, "start") or end - timedelta(days=min(days, 36500))
    step, values = _FRAMES[frame], dict[int, Decimal]()
    with venue.lock:
        for minute, value in sorted(venue.history.items()):
            if start.timestamp() <= minute <= end.timestamp():
                values[minute // step * step] = value
    told = list(values.values())
    base = told[0] if told else equity(venue)
    gains = [value - base for value in told]
    return {
        "timestamp": list(values), "equity": [float(v) for v in told], "profit_loss": [float(g) for g in gains],
        "profit_loss_pct": [float(g / base) if base else None for g in gains], "base_value": float(base),
        "base_value_asof": start.date().isoformat(), "timeframe": frame,
    }  # fmt: skip
