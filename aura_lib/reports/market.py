"""What a quote page is made of: bars gathered to fewer, studies of them, what moved most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from aura_lib import indicators
from aura_lib.core.errors import InputError
from aura_lib.reports import formats

MOST = 420  # candles of one figure: more would be thinner than three pixels
PERIODS = MappingProxyType({"W": "weekly", "M": "monthly", "Q": "quarterly", "Y": "yearly"})
HOW = MappingProxyType({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})


@dataclass(frozen=True, slots=True)
class Study:
    """Something computed from bars: lines over the prices, or in a pane of its own with these levels marked."""

    label: str
    compute: Callable[[pd.DataFrame], pd.DataFrame]
    pane: bool = False
    levels: tuple[float, ...] = ()
    bars: tuple[str, ...] = ()  # columns that are drawn as bars


def _average(of: Callable[..., pd.Series], name: str, window: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: of(frame["close"], window).to_frame(name)


def _bands(frame: pd.DataFrame) -> pd.DataFrame:
    bands = indicators.bollinger(frame["close"], 20, 2.0)
    names = ("lower", "middle", "upper")
    return pd.DataFrame({f"Bollinger {name}": getattr(bands, name) for name in names})


def _macd(frame: pd.DataFrame) -> pd.DataFrame:
    made = indicators.macd(frame["close"], 12, 26, 9)
    return pd.DataFrame({"Histogram": made.histogram, "MACD": made.line, "Signal": made.signal})


STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "sma20": Study("SMA 20", _average(indicators.sma, "SMA 20", 20)),
        "sma50": Study("SMA 50", _average(indicators.sma, "SMA 50", 50)),
        "sma200": Study("SMA 200", _average(indicators.sma, "SMA 200", 200)),
        "ema20": Study("EMA 20", _average(indicators.ema, "EMA 20", 20)),
        "bollinger": Study("Bollinger 20, 2", _bands),
        "rsi": Study("RSI 14", _average(indicators.rsi, "RSI 14", 14), pane=True, levels=(30.0, 70.0)),
        "macd": Study("MACD 12, 26, 9", _macd, pane=True, levels=(0.0,), bars=("Histogram",)),
    }
)


def gathered(frame: pd.DataFrame, period: str, zone: str = formats.ZONE) -> pd.DataFrame:
    """Bars of longer periods, of the exchange's days: first open, highest high, lowest low, last close, all volume.

    `frame` has a row a bar (its closing moment, UTC) and some of open, high, low, close, volume; `period` is W, M, Q
    or Y. A row of the result is stamped with the last bar of its period.
    """
    if period not in PERIODS:
        raise InputError(f"period={period!r}: give one of {', '.join(PERIODS)}")
    times = pd.DatetimeIndex(frame.index)
    groups = times.tz_convert(zone).tz_localize(None).to_period(period)
    made = frame.groupby(groups).agg({name: HOW[name] for name in frame.columns})
    last = np.flatnonzero(np.append(groups[1:] != groups[:-1], True))
    return made.set_axis(times[last].as_unit("us"), axis=0)


def fewer(frame: pd.DataFrame, zone: str = formats.ZONE, most: int = MOST) -> tuple[pd.DataFrame, str]:
    """Daily bars, or as few of longer periods as one figure can show; and what they are ("daily", "weekly" …)."""
    if len(frame) <= most:
        return frame, "daily"
    for period, word in PERIODS.items():  # noqa: B007 - the last one stays
        made = gathered(frame, period, zone)
        if len(made) <= most:
            break
    return made, word


def studied(frame: pd.DataFrame, names: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Each study's lines, a row a bar. An unknown study raises InputError."""
    unknown = [name for name in names if name not in STUDIES]
    if unknown:
        raise InputError(f"unknown study {unknown[0]!r}: there is {', '.join(STUDIES)}")
    return {name: STUDIES[name].compute(frame) for name in names}


def movers(changes: pd.Series, count: int = 5) -> tuple[pd.Series, pd.Series]:
    """The largest gains and the largest losses of `changes` (symbol → fraction), each from the largest on."""
    known = changes.dropna().sort_values(ascending=False, kind="stable")
    return known[known > 0].head(count), known[known < 0].iloc[::-1].head(count)


def digits(price: float) -> int:
    """How many decimals a price is written with: cents, and more where a cent is much of it.

    Example:
        >>> digits(2450.5), digits(3.2), digits(0.0042)
        (2, 2, 6)
    """
    size = abs(price)
    return 2 if size >= 1 or not size > 0 else 4 if size >= 0.1 else 6


SIGNS = MappingProxyType({"USD": "$", "INR": "₹", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "CN¥", "HKD": "HK$"})


def price(value: float, currency: str = "USD") -> str:
    """A price with the sign of its currency, or its code where it has none of its own; points for no currency.

    Example:
        >>> price(2450.5, "INR"), price(0.25), price(12.0, "SEK"), price(float("nan"))
        ('₹2,450.50', '$0.2500', 'SEK 12.00', '–')
    """
    if value != value:
        return formats.NOTHING
    sign = SIGNS.get(currency, f"{currency} " if currency else "")
    return f"{sign}{value:,.{digits(value)}f}"


def short(value: float) -> str:
    """A volume in three digits.

    Example:
        >>> short(1_234_567.0), short(950.0), short(float("nan"))
        ('1.23 M', '950', '–')
    """
    if value != value:
        return formats.NOTHING
    for size, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}" if abs(value) < 999.5 * size else f"{value / size:,.0f} {name}"
    return f"{value:,.0f}"
