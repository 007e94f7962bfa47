"""What comes in live: a trade, a quote, a bar that has just closed. Floats, like all market data; times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Bar", "Quote", "Tick"]

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Tick:
    """One trade. `sequence` is the venue's running number of the symbol, or the trade's id; None where it has none."""

    symbol: str
    time: datetime
    price: float
    size: float = NAN
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one symbol; `time` is when it closed. `sequence` as for a Tick."""

    symbol: str
    time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float = NAN
    frequency: str = "1m"
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a symbol is worth now, as far as its source tells; NaN: it does not.

    `time` is when the price was made, `price` the last trade (or close), `previous` the close of the session before,
    `bid_size` and `ask_size` in shares or coins, `volume` of the session so far.
    """

    symbol: str
    time: datetime
    price: float
    bid: float = NAN
    ask: float = NAN
    bid_size: float = NAN
    ask_size: float = NAN
    open: float = NAN
    high: float = NAN
    low: float = NAN
    previous: float = NAN
    volume: float = NAN
    currency: str = "USD"
    source: str = ""
