"""What happened to an account, from Alpaca's list of activities: executions as fills, all else as bookings.

An activity's id starts with its time to the millisecond, in New York's; the id of the last one read is the cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from aura_lib.core import (
    Booking,
    BookingKind,
    BrokerRejected,
    BrokerUnavailable,
    Bust,
    Fill,
    Instrument,
    Side,
    option_of,
)
from aura_lib.execution.brokers.alpaca.door import Door
from aura_lib.execution.brokers.alpaca.words import ZERO, instrument, moment, number

NEW_YORK = ZoneInfo("America/New_York")
PAGE = 100
LATE = timedelta(days=1)  # how far before the cursor something may be written down late
MOST_PAGES = 1_000
BUSTS = frozenset({"trade_bust", "trade_correct"})

Activity = Mapping[str, Any]

_CASH = {
    "DIV": BookingKind.DIVIDEND, "INT": BookingKind.INTEREST, "FEE": BookingKind.FEE, "CFEE": BookingKind.FEE,
    "PTC": BookingKind.FEE, "CIL": BookingKind.CASH_IN_LIEU,
}  # fmt: skip
_OPTIONS = {
    "OPEXC": BookingKind.EXERCISE, "OPXRC": BookingKind.EXERCISE, "OPASN": BookingKind.ASSIGNMENT,
    "OPEXP": BookingKind.EXPIRY,
}  # fmt: skip
_UNITS = {"SPLIT": BookingKind.SPLIT, "SSP": BookingKind.SPLIT, "ACATS": BookingKind.IMPORT, "JNLS": BookingKind.IMPORT}


def written(door: Door, path: str, after: str, since: datetime | None, look_back: bool, **query: Any) -> list[Activity]:
    """Activities after a cursor, in order; with `look_back` those of the day before it too, as some come late.

    Pages until one is not full. BrokerUnavailable when any of them cannot be had: never a part.
    """
    words: dict[str, Any] = {"direction": "asc", "page_size": PAGE, **query}
    if after and not look_back:
        words["page_token"] = after
    elif start := (time_of(after) - LATE if after else since):
        words["after"] = start.isoformat()
    found: list[Activity] = []
    for _ in range(MOST_PAGES):
        try:
            page = door.get(path, **words)
        except BrokerRejected as refused:
            if after and not look_back:  # the cursor is gone (a trade that was taken back): start a day before it
                return written(door, path, after, since, True, **query)
            raise BrokerUnavailable(f"alpaca does not tell its activities: {refused}") from refused
        found += page
        if len(page) < PAGE:
            return [a for a in found if since is None or time_of(str(a["id"])) >= since]
        words["page_token"] = page[-1]["id"]
    raise BrokerUnavailable(f"alpaca: more than {MOST_PAGES} pages of activities after {after or 'the beginning'}")


def time_of(name: str) -> datetime:
    """The moment that an activity's id starts with."""
    told = datetime.strptime(name[:14], "%Y%m%d%H%M%S").replace(tzinfo=NEW_YORK)
    return (told + timedelta(milliseconds=int(name[14:17] or 0))).astimezone(UTC)


def bust(told: Activity) -> Bust | None:
    """The execution that a `trade_bust` or `trade_correct` takes back, in the list or on the stream; else None.

    What a correction put in its place is an execution of its own.
    """
    kind = str(told.get("type") or told.get("event"))
    if kind not in BUSTS:
        return None
    named = told.get("previous_execution_id") or (told.get("execution_id") if kind == "trade_bust" else None)
    time = moment(told.get("transaction_time") or told.get("timestamp"))
    if not named or time is None:
        raise ValueError(f"a {kind} that does not say of which execution, or when")
    by = str(told.get("execution_id") or "") if kind == "trade_correct" else ""
    return Bust(str(named), time, f"alpaca: {told.get('reason') or kind}", by)


def fill(told: Activity, client_id: str, account: str) -> Fill:
    """An execution. Commission is not told with it: what there is comes as a fee of its own."""
    quantity, price = number(told["qty"]), number(told["price"])
    if quantity is None or price is None:
        raise ValueError(f"execution {told['id']} has no quantity or price")
    symbol = str(told["symbol"])
    side = Side.BUY if told["side"] == "buy" else Side.SELL  # sell and sell_short
    time = moment(told.get("transaction_time")) or time_of(str(told["id"]))
    what = instrument(symbol, class_of(symbol), quantity)
    return Fill(str(told["id"]), client_id, account, "", what, side, abs(quantity), price, ZERO, time)


def class_of(symbol: str) -> str:
    """The class of asset that a symbol is written like."""
    if "/" in symbol:
        return "crypto"
    return "us_option" if len(symbol) > 15 and symbol[-8:].isdecimal() else "us_equity"


def bookings(told: Iterable[Activity], account: str) -> list[tuple[str, Booking]]:
    """What happened other than trades, each with its cursor. What an option was exercised into belongs to it.

    Changes of a holding in words that are new here are left out: the comparison with the broker shows them to a person.
    """
    rest = [a for a in told if a.get("activity_type") != "FILL" and a.get("status", "executed") != "canceled"]
    made: list[tuple[str, Booking]] = []
    shares = [a for a in rest if a["activity_type"] == "OPTRD"]
    for activity in _splits_together(rest):
        if activity["activity_type"] != "OPTRD" and (booking := _booking(activity, shares, account)):
            made.append((str(activity["id"]), booking))
    return made


def _booking(told: Activity, shares: list[Activity], account: str) -> Booking | None:
    kind = str(told["activity_type"])
    if kind in _OPTIONS:
        return _option(told, shares, account)
    if kind in _UNITS and number(told.get("qty")):
        return _held(told, _UNITS[kind], account)
    if kind in ("CFEE", "CIL") and number(told.get("qty")):
        return _held(told, BookingKind.CASH_IN_LIEU, account)  # a fee that was taken in the coin, a fraction paid out
    known = _CASH.get(kind) or (BookingKind.DIVIDEND if kind.startswith("DIV") else None)
    known = known or (BookingKind.INTEREST if kind.startswith("INT") else BookingKind.DEPOSIT)
    return _money(told, known, account, "" if kind in ("CSD", "CSW", "TRANS", *_CASH) else kind)


def _money(told: Activity, kind: BookingKind, account: str, note: str) -> Booking | None:
    amount = number(told.get("net_amount")) or ZERO
    if not amount:
        return None
    kind = BookingKind.DEPOSIT if kind is BookingKind.CASH_IN_LIEU else kind
    about = str(told.get("symbol") or "") if kind is BookingKind.DIVIDEND else ""
    words = [w for w in (note, str(told.get("description") or "")) if w]
    return Booking(
        str(told["id"]), kind, amount, str(told.get("currency") or "USD"), time_of(str(told["id"])),
        _instrument(about) if about else None, note=": ".join(words), account=account,
    )  # fmt: skip


def _held(told: Activity, kind: BookingKind, account: str) -> Booking:
    quantity = number(told["qty"]) or ZERO
    price = abs(number(told.get("price")) or ZERO) if kind is BookingKind.IMPORT else None
    cash = ZERO if kind is BookingKind.IMPORT else number(told.get("net_amount")) or ZERO
    return Booking(
        str(told["id"]), kind, cash, "USD", time_of(str(told["id"])), _instrument(str(told["symbol"]), quantity),
        quantity, str(told.get("description") or ""), account=account, price=price,
    )  # fmt: skip


def _option(told: Activity, shares: list[Activity], account: str) -> Booking:
    """Contracts that are gone, and the shares that came or went for them: Alpaca tells those as an OPTRD of the day."""
    contract, quantity = option_of(str(told["symbol"])), number(told["qty"]) or ZERO
    units = abs(quantity) * contract.multiplier
    match = [a for a in shares if a.get("symbol") == contract.underlying and a.get("date") == told.get("date")]
    match = [a for a in match if abs(number(a.get("qty")) or ZERO) == units]
    delivery = match[0] if match and told["activity_type"] != "OPEXP" else None
    cash, delivered, came = number(told.get("net_amount")) or ZERO, None, ZERO
    if delivery is not None:
        shares.remove(delivery)
        cash, came = number(delivery.get("net_amount")) or ZERO, number(delivery["qty"]) or ZERO
        delivered = _instrument(str(delivery["symbol"]), came)
    return Booking(
        str(told["id"]), _OPTIONS[str(told["activity_type"])], cash, "USD", time_of(str(told["id"])), contract,
        quantity, str(told.get("description") or ""), delivered, came, account,
    )  # fmt: skip


def _splits_together(told: list[Activity]) -> list[Activity]:
    """A split that is told as units taken and units given is one: the sum of both."""
    kept: list[Activity] = []
    places: dict[tuple[Any, Any], int] = {}
    for activity in told:
        if activity["activity_type"] not in ("SPLIT", "SSP"):
            kept.append(activity)
            continue
        key = (activity.get("symbol"), activity.get("date"))
        if key in places:
            first = kept[places[key]]
            both = (number(first["qty"]) or ZERO) + (number(activity["qty"]) or ZERO)
            kept[places[key]] = {**first, "qty": str(both)}
        else:
            places[key] = len(kept)
            kept.append(activity)
    return kept


def _instrument(symbol: str, quantity: Decimal = Decimal(1)) -> Instrument:
    return instrument(symbol, class_of(symbol), quantity)
