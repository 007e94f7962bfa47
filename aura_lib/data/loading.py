"""Load bars: from the store, at the version that answers, adjusted, resampled and cut to what was asked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn, cast

import numpy as np

from aura_lib.core import FREQUENCIES, Bars, Calendar, InputError, Settings
from aura_lib.data import files, sources
from aura_lib.data.adjust import adjusted as adjust
from aura_lib.data.answering import answering, asked, held_now, newest
from aura_lib.data.fetching import Source, fetch_file, fetch_from, kept, named
from aura_lib.data.resample import resample
from aura_lib.data.store import Keeper, Version
from aura_lib.data.window import When, cut, edge, whole

__all__ = ["load"]

SHOWN = 40  # symbols in a message


def load(
    symbols: Sequence[str] | Source | None = None,
    *,
    source: Source = "sample",
    start: When | None = None,
    end: When | None = None,
    as_of: When | None = None,
    known: When | None = None,
    snapshot: str | None = None,
    frequency: str | None = None,
    adjusted: bool | None = None,
    calendar: str | None = None,
    settings: Settings | None = None,
    **reading: Any,
) -> Bars:
    """Bars of a source or of a file, checked, from the store; what is not there yet is fetched into it.

    A vendor on the network is asked once for a symbol; from then on the store answers, until `fetch` asks again.

    A file is read each time, and each content of it is kept: `snapshot` brings back what was read once, also when the
    file has changed or gone. What its reader might not expect is a warning.

    Args:
        symbols: which, in this order; None means the source's universe, of a vendor all that is kept. A file may
            stand here alone: `load("prices.csv")`.
        source: name of the data source, with its options if it has any (`synthetic:seed=7`), or the path of a
            CSV, Parquet or Excel file.
        start: first day (any date; the first session from then on) or moment with a time zone.
        end: last day or moment, included.
        as_of: a session (its close is meant) or a moment with a time zone. Nothing later is in the bars, and they are
            as they were known then: revisions, splits and dividends that came later change nothing.
        known: the newest version that had been recorded by this moment, whatever came since.
        snapshot: id of a stored version; when not given, the one that answers `as_of` and `known`, or the newest.
        frequency: 1m, 5m, 15m, 1h, 1d or 1w; of a file what it holds, when not given, else 1d. What the source does
            not have is made of finer bars, by the calendar of the exchange.
        adjusted: for splits and dividends (True) or as they traded (False); when not given, what the source gives by
            default. Bars say which in `adjustment`.
        calendar: of a vendor all whose symbols are wanted: those of this exchange; of a file the one to read it by.
        settings: where AURA_HOME is; from the environment when not given.
        reading: how to read a file, see `data.files.Dialect`: columns, symbol, decimal, dayfirst, tz …

    Returns:
        Bars whose `snapshot` names the stored version they were cut from. NaN: the symbol did not trade.

    Raises:
        InputError: unknown symbols, source, frequency or snapshot; `as_of` is no session; `start` after `end`; a file
            that is not there or can be read in two ways.
        DataError: the data do not reach to `start`, `end` or `as_of` (stale data are refused, never returned short),
            a file or a stored file is damaged, or the bars are unfit for use.
    """
    if files.is_file(symbols):
        symbols, source = None, cast(Source, symbols)
    wanted = None if symbols is None else named(cast(Sequence[str], symbols))
    settings = settings or Settings.load()
    if files.is_file(source):  # it is told how to read it by the same words
        told = {"frequency": frequency, "adjusted": adjusted, "calendar": calendar}
        reading |= {word: value for word, value in told.items() if value is not None}
        adjusted = None
    adapter = sources.get(source, **reading)
    question = _Question(adapter, kept(settings), settings, wanted, calendar, as_of, known)
    version, wanted = question.answer(snapshot, frequency)
    first = None if start is None else edge(start, "start", version.series.calendar)
    if first is not None and frequency and frequency != version.series.frequency:
        first = whole(version.series.calendar, first, frequency)
    bars = question.keeper.get(version.snapshot, wanted, start=first)
    if isinstance(adapter, sources.Vendor):
        bars = _traded(bars, asked(version, bars.symbols))
        adjusted = adapter.adjusted if adjusted is None else adjusted
    bars = _adjusted(question, version, bars, adjusted)
    if frequency and frequency != bars.frequency:
        bars = resample(bars, frequency)
    return cut(bars, start, end, as_of)


@dataclass(frozen=True)
class _Question:
    """What is asked of the store, and of whom when the store does not know."""

    adapter: sources.Adapter
    keeper: Keeper
    settings: Settings
    wanted: list[str] | None
    calendar: str | None
    as_of: When | None
    known: When | None

    def answer(self, snapshot: str | None, frequency: str | None) -> tuple[Version, list[str] | None]:
        """The version to read and its symbols, None for all. What is not there is fetched."""
        if snapshot is not None:
            return self._named(snapshot, frequency)
        if isinstance(self.adapter, files.FileSource):
            version = self.keeper.version(fetch_file(self.adapter, self.settings))
            return version, _of(self.adapter, self.wanted)
        finest = _finer(self.adapter, frequency or "1d")
        if isinstance(self.adapter, sources.Vendor):
            return self._of_vendor(finest)
        wanted = _of(self.adapter, self.wanted)
        return self._found(finest, wanted) or self._fetched(finest, None), wanted

    def _named(self, snapshot: str, frequency: str | None) -> tuple[Version, list[str] | None]:
        version = self.keeper.version(snapshot)
        series = version.series
        if series.source != self.adapter.name or _coarser(series.frequency, frequency):
            raise InputError(
                f"snapshot {snapshot} holds {series.source} {series.frequency}, not {self.adapter.name} "
                f"{frequency or ''}".rstrip()
            )
        if self.wanted is not None or isinstance(self.adapter, files.FileSource | sources.Vendor):
            return version, self.wanted
        return version, [s for s in self.adapter.universe() if s in version.held] or None

    def _of_vendor(self, frequency: str) -> tuple[Version, list[str]]:
        wanted = self.wanted or self._all(frequency)
        found = self._found(frequency, wanted) if wanted else None
        if found is None:
            self._fetched(frequency, wanted or None)
            found = self._found(frequency, wanted)
        if found is None:
            self._apart({s: c for s, c in self._calendars(frequency).items() if s in wanted})
        return found, wanted

    def _all(self, frequency: str) -> list[str]:
        """All that is kept of a vendor, on one exchange."""
        calendars = self._calendars(frequency)
        if self.calendar is None and len(set(calendars.values())) > 1:
            self._apart(calendars)
        return [symbol for symbol, calendar in calendars.items() if self.calendar in (None, calendar)]

    def _calendars(self, frequency: str) -> dict[str, str]:
        held = held_now(newest(self.keeper.versions(self.adapter.name, frequency)).values())
        return {symbol: version.series.calendar for symbol, version in held.items()}

    def _apart(self, calendars: Mapping[str, str]) -> NoReturn:
        listed = ", ".join(f"{symbol} {calendar}" for symbol, calendar in list(calendars.items())[:SHOWN])
        raise InputError(
            f"these symbols follow different calendars ({listed}): load those of one exchange at a time, by name or "
            "with calendar="
        )

    def _found(self, frequency: str, wanted: Sequence[str]) -> Version | None:
        return answering(self.keeper.versions(self.adapter.name, frequency), wanted, self.as_of, self.known)

    def _fetched(self, frequency: str, wanted: list[str] | None) -> Version:
        return self.keeper.version(fetch_from(self.adapter, self.settings, symbols=wanted, frequency=frequency))


def _of(adapter: sources.Adapter, symbols: list[str] | None) -> list[str]:
    """The symbols of a source that lists what it has: those asked for, or its universe."""
    if symbols is None:
        return list(adapter.universe())
    known = adapter.symbols()
    unknown = [s for s in symbols if s not in known]
    if unknown:
        near = sorted({n for s in unknown for n in difflib.get_close_matches(s.upper(), known, cutoff=0.5)})
        hint = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(known[:SHOWN])}"
        raise InputError(f"{adapter.name} has no {unknown}: {hint}")
    return symbols


def _finer(adapter: sources.Adapter, frequency: str) -> str:
    """The frequency to ask a source for: the one wanted if it has it, else the coarsest finer one."""
    has = sources.frequencies(adapter)
    if frequency in has or frequency not in FREQUENCIES:
        return frequency  # an unknown one is refused by the source itself
    finer = [f for f in FREQUENCIES[: FREQUENCIES.index(frequency)] if f in has]
    return finer[-1] if finer else frequency


def _coarser(kept_as: str, frequency: str | None) -> bool:
    """Whether bars are kept too coarse for what is asked."""
    if frequency is None or frequency == kept_as:
        return False
    return not {frequency, kept_as} <= set(FREQUENCIES) or FREQUENCIES.index(kept_as) > FREQUENCIES.index(frequency)


def _traded(bars: Bars, until: datetime) -> Bars:
    """From the first bar on that has any of the symbols, to where the vendor was asked for all of them."""
    some = np.flatnonzero(bars.close.notna().to_numpy().any(axis=1))
    return bars.between(bars.times[some[0]], until) if len(some) else bars


def _adjusted(question: _Question, version: Version, bars: Bars, wanted: bool | None) -> Bars:
    """Bars adjusted by the splits and dividends that were known at `as_of`, if they are to be."""
    if wanted is None or (wanted and bars.adjustment):
        return bars
    if not wanted:
        if bars.adjustment:
            raise InputError(f"{bars.source} gives prices adjusted for {bars.adjustment}; it has none as they traded")
        return bars
    actions = question.keeper.actions(version.snapshot, bars.symbols)
    if actions.empty and not isinstance(question.adapter, sources.Vendor):
        raise InputError(f"{bars.source} has no table of splits and dividends to adjust its prices by")
    if question.as_of is not None:  # what is paid or split later was not known
        bars = bars.until(Calendar.of(bars.calendar).moment(question.as_of))
    return replace(adjust(bars, actions), snapshot=version.snapshot)
