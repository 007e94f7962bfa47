"""What the columns of a file are called by those who write such files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# In each role the first name found counts. Written as `plain` writes them.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "date": (
        *("date", "datetime", "timestamp", "day", "tradedate", "tradingday", "tradingdate", "pricedate", "quotedate"),
        *(
            "caldt",
            "datadate",
            "ts",
            "opentime",
            "datum",
            "zeitpunkt",
            "fecha",
            "data",
            "jour",
            "time",
            "zeit",
            "period",
        ),
    ),
    "symbol": (
        *("symbol", "ticker", "tickersymbol", "sym", "tic", "instrument", "ric", "security", "stock", "asset", "code"),
        *("kurzel", "wkn", "isin", "name"),
    ),
    "open": ("open", "openprice", "openingprice", "opening", "adjopen", "eroffnung", "erster", "ouverture", "apertura"),
    "high": (
        "high",
        "highprice",
        "hi",
        "dayhigh",
        "adjhigh",
        "hoch",
        "tageshoch",
        "haut",
        "plushaut",
        "maximo",
        "massimo",
    ),
    "low": ("low", "lowprice", "lo", "daylow", "adjlow", "tief", "tagestief", "bas", "plusbas", "minimo"),
    "close": (
        *("close", "closeprice", "closingprice", "closelast", "last", "lastprice", "pxlast", "price", "prc", "settle"),
        *("schlusskurs", "schluss", "kurs", "cloture", "dernier", "cierre", "chiusura", "nav", "value"),
    ),
    "adjusted close": (
        *("adjclose", "adjustedclose", "closeadj", "closeadjusted", "adjcloseprice", "adjustedclosingprice"),
        *("adjustedcloseprice", "adjprice"),
    ),
    "volume": ("volume", "vol", "adjvolume", "tradedvolume", "sharestraded", "volumen", "stuck", "umsatz", "volumes"),
}
LETTERS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
OTHER = frozenset({"dividends", "stocksplits", "capitalgains", "repaired"})  # fields that yfinance adds
CORNERS = frozenset({"", "price", "ticker", "tickers", "symbol", "symbols", "attributes", "date", "datetime"})


def plain(name: str) -> str:
    """A name in lower case, without accents, leading numbers and whatever is no letter.

    Example:
        >>> plain("5. Adjusted Close"), plain("<DATE>"), plain("Eröffnung")
        ('adjustedclose', 'date', 'eroffnung')
    """
    text = unicodedata.normalize("NFKD", name.replace("ß", "ss")).lower()
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^\s*\d+\s*[.)]\s*", "", text))


def role(name: str) -> str:
    """The role that a column of this name has; "" when it has none."""
    return next((role for role, spellings in SPELLINGS.items() if plain(name) in spellings), "")


def is_field(name: str) -> bool:
    """Whether this is a field of a bar, or what vendors write beside them."""
    return role(name) in SPELLINGS.keys() - {"date", "symbol"} or plain(name) in OTHER


def roles(columns: Sequence[str]) -> dict[str, int]:
    """Role → position of the column that has it. Single letters count only where o, h, l and c are all there."""
    spelt = [plain(name) for name in columns]
    found = {}
    for name, spellings in SPELLINGS.items():
        position = next((spelt.index(spelling) for spelling in spellings if spelling in spelt), None)
        if position is not None:
            found[name] = position
    if {"o", "h", "l", "c"} <= set(spelt):
        found = {**{LETTERS[s]: i for i, s in enumerate(spelt) if s in LETTERS}, **found}
    date, time = found.get("date"), spelt.index("time") if "time" in spelt else None
    if date is None and columns and plain(columns[0]) in ("", "index", "unnamed0", "indexlevel0"):
        found["date"] = 0  # an index without a name
    if date is not None and time is not None and date != time:
        found["time"] = time
    return found


def two_rows(
    first: Sequence[str], second: Sequence[str], leading: int
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Fields and symbols from two header rows, in either order (as yfinance writes them); None when they are none.

    `leading` columns in front belong to the index.
    """
    if len(first) != len(second) or len(first) <= leading:
        return None
    if any(plain(cell) not in CORNERS for row in (first, second) for cell in row[:leading]):
        return None
    upper, lower = _filled(first[leading:]), list(second[leading:])
    if not all(upper) or not all(lower):
        return None
    for fields, symbols in ((upper, lower), (lower, upper)):
        if all(map(is_field, fields)) and not all(map(is_number, symbols)) and not all(map(is_field, symbols)):
            return (*["date"] * leading, *fields), (*[""] * leading, *symbols)
    return None


def _filled(cells: Sequence[str]) -> list[str]:
    """A merged cell is written once, above the first of its columns."""
    filled: list[str] = []
    for cell in cells:
        filled.append(cell or (filled[-1] if filled else ""))
    return filled


def is_number(text: str) -> bool:
    """Whether a text holds nothing but digits, signs and separators."""
    return re.fullmatch(r"[-+\d.,\s]*", text) is not None
