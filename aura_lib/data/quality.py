"""What is wrong, or odd, with bars, checked against the exchange calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from aura_lib.core import Bars, Calendar, DataError, InputError, WallClock, utc

__all__ = ["Finding", "Quality", "check", "examine"]

STALE = 5  # identical closes in a row that are worth a look
JUMP = 20.0  # robust standard deviations: a split that was not adjusted is beyond, a crash rarely
LEAST = 0.05  # in log return: no split is smaller, and a quiet series has small outliers
ROUNDING = 1e-6  # of a price: vendors round what they adjust
NORMAL = 1.4826  # a normal variable's standard deviation over its median absolute deviation


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that found something in one symbol (or, with symbol "", in all): how often, and where first."""

    check: str
    severity: Literal["error", "warn"]
    symbol: str
    count: int
    first: datetime
    detail: str

    def __str__(self) -> str:
        return f"{self.check} {self.symbol or '(all symbols)'}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Quality:
    """The report of `check`: what was found in how many bars of how many symbols."""

    source: str
    bars: int
    symbols: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the bars unfit for use."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings may be there."""
        return not self.errors

    def __str__(self) -> str:
        size = f"{self.source}: {self.bars:,} bars of {self.symbols} symbol(s)"
        found = [f"{f.severity}: {f}" for f in self.findings] or ["the checks found nothing"]
        return "\n  ".join([size, *found])

    def table(self) -> pd.DataFrame:
        """One row a finding: check, severity, symbol, count, first (UTC), detail."""
        columns = list(Finding.__slots__)
        return pd.DataFrame([[getattr(f, c) for c in columns] for f in self.findings], columns=columns)

    def without(self, accepted: Iterable[str]) -> Quality:
        """The report without what certain checks found."""
        known = set(accepted)
        return replace(self, findings=tuple(f for f in self.findings if f.check not in known))

    def raise_if_bad(self, advice: str = "") -> None:
        """Raise DataError that names the errors, if there are any, and ends with the advice."""
        if self.ok:
            return
        listed = "\n  ".join(str(f) for f in self.errors[:10])
        more = f"\n  and {len(self.errors) - 10} more: see .table()" if len(self.errors) > 10 else ""
        end = f"\n{advice}" if advice else ""
        raise DataError(
            f"the bars of {self.source} are unfit for use, {len(self.errors)} error(s):\n  {listed}{more}{end}"
        )


def check(bars: Bars | pd.DataFrame, calendar: str | None = None) -> Quality:
    """What is wrong (error) or odd (warn) with bars.

    Errors: duplicate times, sessions without a bar, bars that are no session (both for daily bars), prices that are
    not positive, negative volume, a high below the low, a symbol without any price. Warnings: an open or close outside
    low and high, NaN inside a listing, five or more identical closes in a row, log returns more than 20 robust standard
    deviations (1.4826 × median absolute deviation) from their median, bars that have not closed yet.

    Args:
        bars: Bars, or a raw frame of daily closes (time × symbol, times with a zone) that may not be fit for Bars.
        calendar: market identifier code for a raw frame, XNYS when not given. Bars know their own.

    Raises:
        InputError: a raw frame is not indexed by times with a zone.
    """
    if isinstance(bars, Bars):
        words = {"source": bars.source, "frequency": bars.frequency, "calendar": calendar or bars.calendar}
        return examine(bars.fields, **words)
    return examine({"close": _raw(bars)}, source="this frame", frequency="1d", calendar=calendar or "XNYS")


def examine(fields: Mapping[str, pd.DataFrame], *, source: str, frequency: str, calendar: str) -> Quality:
    """`check` for frames (field → float64, time × symbol, UTC) that may not be fit for Bars."""
    close = fields["close"]
    prices = {name: frame for name, frame in fields.items() if name != "volume"}
    found = [*_duplicates(close)]
    if len(close):
        times = pd.DatetimeIndex(close.index)
        found += _sessions(times, Calendar.of(calendar)) if frequency == "1d" else ()
        found += _future(times)
    found += _not_positive(prices)
    found += _negative_volume(fields)
    found += _ranges(prices)
    ordered = close[~close.index.duplicated()].sort_index()
    for symbol in ordered.columns:
        found += _series(str(symbol), ordered[symbol])
    return Quality(source, len(close), close.shape[1], tuple(found))


def _raw(frame: Any) -> pd.DataFrame:
    index = frame.index if isinstance(frame, pd.DataFrame) else None
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError("quality.check needs Bars, or a DataFrame indexed by times with a zone (when each bar closed)")
    if not frame.columns.is_unique:
        raise InputError(f"quality.check: columns must be unique symbols, not {list(frame.columns)[:10]}")
    try:
        raw: pd.DataFrame = frame.astype("float64").set_axis(index.tz_convert("UTC").as_unit("us"), axis=0)
    except (TypeError, ValueError) as error:
        raise InputError(f"quality.check: the frame holds something that is no number: {error}") from None
    return raw


def _duplicates(close: pd.DataFrame) -> Iterator[Finding]:
    twice = close.index[close.index.duplicated()]
    if len(twice):
        yield Finding("duplicate", "error", "", len(twice), utc(twice[0]), f"{twice[0]} appears more than once")


def _sessions(times: pd.DatetimeIndex, calendar: Calendar) -> Iterator[Finding]:
    expected = calendar.closes_between(utc(times.min()), utc(times.max()))
    missing, extra = expected.difference(times), times.unique().difference(expected)
    for name, which, what in (
        ("missing session", missing, "has no bar"),
        ("unexpected bar", extra, f"is no close of an {calendar.name} session"),
    ):
        if len(which):
            yield Finding(name, "error", "", len(which), utc(which[0]), f"{which[0]} {what} ({len(which)} such)")


def _not_positive(prices: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    for name, frame in prices.items():
        wrong = (frame <= 0) | np.isinf(frame)
        for symbol in frame.columns[wrong.any()]:
            at = frame.index[wrong[symbol].to_numpy()]
            value = frame[symbol][wrong[symbol].to_numpy()].iloc[0]
            detail = f"{name} at {at[0]} is {value} ({len(at)} such)"
            yield Finding("not positive", "error", str(symbol), len(at), utc(at[0]), detail)


def _future(times: pd.DatetimeIndex) -> Iterator[Finding]:
    early = times[times > pd.Timestamp(WallClock().now())]
    if len(early):
        detail = f"the bar of {early[0]} has not closed yet ({len(early)} such): what it holds may still change"
        yield Finding("future", "warn", "", len(early), utc(early[0]), detail)


def _negative_volume(fields: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    if "volume" in fields:
        frame = fields["volume"]
        yield from _cells("not positive", "error", (frame < 0) | np.isinf(frame), "volume is negative or infinite")


def _ranges(prices: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """High below low; open or close outside them by more than rounding."""
    if not {"high", "low"} <= set(prices):
        return
    low, high = prices["low"], prices["high"]
    crossed = high < low * (1 - ROUNDING)
    yield from _cells("high below low", "error", crossed, "the high is below the low")
    for name in ("open", "close"):
        if name in prices:
            outside = (prices[name] > high * (1 + ROUNDING)) | (prices[name] < low * (1 - ROUNDING))
            yield from _cells("outside range", "warn", outside & ~crossed, f"the {name} is not between low and high")


def _cells(check: str, severity: Literal["error", "warn"], wrong: pd.DataFrame, what: str) -> Iterator[Finding]:
    """One finding a symbol, of the cells that are wrong."""
    for symbol in wrong.columns[wrong.any()]:
        at = wrong.index[wrong[symbol].to_numpy()]
        yield Finding(check, severity, str(symbol), len(at), utc(at[0]), f"{what} at {at[0]} ({len(at)} such)")


def _series(symbol: str, close: pd.Series) -> Iterator[Finding]:
    """The checks of one symbol: empty, gap, stale, jump."""
    values = close.to_numpy()
    listed = np.flatnonzero(~np.isnan(values))
    if not len(listed):
        if len(values):
            yield Finding("empty", "error", symbol, len(values), utc(close.index[0]), f"no price in {len(values)} bars")
        return
    life = slice(listed[0], listed[-1] + 1)
    times, values = pd.DatetimeIndex(close.index[life]), values[life]
    yield from _gaps(symbol, times, values)
    yield from _stale(symbol, times, values)
    yield from _jumps(symbol, times, values)


def _gaps(symbol: str, times: pd.DatetimeIndex, values: np.ndarray) -> Iterator[Finding]:
    gaps = times[np.isnan(values)]
    if len(gaps):
        detail = f"no price at {gaps[0]}, inside its listing ({len(gaps)} such)"
        yield Finding("gap", "warn", symbol, len(gaps), utc(gaps[0]), detail)


def _stale(symbol: str, times: pd.DatetimeIndex, values: np.ndarray) -> Iterator[Finding]:
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lengths = np.diff(np.r_[starts, len(values)])
    long = lengths >= STALE
    if long.any():
        first = times[starts[long][0]]
        detail = f"{lengths[long][0]} identical closes from {first} on ({int(long.sum())} such runs)"
        yield Finding("stale", "warn", symbol, int(long.sum()), utc(first), detail)


def _jumps(symbol: str, times: pd.DatetimeIndex, values: np.ndarray) -> Iterator[Finding]:
    known = np.isfinite(values) & (values > 0)
    if known.sum() < 3:
        return
    returns = np.diff(np.log(values[known]))
    away = np.abs(returns - np.median(returns))
    spread = NORMAL * np.median(away)
    far = away > max(JUMP * spread, LEAST)
    if spread > 0 and far.any():
        at, size = times[known][1:][far], returns[far]
        detail = f"close moved by {np.expm1(size[0]):+.1%} at {at[0]} ({len(at)} such): a split that was not adjusted?"
        yield Finding("jump", "warn", symbol, len(at), utc(at[0]), detail)
