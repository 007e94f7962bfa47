"""Bars as Parquet, on a disk or in an object store: parts, manifests of versions, a log of each series.

    parts/<hash>.parquet             rows of many symbols, sorted; a later part wins over an earlier one
    actions/<hash>.parquet           splits and dividends of a version
    versions/<id>.json.gz            what a version is made of
    log/<series>/<number>.json       the versions of a series, in order; an entry is made by whoever is first

Everything is written once, under its final name, whole: readers need no lock. A version is there when the log says so;
a writer that dies before leaves files that nothing refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars, Clock, DataError, InputError, Instrument, WallClock, utc
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store import actions as acts
from aura_lib.data.store import log, manifest, part, sql
from aura_lib.data.store.blobs import ABANDONED, Blobs
from aura_lib.data.store.identity import ID_DIGITS, Leaf, Rows, actions_leaf, block_start, extend, leaf
from aura_lib.data.store.manifest import Entry, HeldOf, Manifest, Run
from aura_lib.data.store.panel import empty_times, laid, panel, rows_of
from aura_lib.data.store.part import MEND
from aura_lib.data.store.port import Series, Version

__all__ = ["ParquetKeeper"]

GROWTH = 4  # a run is merged with the one before it unless that one has this many times its rows
BATCH = 64  # symbols that are worked on at once
NOTHING = Rows(np.empty(0, "i8"), {})


class ParquetKeeper:
    """A store of Parquet files; any number of readers and writers at once."""

    def __init__(self, blobs: Blobs, clock: Clock | None = None) -> None:
        self.blobs = blobs
        self._clock = clock or WallClock()

    # ── keeping ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Bars:
        """The newest version of the series is exactly these bars; they come back with their snapshot id.

        Putting the same again is recorded only when something else came between, and mends what is damaged.
        Raises InputError when the place cannot be written or is full; then nothing has changed.
        """
        if not len(bars):
            raise InputError(f"bars of {bars.source} without a single row cannot be kept")
        series, table = _series(bars), acts.plain(actions)
        symbols = {s: _entry(series, bars.instruments[s], rows) for s, rows in rows_of(bars)}
        wanted = Manifest(series, _fields(bars), (), symbols, empty_times(bars), actions_leaf(table))
        self.blobs.sweep()
        log.mend(self.blobs, series)
        if not self._kept_whole(series, wanted.snapshot):
            self._publish(replace(wanted, runs=self._runs_of(wanted, bars)), table)
        while (last := log.head(self.blobs, series)) is None or last.snapshot != wanted.snapshot:
            if self._record(series, last, wanted.snapshot, notes):
                break
        return replace(bars, snapshot=wanted.snapshot)

    def add(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Version:
        """The newest version is what it was, and these bars over it.

        Raises InputError when the place cannot be written or is full, or when there is nothing to begin with.
        """
        series, table = _series(bars), acts.plain(actions)
        self.blobs.sweep()
        while True:
            last, newest = log.head(self.blobs, series), log.newest(self.blobs, series)
            base = self._manifest(newest.snapshot) if newest else None
            if base is None and not len(bars):
                raise InputError(f"nothing of {bars.source} is kept yet, and bars without a single row cannot begin it")
            together = acts.over(self._actions(base) if base else acts.plain(None), table)
            wanted, changed = self._over(base, bars, actions_leaf(together))
            if newest and wanted.snapshot == newest.snapshot:
                return self._version(newest)
            self._publish(replace(wanted, runs=self._grown(wanted, base.runs if base else (), changed)), together)
            made = self._record(series, last, wanted.snapshot, notes)
            if made:
                return self._version(made)

    def _kept_whole(self, series: Series, snapshot: str) -> bool:
        """Whether a version is in the log, and everything that it refers to is undamaged."""
        known = log.entries(self.blobs, log.folder(series))
        return any(entry.snapshot == snapshot for entry in known) and not any(self._problems(snapshot))

    def _runs_of(self, wanted: Manifest, bars: Bars) -> tuple[Run, ...]:
        """Runs that hold a version: those of the newest one and what is different, or all anew if that is not less."""
        newest = log.newest(self.blobs, wanted.series)
        if newest is not None:
            with suppress(DataError):
                base = self._manifest(newest.snapshot)
                different = self._different(base, wanted, bars)
                if different is not None:
                    return self._grown(wanted, base.runs, different)
        rows = ((symbol, rows, wanted.symbols[symbol].leaf) for symbol, rows in rows_of(bars))
        return tuple(run for run in [part.write(self.blobs, wanted.series.frequency, wanted.fields, rows)] if run)

    def _different(self, base: Manifest, wanted: Manifest, bars: Bars) -> dict[str, Rows] | None:
        """Rows that a version has over another; None when a row has gone, or half of all are different."""
        if not base.symbols.keys() <= wanted.symbols.keys() or any(self._problems(base.snapshot)):
            return None
        found: dict[str, Rows] = {}
        moved = (pair for pair in rows_of(bars) if not _equal(base.symbols.get(pair[0]), wanted.symbols[pair[0]]))
        for batch in _batches(moved):
            old = self._rows(base.runs, list(batch))
            for symbol, rows in batch.items():
                before = old.get(symbol, NOTHING)
                if not np.isin(before.times, rows.times).all():
                    return None
                found[symbol] = _changed(before, rows)
        many = 2 * sum(map(len, found.values())) > sum(entry.rows for entry in wanted.symbols.values())
        return None if many else found

    def _over(self, base: Manifest | None, bars: Bars, actions: str) -> tuple[Manifest, dict[str, Rows]]:
        """A version with bars over it (its runs are still to be made), and the rows that are new or different."""
        series = _series(bars)
        symbols = dict(base.symbols) if base else {}
        changed: dict[str, Rows] = {}
        for batch in _batches(rows_of(bars)):
            before = self._ends(base, batch)
            for symbol, rows in batch.items():
                stem, old = before.get(symbol, ("", NOTHING))
                new = _changed(old, rows)
                entry = symbols.get(symbol) or Entry(bars.instruments[symbol], 0, 0, 0, Leaf("", ""))
                symbols[symbol] = replace(entry, instrument=bars.instruments[symbol])
                if len(new):
                    changed[symbol] = new
                    symbols[symbol] = _extended(series.frequency, symbols[symbol], stem, old, laid(old, new))
        ordered = {symbol: symbols[symbol] for symbol in sorted(symbols)}
        fields = {*(base.fields if base else ()), *_fields(bars)}
        names = tuple(name for name in FIELDS if name in fields)
        empty = base.empty if base else NOTHING.times
        for rows in changed.values() if len(empty) else ():
            empty = empty[~np.isin(empty, rows.times)]
        return Manifest(series, names, (), ordered, empty, actions), changed

    def _ends(self, base: Manifest | None, batch: Mapping[str, Rows]) -> dict[str, tuple[str, Rows]]:
        """Of each symbol the rows from the last block on and their stem; all of them if something earlier is added."""
        found: dict[str, tuple[str, Rows]] = {}
        if base is None:
            return found
        whole, lows = [], {}
        for symbol, rows in batch.items():
            entry = base.symbols.get(symbol)
            if entry is not None and entry.rows and len(rows):
                low = block_start(base.series.frequency, entry.last)
                if rows.times[0] >= low:
                    lows[symbol] = low
                else:
                    whole.append(symbol)
        for symbol, rows in self._rows(base.runs, whole).items():
            found[symbol] = ("", rows)
        for symbol, rows in self._rows(base.runs, list(lows), low=min(lows.values(), default=None)).items():
            found[symbol] = (base.symbols[symbol].leaf.stem, rows.take(rows.times >= lows[symbol]))
        return found

    def _grown(self, wanted: Manifest, runs: Sequence[Run], changed: Mapping[str, Rows]) -> tuple[Run, ...]:
        """Runs with changed rows behind them; runs that are small beside what follows are merged with it."""
        total = sum(map(len, changed.values()))
        if not total:
            return tuple(runs)
        keep, merged = list(runs), list[Run]()
        while keep and manifest.rows_in(keep[-1:]) < GROWTH * total:
            merged.insert(0, keep.pop())
            total += manifest.rows_in(merged[:1])
        rows = self._merged(merged, changed)
        return (*keep, part.write(self.blobs, wanted.series.frequency, wanted.fields, rows))

    def _merged(self, runs: Sequence[Run], changed: Mapping[str, Rows]) -> Iterator[tuple[str, Rows, None]]:
        symbols = {s for run in runs for ref in run for s in part.opened(self.blobs, ref).index} | set(changed)
        ordered = iter(sorted(symbols))
        while batch := list(islice(ordered, BATCH)):
            old = self._rows(runs, batch)
            for symbol in batch:
                yield symbol, laid(old.get(symbol, NOTHING), changed.get(symbol, NOTHING)), None

    def _publish(self, made: Manifest, actions: pd.DataFrame) -> None:
        if made.actions:
            self.blobs.put(_actions_file(made.actions), acts.to_parquet(actions))
        self.blobs.put(manifest.file(made.snapshot), made.to_bytes())

    def _record(
        self, series: Series, last: log.Logged | None, snapshot: str, notes: Mapping[str, Any] | None
    ) -> log.Logged | None:
        return log.append(self.blobs, series, last, snapshot, utc(self._clock.now()), notes or {})

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(
        self,
        snapshot: str,
        symbols: Sequence[str] | None = None,
        *,
        fields: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Bars:
        """The bars of a version, or some of its symbols (in the order asked for; else sorted), fields and times.

        Of all symbols the moments are the panel's; of some those at which one of them has a bar. `close` always comes.
        Unknown ids, symbols and fields raise InputError; damaged or missing content DataError that names it.
        """
        found = self._manifest(snapshot)
        wanted = asked(symbols, list(found.symbols), f"snapshot {snapshot}", "symbols")
        names = [n for n in found.fields if fields is None or n == "close" or n in fields]
        asked(fields, list(found.fields), f"snapshot {snapshot}", "fields")
        low, high = _edge(start, "start"), _edge(end, "end")
        held = self._rows(found.runs, wanted, names, low, high)
        rows = [held.get(symbol, NOTHING) for symbol in wanted]
        if low is None and high is None:
            self._complete(found, wanted, rows)
        empty = Rows(found.empty if symbols is None else NOTHING.times, {}).between(low, high).times
        instruments = {symbol: found.symbols[symbol].instrument for symbol in wanted}
        return panel(found.series, names, rows, instruments, empty=empty, snapshot=snapshot)

    def actions(self, snapshot: str, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """Splits and dividends of a version, by time then symbol (columns ACTIONS)."""
        return acts.of(self._actions(self._manifest(snapshot)), symbols)

    def version(self, snapshot: str) -> Version:
        """What is known of a snapshot without reading its bars; the first time it was recorded."""
        series = self._manifest(snapshot).series
        for entry in log.entries(self.blobs, log.folder(series)):
            if entry.snapshot == snapshot:
                return self._version(entry)
        raise self._unknown(snapshot)

    def versions(self, source: str | None = None, frequency: str | None = None) -> tuple[Version, ...]:
        """Every version in the order of being recorded, of one source and frequency if named. Reads no bars."""
        found = [
            entry
            for folder in log.all_series(self.blobs)
            for entry in log.entries(self.blobs, folder)
            if source in (None, entry.series.source) and frequency in (None, entry.series.frequency)
        ]
        return tuple(map(self._version, sorted(found, key=lambda entry: (entry.recorded, entry.series, entry.number))))

    def query(self, statement: str, snapshot: str) -> pd.DataFrame:
        """SQL (DuckDB's) over `bars` (symbol, time, fields), `actions` and `instruments` of a version; only reads.

        An unknown value is NULL. Raises InputError when the question cannot be answered.
        """
        import pyarrow as pa

        found = self._manifest(snapshot)
        runs = part.datasets(self.blobs, found.runs, found.fields)
        instruments = {symbol: entry.instrument for symbol, entry in found.symbols.items()}
        tables = {
            **{f"run_{position}": run for position, run in enumerate(runs)},
            "actions": pa.Table.from_pandas(self._actions(found), preserve_index=False),
            "instruments": sql.instruments_table(instruments),
        }
        return sql.select(statement, tables, sql.later_wins(len(runs), found.fields))

    # ── looking after it ────────────────────────────────────────────────────────────────────────────────────────────

    def verify(self) -> tuple[str, ...]:
        """What is damaged or missing, one line a file; empty when every version can be read as it was written."""
        found: dict[str, None] = {}
        for folder in log.all_series(self.blobs):
            found |= dict.fromkeys(log.problems(self.blobs, folder))
            for snapshot in log.snapshots(self.blobs, folder):
                found |= dict.fromkeys(self._problems(snapshot))
        return tuple(found)

    def sweep(self) -> int:
        """Take away what no version refers to and nobody is writing any more; how many files."""
        logged = {s for folder in log.all_series(self.blobs) for s in log.snapshots(self.blobs, folder)}
        kept = {manifest.file(snapshot) for snapshot in logged}
        for snapshot in logged:
            found = self._manifest(snapshot)  # a damaged one: nobody knows what it refers to, so nothing is taken away
            kept |= {ref.file for ref in found.parts()} | {_actions_file(found.actions)}
        every = [f"{folder}/{name}" for folder in ("versions", "parts", "actions") for name in self.blobs.names(folder)]
        gone = [name for name in every if name not in kept and self.blobs.age(name) > ABANDONED]
        for name in gone:
            self.blobs.delete(name)
        return len(gone)

    def _problems(self, snapshot: str) -> Iterator[str]:
        try:
            found = self._manifest(snapshot)
            self._actions(found)
        except DataError as error:
            yield str(error)
            return
        for ref in found.parts():
            yield from part.problems(self.blobs, ref)

    def _version(self, entry: log.Logged) -> Version:
        held = HeldOf(self.blobs, entry.snapshot)
        return Version(entry.snapshot, entry.series, entry.number, entry.recorded, held, entry.notes)

    def _manifest(self, snapshot: str) -> Manifest:
        if not is_id(snapshot):
            raise InputError(f"{snapshot!r} is no snapshot id: it has {ID_DIGITS} hexadecimal digits")
        try:
            return manifest.load(self.blobs, snapshot)
        except FileNotFoundError:
            if any(snapshot in log.snapshots(self.blobs, folder) for folder in log.all_series(self.blobs)):
                raise DataError(f"{self.blobs.where(manifest.file(snapshot))} is missing: {MEND}") from None
            raise self._unknown(snapshot) from None

    def _unknown(self, snapshot: str) -> InputError:
        known = ", ".join(dict.fromkeys(version.snapshot for version in self.versions()[-5:])) or "none"
        return InputError(f"no snapshot {snapshot} in {self.blobs.where()}; there is: {known}")

    def _rows(
        self,
        runs: Sequence[Run],
        symbols: Sequence[str],
        fields: Sequence[str] | None = None,
        low: int | None = None,
        high: int | None = None,
    ) -> dict[str, Rows]:
        """Rows of symbols, those of later runs over those of earlier ones."""
        found: dict[str, Rows] = {}
        for run in runs:
            for ref in run:
                named = [symbol for symbol in symbols if ref.low <= symbol <= ref.high]
                for symbol, rows in part.read(self.blobs, ref, named, fields, low, high).items() if named else ():
                    found[symbol] = laid(found[symbol], rows) if symbol in found else rows
        return found

    def _complete(self, found: Manifest, symbols: Sequence[str], rows: Sequence[Rows]) -> None:
        for symbol, held in zip(symbols, rows, strict=True):
            if len(held) != found.symbols[symbol].rows:
                where = self.blobs.where(manifest.file(found.snapshot))
                raise DataError(f"{where}: its parts have {len(held)} bars of {symbol}, not "
                                f"{found.symbols[symbol].rows}: {MEND}")  # fmt: skip

    def _actions(self, found: Manifest) -> pd.DataFrame:
        if not found.actions:
            return acts.plain(None)
        name = _actions_file(found.actions)
        where = self.blobs.where(name)
        try:
            table = acts.from_parquet(self.blobs.read(name))
        except FileNotFoundError:
            raise DataError(f"{where} is missing: {MEND}") from None
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{where} is damaged ({error}): {MEND}") from error
        if actions_leaf(table) != found.actions:
            raise DataError(f"{where} is damaged, its content is not what its name says: {MEND}")
        return table


def is_id(text: Any) -> bool:
    """Whether a text can be a snapshot id."""
    return isinstance(text, str) and re.fullmatch(rf"[0-9a-f]{{{ID_DIGITS}}}", text) is not None


def asked(wanted: Sequence[str] | None, known: Sequence[str], where: str, what: str) -> list[str]:
    """What was asked for, all there is if nothing was named. An unknown one raises InputError."""
    if wanted is None:
        return list(known)
    unknown = sorted(set(wanted) - set(known))
    if unknown or not len(wanted):
        shown = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        raise InputError(f"{where} has no {unknown or f'empty list of {what}'}; it has {shown}")
    return list(wanted)


def _series(bars: Bars) -> Series:
    return Series(bars.source, bars.frequency, bars.calendar, bars.adjustment)


def _fields(bars: Bars) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if name in bars.fields)


def _edge(moment: datetime | None, name: str) -> int | None:
    return None if moment is None else (utc(moment, name) - manifest.EPOCH) // timedelta(microseconds=1)


def _entry(series: Series, instrument: Instrument, rows: Rows) -> Entry:
    if not len(rows):
        return Entry(instrument, 0, 0, 0, Leaf("", ""))
    return Entry(instrument, len(rows), int(rows.times[0]), int(rows.times[-1]), leaf(series.frequency, rows))


def _extended(frequency: str, entry: Entry, stem: str, old: Rows, rows: Rows) -> Entry:
    """An entry whose last blocks, or all of them, were `old` and are now `rows`."""
    count = entry.rows - len(old) + len(rows)
    first = int(rows.times[0]) if not entry.rows else min(entry.first, int(rows.times[0]))
    last = int(rows.times[-1]) if not entry.rows else max(entry.last, int(rows.times[-1]))
    return replace(entry, rows=count, first=first, last=last, leaf=extend(frequency, stem, rows))


def _equal(old: Entry | None, new: Entry) -> bool:
    return old is not None and (old.rows, old.leaf) == (new.rows, new.leaf)


def _changed(old: Rows, new: Rows) -> Rows:
    """The new rows that are not among the old ones."""
    if not len(old):
        return new
    places = np.minimum(np.searchsorted(old.times, new.times), len(old) - 1)
    same = (old.matrix()[places] == new.matrix()).all(axis=1)
    return new.take(~same)


def _batches(pairs: Iterable[tuple[str, Rows]]) -> Iterator[dict[str, Rows]]:
    rest = iter(pairs)
    while batch := dict(islice(rest, BATCH)):
        yield batch


def _actions_file(name: str) -> str:
    return f"actions/{name}.parquet"
