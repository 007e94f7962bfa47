"""Who was in a list when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import pandas as pd
from pandas.api.typing import NaTType

from aura_lib.core import DataError, day_or_moment
from aura_lib.data.universe.table import Row

Member = tuple[str, pd.Timestamp, "pd.Timestamp | NaTType", Row]
NEEDED = ("symbol", "from", "to")


def history(rows: Iterable[Row], name: str) -> pd.DataFrame:
    """Memberships, checked: symbol, from, to (NaT: a member still), both days included.

    Raises DataError, with the line, for a day that cannot be read, one that ends before it begins, or two memberships
    of one symbol on the same day.
    """
    found = [_member(row) for row in rows]
    _apart(found)
    if not found:
        raise DataError(f"{name} has no row: nobody was ever a member")
    table = pd.DataFrame([line[:3] for line in found], columns=list(NEEDED))
    return table.sort_values(["from", "symbol"], ignore_index=True)


def members(table: pd.DataFrame, as_of: str | date | datetime, name: str) -> tuple[str, ...]:
    """The symbols that were members on a day. One before the history begins raises DataError."""
    known = day_or_moment(as_of, "as_of")
    day = pd.Timestamp(known.date() if isinstance(known, datetime) else known)
    first = table["from"].min()
    if day < first:
        raise DataError(f"{name}: who was in it is known from {first.date()} on, not on {day.date()}")
    inside = (table["from"] <= day) & (table["to"].isna() | (table["to"] >= day))
    return tuple(sorted(table["symbol"][inside]))


def _member(row: Row) -> Member:
    symbol, begin, end = _symbol(row), _day(row, "from"), _day(row, "to")
    if not isinstance(begin, pd.Timestamp):
        raise DataError(f"{row.place}: {symbol} has no `from`: give the first day as a member")
    if isinstance(end, pd.Timestamp) and end < begin:
        raise DataError(f"{row.place}: {symbol} is a member from {begin.date()} to {end.date()}, which is earlier")
    return symbol, begin, end, row


def _symbol(row: Row) -> str:
    symbol = row.get("symbol")
    if not symbol:
        raise DataError(f"{row.place}: a row without a symbol")
    return symbol


def _day(row: Row, column: str) -> pd.Timestamp | NaTType:
    text = row.get(column)
    if not text:
        return pd.NaT
    try:
        return pd.Timestamp(date.fromisoformat(text))
    except ValueError:
        raise DataError(f"{row.place}: {column}={text!r} is no day such as 2015-06-30") from None


def _apart(found: list[Member]) -> None:
    """Refuse two memberships of one symbol that share a day."""
    before: dict[str, tuple[pd.Timestamp | NaTType, Row]] = {}
    for symbol, begin, end, row in sorted(found, key=lambda line: (line[0], line[1])):
        last = before.get(symbol)
        if last is not None and (pd.isna(last[0]) or begin <= last[0]):
            until = "now" if pd.isna(last[0]) else str(last[0].date())
            raise DataError(
                f"{row.place}: {symbol} is a member from {begin.date()} on, and in {last[1].where} up to {until}"
            )
        before[symbol] = (end, row)
