"""Dates and times as people write them. The whole column decides whether 01/02/2021 is in January or in February."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aura_lib.core import InputError

EXCEL = pd.Timestamp("1899-12-30")  # day 0 of a workbook's dates
EPOCHS: tuple[tuple[float, float, Literal["s", "ms", "us", "ns"]], ...] = (
    (1e8, 1e11, "s"), (1e11, 1e14, "ms"), (1e14, 1e17, "us"), (1e17, 1e20, "ns"),
)  # fmt: skip
PARTS = re.compile(
    r"^(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4}|\d{2})"
    r"(?:[ T,]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?P<half>[AaPp][Mm])?)?$"
)
ZONED = re.compile(r"(?<=\d)(?:[Zz]|\s?UTC|[-+]\d{2}(?::?\d{2})?)$")
WORDS = (  # with the month in letters
    *(
        "%d %b %Y",
        "%d-%b-%Y",
        "%d-%b-%y",
        "%d %B %Y",
        "%b %d, %Y",
        "%B %d, %Y",
        "%b %d %Y",
        "%B %d %Y",
        "%a %b %d %Y",
        "%a, %d %b %Y",
    ),
    *("%d. %B %Y", "%d%b%Y", "%Y-%b-%d"),
)

Micros = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class When:
    """The times of the rows: wall-clock microseconds, and how far each is ahead of UTC (None: nobody knows).

    `missing` marks rows without a time.
    """

    local: Micros
    ahead: Micros | None
    missing: npt.NDArray[np.bool_]
    note: str

    @property
    def whole_days(self) -> bool:
        """Whether every time is a midnight: days, then."""
        return not (self.local[~self.missing] % 86_400_000_000).any()


def parse(column: pa.ChunkedArray, *, dayfirst: bool | None = None, name: str = "") -> When:
    """Times of a column. What can be read in two ways, or in none, raises InputError."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz:
        return _zoned(pd.DatetimeIndex(column.cast(pa.timestamp("us", kind.tz)).to_pandas()), f"times in {kind.tz}")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _naive(pd.DatetimeIndex(column.cast(pa.timestamp("us")).to_pandas()), "dates")
    if pa.types.is_null(kind):
        raise InputError(f"{name}: the date column is empty")
    codes = pc.dictionary_encode(column).combine_chunks()
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.chunk(0)
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise InputError(f"{name}: the date column holds {kind}, not dates")
    once = _values(codes.dictionary, dayfirst, name)
    at = codes.indices.fill_null(len(codes.dictionary)).to_numpy(zero_copy_only=False)
    return When(
        np.append(once.local, 0)[at], None if once.ahead is None else np.append(once.ahead, 0)[at],
        np.append(once.missing, True)[at], once.note,
    )  # fmt: skip


def times_of_day(column: pa.ChunkedArray, name: str) -> Micros:
    """A column of times beside one of dates, such as 15:30, 15:30:00 or 153000, as microseconds since midnight."""
    text = column.cast(pa.int64() if pa.types.is_floating(column.type) else column.type).cast(pa.string())
    words = pd.Series(text.to_pandas()).astype("str").str.strip()
    bare = words.str.fullmatch(r"\d{1,6}")
    words = words.mask(bare, words.str.zfill(6).str.replace(r"^(\d\d)(\d\d)(\d\d)$", r"\1:\2:\3", regex=True))
    words = words.mask(words.str.fullmatch(r"\d{1,2}:\d{2}"), words + ":00")
    found = pd.to_timedelta(words, errors="coerce")
    if found.isna().any():
        row = int(np.flatnonzero(found.isna())[0])
        raise InputError(f"{name}: the time in row {row + 1} is {column[row].as_py()!r}; write 15:30 or 15:30:00")
    micros: Micros = found.astype("timedelta64[us]").to_numpy().view("i8")
    return micros


def _values(once: Any, dayfirst: bool | None, name: str) -> When:
    """Times of the different values of a column."""
    series = pd.Series(once.to_pandas())
    if not pa.types.is_string(once.type):
        return _counted(series.astype("float64"), name)
    words = series.str.strip()
    words = words.mask(words.str.lower().isin(["", "nan", "nat", "null", "none", "na"]))
    known = words.dropna()
    if not len(known):
        raise InputError(f"{name}: the date column is empty")
    if known.str.fullmatch(r"\d+(\.\d+)?").all():
        return _counted(words.astype("float64"), name)
    parts = known.str.extract(PARTS)
    if parts["y"].notna().all():
        return _parted(parts, words, dayfirst, name)
    return _worded(words, known, name)


def _counted(numbers: pd.Series, name: str) -> When:
    """20211231, days of a workbook, or seconds (milli-, micro-, nanoseconds) since 1970."""
    low, high = numbers.min(), numbers.max()
    whole = (numbers.dropna() % 1 == 0).all()
    if whole and low >= 19_000_101 and high <= 21_001_231:
        text = numbers.map("{:.0f}".format, na_action="ignore")
        return _naive(_dated(text, "%Y%m%d", name), "dates as 20211231")
    if low >= 10_000 and high < 80_000:
        stamps = EXCEL + pd.to_timedelta((numbers * 86_400).round(3), unit="s")
        return _naive(pd.DatetimeIndex(stamps), "days of a workbook")
    for least, most, unit in EPOCHS:
        if least <= low and high < most:
            return _zoned(pd.DatetimeIndex(pd.to_datetime(numbers, unit=unit, utc=True)), f"{unit} since 1970, UTC")
    raise InputError(
        f"{name}: the date column holds numbers from {low:g} to {high:g}: neither 20211231, nor days of a workbook, "
        'nor seconds since 1970. Map another column: columns={"date": ...}'
    )


def _dated(text: pd.Series, form: str, name: str) -> pd.DatetimeIndex:
    found = pd.to_datetime(text, format=form, errors="coerce")
    wrong = text.notna() & found.isna()
    if wrong.any():
        raise InputError(
            f"{name}: {text[wrong].iloc[0]!r} is no date ({int(wrong.sum())} such); the others are as {form}"
        )
    return pd.DatetimeIndex(found)


def _parted(parts: pd.DataFrame, words: pd.Series, dayfirst: bool | None, name: str) -> When:
    """31.12.2021 and 12/31/2021: the column decides, unless it is told."""
    first, second = parts["a"].astype(int), parts["b"].astype(int)
    if dayfirst is None:
        dayfirst = _dayfirst(first, second, words, set(parts["sep"]), name)
    day, month = (first, second) if dayfirst else (second, first)
    text = parts["y"].where(parts["y"].str.len() == 4, _century(parts["y"]))
    text = text + "-" + month.map("{:02d}".format) + "-" + day.map("{:02d}".format)
    time = parts["time"].fillna("0:00")
    seconds = pd.to_timedelta(time.where(time.str.count(":") == 2, time + ":00"))
    half, hour = parts["half"].str.lower(), seconds.dt.components["hours"]
    seconds += pd.to_timedelta(((half == "pm") & (hour < 12)) * 12 - ((half == "am") & (hour == 12)) * 12, unit="h")
    stamps = pd.Series(_dated(text, "%Y-%m-%d", name), index=text.index) + seconds
    order = "day first" if dayfirst else "month first"
    return _naive(pd.DatetimeIndex(stamps.reindex(words.index)), f"dates with the {order}")


def _century(years: pd.Series) -> pd.Series:
    return years.map(lambda y: y if len(y) == 4 else ("19" if int(y) > 68 else "20") + y)


def _dayfirst(first: pd.Series, second: pd.Series, words: pd.Series, separators: set[str], name: str) -> bool:
    if first.max() > 12 and second.max() > 12:
        one, two = words[first[first > 12].index[0]], words[second[second > 12].index[0]]
        raise InputError(f"{name}: the dates are in two orders ({one} and {two}): mend the file")
    if first.max() > 12 or second.max() > 12:
        return bool(first.max() > 12)
    if separators == {"."}:  # nobody writes months first with points
        return True
    raise InputError(
        f"{name}: is the {first.iloc[0]} of {words.dropna().iloc[0]} the day or the month? No other date of the column "
        "decides: give dayfirst=True or dayfirst=False"
    )


def _worded(words: pd.Series, known: pd.Series, name: str) -> When:
    """ISO 8601, or the month in letters."""
    zoned = known.str.contains(ZONED) & known.str.contains(":")
    if zoned.any() and not zoned.all():
        raise InputError(
            f"{name}: {known[~zoned].iloc[0]!r} has no time zone, {known[zoned].iloc[0]!r} has one: mend the file"
        )
    iso = words.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", _dashed, regex=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pd.to_datetime(iso, format="ISO8601", utc=bool(zoned.any()), errors="coerce")
        if zoned.any() and found[known.index].notna().all():
            plain = pd.to_datetime(iso.str.replace(ZONED, "", regex=True), format="ISO8601", errors="coerce")
            return _ahead(pd.DatetimeIndex(plain), pd.DatetimeIndex(found), "times with their zone")
        for form in () if zoned.any() or found[known.index].notna().all() else WORDS:
            tried = pd.to_datetime(words, format=form, errors="coerce")
            if tried.notna().sum() > found.notna().sum():
                found = tried
    wrong = words.notna() & found.isna()
    if wrong.any():
        raise InputError(
            f"{name}: {words[wrong].iloc[0]!r} in the date column is no date ({int(wrong.sum())} such). Dates are for "
            "instance 2021-12-31, 31.12.2021, 12/31/2021 or 31 Dec 2021; if it is another column: "
            'columns={"date": ...}'
        )
    return _naive(pd.DatetimeIndex(found), "dates")


def _dashed(found: re.Match[str]) -> str:
    return f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}"


def _micros(stamps: pd.DatetimeIndex) -> Micros:
    return stamps.as_unit("us").asi8


def _naive(stamps: pd.DatetimeIndex, note: str) -> When:
    missing = np.asarray(stamps.isna())
    return When(np.where(missing, 0, _micros(stamps)), None, missing, note)


def _zoned(stamps: pd.DatetimeIndex, note: str) -> When:
    return _ahead(stamps.tz_localize(None), stamps.tz_convert("UTC"), note)


def _ahead(local: pd.DatetimeIndex, moments: pd.DatetimeIndex, note: str) -> When:
    missing = np.asarray(moments.isna())
    wall, instant = (np.where(missing, 0, _micros(s)) for s in (local, moments.tz_convert("UTC")))
    return When(wall, wall - instant, missing, note)
