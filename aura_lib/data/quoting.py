"""What symbols are worth now, over any source: asked of the vendor where it tells, else the last stored bars."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from aura_lib.core import Bars, InputError, Quote, Quoter, Settings, utc
from aura_lib.data import sources
from aura_lib.data.loading import load

__all__ = ["COLUMNS", "quotes"]

NUMBERS = (
    *("price", "previous", "change", "open", "high", "low"),
    *("bid", "ask", "bid_size", "ask_size", "volume"),
)
COLUMNS = ("time", *NUMBERS, "currency", "source")


def quotes(
    symbols: Sequence[str] | Mapping[str, Sequence[str]],
    source: str = "sample",
    settings: Settings | None = None,
    **reading: Any,
) -> pd.DataFrame:
    """A row a symbol with its last price, in the order asked for.

    A source with live quotes is asked once for each page of symbols that its vendor allows. Of another one the last
    two bars answer that the store has; it is filled first where it has none.

    Args:
        symbols: a list; or source → list, for symbols of several sources.
        source: name of the data source of a list.
        settings: where AURA_HOME is; from the environment when not given.
        reading: options of the source's class.

    Returns:
        By symbol: time (when the price was made, UTC), price, previous (close of the session before; of a coin the
        price of 24 hours before), change (fraction of previous), open, high, low, bid, ask, bid_size, ask_size, volume,
        currency, source. NaN: the source does not tell. A symbol that got no answer is NaN throughout, and a warning
        names it.

    Raises:
        InputError: no symbols, one twice, one that the source does not list, or an unknown source.
        DataError: a vendor cannot be reached or answers nonsense.
    """
    wanted = {source: symbols} if not isinstance(symbols, Mapping) else symbols
    named = [symbol for some in wanted.values() for symbol in _named(some)]
    twice = sorted({symbol for symbol in named if named.count(symbol) > 1})
    if twice or not named:
        raise InputError(f"symbols names {twice} more than once" if twice else "an empty list of symbols: name some")
    found = {q.symbol: q for name, some in wanted.items() if some for q in _of(name, list(some), settings, reading)}
    silent = [symbol for symbol in named if symbol not in found]
    if silent:
        warnings.warn(f"{', '.join(wanted)}: no quote of {', '.join(silent)}", stacklevel=2)
    return _table(named, found)


def _named(symbols: Sequence[str]) -> Sequence[str]:
    if isinstance(symbols, str) or not all(isinstance(symbol, str) for symbol in symbols):
        raise InputError(f"symbols must be a list of texts, such as ['AAPL', 'MSFT'], not {symbols!r}")
    return symbols


def _of(source: str, symbols: list[str], settings: Settings | None, reading: Mapping[str, Any]) -> Iterable[Quote]:
    adapter = sources.get(source, **reading)
    if isinstance(adapter, Quoter):
        return adapter.quotes(symbols)
    return _last(load(symbols, source=source, settings=settings, **reading))


def _last(bars: Bars) -> list[Quote]:
    """What the last two bars of each symbol say; nothing of a symbol that never traded."""
    found = [(symbol, bars.close[symbol].dropna().iloc[-2:]) for symbol in bars.symbols]
    return [_quote(bars, symbol, close) for symbol, close in found if len(close)]


def _quote(bars: Bars, symbol: str, close: pd.Series[float]) -> Quote:
    moment = close.index[-1]
    told = {name: float(frame[symbol].loc[moment]) for name, frame in bars.fields.items() if name != "close"}
    previous = {"previous": float(close.iloc[-2])} if len(close) > 1 else {}
    currency = bars.instruments[symbol].currency
    return Quote(symbol, utc(moment), float(close.iloc[-1]), currency=currency, source=bars.source, **told, **previous)


def _table(symbols: Sequence[str], found: Mapping[str, Quote]) -> pd.DataFrame:
    rows = [_row(found.get(symbol)) for symbol in symbols]
    table = pd.DataFrame(rows, index=pd.Index(list(symbols), name="symbol"), columns=list(COLUMNS))
    return table.astype({"time": "datetime64[us, UTC]", **dict.fromkeys(NUMBERS, "float64")})


def _row(quote: Quote | None) -> dict[str, Any]:
    if quote is None:
        return {"currency": "", "source": ""}
    told = {name: getattr(quote, name) for name in COLUMNS if name != "change"}
    return {**told, "change": quote.price / quote.previous - 1}
