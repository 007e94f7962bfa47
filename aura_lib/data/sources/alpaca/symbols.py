"""What a symbol at Alpaca is: a stock, a crypto pair or an option, by how it is written; and its instrument."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import pandas as pd

from aura_lib.core import OCC, AssetClass, InputError, Instrument, option_of
from aura_lib.data.sources.alpaca.door import Door, NotAllowed, NotThere

PAIR = re.compile(r"[A-Z0-9]{1,10}/[A-Z0-9]{2,10}")
STOCK = re.compile(r"[A-Z][A-Z0-9]{0,7}(\.[A-Z0-9]{1,4})?")
FEW = 20  # so many assets are asked for one by one; more of them come with all others, in one answer of megabytes
SHARE = Decimal("0.000000001")  # fractions of shares that may be traded
VENUES = {
    "NYSE": "XNYS", "NASDAQ": "XNAS", "AMEX": "XASE", "ARCA": "ARCX", "NYSEARCA": "ARCX", "BATS": "BATS", "OTC": "OTCM",
}  # fmt: skip
LISTED = ("symbol", "name", "exchange", "sector", "asset_class", "currency")


class Kind(StrEnum):
    """What is asked for at one of Alpaca's doors."""

    STOCK = "stock"
    OPTION = "option"
    CRYPTO = "crypto"


CLASSES = {Kind.STOCK: "us_equity", Kind.CRYPTO: "crypto"}  # not told, Alpaca takes the first


def kind_of(symbol: str) -> Kind:
    """Stock (AAPL), crypto pair (BTC/USD) or option (AAPL240119C00190000); InputError for what is none."""
    if PAIR.fullmatch(symbol):
        return Kind.CRYPTO
    if OCC.fullmatch(symbol):
        return Kind.OPTION
    if STOCK.fullmatch(symbol):
        return Kind.STOCK
    raise InputError(
        f"alpaca: {symbol!r} is written like no symbol there: a stock is AAPL or BRK.B, a crypto pair BTC/USD, an "
        "option AAPL240119C00190000"
    )


def by_kind(symbols: Iterable[str]) -> dict[Kind, list[str]]:
    """The symbols of each kind."""
    sorted_out: dict[Kind, list[str]] = {}
    for symbol in symbols:
        sorted_out.setdefault(kind_of(symbol), []).append(symbol)
    return sorted_out


def calendar_of(symbols: Sequence[str]) -> str:
    """The one calendar of all of them; InputError when they follow two, or there are none."""
    if not symbols:
        raise InputError("alpaca: an empty list of symbols; name at least one, such as AAPL or BTC/USD")
    kinds = by_kind(symbols)
    if Kind.CRYPTO in kinds and len(kinds) > 1:
        others = [s for kind, some in kinds.items() if kind is not Kind.CRYPTO for s in some]
        raise InputError(
            f"alpaca: {', '.join(kinds[Kind.CRYPTO][:5])} follow the calendar 24/7, {', '.join(others[:5])} XNYS: load "
            "crypto and the others one after the other"
        )
    return "24/7" if Kind.CRYPTO in kinds else "XNYS"


def instrument(symbol: str, asset: Mapping[str, Any] | None) -> Instrument:
    """The instrument, from how its symbol is written and what Alpaca says of it (None: nothing)."""
    kind, known = kind_of(symbol), asset or {}
    if kind is Kind.OPTION:
        return option_of(symbol)
    if kind is Kind.CRYPTO:
        tick = _number(known.get("price_increment"), "0.000000001")
        lot = _number(known.get("min_trade_increment"), "0.000000001")
        return Instrument(symbol, AssetClass.CRYPTO, symbol.partition("/")[2], "24/7", lot, tick)
    lot = SHARE if known.get("fractionable") else Decimal(1)
    return Instrument(symbol, venue=VENUES.get(str(known.get("exchange")), "XNYS"), lot=lot)


def _number(told: Any, otherwise: str) -> Decimal:
    try:
        number = Decimal(str(told))
    except InvalidOperation:
        return Decimal(otherwise)
    return number if number.is_finite() and number > 0 else Decimal(otherwise)


def assets(door: Door, symbols: Sequence[str]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """What Alpaca says of stocks and pairs, those it knows; and whether these keys may ask at all."""
    wanted = [s for s in symbols if kind_of(s) is not Kind.OPTION]
    try:
        if len(wanted) > FEW:
            classes = {CLASSES[kind_of(s)] for s in wanted}
            everything = {row["symbol"]: row for name in sorted(classes) for row in _everything(door, name)}
            return {s: everything[s] for s in wanted if s in everything}, True
        return {s: row for s in wanted if (row := _asset(door, s)) is not None}, True
    except NotAllowed:  # keys for data only, or of another kind of account
        return {}, False


def _asset(door: Door, symbol: str) -> Mapping[str, Any] | None:
    try:
        row: Any = door.ask(symbol, lambda: door.trading.get_asset(symbol.replace("/", "%2F")))
    except NotThere:
        return None
    return dict(row)


def _everything(door: Door, name: str, active: bool = False) -> list[Mapping[str, Any]]:
    """All assets of a class; one that is traded comes after one of the same symbol that is not any more."""
    from alpaca.trading.enums import AssetClass as Class
    from alpaca.trading.enums import AssetStatus
    from alpaca.trading.requests import GetAssetsRequest

    wanted = GetAssetsRequest(asset_class=Class(name), status=AssetStatus.ACTIVE if active else None)
    rows: Any = door.ask("the list of assets", lambda: door.trading.get_all_assets(wanted))
    return door.ask("the list of assets", lambda: sorted(rows, key=lambda row: row["status"] == "active"))


def listings(door: Door) -> pd.DataFrame:
    """What is traded: columns LISTED; no sector is told (""). NotAllowed for keys that are for data only."""
    rows = [row for name in CLASSES.values() for row in _everything(door, name, active=True)]
    table = pd.DataFrame([_listed(row) for row in rows], columns=list(LISTED), dtype="str")
    return table.sort_values("symbol", ignore_index=True)


def _listed(row: Mapping[str, Any]) -> tuple[str, ...]:
    symbol, name = str(row["symbol"]), str(row.get("name") or "")
    if row["class"] == "crypto":
        return symbol, name, "", "", AssetClass.CRYPTO.value, symbol.partition("/")[2] or "USD"
    exchange = str(row.get("exchange") or "")
    return symbol, name, VENUES.get(exchange, exchange), "", AssetClass.EQUITY.value, "USD"
