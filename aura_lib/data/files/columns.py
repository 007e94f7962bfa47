"""Which column of a file is what: recognised or mapped; one row a bar (long) or a column a symbol (wide)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aura_lib.core import DataError, InputError
from aura_lib.data.files import dates, names
from aura_lib.data.files.dialect import Dialect
from aura_lib.data.files.opening import Table
from aura_lib.data.files.panel import Rows, Values, Whole

SHOWN = 12  # names in an error
CELLS = 200_000_000  # of a panel: 1.6 GB a field
KEYS = ("date", "time", "symbol")

Fields = Mapping[str, Values]


class Columns:
    """The columns of a table and their roles. What cannot be recognised raises InputError that shows what is there."""

    def __init__(self, table: Table, how: Dialect, name: str) -> None:
        self.table, self.how, self.name = table, how, name
        self.roles = {"date": table.names.index("date")} if table.symbols else names.roles(table.names)
        for role, wanted in how.columns.items():
            if wanted not in table.names:
                raise InputError(f"{name} has no column {wanted!r} for {role}; it has {self._has()}")
            taken = table.names.index(wanted)
            self.roles = {r: i for r, i in self.roles.items() if i != taken} | {role: taken}
        if "date" not in self.roles:
            raise self._unrecognised("date")
        self.long = not table.symbols and ("close" in self.roles or "adjusted close" in self.roles)
        if not self.long and not table.symbols:
            self._closes_of_symbols()
        self._named_once()

    def priced(self) -> dict[str, pa.ChunkedArray]:
        """The columns that hold numbers, by what they are."""
        columns = self.table.columns
        if self.long:
            return {role: columns[i] for role, i in self.roles.items() if role not in KEYS}
        return {self._label(i): columns[i] for i in self._others() if self._field(i)}

    def recognised(self) -> dict[str, str]:
        """Column → what it is."""
        by_position = {i: role for role, i in self.roles.items()}
        if not self.long:
            by_position |= {i: self._label(i) for i in self._others() if self._field(i)}
        shown = self.table.names
        if self.table.symbols:
            shown = tuple(f"{n} {s}".strip() for n, s in zip(shown, self.table.symbols, strict=True))
        return {n: by_position.get(i, "not used") for i, n in enumerate(shown)}

    def rows(self, values: Fields) -> tuple[Rows, list[str]]:
        """Rows with symbol and time, and remarks. Rows that hold nothing are passed over."""
        when = self._when()
        rows = self._long(values, when) if self.long else self._wide(values, when)
        empty = np.logical_and.reduce([np.isnan(v) for v in rows.fields.values()])
        self._none_of(rows.when.missing & ~empty, "have prices and no date")
        remarks = []
        if rows.when.missing.any():
            remarks.append(f"{int(when.missing.sum())} row(s) without date and prices were passed over")
            empty, rows = empty[~rows.when.missing], rows.keep(~rows.when.missing)
        self._none_of(rows.code < 0, "have no symbol")
        if len(rows.symbols) * len(np.unique(rows.when.local)) > CELLS:
            raise InputError(f"{self.name}: its {len(rows.symbols):,} symbols do not fit into memory: load fewer")
        return rows, remarks

    # ---- long and wide ----------------------------------------------------------------------------------------------

    def _when(self) -> dates.When:
        columns = self.table.columns
        when = dates.parse(columns[self.roles["date"]], dayfirst=self.how.dayfirst, name=self.name)
        if "time" not in self.roles:
            return when
        of_day = dates.times_of_day(columns[self.roles["time"]], self.name)
        return dates.When(when.local + of_day, when.ahead, when.missing, when.note)

    def _long(self, values: Fields, when: dates.When) -> Rows:
        if "symbol" not in self.roles:
            symbol = self.how.symbol or self.name.lstrip(".").split(".")[0].strip() or self.name
            return Rows((symbol,), np.zeros(self.table.rows, np.int64), when, values)
        column = self.table.columns[self.roles["symbol"]]
        text = pc.utf8_trim_whitespace(column if pa.types.is_string(column.type) else column.cast(pa.string()))
        encoded = pc.dictionary_encode(pc.if_else(pc.equal(text, ""), None, text)).combine_chunks()
        symbols = tuple(str(s) for s in encoded.dictionary.to_pylist())
        code = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        return Rows(symbols, code, when, values)

    def _wide(self, values: Fields, when: dates.When) -> Rows:
        used = [i for i in self._others() if self._field(i)]
        places = {symbol: at for at, symbol in enumerate(dict.fromkeys(map(self._symbol, used)))}
        fields: dict[str, Values] = {}
        for i in used:
            grid = fields.setdefault(self._field(i), np.full((len(places), self.table.rows), np.nan))
            grid[places[self._symbol(i)]] = values[self._label(i)]
        if not fields.keys() & {"close", "adjusted close"}:
            raise self._unrecognised("close")
        symbols = (self.how.symbol,) if self.how.symbol and len(places) == 1 else tuple(places)
        ahead = None if when.ahead is None else np.tile(when.ahead, len(places))
        tiled = dates.When(
            np.tile(when.local, len(places)), ahead, np.tile(when.missing, len(places)), when.note
        )  # fmt: skip
        code: Whole = np.repeat(np.arange(len(places)), self.table.rows)
        return Rows(symbols, code, tiled, {name: grid.ravel() for name, grid in fields.items()})

    def _others(self) -> list[int]:
        return [i for i in range(len(self.table.names)) if i != self.roles["date"]]

    def _field(self, position: int) -> str:
        """Of a wide table: which field of its symbol a column is; "" when none."""
        found = names.role(self.table.names[position]) if self.table.symbols else "close"
        return "" if found in KEYS else found

    def _symbol(self, position: int) -> str:
        return (self.table.symbols or self.table.names)[position].strip()

    def _label(self, position: int) -> str:
        return f"{self._field(position)} of {self._symbol(position)}"

    # ---- what is refused --------------------------------------------------------------------------------------------

    def _closes_of_symbols(self) -> None:
        """Without a close, every column but the date must hold the closes of a symbol."""
        if "symbol" in self.roles or len(self.table.names) < 2:
            raise self._unrecognised("close")
        self.roles = {"date": self.roles["date"]}
        for column in (self.table.columns[i] for i in self._others()):
            if pa.types.is_temporal(column.type) or (pa.types.is_string(column.type) and not _numeric(column)):
                raise self._unrecognised("close")

    def _named_once(self) -> None:
        used = list(self.roles.values()) if self.long else self._others()
        spelt = [self.table.names[i] + (f" {self.table.symbols[i]}" if self.table.symbols else "") for i in used]
        every = list(self.table.names) if self.long else spelt
        twice = sorted({n for n in spelt if every.count(n) > 1})
        if twice:
            listed = ", ".join(map(repr, twice))
            raise InputError(f"{self.name} has the column(s) {listed} more than once: rename or remove one")
        if not self.long and not all(map(self._symbol, used)):
            raise InputError(f"{self.name}: a column of prices has no name; it has {self._has()}")

    def _none_of(self, which: npt.NDArray[np.bool_], what: str) -> None:
        if which.any():
            first = int(np.flatnonzero(which)[0]) % self.table.rows + 1
            raise DataError(f"{self.name}: {int(which.sum())} row(s) {what}, the first is row {first}")

    def _has(self) -> str:
        more = f" and {len(self.table.names) - SHOWN} more" if len(self.table.names) > SHOWN else ""
        return ", ".join(repr(n) for n in self.table.names[:SHOWN]) + more

    def _unrecognised(self, role: str) -> InputError:
        if all(names.is_number(n) for n in self.table.names[1:]):
            return InputError(f"{self.name} has no header: it begins {self._has()}. Put a line with names on top of it")
        known = {r: self.table.names[i] for r, i in self.roles.items() if r in ("date", "close")}
        free = [n for i, n in enumerate(self.table.names) if i not in self.roles.values()]
        missing = [r for r in ("date", "close") if r not in known]
        example = known | dict(zip(missing, [*free, "...", "..."], strict=False))
        return InputError(
            f"{self.name}: no column for {role} recognised. It has {self._has()}; looked for "
            f"{', '.join(names.SPELLINGS[role][:6])} … Say which is which: columns={example}"
        )


def _numeric(column: pa.ChunkedArray) -> bool:
    """Whether the first written cells look like numbers, most of them."""
    written = [cell for cell in column.slice(0, 50).to_pylist() if cell and cell.strip()]
    numbers = [cell for cell in written if names.is_number(cell.strip("$€£¥()%eE "))]
    return 2 * len(numbers) >= len(written)
