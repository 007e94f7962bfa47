"""The real yfinance with its real transport (curl, TLS) against Yahoo's protocol on loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from aura_lib import data
from aura_lib.cli import app
from aura_lib.core import AssetClass, Calendar, DataError, InputError, SimulatedClock
from aura_lib.data import quality, sources
from aura_lib.data.polite import Polite
from aura_lib.data.sources import yfinance as adapter
from aura_lib.data.sources.yfinance import parsing
from aura_lib.data.sources.yfinance.exchanges import EXCHANGES
from aura_lib.data.store import Store
from tests.data.yahoo import NOT_FOUND, Yahoo

NEW_YORK, KOLKATA = ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
NASDAQ = {"currency": "USD", "exchangeName": "NMS", "instrumentType": "EQUITY", "exchangeTimezoneName": str(NEW_YORK)}
SNP = {**NASDAQ, "exchangeName": "SNP", "instrumentType": "INDEX"}
NSE = {"currency": "INR", "exchangeName": "NSI", "instrumentType": "EQUITY", "exchangeTimezoneName": str(KOLKATA)}
PENCE = {"currency": "GBp", "exchangeName": "LSE", "instrumentType": "ETF", "exchangeTimezoneName": "Europe/London"}

# Apple around its four-for-one split of 2020-08-31: Yahoo's prices of before are divided by four.
# As it traded: 506.09 and 500.04 on Wednesday and Thursday, 499.23 on Friday, 129.04 on the day. Its dividend of
# that month, $0.82, is put on the Thursday; Yahoo tells it as 0.205, and its Adj Close is 126.5225 - 0.205 before.
OPENED = [datetime(2020, 8, day, 9, 30, tzinfo=NEW_YORK) for day in (26, 27, 28, 31)]
APPLE = [
    (OPENED[0], 126.18, 126.9925, 125.0825, 126.5225, 163_022_400, 126.3175),
    (OPENED[1], 127.1425, 127.485, 123.8325, 125.01, 155_552_400, 125.01),
    (OPENED[2], 126.0125, 126.4425, 124.5775, 124.8075, 187_630_000, 124.8075),
    (OPENED[3], 127.58, 131.0, 126.0, 129.04, 225_702_700, 129.04),
]
SPLIT = {str(t := int(OPENED[3].timestamp())): {"date": t, "numerator": 4.0, "denominator": 1.0, "splitRatio": "4:1"}}
DIVIDEND = {str(t := int(OPENED[1].timestamp())): {"date": t, "amount": 0.205}}


def rows(first: datetime, *closes: float | None) -> list[Any]:
    days = [first + timedelta(days=n) for n in range(len(closes))]
    return [(d, c, c, c, c, None if c is None else 100, c) for d, c in zip(days, closes, strict=True)]


MONDAY = datetime(2026, 1, 5, 9, 30, tzinfo=NEW_YORK)


class Waits(list[float]):
    """What was slept, without sleeping."""


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def polite(waits: Waits, rng: np.random.Generator) -> Polite:
    return Polite("yfinance", per_second=1e9, attempts=3, sleep=waits.append, rng=rng)


@pytest.fixture
def source(polite: Polite) -> adapter.Source:
    return adapter.Source(polite=polite, timeout=10.0)


@pytest.fixture
def apple(yahoo: Yahoo) -> Yahoo:
    yahoo.serve("AAPL", NASDAQ, APPLE, {"splits": SPLIT, "dividends": DIVIDEND})
    return yahoo


# ── what comes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_bars_are_stamped_with_the_close_of_their_session(apple: Yahoo, source: adapter.Source) -> None:
    bars = source.fetch(["AAPL"])
    nyse = Calendar.of("XNYS")
    assert list(bars.times) == [nyse.close(day.date()) for day in OPENED]
    assert (bars.source, bars.calendar, bars.adjustment) == ("yfinance", "XNYS", "splits and dividends")
    assert (bars.instruments["AAPL"].venue, bars.instruments["AAPL"].currency) == ("XNAS", "USD")
    assert quality.check(bars).ok


def test_adjusted_prices_keep_the_shape_of_a_day(apple: Yahoo, source: adapter.Source) -> None:
    bars = source.fetch(["AAPL"])
    assert bars.close["AAPL"].tolist() == pytest.approx([row[6] for row in APPLE])
    assert bars.high["AAPL"].iloc[0] == pytest.approx(126.9925 * 126.3175 / 126.5225)
    assert bars.volume["AAPL"].tolist() == [163_022_400, 155_552_400, 187_630_000, 225_702_700]


def test_raw_prices_are_what_the_tape_said_before_the_split(apple: Yahoo, polite: Polite) -> None:
    raw = adapter.Source(adjusted=False, polite=polite).fetch(["AAPL"])
    assert raw.close["AAPL"].tolist() == pytest.approx([506.09, 500.04, 499.23, 129.04])
    assert raw.volume["AAPL"].tolist() == [163_022_400 / 4, 155_552_400 / 4, 187_630_000 / 4, 225_702_700]
    assert raw.adjustment == ""


def test_splits_and_dividends_as_they_were_paid_are_a_table(apple: Yahoo, source: adapter.Source) -> None:
    actions = source.history(["AAPL"]).actions
    nyse = Calendar.of("XNYS")
    assert actions.to_numpy().tolist() == [
        [pd.Timestamp(nyse.close(OPENED[1].date())), "AAPL", pytest.approx(0.82), 0.0],
        [pd.Timestamp(nyse.close(OPENED[3].date())), "AAPL", 0.0, 4.0],
    ]


def test_indian_shares_are_in_rupees_and_close_in_kolkata(yahoo: Yahoo, source: adapter.Source) -> None:
    for symbol, price in (("RELIANCE.NS", 1500.0), ("TCS.NS", 3200.0)):
        yahoo.serve(symbol, NSE, rows(datetime(2026, 1, 5, 9, 15, tzinfo=KOLKATA), price, price + 1))
    bars = source.fetch(["TCS.NS", "RELIANCE.NS"])
    assert bars.symbols == ("TCS.NS", "RELIANCE.NS")
    assert bars.end == datetime(2026, 1, 6, 15, 30, tzinfo=KOLKATA)
    assert {(i.currency, i.venue) for i in bars.instruments.values()} == {("INR", "XNSE")}
    assert bars.calendar == "XNSE"


def test_a_coin_trades_every_day_and_its_day_ends_at_midnight(yahoo: Yahoo, source: adapter.Source) -> None:
    coin = {"currency": "USD", "exchangeName": "CCC", "instrumentType": "CRYPTOCURRENCY", "exchangeTimezoneName": "UTC"}
    friday = datetime(2026, 1, 2, tzinfo=UTC)
    yahoo.serve("BTC-USD", coin, rows(friday, 90_000.0, 91_000.0, 92_000.0))
    bars = source.fetch(["BTC-USD"])
    assert list(bars.times) == [friday + timedelta(days=n) for n in (1, 2, 3)]
    what = bars.instruments["BTC-USD"]
    assert (bars.calendar, what.asset_class, what.currency, what.lot) == ("24/7", "crypto", "USD", Decimal("1E-8"))


def test_a_currency_trades_from_monday_to_friday(yahoo: Yahoo, source: adapter.Source, polite: Polite) -> None:
    london = ZoneInfo("Europe/London")
    pair = {"currency": "USD", "exchangeName": "CCY", "instrumentType": "CURRENCY", "exchangeTimezoneName": str(london)}
    yahoo.serve("EURUSD=X", pair, rows(datetime(2026, 1, 1, tzinfo=london), 1.17, 1.18))
    bars = source.fetch(["EURUSD=X"])
    assert bars.close["EURUSD=X"].tolist() == [1.17, 1.18]
    assert (bars.calendar, bars.instruments["EURUSD=X"].asset_class) == ("24/5", "fx")
    assert len(source.history(["EURUSD=X"], start=datetime(2026, 3, 1, tzinfo=UTC)).raw) == 0
    evening = SimulatedClock(datetime(2026, 1, 2, 23, 30, tzinfo=london).astimezone(UTC))  # its day is not over
    assert adapter.Source(polite=polite, clock=evening).fetch(["EURUSD=X"]).close["EURUSD=X"].tolist() == [1.17]


def test_hours_are_stamped_with_their_end_and_the_last_ends_with_the_session(yahoo: Yahoo, polite: Polite) -> None:
    began = datetime(2026, 1, 5, 9, 30, tzinfo=NEW_YORK)
    hours = [(began + timedelta(hours=n), 10.0, 10.0, 10.0, 10.0 + n, 100, 10.0 + n) for n in range(7)]
    session = [(began, began.replace(hour=16, minute=0))]
    yahoo.serve("AAPL", NASDAQ, hours, interval="1h", sessions=session)
    clock = SimulatedClock(datetime(2026, 1, 6, tzinfo=UTC))
    bars = adapter.Source(polite=polite, clock=clock).fetch(["AAPL"], "1h")
    told = bars.times.tz_convert(NEW_YORK).strftime("%H:%M").tolist()
    assert told == ["10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"]
    assert (bars.frequency, bars.close["AAPL"].iloc[-1]) == ("1h", 16.0)
    clock = SimulatedClock(datetime(2026, 1, 5, 13, 45, tzinfo=NEW_YORK).astimezone(UTC))
    assert len(adapter.Source(polite=polite, clock=clock).fetch(["AAPL"], "1h")) == 4


def test_a_split_in_the_morning_changes_the_hours_of_the_day_before(yahoo: Yahoo, polite: Polite) -> None:
    days = [datetime(2026, 1, day, 9, 30, tzinfo=NEW_YORK) for day in (5, 6)]
    hours = [(d + timedelta(hours=n), 10.0, 10.0, 10.0, 10.0, 100, 10.0) for d in days for n in range(2)]
    when = int(days[1].timestamp())
    split = {"splits": {str(when): {"date": when, "numerator": 2.0, "denominator": 1.0}}}
    sessions = [(d, d.replace(hour=16, minute=0)) for d in days]
    yahoo.serve("AAPL", NASDAQ, hours, split, interval="1h", sessions=sessions)
    clock = SimulatedClock(datetime(2026, 1, 6, 12, tzinfo=NEW_YORK).astimezone(UTC))  # its session is still open
    found = adapter.Source(polite=polite, clock=clock).history(["AAPL"], "1h")
    assert found.raw.close["AAPL"].tolist() == [20.0, 20.0, 10.0, 10.0]
    assert found.raw.volume["AAPL"].tolist() == [50.0, 50.0, 100.0, 100.0]
    assert found.adjusted.close["AAPL"].tolist() == [10.0] * 4


def test_hours_from_before_two_years_ago_are_not_asked_for_and_that_is_told(yahoo: Yahoo, polite: Polite) -> None:
    began = datetime(2026, 1, 5, 9, 30, tzinfo=NEW_YORK)
    yahoo.serve("AAPL", NASDAQ, [(began, 1.0, 1.0, 1.0, 1.0, 1, 1.0)], interval="1h", sessions=[(began, began)])
    clock = SimulatedClock(datetime(2026, 1, 6, tzinfo=UTC))
    source = adapter.Source(polite=polite, clock=clock)
    found = source.history(["AAPL"], "1h", start=datetime(2020, 1, 1, tzinfo=UTC))
    assert found.remarks[0] == "Yahoo has bars of 1h of the last 730 days only"
    assert datetime.fromtimestamp(int(yahoo.queries[0]["period1"][0]), UTC).year == 2024


def test_a_dividend_on_a_day_without_a_price_is_not_lost(yahoo: Yahoo, source: adapter.Source) -> None:
    when = int((MONDAY + timedelta(days=1)).timestamp())
    paid = {"dividends": {str(when): {"date": when, "amount": 1.0}}}
    yahoo.serve("AAPL", NASDAQ, rows(MONDAY, 10.0, None, 12.0), paid)
    found = source.history(["AAPL"])
    assert found.actions["dividend"].tolist() == [1.0]
    assert found.adjusted.close["AAPL"].tolist() == pytest.approx([9.0, float("nan"), 12.0], nan_ok=True)


def test_a_dividend_that_cannot_be_is_left_out_and_named(yahoo: Yahoo, source: adapter.Source) -> None:
    days = [int((MONDAY + timedelta(days=n)).timestamp()) for n in (0, 1, 2)]
    amounts = zip(days, (500.0, 10.0, 0.5), strict=True)  # before the first bar nothing is known of the price
    events = {"dividends": {str(day): {"date": day, "amount": amount} for day, amount in amounts}}
    yahoo.serve("AAPL", NASDAQ, rows(MONDAY, 10.0, 10.0, 9.5), events)
    found = source.history(["AAPL"])
    assert found.actions["dividend"].tolist() == [500.0, 0.5]
    assert found.remarks == ("AAPL: a dividend of 10 on 2026-01-06, which the price forbids: left out",)
    assert found.adjusted.close["AAPL"].tolist() == pytest.approx([9.5, 9.5, 9.5])


def test_capital_gains_of_a_fund_are_paid_out_once(yahoo: Yahoo, source: adapter.Source) -> None:
    # VWILX on 2025-12-17: Yahoo's dividend of 7.857 holds the gain of 6.42; a dividend of 1 could not
    fund = {**NASDAQ, "exchangeName": "NAS", "instrumentType": "MUTUALFUND"}
    days = [int((MONDAY + timedelta(days=n)).timestamp()) for n in (1, 3)]
    told = {"dividends": [7.857, 1.0], "capitalGains": [6.42, 6.42]}
    events = {
        kind: {str(d): {"date": d, "amount": a} for d, a in zip(days, of, strict=True)} for kind, of in told.items()
    }
    yahoo.serve("VWILX", fund, rows(MONDAY, 50.0, 42.0, 42.0, 35.0), events)
    found = source.history(["VWILX"])
    assert found.actions["dividend"].tolist() == pytest.approx([7.857, 7.42])
    assert found.remarks == (
        "VWILX: capital gains paid on 2 day(s) from 2026-01-06 to 2026-01-08: added to a smaller dividend only",
    )


def test_from_a_start_on_only_what_is_new_is_asked_for(apple: Yahoo, source: adapter.Source) -> None:
    whole = source.history(["AAPL"])
    start = whole.raw.times[2].to_pydatetime()
    found = source.history(["AAPL"], start=start)
    assert found.raw.close.equals(whole.raw.close.iloc[2:]) and found.raw.volume.equals(whole.raw.volume.iloc[2:])
    assert found.actions["split"].tolist() == [4.0]
    first = datetime.fromtimestamp(int(apple.queries[-1]["period1"][0]), UTC)
    assert start - timedelta(days=15) < first < start


def test_when_nothing_is_new_there_are_no_bars(apple: Yahoo, source: adapter.Source) -> None:
    for start in (datetime(2020, 9, 2, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)):
        found = source.history(["AAPL"], start=start)
        assert len(found.raw) == 0 and found.raw.symbols == ("AAPL",) and found.actions.empty


# ── what Yahoo makes of a history, and what is made of that ─────────────────────────────────────────────────────────


def as_yahoo_tells(
    closes: list[float], volumes: list[float], splits: dict[int, float], dividends: dict[int, float]
) -> pd.DataFrame:
    """Days as yfinance gives them: all but Adj Close in shares of today, Adj Close by Yahoo's rule, day by day."""
    days = pd.DatetimeIndex([close.tz_convert(NEW_YORK).normalize() for close in JANUARY[: len(closes)]])
    today = [float(np.prod([s for day, s in splits.items() if day > n])) for n in range(len(closes))]
    close = [price / shares for price, shares in zip(closes, today, strict=True)]
    paid = [dividends.get(n, 0.0) / shares for n, shares in enumerate(today)]
    adjusted = [
        c * np.prod([1 - paid[d] / close[d - 1] for d in range(n + 1, len(close))]) for n, c in enumerate(close)
    ]
    prices = dict.fromkeys(("Open", "High", "Low", "Close"), close)
    volume = [v * shares for v, shares in zip(volumes, today, strict=True)]
    events = {"Dividends": paid, "Stock Splits": [splits.get(n, 0.0) for n in range(len(closes))]}
    return pd.DataFrame({**prices, "Adj Close": adjusted, "Volume": volume, **events}, index=days)


JANUARY = Calendar.of("XNYS").closes_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_yahoo_adjusted_is_put_back_and_adjusted_again(given_: st.DataObject) -> None:
    length = given_.draw(st.integers(2, 12))
    closes = given_.draw(st.lists(st.floats(5, 900), min_size=length, max_size=length))
    volumes = given_.draw(st.lists(st.integers(0, 10**7).map(float), min_size=length, max_size=length))
    days = st.integers(1, length - 1)
    splits = given_.draw(st.dictionaries(days, st.sampled_from([2.0, 4.0, 0.1, 1.5]), max_size=3))
    dividends = given_.draw(st.dictionaries(days, st.floats(0.01, 0.4), max_size=4))
    told = as_yahoo_tells(closes, volumes, splits, dividends)
    found = parsing.history({"A": (told, NASDAQ)}, "1d", datetime(2026, 2, 1, tzinfo=UTC), None)
    assert found.raw.close["A"].tolist() == pytest.approx(closes)
    assert found.raw.volume["A"].tolist() == pytest.approx(volumes)
    table = found.actions.set_index("time")
    assert table.loc[table["split"] > 0, "split"].to_dict() == {JANUARY[n]: s for n, s in splits.items()}
    paid = {JANUARY[n]: pytest.approx(d) for n, d in dividends.items()}
    assert table.loc[table["dividend"] > 0, "dividend"].to_dict() == paid
    assert found.adjusted.close["A"].tolist() == pytest.approx(told["Adj Close"].tolist())


# ── quotes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def priced(price: float, **more: Any) -> dict[str, Any]:
    return {"regularMarketPrice": price, "regularMarketTime": int(MONDAY.timestamp()), "currency": "USD", **more}


def test_quotes_of_many_symbols_come_in_one_call(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.prices["AAPL"] = priced(
        250.0, regularMarketPreviousClose=248.0, bid=249.9, ask=0, regularMarketVolume=1000, regularMarketOpen=249.0
    )
    yahoo.prices["ISF.L"] = priced(950.0, currency="GBp", regularMarketPreviousClose=940.0)
    apple, pence = source.quotes(["AAPL", "ISF.L", "NOPE"])
    assert (apple.price, apple.previous, apple.bid, apple.volume, apple.open) == (250.0, 248.0, 249.9, 1000.0, 249.0)
    assert np.isnan(apple.ask) and np.isnan(apple.bid_size)
    assert (apple.time, apple.currency, apple.source) == (MONDAY.astimezone(UTC), "USD", "yfinance")
    assert (pence.price, pence.previous, pence.currency) == (9.5, pytest.approx(9.4), "GBP")
    assert yahoo.quoted == [["AAPL", "ISF.L", "NOPE"]]


def test_quotes_come_a_hundred_at_a_time(yahoo: Yahoo, source: adapter.Source) -> None:
    names = [f"S{n}" for n in range(250)]
    yahoo.prices.update({name: priced(10.0) for name in names})
    assert [quote.symbol for quote in source.quotes(names)] == names
    assert [len(page) for page in yahoo.quoted] == [100, 100, 50]


def test_an_index_is_one(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.serve("^GSPC", SNP, rows(MONDAY, 6900.0))
    assert source.fetch(["^GSPC"]).instruments["^GSPC"].asset_class is AssetClass.INDEX


def test_pence_become_pounds(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.serve("ISF.L", PENCE, rows(datetime(2026, 1, 5, 8, tzinfo=ZoneInfo("Europe/London")), 950.0))
    bars = source.fetch(["ISF.L"])
    assert bars.close["ISF.L"].tolist() == [9.5]
    assert (bars.instruments["ISF.L"].currency, bars.instruments["ISF.L"].tick) == ("GBP", Decimal("0.0001"))


def test_a_day_without_a_price_is_nan_and_not_zero(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.serve("AAPL", NASDAQ, rows(MONDAY, 10.0, None, 12.0))
    bars = source.fetch(["AAPL"])
    for name in ("open", "close", "volume"):
        assert bars.fields[name]["AAPL"].isna().tolist() == [False, True, False]
    assert [f.check for f in quality.check(bars).findings] == ["gap"]


def test_rows_that_cannot_be_are_left_out_and_named(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.serve("AAPL", NASDAQ, rows(MONDAY - timedelta(days=4), 9.0, 10.0, 10.5, 11.0, 12.0, 0.0, 13.0))  # a holiday
    with pytest.warns(UserWarning, match="not positive") as told:
        bars = source.fetch(["AAPL"])
    assert bars.close["AAPL"].dropna().tolist() == [10.0, 12.0, 13.0]
    assert str(told[0].message).splitlines() == [
        "yfinance:",
        "  AAPL: 2026-01-06 with a price that is not positive: taken as missing",
        "  AAPL: 3 day(s) from 2026-01-01 to 2026-01-04 without a session of XNYS (known from 1970-01-02 on): left out",
    ]
    assert Path(told[0].filename) == Path(__file__)
    aside = source.history(["AAPL"]).aside
    assert aside.counts() == {"unexpected bar": 3, "not positive": 1}
    wrong = aside.table().query("check == 'not positive'").iloc[0]
    assert (wrong["close"], str(wrong["time"])) == (0.0, "2026-01-06 21:00:00+00:00"), "as Yahoo gave it, at its close"


def test_a_session_that_has_not_closed_is_not_there(yahoo: Yahoo, polite: Polite) -> None:
    yahoo.serve("AAPL", NASDAQ, rows(MONDAY, 10.0, 11.0))
    noon = SimulatedClock(datetime(2026, 1, 6, 12, tzinfo=NEW_YORK).astimezone(UTC))
    assert adapter.Source(polite=polite, clock=noon).fetch(["AAPL"]).close["AAPL"].tolist() == [10.0]


def test_all_days_and_their_events_are_asked_for_with_the_crumb(apple: Yahoo, source: adapter.Source) -> None:
    source.fetch(["AAPL"])
    (query,) = apple.queries
    assert datetime.fromtimestamp(int(query["period1"][0]), UTC).year < 1930
    assert query["interval"] == ["1d"] and {"div", "splits"} <= set(query["events"][0].split(","))
    assert query["crumb"] == ["a crumb"]


def test_progress_is_told_symbol_by_symbol(yahoo: Yahoo, source: adapter.Source) -> None:
    for symbol in ("A", "B", "C"):
        yahoo.serve(symbol, NASDAQ, rows(MONDAY, 10.0))
    told: list[tuple[int, int]] = []
    source.history(["A", "B", "C"], progress=lambda *so_far: told.append(so_far))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert yahoo.asked == ["A", "B", "C"]  # one request a symbol


@pytest.mark.parametrize("calendar", sorted({calendar for calendar, _ in EXCHANGES.values()}))
def test_every_exchange_of_the_table_has_a_calendar(calendar: str) -> None:
    assert len(Calendar.of(calendar).sessions)


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_that_is_no_chart_is_asked_for_again(apple: Yahoo, source: adapter.Source) -> None:
    apple.faults["AAPL"] = [b"[]"]
    assert len(source.fetch(["AAPL"])) == 4
    assert apple.asked == ["AAPL", "AAPL"]


def test_a_server_that_fails_for_ever_is_given_up(apple: Yahoo, source: adapter.Source, waits: Waits) -> None:
    apple.faults["AAPL"] = ["for ever"]
    with pytest.raises(DataError, match="HTTP 500"):
        source.fetch(["AAPL"])
    assert len([w for w in waits if w > 1e-6]) == 2


def test_every_unknown_symbol_is_named_at_once(apple: Yahoo, source: adapter.Source) -> None:
    apple.faults["MOON"] = [NOT_FOUND]  # with status 200
    with pytest.raises(InputError, match="Yahoo has no NOPE, MOON"):
        source.fetch(["NOPE", "AAPL", "MOON"])
    assert apple.asked == ["NOPE", "AAPL", "MOON"]


@pytest.mark.parametrize("symbol", ["aapl", "AAPL?x=1", "../AAPL", "US0378331005", ""])
def test_what_yahoo_would_not_write_is_not_asked_for(yahoo: Yahoo, source: adapter.Source, symbol: str) -> None:
    with pytest.raises(InputError, match="Yahoo has no"):
        source.fetch([symbol])
    assert yahoo.asked == [] and yahoo.hosts == []


def test_a_refused_cookie_is_not_the_end(apple: Yahoo, source: adapter.Source) -> None:
    apple.faults["AAPL"] = ["401"]
    assert len(source.fetch(["AAPL"])) == 4
    assert "guce.yahoo.com:443" in apple.hosts  # yfinance went for another one


def test_a_chart_that_yfinance_cannot_read_is_told(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.serve("AAPL", NASDAQ, rows(MONDAY, 10.0))
    del yahoo.charts["AAPL"]["indicators"]["quote"][0]["open"]
    with pytest.raises(DataError, match="could not read Yahoo's answer for AAPL: KeyError: 'open'"):
        source.fetch(["AAPL"])


def test_symbols_of_two_exchanges_are_not_one_panel(apple: Yahoo, source: adapter.Source) -> None:
    apple.serve("TCS.NS", NSE, rows(datetime(2026, 1, 5, 9, 15, tzinfo=KOLKATA), 3200.0))
    with pytest.raises(InputError, match=r"different calendars \(AAPL XNYS, TCS\.NS XNSE\)"):
        source.fetch(["AAPL", "TCS.NS"])


def test_what_this_source_does_not_know_is_refused_by_name(yahoo: Yahoo, source: adapter.Source) -> None:
    yahoo.serve("ES=F", {**NASDAQ, "exchangeName": "CME", "instrumentType": "FUTURE"}, rows(MONDAY, 9e4))
    with pytest.raises(DataError, match="ES=F is a FUTURE on CME in USD"):
        source.fetch(["ES=F"])


# ── what stays inside ───────────────────────────────────────────────────────────────────────────────────────────────


def test_yfinance_is_left_as_it_was_found(apple: Yahoo, source: adapter.Source) -> None:
    import yfinance
    from yfinance import cache
    from yfinance import data as theirs

    mine = theirs.YfData()
    session, kept = mine._session, cache.get_tz_cache()
    apple.faults["NOPE"] = []
    for symbols in (["AAPL"], ["NOPE"]):
        try:
            source.fetch(symbols)
        except InputError:
            continue
    assert theirs.YfData() is mine and mine._session is session and cache.get_tz_cache() is kept
    assert yfinance.config.debug.hide_exceptions is True


def test_nothing_is_written_outside_of_the_store(
    apple: Yahoo, source: adapter.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yfinance
    from yfinance import cache

    monkeypatch.setattr(cache._TzDBManager, "_cache_dir", str(tmp_path / "cache"))
    monkeypatch.setattr(cache._CookieDBManager, "_cache_dir", str(tmp_path / "cache"))
    source.fetch(["AAPL"])
    assert not (tmp_path / "cache").exists()
    assert yfinance.__version__


# ── through the store ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_load_asks_the_vendor_once_and_a_fetch_asks_again(apple: Yahoo, polite: Polite) -> None:
    first = data.load(["AAPL"], source="yfinance", polite=polite)
    assert data.load(["AAPL"], source="yfinance").snapshot == data.load(source="yfinance").snapshot == first.snapshot
    assert apple.asked == ["AAPL"]
    apple.charts["AAPL"]["indicators"]["quote"][0]["close"][0] = 126.5  # the vendor revises
    again = data.fetch("yfinance", polite=polite)
    assert apple.asked == ["AAPL", "AAPL"]
    assert data.load(["AAPL"], source="yfinance").snapshot == again != first.snapshot
    assert data.load(["AAPL"], source="yfinance", snapshot=first.snapshot).close.equals(first.close)


def test_one_download_keeps_both_kinds_of_prices(apple: Yahoo, polite: Polite) -> None:
    adjusted = data.load(["AAPL"], source="yfinance", polite=polite)
    raw = data.load(["AAPL"], source="yfinance", adjusted=False)
    assert apple.asked == ["AAPL"]
    assert (adjusted.adjustment, raw.adjustment) == ("splits and dividends", "")
    assert raw.close["AAPL"].iloc[0] == pytest.approx(506.09)


def test_symbols_that_come_together_are_fetched_together(apple: Yahoo, polite: Polite) -> None:
    apple.serve("MSFT", NASDAQ, rows(MONDAY, 480.0))
    data.load(["AAPL"], source="yfinance", polite=polite)
    bars = data.load(["MSFT", "AAPL"], source="yfinance", polite=polite)
    assert bars.symbols == ("MSFT", "AAPL") and apple.asked == ["AAPL", "MSFT", "AAPL"]
    assert data.load(["MSFT"], source="yfinance").snapshot == bars.snapshot


def test_the_symbols_of_a_vendor_are_those_it_gave_last(apple: Yahoo, polite: Polite) -> None:
    assert data.symbols("yfinance") == data.universe("yfinance") == ()
    apple.serve("^GSPC", SNP, [(*row[:1], *[price * 30 for price in row[1:]]) for row in APPLE])
    data.fetch("yfinance", symbols=["AAPL", "^GSPC"], polite=polite)
    assert data.symbols("yfinance") == ("AAPL", "^GSPC")
    assert data.universe("yfinance") == ("AAPL",)


def test_a_vendor_that_was_never_asked_wants_symbols() -> None:
    for call in (data.load, data.fetch):
        with pytest.raises(InputError, match="yfinance lists no symbols, and none were fetched yet"):
            call(source="yfinance")
    with pytest.raises(InputError, match="sample is fetched whole"):
        data.fetch("sample", symbols=["AAPL"])
    with pytest.raises(InputError, match="adjusted: only a file is told how"):
        sources.get("sample", adjusted=False)


def test_the_command_fetches_symbols(
    apple: Yahoo, aura_home: Path, polite: Polite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_vendor", polite)
    done = CliRunner().invoke(app, ["data", "fetch", "--source", "yfinance", "--symbols", "AAPL", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["source"], told["symbols"], told["bars"], told["ok"]) == ("yfinance", 1, 4, True)
    assert told["snapshot"] in Store(aura_home).snapshots()
