"""From Yahoo's rows to bars as they traded, splits and dividends as they were paid, and quotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import AssetClass, Bars, Calendar, DataError, InputError, Instrument, Quote
from aura_lib.core.frequency import INTRADAY
from aura_lib.core.market_data import FIELDS
from aura_lib.data.quality import Quarantine
from aura_lib.data.sources.yfinance.exchanges import HUNDREDTHS, described, unit
from aura_lib.data.vendor import History

PRICES = ["Open", "High", "Low", "Close"]
NAN = float("nan")
Places = npt.NDArray[np.intp]


def history(
    found: Mapping[str, tuple[pd.DataFrame, Mapping[str, Any]]],
    frequency: str,
    now: datetime,
    start: datetime | None,
    remarks: Iterable[str] = (),
) -> History:
    """What yfinance found of each symbol as one panel of bars that have closed by now, at or after start."""
    instruments, calendar = _described(found)
    told, raw, actions, aside = list(remarks), {}, [], [Quarantine()]
    for symbol, (frame, meta) in found.items():
        if instruments[symbol].asset_class is AssetClass.FX and frequency == "1d":
            frame = _days_over(frame, now)
        bars, events = _traded(symbol, frame, frequency, calendar, unit(meta["currency"]), told, aside)
        bars = bars[bars.index <= pd.Timestamp(now)]
        if bars.empty and start is None:
            why = f" on a session of {calendar.name} that has closed" if len(frame) else ": it has no bars"
            raise DataError(f"yfinance: Yahoo gave no prices of {symbol}{why}")
        events = _reached(events, bars, calendar, told)
        if start is not None:
            bars, events = bars[bars.index >= pd.Timestamp(start)], events[events["time"] >= pd.Timestamp(start)]
        raw[symbol] = bars
        actions.append(events)
    fields = _panel(raw, calendar, frequency)
    panel = Bars(fields, "yfinance", frequency, calendar=calendar.name, adjustment="", instruments=instruments)
    return History(panel, pd.concat(actions, ignore_index=True), tuple(told), sum(aside[1:], aside[0]))


def _described(found: Mapping[str, tuple[pd.DataFrame, Mapping[str, Any]]]) -> tuple[dict[str, Instrument], Calendar]:
    """What the symbols are, and the one calendar that they follow."""
    known = {symbol: described(symbol, meta) for symbol, (_, meta) in found.items()}
    calendars = {symbol: calendar for symbol, (_, calendar) in known.items()}
    if len(set(calendars.values())) > 1:
        listed = ", ".join(f"{symbol} {calendar}" for symbol, calendar in calendars.items())
        raise InputError(f"these symbols follow different calendars ({listed}): load those of one exchange at a time")
    instruments = {symbol: instrument for symbol, (instrument, _) in known.items()}
    return instruments, Calendar.of(next(iter(calendars.values())))


def _days_over(frame: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Without the day that is not over where Yahoo counts it: of a currency, in London."""
    if frame.empty:
        return frame
    over: pd.DataFrame = frame[pd.DatetimeIndex(frame.index) + pd.Timedelta(days=1) <= pd.Timestamp(now)]
    return over


def _traded(
    symbol: str, frame: pd.DataFrame, frequency: str, calendar: Calendar, scale: float, told: list[str],
    aside: list[Quarantine],
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Bars by their close and events of a symbol, as they were on the day.

    What was left out is added to `told`, and as Yahoo gave it to `aside`.
    """
    if frame.empty:
        return pd.DataFrame(columns=list(FIELDS), index=pd.DatetimeIndex([], tz="UTC"), dtype="float64"), _events()
    frame = _with_gains(symbol, frame, told)
    ratio = frame["Stock Splits"].where(frame["Stock Splits"] > 0, 1.0)
    later = ratio[::-1].cumprod()[::-1] / ratio  # the splits after the row
    events = _paid(symbol, frame, later * scale, calendar)
    yahoo = frame[[*PRICES, "Volume"]].astype("float64").set_axis(list(FIELDS), axis=1)
    wrong = (yahoo[list(FIELDS[:4])] <= 0).any(axis=1)
    if wrong.any():
        told.append(f"{symbol}: {_days(frame.index[wrong])} with a price that is not positive: taken as missing")
        words = {"source": "yfinance", "frequency": frequency, "symbol": symbol}
        session, closes = _closes(pd.DatetimeIndex(yahoo.index[wrong]), frequency, calendar)
        moments = closes.where(session >= 0, pd.DatetimeIndex(yahoo.index[wrong]).tz_convert("UTC"))
        detail = "a price is not positive"
        aside.append(Quarantine.from_table(yahoo[wrong], moments, check="not positive", detail=detail, **words))
        yahoo = yahoo.where(~wrong)
    bars = yahoo[list(FIELDS[:4])].mul(later * scale, axis=0).assign(volume=yahoo["volume"] / later)
    bars = bars[bars["close"].notna()]
    session, closes = _closes(pd.DatetimeIndex(bars.index), frequency, calendar)
    outside = session < 0
    if outside.any():
        words = {"source": "yfinance", "frequency": frequency, "symbol": symbol}
        moments = pd.DatetimeIndex(bars.index[outside]).tz_convert("UTC")
        detail = f"no session of {calendar.name}"
        aside.append(Quarantine.from_table(bars[outside], moments, check="unexpected bar", detail=detail, **words))
        since = f"{calendar.name} (known from {calendar.sessions[0].date()} on)"
        told.append(f"{symbol}: {_days(bars.index[outside])} without a session of {since}: left out")
    bars = bars[~outside].set_axis(closes[~outside], axis=0)
    return bars[~bars.index.duplicated()], events


def _with_gains(symbol: str, frame: pd.DataFrame, told: list[str]) -> pd.DataFrame:
    """Dividends with the capital gains that a fund paid out.

    Yahoo tells gains apart, and since 2025 within the dividend as well (yfinance issue 2666). A dividend that is no
    less than the gain is taken to hold it; any other has it added.
    """
    gains = frame["Capital Gains"] if "Capital Gains" in frame else pd.Series(0.0, frame.index)
    paid = gains > 0
    if not paid.any():
        return frame
    told.append(f"{symbol}: capital gains paid on {_days(frame.index[paid])}: added to a smaller dividend only")
    apart = paid & (frame["Dividends"] < gains)
    return frame.assign(Dividends=frame["Dividends"] + gains.where(apart, 0.0))


def _closes(times: pd.DatetimeIndex, frequency: str, calendar: Calendar) -> tuple[Places, pd.DatetimeIndex]:
    """The session of each row (-1: none), and when its bar closed."""
    if frequency == "1d":
        session = calendar.sessions.get_indexer(pd.Index(times.tz_localize(None).normalize().as_unit("us")))
        return session, calendar.closes[session]
    begins = times.tz_convert("UTC").as_unit("us").floor("min")
    session = calendar.closes.searchsorted(begins, side="right")
    inside = session < len(calendar.closes)
    session = np.where(inside, session, 0)
    ends = np.minimum((begins + INTRADAY[frequency]).asi8, calendar.closes[session].asi8)
    session = np.where(inside & (begins >= calendar.opens[session]), session, -1)
    return session, pd.DatetimeIndex(ends.astype("datetime64[us]"), tz="UTC")


def _paid(symbol: str, frame: pd.DataFrame, scale: pd.Series[float], calendar: Calendar) -> pd.DataFrame:
    """Splits, and dividends as they were paid. Yahoo's own dividends are adjusted for the splits after them."""
    some = frame[(frame["Dividends"] != 0) | (frame["Stock Splits"] != 0)]
    days = pd.DatetimeIndex(some.index).tz_localize(None).normalize().as_unit("us")
    session = calendar.sessions.searchsorted(days)
    known = (session < len(calendar.sessions)) & (days >= calendar.sessions[0])
    some, session = some[known], session[known]
    split = some["Stock Splits"].where(some["Stock Splits"] > 0, 1.0)
    each = pd.DataFrame(
        {"dividend": (some["Dividends"] * scale[some.index]).to_numpy(), "split": split.to_numpy()},
        index=calendar.closes[session],
    )
    summed = each.groupby(level=0).agg({"dividend": "sum", "split": "prod"})
    summed["split"] = summed["split"].where(summed["split"] != 1, 0.0)
    table = {"time": summed.index, "symbol": symbol, "dividend": summed["dividend"], "split": summed["split"]}
    return _events(table)


def _events(table: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """A table of splits and dividends."""
    empty = {"time": pd.DatetimeIndex([], tz="UTC"), "symbol": [], "dividend": [], "split": []}
    kinds = {"time": "datetime64[us, UTC]", "symbol": "str", "dividend": "float64", "split": "float64"}
    return pd.DataFrame(table or empty).reset_index(drop=True).astype(kinds)


def _reached(events: pd.DataFrame, bars: pd.DataFrame, calendar: Calendar, told: list[str]) -> pd.DataFrame:
    """The events of sessions that have a bar by now, without dividends that cannot be; these are added to `told`."""
    if bars.empty:
        return events.iloc[:0]
    opens = calendar.opens[calendar.closes.get_indexer(pd.Index(events["time"]))]
    row = bars.index.searchsorted(opens, side="right")  # the first bar with it
    before = np.append(np.inf, bars["close"].to_numpy())[row]  # nothing is before the first bar
    worth = events["dividend"] * events["split"].where(events["split"] > 0, 1.0)
    wrong = (worth < 0) | (worth >= before)
    for _, odd in events[wrong].iterrows():
        day = f"{odd['time']:%Y-%m-%d}"
        told.append(f"{odd['symbol']}: a dividend of {odd['dividend']:g} on {day}, which the price forbids: left out")
    events = events.assign(dividend=events["dividend"].where(~wrong, 0.0))
    reached: pd.DataFrame = events[(row < len(bars)) & ((events["dividend"] > 0) | (events["split"] > 0))]
    return reached


def _days(days: pd.Index) -> str:
    return f"{len(days)} day(s) from {days[0].date()} to {days[-1].date()}" if len(days) > 1 else f"{days[0].date()}"


def _panel(frames: Mapping[str, pd.DataFrame], calendar: Calendar, frequency: str) -> dict[str, pd.DataFrame]:
    """Field → frame; NaN where a symbol has no bar."""
    times = _times([pd.DatetimeIndex(frame.index).as_unit("us") for frame in frames.values()], calendar, frequency)
    return {field: pd.DataFrame({s: frame[field].reindex(times) for s, frame in frames.items()}) for field in FIELDS}


def _times(each: Iterable[pd.DatetimeIndex], calendar: Calendar, frequency: str) -> pd.DatetimeIndex:
    """Of days every session from the first bar to the last, of minutes and hours those that there are."""
    some = [times for times in each if len(times)]
    if some and frequency == "1d":
        return calendar.closes_between(min(times[0] for times in some), max(times[-1] for times in some))
    moments = np.unique(np.concatenate([times.asi8 for times in some])) if some else np.array([], dtype="int64")
    return pd.DatetimeIndex(moments.astype("datetime64[us]"), tz="UTC")


def quotes(answers: Iterable[Mapping[str, Any]]) -> list[Quote]:
    """What Yahoo says that symbols are worth; those without a price or time are left out."""
    return [_quote(told) for told in answers if told.get("regularMarketPrice") and told.get("regularMarketTime")]


def _quote(told: Mapping[str, Any]) -> Quote:
    currency = told.get("currency") or ""

    def price(name: str) -> float:
        return float(told.get(name) or NAN) * unit(currency)  # 0: there is none

    return Quote(
        told["symbol"],
        datetime.fromtimestamp(told["regularMarketTime"], UTC),
        price("regularMarketPrice"),
        bid=price("bid"),
        ask=price("ask"),
        open=price("regularMarketOpen"),
        high=price("regularMarketDayHigh"),
        low=price("regularMarketDayLow"),
        previous=price("regularMarketPreviousClose"),
        volume=float(told.get("regularMarketVolume", NAN)),
        currency=HUNDREDTHS.get(currency, currency),
        source="yfinance",
    )
