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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from aura_lib.core import Bars, Clock, DataError, InputError, WallClock, utc
from aura_lib.data.store import actions as acts
from aura_lib.data.store import growth, log, manifest, part, runs, sql
from aura_lib.data.store.blobs import ABANDONED, Blobs
from aura_lib.data.store.identity import ID_DIGITS, Rows, actions_leaf
from aura_lib.data.store.manifest import HeldOf, Manifest
from aura_lib.data.store.panel import panel, rows_of
from aura_lib.data.store.part import MEND
from aura_lib.data.store.port import Series, Version

__all__ = ["ParquetKeeper"]


SWEPT_EVERY = 256  # versions of a series; then what dead writers left is looked for


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
        series, table = Series.of(bars), acts.plain(actions)
        wanted = growth.described(bars, actions_leaf(table))
        self.blobs.sweep()
        log.mend(self.blobs, series)
        if not self._kept_whole(series, wanted.snapshot):
            self._publish(self._made(wanted, bars), table)
        while (last := log.head(self.blobs, series)) is None or last.snapshot != wanted.snapshot:
            if self._record(series, last, wanted.snapshot, notes):
                break
        return replace(bars, snapshot=wanted.snapshot)

    def add(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Version:
        """The newest version is what it was, and these bars over it.

        Raises InputError when the place cannot be written or is full, or when there is nothing to begin with.
        """
        series, table = Series.of(bars), acts.plain(actions)
        self.blobs.sweep()
        while True:
            last, newest = log.head(self.blobs, series), log.newest(self.blobs, log.folder(series))
            base = self._manifest(newest.snapshot) if newest else None
            if base is None and not any(len(rows) for _, rows in rows_of(bars)):
                raise InputError(f"nothing of {bars.source} is kept yet, and bars without a price cannot begin it")
            together = acts.over(self._actions(base) if base else acts.plain(None), table)
            wanted, changed = growth.over(self.blobs, base, bars, actions_leaf(together))
            if newest and wanted.snapshot == newest.snapshot:
                return self._version(newest)
            if wanted.snapshot not in log.snapshots(self.blobs, log.folder(series)):  # else others may be reading it
                self._publish(self._grown(wanted, base, changed), together)
            made = self._record(series, last, wanted.snapshot, notes)
            if made:
                return self._version(made)

    def _kept_whole(self, series: Series, snapshot: str) -> bool:
        """Whether a version is in the log, and everything that it refers to is undamaged."""
        known = log.entries(self.blobs, log.folder(series))
        return any(entry.snapshot == snapshot for entry in known) and not any(self._problems(snapshot))

    def _made(self, wanted: Manifest, bars: Bars) -> Manifest:
        """A version with runs: those of the newest one and what is different, or all anew if that is not less."""
        newest = log.newest(self.blobs, log.folder(wanted.series))
        if newest is not None:
            with suppress(DataError):
                base = self._manifest(newest.snapshot)
                changed = (
                    None if any(self._problems(base.snapshot)) else growth.different(self.blobs, base, wanted, bars)
                )
                if changed is not None:
                    return self._grown(wanted, base, changed)
        rows = ((symbol, rows, wanted.symbols[symbol].leaf) for symbol, rows in rows_of(bars))
        return replace(wanted, runs=runs.written(self.blobs, wanted.series.frequency, wanted.fields, rows))

    def _grown(self, wanted: Manifest, base: Manifest | None, changed: Mapping[str, Rows]) -> Manifest:
        frequency, before = wanted.series.frequency, base.runs if base else ()
        return replace(wanted, runs=runs.grown(self.blobs, frequency, wanted.fields, before, changed))

    def _publish(self, made: Manifest, actions: pd.DataFrame) -> None:
        if made.actions:
            self.blobs.put(_actions_file(made.actions), acts.to_parquet(actions))
        self.blobs.put(manifest.file(made.snapshot), made.to_bytes())

    def _record(
        self, series: Series, last: log.Logged | None, snapshot: str, notes: Mapping[str, Any] | None
    ) -> log.Logged | None:
        made = log.append(self.blobs, series, last, snapshot, utc(self._clock.now()), notes or {})
        if made and made.number % SWEPT_EVERY == 0:
            with suppress(DataError):  # whoever reads what is damaged will be told
                self.sweep()
        return made

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
        held = runs.rows(self.blobs, found.runs, wanted, names, low, high)
        rows = [held.get(symbol, runs.NOTHING) for symbol in wanted]
        if low is None and high is None:
            self._complete(found, wanted, rows)
        empty = Rows(found.empty if symbols is None else runs.NOTHING.times, {}).between(low, high).times
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

    def leaves(self, snapshot: str) -> dict[str, str]:
        """What the bars of each symbol hash to: of two versions the same when they are the same."""
        return {symbol: entry.leaf.hash for symbol, entry in self._manifest(snapshot).symbols.items()}

    def query(self, statement: str, snapshot: str) -> pd.DataFrame:
        """SQL (DuckDB's) over `bars` (symbol, time, fields), `actions` and `instruments` of a version; only reads.

        An unknown value is NULL. Raises InputError when the question cannot be answered.
        """
        import pyarrow as pa

        found = self._manifest(snapshot)
        every = part.datasets(self.blobs, found.runs, found.fields)
        instruments = {symbol: entry.instrument for symbol, entry in found.symbols.items()}
        tables = {
            **{f"run_{position}": run for position, run in enumerate(every)},
            "actions": pa.Table.from_pandas(self._actions(found), preserve_index=False),
            "instruments": sql.instruments_table(instruments),
        }
        twice = sum(ref.rows for ref in found.parts()) != sum(entry.rows for entry in found.symbols.values())
        return sql.select(statement, tables, sql.later_wins(len(every), found.fields, twice=twice))

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


def _edge(moment: datetime | None, name: str) -> int | None:
    return None if moment is None else (utc(moment, name) - manifest.EPOCH) // timedelta(microseconds=1)


def _actions_file(name: str) -> str:
    return f"actions/{name}.parquet"
