"""What things are worth now: Alpaca's snapshots as quotes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aura_lib.core import DataError, Quote
from aura_lib.data.sources.alpaca.door import Door
from aura_lib.data.sources.alpaca.options import Options
from aura_lib.data.sources.alpaca.symbols import Kind

NAN = float("nan")
DAY = timedelta(days=1)


def quotes(door: Door, kind: Kind, symbols: Sequence[str], options: Options, name: str) -> list[Quote]:
    """One page of quotes; symbols that have none are left out."""
    answer = _asked(door, kind, list(symbols), options)
    try:
        made = [_quote(s, answer[s], name) for s in symbols if isinstance(answer.get(s), Mapping)]
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"alpaca: a snapshot that cannot be read ({type(error).__name__}: {error})") from None
    return [quote for quote in made if quote is not None]


def _asked(door: Door, kind: Kind, symbols: list[str], options: Options) -> Mapping[str, Any]:
    from alpaca.data.enums import DataFeed, OptionsFeed
    from alpaca.data.requests import CryptoSnapshotRequest, OptionSnapshotRequest, StockSnapshotRequest

    what = f"quotes of {', '.join(symbols[:5])}"
    if kind is Kind.STOCK:
        stocks = StockSnapshotRequest(symbol_or_symbols=symbols, feed=DataFeed(options.live_feed))
        answer: Any = door.ask(what, lambda: door.stocks.get_stock_snapshot(stocks))
    elif kind is Kind.CRYPTO:
        pairs = CryptoSnapshotRequest(symbol_or_symbols=symbols)
        answer = door.ask(what, lambda: door.crypto.get_crypto_snapshot(pairs))
    else:
        contracts = OptionSnapshotRequest(symbol_or_symbols=symbols, feed=OptionsFeed(options.contracts))
        answer = door.ask(what, lambda: door.options.get_option_snapshot(contracts))
    return dict(answer)


def _quote(symbol: str, told: Mapping[str, Any], name: str) -> Quote | None:
    trade, book, today, before = (
        told.get(key) or {} for key in ("latestTrade", "latestQuote", "dailyBar", "prevDailyBar")
    )
    price, moment = trade.get("p"), trade.get("t")
    if not price:
        price, moment = today.get("c"), today.get("t")
    if not price or not moment:
        return None
    if today.get("t") and _moment(moment) >= _moment(today["t"]) + DAY:  # before the open the last day is told as today
        today, before = {}, today
    return Quote(
        symbol,
        time=_moment(moment),
        price=float(price),
        **_sides(book),
        **{field: _positive(today.get(letter)) for field, letter in (("open", "o"), ("high", "h"), ("low", "l"))},
        previous=_positive(before.get("c")),
        volume=float(today["v"]) if today.get("v") is not None else NAN,
        currency=symbol.partition("/")[2] or "USD",
        source=name,
    )


def _sides(book: Mapping[str, Any]) -> dict[str, float]:
    """Bid and ask with their sizes; a side without a price is NaN (Alpaca writes 0)."""
    sides = {}
    for side, letter in (("bid", "b"), ("ask", "a")):
        price = _positive(book.get(f"{letter}p"))
        sides[side] = price
        sides[f"{side}_size"] = NAN if math.isnan(price) else float(book.get(f"{letter}s") or NAN)
    return sides


def _positive(told: Any) -> float:
    return float(told) if told is not None and float(told) > 0 else NAN


def _moment(text: str) -> datetime:
    """A time of the wire, with nanoseconds, as a UTC moment with microseconds."""
    return datetime.fromisoformat(text).astimezone(UTC)
