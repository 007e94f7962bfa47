"""Lists of one's own: files in AURA_HOME/universes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from aura_lib.core import AssetClass, DataError, Settings
from aura_lib.data.universe.listing import COLUMNS, Universe, completed
from aura_lib.data.universe.members import NEEDED, history, members
from aura_lib.data.universe.table import Row, rows

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
HISTORY = ".members.csv"


def names(settings: Settings | None = None) -> tuple[str, ...]:
    """The lists that there are."""
    folder = _folder(settings or Settings.load())
    found = {path.name.removesuffix(HISTORY).removesuffix(".csv") for path in folder.glob("*.csv")}
    return tuple(sorted(name for name in found if NAME.fullmatch(name)))


def there(name: str, settings: Settings) -> bool:
    """Whether there is a list of this name."""
    return bool(NAME.fullmatch(name)) and name in names(settings)


def read(name: str, settings: Settings) -> Universe:
    """A list by its name; with a membership history its symbols are today's members."""
    plain, dated = (_folder(settings) / f"{name}{ending}" for ending in (".csv", HISTORY))
    known = history(rows(dated, NEEDED), dated.name) if dated.exists() else None
    lines = rows(plain, ("symbol",)) if plain.exists() else []
    if known is None and plain.exists() and {"from", "to"} <= set(lines[0].values if lines else ()):
        known = history(lines, plain.name)
    listing = _listing(lines, known)
    symbols = listing["symbol"] if known is None else members(known, datetime.now(UTC).date(), name)
    if not len(listing):
        raise DataError(f"{plain.name} lists no symbol")
    return Universe(symbols, name, lambda: listing, known)


def _folder(settings: Settings) -> Path:
    return settings.home / "universes"


def _listing(lines: Sequence[Row], known: pd.DataFrame | None) -> pd.DataFrame:
    """One line a symbol; those that were members and are described nowhere have nothing but their symbol."""
    found: dict[str, Row] = {}
    for line in lines:
        symbol = line.get("symbol")
        if not symbol:
            raise DataError(f"{line.place}: a row without a symbol")
        if symbol in found and "from" not in line.values:
            raise DataError(f"{line.place}: {symbol} is in {found[symbol].where} already")
        found[symbol] = line
    table = [[row.get(name) for name in COLUMNS] for row in map(_checked, found.values())]
    past = [] if known is None else [s for s in known["symbol"].unique() if s not in found]
    return completed(pd.DataFrame([*table, *([s, *[""] * 5] for s in past)], columns=list(COLUMNS)))


def _checked(row: Row) -> Row:
    kind = row.get("asset_class")
    if kind and kind not in set(AssetClass):
        raise DataError(f"{row.place}: asset_class={kind!r} is none of {', '.join(AssetClass)}")
    return row
