"""Read a file: what was recognised, what was remarked, what the checks found, and the bars."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars, DataError, InputError, Instrument, project_root
from aura_lib.core.market_data import FIELDS
from aura_lib.data import quality
from aura_lib.data.files.dialect import Dialect

SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xlsm", ".gz", ".zip", ".bz2", ".xz", ".xls"})
ADJUSTED = "splits and dividends"
SHOWN = 12  # names in an error
CELLS = 200_000_000  # of a panel: 1.6 GB a field


def is_file(source: object) -> bool:
    """Whether this names a file rather than a source: a Path, or a text with a folder or a known ending in it."""
    if isinstance(source, os.PathLike):
        return True
    return isinstance(source, str) and (Path(source).suffix.lower() in SUFFIXES or "/" in source or os.sep in source)


@dataclass(frozen=True)
class Reading:
    """What was found in a file.

    `recognised` says which column is what, `notes` how the file was read, `remarks` what a reader might not expect,
    `quality` what the checks found.
    """

    source: str
    recognised: Mapping[str, str]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    quality: quality.Quality
    frequency: str
    frames: Mapping[str, pd.DataFrame]
    dialect: Dialect
    adjustment: str

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order of the file."""
        return tuple(self.frames["close"].columns)

    @cached_property
    def bars(self) -> Bars:
        """The bars. Errors of the checks that were not accepted raise DataError."""
        self.quality.without(self.dialect.accept).raise_if_bad(
            f"Mend the file, or say that you know: accept={sorted({f.check for f in self.quality.errors})}"
        )
        words = {"currency": self.dialect.currency, "venue": self.dialect.calendar}
        return Bars(
            self.frames, self.source, self.frequency, self.dialect.calendar, self.adjustment,
            instruments={symbol: Instrument(symbol, **words) for symbol in self.symbols},
        )  # fmt: skip

    def table(self) -> pd.DataFrame:
        """One row a column of the file: what it is."""
        return pd.DataFrame({"column": list(self.recognised), "is": list(self.recognised.values())})

    def __str__(self) -> str:
        close = self.frames["close"]
        size = f"{len(self.symbols)} symbol(s), {len(close):,} bars of {self.frequency}"
        span = f", {close.index[0]:%Y-%m-%d} to {close.index[-1]:%Y-%m-%d}" if len(close) else ""
        known = ", ".join(f"{column or '(no name)'} = {role}" for column, role in self.recognised.items())
        found = [f"{f.severity}: {f}" for f in self.quality.findings] or ["the checks found nothing"]
        return "\n  ".join([f"{self.source}: {size}{span}", known, *self.notes, *self.remarks, *found])


class FileSource:
    """A file as a data source: what it is called, what it holds.

    A relative path is looked for in the working directory, then in the project.
    """

    def __init__(self, path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> None:
        self.path = _found(Path(path).expanduser())
        self.name = self.path.name.encode("utf-8", "replace").decode()
        self.dialect = Dialect.of(options or {})

    @cached_property
    def reading(self) -> Reading:
        """The file, read once."""
        return read(self.path, self.dialect)

    def symbols(self) -> tuple[str, ...]:
        """Every symbol in the file."""
        return self.reading.symbols

    def universe(self) -> tuple[str, ...]:
        """Every symbol in the file: it does not say what is an index."""
        return self.symbols()

    def fetch(self, symbols: Sequence[str], frequency: str = "") -> Bars:
        """The bars of some symbols; another frequency than the file's raises InputError."""
        if frequency and frequency != self.reading.frequency:
            raise InputError(f"{self.name} has bars of {self.reading.frequency}, not {frequency!r}")
        return self.reading.bars.select(symbols)


def _found(path: Path) -> Path:
    root = project_root()
    if path.is_absolute() or path.exists() or root is None or not (root / path).exists():
        return path
    return root / path


def read(path: str | os.PathLike[str], dialect: Dialect | None = None, /, **options: Any) -> Reading:
    """Read a file and check it, without keeping anything.

    Args:
        path: CSV (also packed with gzip, zip, bz2 or xz), Parquet or Excel.
        dialect: how to read it; or give its parts as keyword arguments, see `Dialect`.
        options: columns, symbol, sheet, encoding, decimal, thousands, dayfirst, tz, stamp, calendar, frequency,
            currency, adjusted, adjustment, duplicates, accept.

    Raises:
        InputError: no such file, columns that are not recognised, numbers or dates that can be read in two ways.
        DataError: the file is empty or damaged, or has two rows of one symbol and time.
    """
    from aura_lib.data.files import numbers, panel
    from aura_lib.data.files.opening import open_table

    how = dialect or Dialect.of(options)
    file = _found(Path(path).expanduser())
    table = open_table(file, how)
    name = file.name.encode("utf-8", "replace").decode()
    found = _Columns(table, how, name, file)
    values, mark = numbers.parse(
        found.priced(), decimal=how.decimal, thousands=how.thousands, delimiter=table.delimiter, name=name
    )
    rows, remarks = found.rows(values)
    times, frequency, told = panel.stamps(rows, how, name)
    remarks += told
    strange, rows, times = _unstamped(rows, times, how, name)
    frames, told = panel.panel(rows, times, how.duplicates, name)
    remarks += told
    frames, adjustment, told = _adjusted(frames, how)
    remarks += told
    checked = quality.examine(frames, source=name, frequency=frequency, calendar=how.calendar)
    checked = quality.Quality(name, checked.bars, checked.symbols, (*strange, *checked.findings))
    frames, told = _known_wrong(frames, how)
    notes = (*table.notes, f"{rows.when.note}, decimal mark {mark}", f"adjusted for: {adjustment}")
    return Reading(
        name, found.recognised(), notes, (*table.remarks, *remarks, *told), checked, frequency, frames, how, adjustment
    )


class _Columns:
    """Which column of a table is what."""

    def __init__(self, table: Any, how: Dialect, name: str, file: Path) -> None:
        from aura_lib.data.files import names

        self.table, self.how, self.name, self.file = table, how, name, file
        self.roles = {} if table.symbols else names.roles(table.names)
        if table.symbols:
            self.roles["date"] = table.names.index("date")
        for role, wanted in how.columns.items():
            if wanted not in table.names:
                raise InputError(f"{name} has no column {wanted!r} for {role}; it has {self._has()}")
            taken = table.names.index(wanted)
            self.roles = {r: i for r, i in self.roles.items() if i != taken} | {role: taken}
        if "date" not in self.roles:
            raise self._unrecognised("date")
        self.long = not table.symbols and ("close" in self.roles or "adjusted close" in self.roles)
        if not self.long and not table.symbols:
            self._must_be_wide()
        self._once()

    def _has(self) -> str:
        more = f" and {len(self.table.names) - SHOWN} more" if len(self.table.names) > SHOWN else ""
        return ", ".join(repr(n) for n in self.table.names[:SHOWN]) + more

    def _unrecognised(self, role: str) -> InputError:
        from aura_lib.data.files import names

        if self.table.names and all(names.is_number(n) for n in self.table.names[1:]):
            return InputError(f"{self.name} has no header: it begins {self._has()}. Put a line with names on top of it")
        looked = ", ".join(names.SPELLINGS[role][:6])
        example = {r: self.table.names[i] for r, i in self.roles.items() if r in ("date", "close")}
        missing = [r for r in ("date", "close") if r not in self.roles]
        free = [n for i, n in enumerate(self.table.names) if i not in self.roles.values()]
        guess = dict(zip(missing, [*free, "...", "..."], strict=False))
        return InputError(
            f"{self.name}: no column for {role} recognised. It has {self._has()}; looked for {looked} … "
            f"Say which is which: columns={ {**example, **guess} }"
        )

    def _must_be_wide(self) -> None:
        """Without a close, every other column must be the closes of a symbol."""
        import pyarrow as pa

        if "symbol" in self.roles or len(self.table.names) < 2:
            raise self._unrecognised("close")
        self.roles = {"date": self.roles["date"]}
        if any(pa.types.is_temporal(self.table.columns[i].type) for i in self._others()):
            raise self._unrecognised("close")
        text = [i for i in self._others() if pa.types.is_string(self.table.columns[i].type)]
        if any(not _numeric(self.table.columns[i]) for i in text):
            raise self._unrecognised("close")

    def _others(self) -> list[int]:
        return [i for i in range(len(self.table.names)) if i != self.roles["date"]]

    def _once(self) -> None:
        """The name of a column that counts may appear once only."""
        used = list(self.roles.values()) if self.long else self._others()
        given = [(self.table.symbols[i] if self.table.symbols else "", self.table.names[i]) for i in used]
        twice = sorted({n for pair in given for n in pair[1:] if given.count(pair) > 1 or (self.long and self.table.names.count(n) > 1)})
        if twice:
            raise InputError(f"{self.name} has the column(s) {', '.join(map(repr, twice))} more than once: rename or remove one")
        if not self.long and any(not n for n in (self.table.symbols or self.table.names)[1:]):
            raise InputError(f"{self.name}: a column of prices has no name; it has {self._has()}")

    def priced(self) -> dict[str, Any]:
        """The columns that hold numbers, by role (long) or by position (wide)."""
        if self.long:
            return {r: self.table.columns[i] for r, i in self.roles.items() if r not in ("date", "time", "symbol")}
        return {self._label(i): self.table.columns[i] for i in self._others() if self._role(i)}

    def _role(self, position: int) -> str:
        """Of a column of a wide table: which field of its symbol."""
        from aura_lib.data.files import names

        if not self.table.symbols:
            return "close"
        found = names.role(self.table.names[position])
        return found if found not in ("date", "symbol") else ""

    def _label(self, position: int) -> str:
        return f"{self._role(position)} of {self._symbol(position)}"

    def _symbol(self, position: int) -> str:
        return str((self.table.symbols or self.table.names)[position]).strip()

    def recognised(self) -> dict[str, str]:
        """Column → what it is."""
        by_position = {i: role for role, i in self.roles.items()}
        if not self.long:
            by_position |= {i: self._label(i) if self._role(i) else "not used" for i in self._others()}
            names = [f"{n} {s}".strip() for n, s in zip(self.table.names, self.table.symbols or [""] * 10**6, strict=False)]
            return {names[i]: by_position[i] for i in range(len(names))}
        return {n: by_position.get(i, "not used") for i, n in enumerate(self.table.names)}

    def rows(self, values: Mapping[str, Any]) -> tuple[Any, list[str]]:
        """Rows with symbol and time; those that hold nothing are left out, and that is told."""
        from aura_lib.data.files import dates
        from aura_lib.data.files.panel import Rows

        when = dates.parse(self.table.columns[self.roles["date"]], dayfirst=self.how.dayfirst, name=self.name)
        remarks = []
        if "time" in self.roles:
            of_day = dates.times_of_day(self.table.columns[self.roles["time"]], self.name)
            when = dates.When(when.local + of_day, when.ahead, when.missing, when.note)
        symbols, code, fields = self._long(values) if self.long else self._wide(values, len(when.local))
        if not self.long:
            repeat = len(code) // max(len(when.local), 1)
            when = dates.When(*(None if a is None else np.tile(a, repeat) for a in (when.local, when.ahead, when.missing)), when.note)  # type: ignore[arg-type]
        blank = np.logical_and.reduce([np.isnan(v) for v in fields.values()])
        lost = when.missing & ~(blank & (code < 0 if "symbol" in self.roles else True))
        if lost.any():
            raise DataError(f"{self.name}: {int(lost.sum())} row(s) have prices and no date, the first is row {_row(lost, self.table.rows)}")
        rows = Rows(symbols, code, when, fields)
        if when.missing.any():
            remarks.append(f"{int(when.missing[: self.table.rows].sum())} empty row(s) were passed over")
            rows = rows.keep(~when.missing)
        if (rows.code < 0).any():
            raise DataError(f"{self.name}: {int((rows.code < 0).sum())} row(s) have no symbol, the first is row {_row(code < 0, self.table.rows)}")
        if len(symbols) * len(np.unique(rows.when.local)) > CELLS:
            raise InputError(f"{self.name}: {len(symbols):,} symbols at as many times do not fit into memory: load fewer")
        return rows, remarks

    def _long(self, values: Mapping[str, Any]) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        if "symbol" not in self.roles:
            symbol = self.how.symbol or self.file.name.split(".")[0].strip() or self.name
            return (symbol,), np.zeros(self.table.rows, np.int64), dict(values)
        column = self.table.columns[self.roles["symbol"]]
        text = pc.utf8_trim_whitespace(column if pa.types.is_string(column.type) else column.cast(pa.string()))
        encoded = pc.dictionary_encode(pc.if_else(pc.equal(text, ""), None, text)).combine_chunks()
        symbols = tuple(str(s) for s in encoded.dictionary.to_pylist())
        return symbols, encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False), dict(values)

    def _wide(self, values: Mapping[str, Any], length: int) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
        used = [i for i in self._others() if self._role(i)]
        symbols = tuple(dict.fromkeys(self._symbol(i) for i in used))
        if self.how.symbol and len(symbols) == 1:
            symbols = (self.how.symbol,)
        fields: dict[str, Any] = {}
        places = {symbol: at for at, symbol in enumerate(dict.fromkeys(self._symbol(i) for i in used))}
        for i in used:
            grid = fields.setdefault(self._role(i), np.full((len(symbols), length), np.nan))
            grid[places[self._symbol(i)]] = values[self._label(i)]
        if not fields.keys() & {"close", "adjusted close"}:
            raise self._unrecognised("close")
        return symbols, np.repeat(np.arange(len(symbols)), length), {n: g.ravel() for n, g in fields.items()}


def _row(which: Any, length: int) -> int:
    return int(np.flatnonzero(which)[0]) % length + 1


def _numeric(column: Any) -> bool:
    """Whether the first written cells look like numbers."""
    from aura_lib.data.files import names

    written = [c for c in column.slice(0, 50).to_pylist() if c and c.strip()]
    return sum(any(d.isdigit() for d in c) and (names.is_number(c.strip("$€£¥() ")) or "e" in c.lower()) for c in written) * 2 >= len(written)


def _unstamped(rows: Any, times: Any, how: Dialect, name: str) -> tuple[list[quality.Finding], Any, Any]:
    """Rows on days without a session: an error, and left out where that is accepted."""
    from aura_lib.data.files.panel import UNSTAMPED

    off = times == UNSTAMPED
    if not off.any():
        return [], rows, times
    days = np.unique(rows.when.local[off]).view("M8[us]")
    listed = ", ".join(str(d)[:10] for d in days[:5]) + (" …" if len(days) > 5 else "")
    detail = f"{int(off.sum())} row(s) on {len(days)} day(s) without a session of {how.calendar} ({listed}) are left out: another calendar=?"
    first = pd.Timestamp(days[0], tz="UTC").to_pydatetime()
    found = quality.Finding("unexpected bar", "error", "", int(off.sum()), first, detail)
    if off.all():
        raise DataError(f"{name}: {detail.replace(' are left out', '')}")
    return [found], rows.keep(~off), times[~off]


def _adjusted(frames: dict[str, pd.DataFrame], how: Dialect) -> tuple[dict[str, pd.DataFrame], str, list[str]]:
    adjusted = frames.pop("adjusted close", None)
    if adjusted is not None and "close" not in frames:
        frames["close"], adjusted, word, told = adjusted, None, ADJUSTED, []
    elif adjusted is None or not how.adjusted:
        word, told = how.adjustment, []
    else:
        scaled = [name for name in ("open", "high", "low") if name in frames]
        for name in scaled:
            frames[name] = frames[name] * (adjusted / frames["close"])
        frames["close"], word = adjusted, ADJUSTED
        told = [f"close is the adjusted close{', ' if scaled else ''}{', '.join(scaled)}{' scaled with it' if scaled else ''}; adjusted=False leaves them"]
    return {name: frames[name] for name in FIELDS if name in frames}, word, told


def _known_wrong(frames: dict[str, pd.DataFrame], how: Dialect) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Prices that cannot be true become missing, where that is accepted."""
    if "not positive" not in how.accept:
        return frames, []
    wrong = {n: ((f < 0) if n == "volume" else (f <= 0)) | np.isinf(f) for n, f in frames.items()}
    count = sum(int(w.to_numpy().sum()) for w in wrong.values())
    told = [f"{count} price(s) that are not positive count as missing"] if count else []
    return {n: f.mask(wrong[n]) for n, f in frames.items()}, told
