"""An analyst's own file: what is recognised, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib import data
from aura_lib.core import Bars, Calendar, DataError, DataSource, InputError
from aura_lib.data import sources
from aura_lib.data.store import Store

LONG = """date,symbol,open,high,low,close,volume
2021-12-30,AAA,1,2,0.5,1.5,100
2021-12-31,AAA,1.5,2,1,1.75,120
2021-12-30,BBB,10,20,5,15,1000
2021-12-31,BBB,15,20,10,17.5,1200
"""
LAST = datetime(2021, 12, 31, 21, tzinfo=UTC)  # XNYS closed at 16:00 New York


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(content: str | bytes, name: str = "prices.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return written


def closes(bars: Bars) -> dict[str, list[float]]:
    return {symbol: bars.close[symbol].tolist() for symbol in bars.symbols}


def zipped(inside: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in inside.items():
            archive.writestr(name, text)
    return packed.getvalue()


def stored(frame: pd.DataFrame, kind: str, **words: Any) -> bytes:
    sink = io.BytesIO()
    getattr(frame, f"to_{kind}")(sink, **words)
    return sink.getvalue()


# ---- what is recognised ----------------------------------------------------------------------------------------------

YFINANCE = """Price,Close,Close,Volume,Volume
Ticker,AAPL,MSFT,AAPL,MSFT
Date,,,,
2021-12-30,178.2,339,1,2
2021-12-31,177.57,336,3,4
"""
BY_TICKER = """Ticker,AAPL,AAPL,MSFT,MSFT
Price,Open,Close,Open,Close
Date,,,,
2021-12-30,1,178.2,2,339
2021-12-31,1,177.57,2,336
"""
STOOQ = """<TICKER>,<PER>,<DATE>,<TIME>,<CLOSE>,<VOL>
A.US,D,20211230,000000,1.5,1
A.US,D,20211231,000000,1.75,1
"""
NAN = float("nan")
TWO = "30.12.2021;{}\n31.12.2021;{}\n"
FORMS = {
    "any order and case": ("CLOSE,Ticker,Trade Date\n1.5,A,2021-12-30\n1.75,A,2021-12-31\n", {"A": [1.5, 1.75]}),
    "tabs": ("Date\tLast\n2021-12-30\t1.5\n2021-12-31\t1.75\n", {"prices": [1.5, 1.75]}),
    "bars": ("Date|Last\n2021-12-30|1.5\n2021-12-31|1.75\n", {"prices": [1.5, 1.75]}),
    "sep line": ("sep=;\nDate;Close\n2021-12-30;1.5\n2021-12-31;1.75\n", {"prices": [1.5, 1.75]}),
    "German": ("Datum;Schlusskurs\n" + TWO.format("1.234,5", "999,75"), {"prices": [1234.5, 999.75]}),
    "French": ("Date;Clôture\n30/12/2021;1 234,5\n31/12/2021;999,75\n", {"prices": [1234.5, 999.75]}),
    "Swiss": ("Datum;Kurs\n" + TWO.format("1'234.5", "999.75"), {"prices": [1234.5, 999.75]}),
    "Nasdaq": ("Date,Close/Last,Volume\n12/31/2021,$177.57,64062260\n12/30/2021,$178.20,59773010\n",
               {"prices": [178.2, 177.57]}),
    "thousands as text": ('Date,Close\n2021-12-30,"1,234.56"\n2021-12-31,"12,345.67"\n',
                          {"prices": [1234.56, 12345.67]}),
    "lakhs": ('Date,Close\n2021-12-30,"1,23,456.5"\n2021-12-31,"9,999.5"\n', {"prices": [123456.5, 9999.5]}),
    "a volume that decides nothing": ('Date,Close,Volume\n2021-12-30,1.5,"1,234"\n2021-12-31,1.75,"2,345"\n',
                                      {"prices": [1.5, 1.75]}),
    "wide": ("Date,AAPL,C,V\n2021-12-30,178.2,60.5,216\n2021-12-31,177.57,60.39,216.71\n",
             {"AAPL": [178.2, 177.57], "C": [60.5, 60.39], "V": [216, 216.71]}),
    "o h l c": ("t,o,h,l,c,v,date\nx,1,2,1,1.5,9,2021-12-30\nx,1,2,1,1.75,9,2021-12-31\n", {"prices": [1.5, 1.75]}),
    "yfinance": (YFINANCE, {"AAPL": [178.2, 177.57], "MSFT": [339, 336]}),
    "yfinance by ticker": (BY_TICKER, {"AAPL": [178.2, 177.57], "MSFT": [339, 336]}),
    "pandas' own": (",close\n2021-12-30,1.5\n2021-12-31,1.75\n", {"prices": [1.5, 1.75]}),
    "Stooq": (STOOQ, {"A.US": [1.5, 1.75]}),
    "Alpha Vantage": ("timestamp,4. close,5. volume\n2021-12-31,1.75,2\n2021-12-30,1.5,2\n", {"prices": [1.5, 1.75]}),
    "a line above": ("Prices of the week\n\nDate,Close\n2021-12-30,1.5\n2021-12-31,1.75\n", {"prices": [1.5, 1.75]}),
    "a comment above": ("# from my terminal\nDate,Close\n2021-12-30,1.5\n2021-12-31,1.75\n", {"prices": [1.5, 1.75]}),
    "a title with a comma": ("Prices, all in EUR\nDatum;Kurs\n" + TWO.format("1,5", "1,75"), {"prices": [1.5, 1.75]}),
    "old line ends": ("Date,Close\r2021-12-30,1.5\r2021-12-31,1.75\r", {"prices": [1.5, 1.75]}),
    "quoted": ('"Date","Close"\n"2021-12-30","1.5"\n"2021-12-31","1.75"\n', {"prices": [1.5, 1.75]}),
    "nothing written": ("Date,A,B\n2021-12-30,1.5,n/a\n2021-12-31,1.75,2\n", {"A": [1.5, 1.75], "B": [NAN, 2.0]}),
    "empty rows": ("Date,Close\n2021-12-30,1.5\n,\n2021-12-31,1.75\n,\n", {"prices": [1.5, 1.75]}),
    "Windows' line ends": ("Date,Close\r\n2021-12-30,1.5\r\n2021-12-31,1.75\r\n", {"prices": [1.5, 1.75]}),
    "the symbol NA is one": ("date,symbol,close\n2021-12-30,NA,1.5\n2021-12-31,NA,1.75\n", {"NA": [1.5, 1.75]}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_recognised(write: Callable[..., Path], form: str) -> None:
    text, expected = FORMS[form]
    bars = data.read(write(text)).bars
    assert closes(bars) == {symbol: pytest.approx(prices, nan_ok=True, abs=0) for symbol, prices in expected.items()}
    assert (bars.end, bars.frequency, bars.source) == (LAST, "1d", "prices.csv")


DATES = (
    ("2021-12-30", "2021-12-31"), ("2021/12/30", "2021/12/31"), ("20211230", "20211231"), ("30.12.2021", "31.12.2021"),
    ("30.12.21", "31.12.21"), ("12/30/2021", "12/31/2021"), ("30/12/2021", "31/12/2021"), ("30-12-2021", "31-12-2021"),
    ("30 Dec 2021", "31 Dec 2021"), ("30-Dec-21", "31-Dec-21"), ("Dec 30 2021", "Dec 31 2021"),
    ("December 30 2021", "December 31 2021"), ("44560", "44561"), ("1640822400", "1640908800"),
    ("1640822400000", "1640908800000"), ("2021-12-30 00:00:00", "2021-12-31 00:00:00"),
    ("2021-12-30T00:00:00Z", "2021-12-31T00:00:00Z"), ("2021-12-30 00:00:00-05:00", "2021-12-31 00:00:00-05:00"),
    ("2021-12-30 16:00:00", "2021-12-31 16:00:00"), ("12/30/2021 4:00 PM", "12/31/2021 4:00 PM"),
    ("2021-12-30 21:00:00+00:00", "2021-12-31 21:00:00+00:00"), ("2021-12-30T16:00-05:00", "2021-12-31T16:00-05:00"),
)  # fmt: skip


@pytest.mark.parametrize("dates", DATES)
def test_a_date_in_any_usual_form_is_the_same_session(write: Callable[..., Path], dates: tuple[str, str]) -> None:
    bars = data.read(write(f"Date,Close\n{dates[0]},1.5\n{dates[1]},1.75\n")).bars
    assert [t.isoformat() for t in bars.times] == ["2021-12-30T21:00:00+00:00", "2021-12-31T21:00:00+00:00"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_encoding_is_found_out(write: Callable[..., Path], encoding: str) -> None:
    text = "Datum;Eröffnung;Schlusskurs;Name\n30.12.2021;1,5;1,5;Börse\n31.12.2021;1,75;1,75;Börse\n"
    found = data.read(write(text, encoding=encoding))
    assert closes(found.bars) == {"Börse": [1.5, 1.75]}
    assert ("it is no UTF-8: read as cp1252 (Western European)" in found.remarks) == (encoding == "cp1252")


def test_a_rarer_encoding_is_told(write: Callable[..., Path]) -> None:
    path = write("Дата;close;date\nx;1.5;2021-12-30\n", encoding="cp866")
    assert closes(data.read(path, encoding="cp866").bars) == {"prices": [1.5]}
    with pytest.raises(InputError, match=r"no encoding 'klingon'"):
        data.read(path, encoding="klingon")


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("p.csv.gz", gzip.compress), ("p.csv.bz2", bz2.compress), ("p.csv.xz", lzma.compress),
        ("p.zip", lambda b: zipped({"inside.csv": b.decode(), "__MACOSX/x": ""})), ("misnamed.csv", gzip.compress),
    ],
)  # fmt: skip
def test_a_packed_file_is_unpacked(write: Callable[..., Path], name: str, pack: Callable[[bytes], bytes]) -> None:
    assert closes(data.read(write(pack(LONG.encode()), name)).bars) == {"AAA": [1.5, 1.75], "BBB": [15, 17.5]}


WIDE = pd.DataFrame(
    {"AAPL": [178.2, 177.57], "MSFT": [339.0, 336.0]}, index=pd.DatetimeIndex(["2021-12-30", "2021-12-31"], name="Date")
)
CATEGORIES = WIDE.melt(ignore_index=False, var_name="symbol", value_name="close").astype({"symbol": "category"})
TWO_ROWS = pd.concat({"Close": WIDE, "Volume": WIDE.round()}, axis=1, names=["Price", "Ticker"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.parquet", stored(WIDE, "parquet")),
        ("zoned.parquet", stored(WIDE.tz_localize("America/New_York"), "parquet")),
        ("two.parquet", stored(TWO_ROWS, "parquet")),
        ("stacked.parquet", stored(WIDE.stack().rename_axis(["date", "symbol"]).to_frame("close"), "parquet")),
        ("w.xlsx", stored(WIDE, "excel")),
        ("two.xlsx", stored(TWO_ROWS, "excel")),
        ("category.parquet", stored(CATEGORIES, "parquet")),
    ],
)  # fmt: skip
def test_parquet_and_workbooks_hold_the_same(write: Callable[..., Path], name: str, content: bytes) -> None:
    bars = data.read(write(content, name)).bars
    assert closes(bars) == {"AAPL": [178.2, 177.57], "MSFT": [339.0, 336.0]}
    assert bars.end == LAST


def test_a_sheet_is_named_or_the_first(write: Callable[..., Path]) -> None:
    sink = io.BytesIO()
    with pd.ExcelWriter(sink) as book:
        WIDE.to_excel(book, sheet_name="Prices")
        (WIDE * 2).to_excel(book, sheet_name="Double")
    path = write(sink.getvalue(), "two sheets.xlsx")
    assert data.read(path).bars.close["MSFT"].iloc[-1] == 336
    assert {data.read(path, sheet=s).bars.close["MSFT"].iloc[-1] for s in ("Double", 1)} == {672}
    with pytest.raises(InputError, match=r"no sheet 'Triple'; it has Prices, Double"):
        data.read(path, sheet="Triple")


def test_columns_are_mapped_where_their_names_say_nothing(write: Callable[..., Path]) -> None:
    path = write("Tag,Wert,Preis\n2021-12-31,5,3\n")
    with pytest.raises(InputError, match=r"no column for date recognised. It has 'Tag', 'Wert', 'Preis'.*columns=\{"):
        data.read(path)
    found = data.read(path, columns={"date": "Tag", "close": "Preis"})
    assert closes(found.bars) == {"prices": [3.0]}
    assert dict(found.recognised) == {"Tag": "date", "Wert": "not used", "Preis": "close"}
    with pytest.raises(InputError, match=r"no column 'Datum' for date; it has 'Tag'"):
        data.read(path, columns={"date": "Datum"})
    with pytest.raises(InputError, match=r"knows the roles date, time.*not 'prise'"):
        data.read(path, columns={"prise": "Preis"})


def test_the_adjusted_close_scales_the_whole_bar_and_can_be_declined(write: Callable[..., Path]) -> None:
    path = write("Date,Open,High,Low,Close,Adj Close,Volume\n2021-12-30,10,12,9,11,5.5,7\n2021-12-31,10,12,9,11,11,7\n")
    adjusted, raw = data.read(path), data.read(path, adjusted=False, adjustment="splits")
    first = {name: frame.iloc[0, 0] for name, frame in adjusted.bars.fields.items()}
    assert first == {"open": 5.0, "high": 6.0, "low": 4.5, "close": 5.5, "volume": 7.0}
    assert adjusted.bars.adjustment == "splits and dividends" and "scaled" in adjusted.remarks[0]
    assert (raw.bars.open.iloc[0, 0], raw.bars.close.iloc[0, 0], raw.bars.adjustment) == (10, 11, "splits")


def test_volume_in_millions_and_the_currency_are_kept(write: Callable[..., Path]) -> None:
    path = write('Date,Price,Vol.,Change %\n12/30/2021,1.5,1.5K,-1%\n12/31/2021,1.75,64.06M,"2,5%"\n')
    bars = data.read(path, currency="EUR", symbol="XYZ").bars
    assert bars.volume["XYZ"].tolist() == [1500, 64_060_000]
    assert bars.instruments["XYZ"].currency == "EUR"


# ---- when a bar is known ---------------------------------------------------------------------------------------------


def test_a_daily_bar_is_stamped_by_the_close_of_its_exchange(write: Callable[..., Path]) -> None:
    path = write("Date,Close\n2021-12-23,1\n2021-12-24,2\n")
    # London closed at 12:30 on Christmas Eve of 2021; New York did not open
    assert data.read(path, calendar="XLON").bars.end == datetime(2021, 12, 24, 12, 30, tzinfo=UTC)
    with pytest.raises(DataError, match=r"1 day\(s\) without a session of XNYS \(2021-12-24\)"):
        data.read(path).bars  # noqa: B018
    assert data.read(path, calendar="24/7").bars.end == datetime(2021, 12, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "frequency", "last"),
    [
        (["2021-12-06", "2021-12-13", "2021-12-20"], "1w", "2021-12-23"),  # Mondays; the 24th was a holiday
        (["2021-12-10", "2021-12-17", "2021-12-24"], "1w", "2021-12-23"),  # Fridays
        (["2021-09-01", "2021-10-01", "2021-11-01"], "1mo", "2021-11-30"),
        (["2021-09-30", "2021-10-31", "2021-11-30"], "1mo", "2021-11-30"),
    ],
)
def test_a_week_or_month_is_known_when_it_is_over_wherever_it_is_dated(
    write: Callable[..., Path], days: list[str], frequency: str, last: str
) -> None:
    rows = "".join(f"{day},{price}\n" for price, day in enumerate(days, start=10))
    bars = data.read(write("Date,Close\n" + rows)).bars
    assert (bars.frequency, str(bars.end.date()), len(bars)) == (frequency, last, 3)


def test_an_intraday_bar_is_known_one_step_after_it_opened(write: Callable[..., Path]) -> None:
    path = write("timestamp,close\n2021-12-31 09:30,1\n2021-12-31 09:31,2\n2021-12-31 09:33,3\n")
    with pytest.raises(InputError, match=r"give tz=, for instance tz='America/New_York'"):
        data.read(path)
    bars = data.read(path, tz="America/New_York").bars
    assert (bars.frequency, bars.start) == ("1m", datetime(2021, 12, 31, 14, 31, tzinfo=UTC))
    assert data.read(path, tz="America/New_York", stamp="close").bars.start.minute == 30
    with pytest.raises(InputError, match=r"no time zone 'Mars/Olympus'"):
        data.read(path, tz="Mars/Olympus")


def test_an_hour_that_came_twice_is_refused(write: Callable[..., Path]) -> None:
    path = write("time,close\n2021-11-07 00:30,1\n2021-11-07 01:30,2\n2021-11-07 02:30,3\n")
    with pytest.raises(InputError, match=r"in America/New_York. Write the times in UTC"):
        data.read(path, tz="America/New_York", calendar="24/7")


# ---- what is refused -------------------------------------------------------------------------------------------------

BAD = {
    "empty": ("", DataError, "prices.csv is empty"),
    "blank": (" \n\n", DataError, "prices.csv is empty"),
    "header only": ("date,close\n", DataError, "a header and no row: date, close"),
    "one column": ("close\n1\n2\n", InputError, "has one column only, it begins 'close'"),
    "no header": ("2021-12-30,1,2\n2021-12-31,1,2\n", InputError, "has no header: it begins '2021-12-30'"),
    "no text": (bytes(range(256)) * 9, InputError, "cannot be read as text .*give its encoding="),
    "ragged": (LONG + "2022-01-03,AAA,1\n2022-01-03,BBB,1,1,1,1,1,9\n", DataError,
               r"2 line\(s\) do not have the 7 columns of the header. line 6 has 3.*line 7 has 8"),
    "cut in a row": (LONG[:-8], DataError, "line 5 has 6"),
    "prices of nothing": ("date,close\n2021-12-30,abc\n", InputError, "close in row 1 is 'abc', which is no number"),
    "percents": ("date,close\n2021-12-30,5%\n", InputError, "close holds percents"),
    "1,234 only": ('date,close\n2021-12-30,"1,234"\n2021-12-31,"2,345"\n', InputError, "1,234 can be read in two ways"),
    "1.234 only": ("date;close\n2021-12-30;1.234\n2021-12-31;2.345\n", InputError, "1.234 can be read in two ways"),
    "two decimal marks": ('date,close\n2021-12-30,"1,5"\n2021-12-31,1.5\n', InputError,
                          "decimal point .* and with a decimal comma"),
    "two orders of dates": ("date,close\n12/30/2021,1\n30/12/2021,2\n", InputError, "the dates are in two orders"),
    "an undecided date": ("date,close\n01/03/2022,1\n01/04/2022,2\n", InputError,
        "give dayfirst=True or dayfirst=False"),
    "no such date": ("date,close\n2021-12-30,1\n2021-02-30,2\n", InputError,
        "'2021-02-30' in the date column is no date"),
    "years": ("date,close\n2020,1\n2021,2\n", InputError, "holds numbers from 2020 to 2021"),
    "half the times zoned": ("date,close\n2021-12-30 10:00Z,1\n2021-12-30 11:00,2\n", InputError,
        "has no time zone"),
    "a date is missing": ("date,close\n2021-12-30,1\n,2\n", DataError,
        r"1 row\(s\) have prices and no date, the first is row 2"),
    "a symbol is missing": ("date,symbol,close\n2021-12-30,A,1\n2021-12-31,,2\n", DataError,
        r"have no symbol, the first is row 2"),
    "twice the same day": (LONG + "2021-12-31,AAA,1,2,1,1.5,9\n", DataError,
                           r"1 row\(s\) have the symbol and time of another: AAA 2021-12-31.*duplicates='first'"),
    "close twice": ("date,close,close\n2021-12-30,1,2\n", InputError, "'close' more than once"),
    "a symbol twice": ("date,AAPL,AAPL\n2021-12-30,1,2\n", InputError,
        "'AAPL' more than once"),
    "texts for closes": ("date,sector,city\n2021-12-30,tech,Rome\n", InputError, "no column for close recognised"),
    "negative and zero": ("date,close\n2021-12-30,-1\n2021-12-31,0\n", DataError,
                          "not positive prices: close at 2021-12-30"),
    "infinite": ("date,close\n2021-12-30,inf\n", DataError, "not positive"),
    "high below low": ("date,high,low,close\n2021-12-30,1,2,1.5\n", DataError, "high below low prices"),
    "a session is missing": ("date,close\n2021-12-29,1\n2021-12-31,2\n", DataError, "missing session"),
    "a Saturday": ("date,close\n2021-12-31,1\n2022-01-01,2\n2022-01-03,3\n", DataError,
                   r"without a session of XNYS \(2022-01-01\)"),
    "before the calendar": ("date,close\n1928-01-03,1\n1928-01-04,1\n", DataError, "without a session of XNYS"),
    "quarters": ("date,close\n2021-03-31,1\n2021-06-30,1\n2021-09-30,1\n", InputError, "give frequency="),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_kept(
    write: Callable[..., Path], aura_home: Path, what: str
) -> None:
    content, error, message = BAD[what]
    with pytest.raises(error, match=message) as caught:
        data.load(write(content))
    assert "prices.csv" in str(caught.value)
    assert Store(aura_home).snapshots() == ()


DAMAGED = {
    "cut.csv.gz": gzip.compress(LONG.encode())[:40],
    "cut.xz": lzma.compress(LONG.encode())[:40],
    "cut.bz2": bz2.compress(LONG.encode())[:40],
    "cut.zip": zipped({"a.csv": LONG})[:60],
    "cut.parquet": stored(WIDE, "parquet")[:300],
    "cut.xlsx": stored(WIDE, "excel")[:2000],
    "end.parquet": b"PAR1" + b"\0" * 50,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_told(write: Callable[..., Path], name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} is damaged"):
        data.read(write(DAMAGED[name], name))


def test_any_damage_of_a_file_is_an_error_of_ours_or_does_no_harm(write: Callable[..., Path]) -> None:
    rng = np.random.default_rng(5)
    for name, whole in (
        ("a.parquet", stored(WIDE, "parquet")),
        ("a.xlsx", stored(WIDE, "excel")),
        ("a.csv", LONG.encode()),
    ):
        for _ in range(40):
            broken = bytearray(whole)
            broken[int(rng.integers(len(broken)))] ^= int(rng.integers(1, 256))
            try:
                data.read(write(bytes(broken), name)).bars  # noqa: B018
            except (InputError, DataError):
                continue


def test_what_is_no_file_is_told(write: Callable[..., Path], tmp_path: Path) -> None:
    write(LONG)
    with pytest.raises(InputError, match=r"no file .*price.csv; that folder has prices.csv"):
        data.load(tmp_path / "price.csv")
    with pytest.raises(InputError, match=r"is a folder; name a file in it, such as prices.csv"):
        data.load(tmp_path)
    with pytest.raises(InputError, match=r"holds 2 files \(a.csv, b.csv\)"):
        data.read(write(zipped({"a.csv": LONG, "b.csv": LONG}), "two.zip"))
    with pytest.raises(InputError, match=r"save it as .xlsx"):
        data.read(write(b"\xd0\xcf\x11\xe0" + b"\0" * 90, "old.xls"))


def test_an_option_that_does_not_exist_is_told_and_a_source_takes_none(write: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"no option 'decimals': did you mean decimal=?"):
        data.load(write(LONG), decimals=",")
    with pytest.raises(InputError, match=r"decimal='!': use one of '.', ','"):
        data.read(write(LONG), decimal="!")
    with pytest.raises(InputError, match=r"decimal: only a file is told how it is to be read, and sample is none"):
        data.load(["KO"], decimal=",")


# ---- what is accepted is told ----------------------------------------------------------------------------------------


def test_doubt_ends_where_it_is_told(write: Callable[..., Path]) -> None:
    path = write('date,close\n01/03/2022,"1,234"\n01/04/2022,"1,235"\n')
    assert closes(data.read(path, dayfirst=False, thousands=",").bars) == {"prices": [1234, 1235]}
    assert closes(data.read(path, dayfirst=False, decimal=",").bars) == {"prices": [1.234, 1.235]}
    assert data.read(path, dayfirst=True, decimal=",", accept=["missing session"]).bars.end.month == 4


@pytest.mark.parametrize(("which", "close"), [("first", 1.75), ("last", 9.0)])
def test_of_two_rows_of_a_day_one_counts_where_that_is_told(
    write: Callable[..., Path], which: str, close: float
) -> None:
    found = data.read(write(LONG + "2021-12-31,AAA,1.5,10,1,9,120\n"), duplicates=which)
    assert found.bars.close["AAA"].iloc[-1] == close
    assert f"1 double row(s): the {which} of each counts" in found.remarks


def test_an_accepted_error_is_still_shown_and_what_it_takes_away_is_told(write: Callable[..., Path]) -> None:
    path = write("date,close\n2021-12-30,1\n2021-12-31,-1\n2022-01-01,3\n2022-01-03,4\n")
    found = data.read(path, accept=["not positive", "unexpected bar"])
    assert closes(found.bars)["prices"] == pytest.approx([1, np.nan, 4], nan_ok=True)
    assert {f.check for f in found.quality.errors} == {"not positive", "unexpected bar"}
    assert "1 value(s) that are not positive count as missing" in found.remarks
    with pytest.warns(UserWarning, match=r"are left out"):
        data.load(path, accept=["not positive", "unexpected bar"])


def test_loading_warns_of_what_one_might_not_expect_at_the_line_that_asked(write: Callable[..., Path]) -> None:
    path = write("date,A,B\n2022-01-03,1,2\n2021-12-31,2,\n2021-12-30,1,3\n")
    with pytest.warns(UserWarning, match=r"prices.csv:\n.*sorted\n.*gap B") as caught:
        data.load(path)
    assert caught[0].filename == __file__


def test_a_clean_file_is_loaded_without_a_word(write: Callable[..., Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert data.check(data.load(write(LONG))).findings == ()


# ---- nothing is lost on the way --------------------------------------------------------------------------------------

SESSIONS = Calendar.of("XNYS").sessions[8000:]
PRICES = st.floats(0.01, 1e7).map(lambda p: round(p, 4)).filter(lambda p: p > 0)
DIALECTS = ("plain", "german", "wide", "tabs", "utf16", "parquet", "excel", "gzip")


@st.composite
def panels(draw: st.DrawFn) -> pd.DataFrame:
    rows, symbols = (
        draw(st.integers(2, 6)),
        draw(st.lists(st.sampled_from(["AAPL", "C", "V", "BRK.B", "LOW"]), min_size=2, max_size=3, unique=True)),
    )
    values = draw(st.lists(PRICES, min_size=rows * len(symbols), max_size=rows * len(symbols)))
    return pd.DataFrame(np.reshape(values, (rows, -1)), index=SESSIONS[:rows], columns=symbols)


def german(price: float) -> str:
    return f"{price:,.4f}".translate(str.maketrans(",.", ".,"))


def written_as(dialect: str, close: pd.DataFrame) -> tuple[str, bytes]:
    long = close.rename_axis("date").reset_index().melt("date", var_name="symbol", value_name="close")
    if dialect == "german":
        text = long.assign(date=long["date"].dt.strftime("%d.%m.%Y"), close=long["close"].map(german))
        return "p.csv", text.to_csv(sep=";", index=False).encode("cp1252")
    if dialect == "wide":
        return "p.csv", close.rename_axis("Date").to_csv().encode()
    if dialect in ("tabs", "utf16"):
        return "p.txt", long.to_csv(sep="\t", index=False).encode("utf-16" if dialect == "utf16" else "utf-8")
    if dialect == "parquet":
        return "p.parquet", stored(long, "parquet")
    if dialect == "excel":
        return "p.xlsx", stored(long, "excel", index=False)
    plain = long.sample(frac=1, random_state=1).to_csv(index=False).encode()
    return ("p.csv.gz", gzip.compress(plain)) if dialect == "gzip" else ("p.csv", plain)


@settings(max_examples=12)
@given(close=panels())
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_written_is_read_to_the_last_bit(
    dialect: str, close: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name, content = written_as(dialect, close)
    path = tmp_path_factory.mktemp("files") / name
    path.write_bytes(content)
    options = {"decimal": ","} if dialect == "german" else {}
    bars = data.read(path, **options).bars
    assert bars.times.equals(Calendar.of("XNYS").closes[8000 : 8000 + len(close)])
    assert bars.close[list(close.columns)].to_numpy().tobytes() == close.to_numpy().tobytes()
    assert set(bars.symbols) == set(close.columns)


STYLES: tuple[Callable[[float], str], ...] = (
    lambda price: german(price)[:-2],
    lambda price: f"{price:,.2f}",
    lambda price: f"{round(price):,}",
    lambda price: f"{round(price):,}".replace(",", "."),
    lambda price: f"{price:.3f}",
)


@settings(max_examples=80)
@given(
    prices=st.lists(st.floats(1, 1e7).map(lambda p: round(p, 2)), min_size=1, max_size=4), style=st.sampled_from(STYLES)
)
def test_a_number_is_never_guessed(
    prices: list[float], style: Callable[[float], str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The prices come back as they were, or the file is refused: a price off by a thousand is the one sin."""
    path = tmp_path_factory.mktemp("files") / "p.csv"
    rows = [f"{day:%d.%m.%Y};{style(price)}" for day, price in zip(SESSIONS, prices, strict=False)]
    path.write_text("date;close\n" + "\n".join(rows))
    try:
        found = data.read(path).bars.close["p"].tolist()
    except InputError as error:
        assert "can be read in two ways" in str(error)  # noqa: PT017
    else:
        assert found in (prices, [float(round(price)) for price in prices])


# ---- the store -------------------------------------------------------------------------------------------------------


def test_a_snapshot_comes_back_when_the_file_has_changed_or_gone(write: Callable[..., Path]) -> None:
    path = write(LONG)
    first = data.load(path)
    assert first.snapshot and data.load(path).snapshot == first.snapshot
    write(LONG.replace("17.5", "18.5"))
    second = data.load(path)
    assert (second.close.iloc[-1, 1], second.snapshot != first.snapshot) == (18.5, True)
    path.unlink()
    for bars in (first, second):
        assert data.load(path, snapshot=bars.snapshot).close.equals(bars.close)
    with pytest.raises(InputError, match=rf"no file .*The store has kept it: snapshot='{second.snapshot}'"):
        data.load(path)


def test_a_file_is_a_source_like_any_other(write: Callable[..., Path]) -> None:
    path = write(LONG)
    source = sources.get(path)
    assert isinstance(source, DataSource) and source.name == "prices.csv"
    assert data.symbols(path) == data.universe(str(path)) == ("AAA", "BBB")
    assert data.load(["BBB"], source=path).symbols == ("BBB",)
    assert data.load(source=str(path), as_of="2021-12-30").end.day == 30
    with pytest.raises(InputError, match=r"prices.csv has no \['CCC'\]"):
        data.load(["CCC"], source=path)
    with pytest.raises(DataError, match=r"are not there"):
        data.load(path, as_of="2022-01-05")
    with pytest.raises(InputError, match=r"holds sample 1d, not prices.csv"):
        data.load(path, snapshot=data.load(["KO"]).snapshot)


def test_a_relative_path_is_found_here_and_in_the_project(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(LONG)
    (tmp_path / "aura.toml").touch()
    (tmp_path / "notebooks").mkdir()
    for folder in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(folder)
        assert len(data.load("prices.csv")) == 2


LOADS = "import sys; from aura_lib import data; print(data.load(sys.argv[1]).snapshot)"
FULL = """
import resource, signal, sys
from aura_lib import data
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
data.load(sys.argv[1])
"""


def test_processes_that_load_one_file_at_once_agree(write: Callable[..., Path], aura_home: Path) -> None:
    path = write(LONG)
    running = [subprocess.Popen([sys.executable, "-c", LOADS, str(path)], stdout=subprocess.PIPE) for _ in range(3)]
    told = {process.communicate(timeout=60)[0] for process in running}
    assert len(told) == 1 and {process.returncode for process in running} == {0}
    assert Store(aura_home).verify() == ()


def test_a_full_disk_is_told_and_nothing_half_written_stays(write: Callable[..., Path], aura_home: Path) -> None:
    rng = np.random.default_rng(1)
    close = pd.DataFrame({s: rng.uniform(1, 2, 4000) for s in "AB"}, index=SESSIONS[-4700:-700].rename("date"))
    path = write(close.to_csv())
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False)
    assert "InputError" in done.stderr and "cannot be written (File too large): free the disk" in done.stderr
    assert [p for p in (aura_home / "data").rglob("*") if p.is_file()] == []
    assert len(data.load(path)) == 4000
