"""Trades that a stream has missed, from Alpaca's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aura_lib.core import Calendar, DataError, Tick
from aura_lib.data.sources.alpaca.door import Door
from aura_lib.data.sources.alpaca.messages import Hours
from aura_lib.data.sources.alpaca.options import Options
from aura_lib.data.sources.alpaca.symbols import Kind


def trades(
    door: Door,
    kind: Kind,
    symbols: Sequence[str],
    after: datetime,
    until: datetime,
    options: Options,
    calendar: Calendar | None,
) -> list[Tick]:
    """The trades of (after, until], within the calendar's sessions (None: at any time). Raises what `Door.ask` does."""
    answer = _asked(door, kind, list(symbols), after, until, options)
    hours = None if calendar is None else Hours(calendar)
    try:
        found = [_tick(symbol, row) for symbol, rows in answer.items() for row in rows]
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"alpaca: a trade that cannot be read ({type(error).__name__}: {error})") from error
    return [tick for tick in found if after < tick.time <= until and (hours is None or tick.time in hours)]


def _asked(
    door: Door, kind: Kind, symbols: list[str], after: datetime, until: datetime, options: Options
) -> Mapping[str, Any]:
    from alpaca.data.enums import DataFeed
    from alpaca.data.requests import CryptoTradesRequest, StockTradesRequest

    what = f"trades of {', '.join(symbols[:5])}"
    words: dict[str, Any] = {"symbol_or_symbols": symbols, "start": after, "end": until}
    if kind is Kind.CRYPTO:
        answer: Any = door.ask(what, lambda: door.crypto.get_crypto_trades(CryptoTradesRequest(**words)))
    else:
        stocks = StockTradesRequest(**words, feed=DataFeed(options.live_feed))
        answer = door.ask(what, lambda: door.stocks.get_stock_trades(stocks))
    return dict(answer)


def _tick(symbol: str, row: Mapping[str, Any]) -> Tick:
    moment = datetime.fromisoformat(row["t"]).astimezone(UTC)
    return Tick(symbol, moment, float(row["p"]), float(row["s"]), row.get("i"))
