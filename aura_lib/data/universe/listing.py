"""Symbols with what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any, Self

import pandas as pd

from aura_lib.core import AssetClass, DataError, InputError, Instrument
from aura_lib.data import files, sources
from aura_lib.data.universe.members import members
from aura_lib.data.universe.search import ranked

COLUMNS = ("symbol", "name", "exchange", "sector", "asset_class", "currency")
NO_HISTORY = "this list has no membership history: it is today's list"
Choice = str | Collection[str] | None
SHOWN = 8


class Universe(tuple[str, ...]):
    """The symbols that can be traded, as a tuple; and all that are listed, indices too, with what is known of them.

    `note` says what is to be kept in mind, such as that nobody knows who was in the list when: symbols chosen today
    have survived, and a test on them is too good (Brown, Goetzmann, Ibbotson and Ross, 1992, Rev. of Financial
    Studies 5).
    """

    name: str
    note: str
    _tell: Callable[[], pd.DataFrame]
    _history: pd.DataFrame | None

    def __new__(
        cls, symbols: Iterable[str], name: str, tell: Callable[[], pd.DataFrame], history: pd.DataFrame | None = None
    ) -> Self:
        """`tell` gives what `table()` does, and is asked once, when that is wanted; `history`: symbol, from, to."""
        made = super().__new__(cls, tuple(symbols))
        made.name, made._tell, made._history = name, tell, history
        made.note = "" if history is not None else NO_HISTORY
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return (_again, (tuple(self), self.name, self._listing, self._history))

    @cached_property
    def _listing(self) -> pd.DataFrame:
        return self._tell()

    @property
    def survivors(self) -> bool:
        """Whether it holds only those that are left: it has no membership history."""
        return self._history is None

    def table(self) -> pd.DataFrame:
        """What is listed: symbol, name, exchange (market identifier code), sector, asset_class, currency.

        Empty where unknown. `table().attrs["caption"]` is the note.
        """
        return self._captioned(self._listing)

    def search(
        self, text: str = "", *, exchange: Choice = None, sector: Choice = None, asset_class: Choice = None
    ) -> pd.DataFrame:
        """What is listed and meant by a text, best first, with the columns of `table()`.

        First comes the symbol that is the text, then symbols that begin with it, then names whose words begin with its
        words, names that have it somewhere, and at last close spellings. `exchange`, `sector` and `asset_class` leave
        only those; one that is nowhere in the list raises InputError with what there is.
        """
        found = self._listing
        for column, wanted in (("exchange", exchange), ("sector", sector), ("asset_class", asset_class)):
            if wanted is not None:
                found = found[self._chosen(column, wanted).loc[found.index]]
        return self._captioned(found.iloc[ranked(found["symbol"], found["name"], text)])

    def members(self, as_of: str | date | datetime) -> tuple[str, ...]:
        """Who was in the list on a day; a moment means its day in UTC.

        Raises DataError when the list has no membership history, or when it begins later.
        """
        if self._history is None:
            raise DataError(
                f"{self.name}: {NO_HISTORY}, and nobody knows who was in it on {as_of}. Use it as it is if names "
                f"chosen in hindsight will do, or write who was in when: AURA_HOME/universes/NAME.members.csv with "
                "columns symbol, from, to"
            )
        return members(self._history, as_of, self.name)

    def _chosen(self, column: str, wanted: str | Collection[str]) -> pd.Series:
        values = [wanted] if isinstance(wanted, str) else list(wanted)
        there = self._listing[column].str.casefold()
        unknown = [value for value in values if str(value).casefold() not in set(there)]
        if unknown:
            known = ", ".join(sorted(set(self._listing[column]) - {""})) or "none is known"
            raise InputError(f"{self.name} lists no {column} {unknown}; there is: {known}")
        return there.isin([str(value).casefold() for value in values])

    def _captioned(self, found: pd.DataFrame) -> pd.DataFrame:
        table = found.reset_index(drop=True)
        table.attrs["caption"] = self.note
        return table

    def __repr__(self) -> str:
        more = f" … {self[-1]}" if len(self) > SHOWN else ""
        count = f"{len(self)} symbol{'' if len(self) == 1 else 's'}"
        note = f"; {self.note}" if self.note else ""
        return f"<universe {self.name}: {count}: {', '.join(self[:SHOWN])}{more}{note}>"


def _again(symbols: tuple[str, ...], name: str, listing: pd.DataFrame, history: pd.DataFrame | None) -> Universe:
    """A universe that was pickled."""
    return Universe(symbols, name, lambda: listing, history)


def of_adapter(adapter: sources.Adapter, given: Mapping[str, Instrument]) -> Universe:
    """The universe of a source; `given` is what a vendor on the network gave up to now."""
    if isinstance(adapter, sources.Vendor):
        tradable = [s for s, what in given.items() if what.asset_class is not AssetClass.INDEX]
        return Universe(tradable, adapter.name, lambda: _of_vendor(adapter, given))
    if isinstance(adapter, files.FileSource):
        return Universe(adapter.universe(), adapter.name, lambda: _of_instruments(adapter.reading.bars.instruments))
    return Universe(adapter.universe(), adapter.name, lambda: _told(adapter))


def _told(adapter: sources.Adapter) -> pd.DataFrame:
    """What an adapter tells of its symbols; one without `listings()` tells nothing but them."""
    tell = getattr(adapter, "listings", None)
    return completed(tell() if tell else pd.DataFrame({"symbol": adapter.symbols()}))


def _of_vendor(adapter: sources.Vendor, given: Mapping[str, Instrument]) -> pd.DataFrame:
    """What a vendor lists, and what it gave that it does not list."""
    table = _of_instruments(given)
    if not hasattr(adapter, "listings"):
        return table
    told = _told(adapter)
    return pd.concat([told, table[~table["symbol"].isin(told["symbol"])]], ignore_index=True)


def _of_instruments(known: Mapping[str, Instrument]) -> pd.DataFrame:
    rows = [(s, what.venue, what.asset_class.value, what.currency) for s, what in known.items()]
    return completed(pd.DataFrame(rows, columns=["symbol", "exchange", "asset_class", "currency"]))


def completed(listing: pd.DataFrame) -> pd.DataFrame:
    """A listing with all columns as text, empty where unknown."""
    given = {name: listing.get(name, "") for name in COLUMNS}
    made = pd.DataFrame(given, index=listing.index)
    return made.fillna("").astype("str").reset_index(drop=True)
