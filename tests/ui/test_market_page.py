"""The market page without a browser: what its parts make of bars, quotes, sources that fail and watchlists."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from aura_lib import data
from aura_lib.core import Bar, Calendar, Quote, Settings, Tick
from aura_lib.data import watchlists
from aura_lib.ui.market import Market
from aura_lib.ui.market.board import Board
from aura_lib.ui.market.growing import Growing
from aura_lib.ui.market.listing import Listing, found
from aura_lib.ui.market.picture import History, Picture, Wish
from aura_lib.ui.market.timeframes import TIMEFRAMES, view
from aura_lib.ui.market.wire import Wire
from aura_lib.ui.widgets import Chart
from tests.data.conftest import certified, yahoo
from tests.data.yahoo import Yahoo

__all__ = ["certified", "yahoo"]

NEW_YORK, KOLKATA = ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
XNYS = Calendar.of("XNYS")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({"AURA_HOME": str(tmp_path)})


@pytest.fixture
def pages(settings: Settings) -> Iterator[list[Market]]:
    """Pages that are closed when the test is over."""
    made: list[Market] = []
    yield made
    for page in made:
        page.close()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# board ---------------------------------------------------------------------------------------------------------------


def test_a_board_folds_the_bars_of_a_day_and_begins_anew_with_the_next(settings: Settings) -> None:
    bars = data.load(["AAPL"], source="sample:ohlcv", end="2013-02-27", settings=settings)
    board = Board()
    board.start(bars)
    before = float(bars.close["AAPL"].iloc[-1])
    first, second = moment("2013-02-28 14:35"), moment("2013-02-28 14:40")
    board.add(Bar("AAPL", first, 444.0, 446.0, 443.0, 445.0, 100.0, "5m"))
    board.add(Bar("AAPL", second, 445.0, 445.5, 440.0, 441.0, 50.0, "5m"))
    row = board["AAPL"]
    assert (row.open, row.high, row.low, row.price, row.volume) == (444.0, 446.0, 440.0, 441.0, 150.0)
    assert row.previous == before and row.change == pytest.approx(441.0 / before - 1)
    board.add(Tick("AAPL", first, 1.0))
    assert row.price == 441.0, "what comes late changes nothing"
    board.add(Tick("AAPL", moment("2013-03-01 15:00"), 450.0, 10.0))
    assert (row.previous, row.open, row.volume) == (441.0, 450.0, 10.0)
    assert row.spark[-2:] == [441.0, 450.0] and len(row.spark) == 61
    assert not board.add(Tick("NOBODY", second, 1.0))


def test_a_quote_tells_what_it_knows_and_leaves_the_rest(settings: Settings) -> None:
    board = Board()
    board.start(data.load(["AAPL"], source="sample:ohlcv", settings=settings))
    top = board["AAPL"].top
    board.add(Quote("AAPL", moment("2013-03-04 15:00"), 420.0, bid=419.9, ask=420.1, previous=430.0))
    row = board["AAPL"]
    assert (row.price, row.bid, row.ask, row.top) == (420.0, 419.9, 420.1, top)
    assert row.low != row.low, "nobody told of the session that is on"
    assert row.change == pytest.approx(420 / 430 - 1)


# bars that grow ------------------------------------------------------------------------------------------------------


def test_minutes_make_the_bars_that_the_store_has() -> None:
    source = "synthetic:symbols=1,years=1,calendar=XNSE"
    minutes = data.sources.get(source).fetch(["SYN0001"], "1m")
    fives = data.sources.get(source).fetch(["SYN0001"], "5m")
    frame = pd.DataFrame({name: values["SYN0001"] for name, values in fives.fields.items()})
    growing = Growing(frame.iloc[:100], "5m", "XNSE")
    rows = pd.DataFrame({name: values["SYN0001"] for name, values in minutes.fields.items()}).iloc[:1000]
    for moment_of, row in rows.iterrows():
        growing.add(Bar("SYN0001", moment_of.to_pydatetime(), *row[["open", "high", "low", "close", "volume"]], "1m"))
    pd.testing.assert_frame_equal(growing.frame(), frame.iloc[: len(growing)], check_freq=False)
    assert len(growing) == 200


def test_a_bar_that_is_in_already_is_not_taken_twice() -> None:
    start = pd.DataFrame({"close": [1.0], "volume": [5.0]}, pd.DatetimeIndex(["2022-11-30 21:00Z"]))
    growing = Growing(start, "1d", "XNYS")
    again = Bar("X", moment("2022-11-30 21:00"), 1.0, 1.0, 1.0, 1.0, 5.0, "1d")
    assert not growing.add(again) and len(growing) == 1
    assert not growing.add(Bar("X", moment("2022-12-03 21:00"), 1.0, 1.0, 1.0, 1.0, 5.0, "1m")), "a Saturday"
    assert growing.add(Bar("X", moment("2022-12-01 21:00"), 1.0, 2.0, 1.0, 2.0, 7.0, "1d")) and len(growing) == 2


# timeframes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "first"), [("1M", "2013-02-04"), ("3M", "2012-12-03"), ("1Y", "2012-03-02")])
def test_a_timeframe_begins_so_long_before_the_last_bar(settings: Settings, name: str, first: str) -> None:
    close = data.load(["AAPL"], source="sample:ohlcv", settings=settings).close["AAPL"].to_frame("close")
    made = view(close, "1d", TIMEFRAMES[name], XNYS)
    assert made.what == "daily" and str(made.first.date()) == first
    assert made.frame.index[0] < made.first, "with bars before it for studies to begin with"


def test_one_day_is_the_session_of_the_last_bar() -> None:
    times = XNYS.bar_closes("5m", moment("2022-11-22 00:00"), moment("2022-11-25 16:00"))
    frame = pd.DataFrame({"close": range(1, len(times) + 1)}, times, dtype="float64")
    made = view(frame, "5m", TIMEFRAMES["1D"], XNYS)
    assert str(made.first) == "2022-11-25 14:35:00+00:00", "the first five minutes of the day after Thanksgiving"
    assert made.within_day and made.what == "5-minute"


def test_a_timeframe_says_why_a_source_cannot_have_it() -> None:
    assert TIMEFRAMES["1D"].why_not("here", ("1d",)) == "here has 1d bars only: 1 day needs bars within a day"
    assert TIMEFRAMES["1D"].why_not("here", ("1m", "1d")) == "" and TIMEFRAMES["1W"].why_not("here", ("1d",)) == ""


# finding -------------------------------------------------------------------------------------------------------------


def test_a_search_finds_the_symbol_before_what_begins_with_it_and_names_after() -> None:
    every = [
        Listing(symbol, "here", name)
        for symbol, name in (("GEM", "Gems Ltd"), ("IGE", "Iges"), ("GE", "General Electric"), ("M", "Ge Mart"))
    ]
    assert [one.symbol for one in found("ge", every)] == ["GE", "GEM", "M", "IGE"]
    assert [one.symbol for one in found("electric", every)] == ["GE"] and found("  ", every) == []


# a vendor ------------------------------------------------------------------------------------------------------------


def test_a_vendor_is_asked_for_what_is_watched_in_every_market_and_currency(settings: Settings, yahoo: Yahoo) -> None:
    meta = {"currency": "USD", "exchangeName": "NMS", "instrumentType": "EQUITY", "exchangeTimezoneName": NEW_YORK.key}
    india = {**meta, "currency": "INR", "exchangeName": "NSI", "exchangeTimezoneName": KOLKATA.key}
    for symbol, zone, told, base in (("AAPL", NEW_YORK, meta, 100.0), ("TCS.NS", KOLKATA, india, 3000.0)):
        days = [datetime(2026, 1, day, 9, 30 if zone is NEW_YORK else 15, tzinfo=zone) for day in (5, 6, 7)]
        rows = [(day, c, c + 1, c - 1, c, 1000, c) for day, c in zip(days, (base, base + 1, base + 2), strict=True)]
        yahoo.serve(symbol, told, rows)
        quote = {"regularMarketPrice": base + 5, "regularMarketTime": int(days[-1].timestamp()) + 90_000,
                 "regularMarketPreviousClose": base + 2, "bid": base + 4, "ask": base + 6,
                 "currency": told["currency"], "quoteType": "EQUITY", "exchange": told["exchangeName"]}  # fmt: skip
        yahoo.prices[symbol] = quote
    wire = Wire("yfinance", ("AAPL", "TCS.NS", "NOBODY"), 1.0, settings)
    wire.prepare()
    try:
        assert wire.problem == "" and "NOBODY" in wire.note
        assert [c.zone for c in wire.calendars] == [NEW_YORK.key, KOLKATA.key]
        assert (wire.listings["AAPL"].currency, wire.listings["TCS.NS"].currency) == ("USD", "INR")
        wire.drain()
        assert wire.board is not None and not wire.replayed
        row = wire.board["TCS.NS"]
        assert (row.price, row.previous, row.bid) == (3005.0, 3002.0, 3004.0)
        assert list(wire.history("AAPL", "1d")["close"]) == [100.0, 101.0, 102.0]
    finally:
        wire.close()


# wires and the page --------------------------------------------------------------------------------------------------


def test_a_source_that_fails_tells_why_and_has_nothing_else(settings: Settings) -> None:
    wire = Wire("nonsense", (), 1.0, settings)
    wire.prepare()
    assert wire.state[0] == "failed" and "no data source 'nonsense'" in wire.state[1]
    assert wire.drain() == [] and wire.listings == {} and wire.clock is None


def test_a_replay_knows_nothing_of_what_comes_after_its_clock(settings: Settings) -> None:
    wire = Wire("sample:ohlcv", (), 1.0, settings)
    wire.prepare()
    try:
        assert wire.replayed and wire.clock is not None
        assert wire.clock < wire.bars["AAPL"].end - timedelta(days=300)
        assert wire.history("AAPL", "1d").index[-1] <= wire.clock
    finally:
        wire.close()


def test_a_symbol_that_is_not_listed_yet_begins_with_its_first_day(settings: Settings) -> None:
    wire = Wire("sample:ohlcv", (), 500.0, settings)
    wire.prepare()
    try:
        assert wire.board is not None
        empty = Picture(Chart(None))
        assert "FB" not in wire.board and wire.history("FB", "1d").empty  # it was listed on 2012-05-18
        empty.show(History(Wish(wire.listings["FB"]), wire.history("FB", "1d"), "1d", XNYS, "sample:ohlcv"))
        assert json.loads(empty.chart.drawn)["figures"][0]["data"] == []
        until = time.monotonic() + 10
        while "FB" not in wire.board and time.monotonic() < until:
            for event in wire.drain():
                empty.add(event)
            time.sleep(0.05)
        empty.update()
        assert wire.board["FB"].open > 0 and len(json.loads(empty.chart.drawn)["figures"][0]["data"]) == 2
    finally:
        wire.close()


def test_a_page_in_a_plain_script_shows_what_there_is(settings: Settings, pages: list[Market]) -> None:
    page = Market(["sample:ohlcv", "nonsense"], ["MSFT", "NOBODY"], settings=settings)
    pages.append(page)
    chart, panels = page.chart(), [page.heading(), page.quote(), page.watchlist(), page.movers(), page.data()]
    assert chart.words["title"] == "MSFT, 3 months"
    told = "".join(panel.html for panel in panels)
    for part in ("XNYS", "Microsoft", "Replay", "Gainers", "no data source &#x27;nonsense&#x27;", "Data of MSFT"):
        assert part in told, part


def test_a_page_moves_what_it_shows_and_sends_the_end_of_its_chart(settings: Settings, pages: list[Market]) -> None:
    async def watched() -> tuple[int, dict[str, object], str, str]:
        page = Market(["sample:ohlcv"], ["MSFT"], pace=50.0, settings=settings)
        pages.append(page)
        chart, quote = page.chart(), page.quote()
        while not chart.drawn:
            await asyncio.sleep(0.05)
        drawn, before = len(chart.drawn), quote.html
        while not chart.tail:
            await asyncio.sleep(0.05)
            page.look()
        page.close()
        return drawn, dict(chart.tail), before, quote.cells["price"][0]

    drawn, tail, before, price = asyncio.run(asyncio.wait_for(watched(), 20))
    assert len(str(tail)) < drawn and price.startswith("$") and price not in before


def test_a_watchlist_is_kept_with_the_source_of_each_symbol(settings: Settings, pages: list[Market]) -> None:
    page = Market(["sample:ohlcv", "sample"], ["MSFT", "JPM"], settings=settings)
    pages.append(page)
    page.watchlist().ask("watch", "IBM@sample:ohlcv")
    page.watchlist().ask("unwatch", "MSFT@sample:ohlcv")
    assert watchlists.get("market", settings) == (("JPM", "sample"), ("IBM", "sample:ohlcv"))
    with (settings.home / "watchlists" / "market.csv").open(encoding="utf-8") as file:
        assert [row["symbol"] for row in csv.DictReader(file)] == ["JPM", "IBM"]
    again = Market(["sample:ohlcv", "sample"], ["MSFT"], settings=settings)
    pages.append(again)
    assert "IBM" in again.watchlist().html and "MSFT" not in again.watchlist().html


def test_a_symbol_nobody_lists_is_not_opened(settings: Settings, pages: list[Market]) -> None:
    page = Market(["sample:ohlcv"], ["MSFT"], settings=settings)
    pages.append(page)
    page.open("NOBODY@sample:ohlcv")
    assert page.wish is not None and page.wish.listing.symbol == "MSFT"


def test_prices_have_the_sign_of_their_currency_and_an_index_has_none() -> None:
    assert Listing("X", "s", currency="INR").money == "INR"
    assert Listing("X", "s", asset_class="index").money == ""


def test_what_cannot_be_done_is_told_and_the_page_goes_on(settings: Settings, pages: list[Market]) -> None:
    page = Market(["sample:ohlcv"], ["MSFT"], settings=settings)
    pages.append(page)
    heading, watched = page.heading(), page.watchlist()
    (settings.home / "watchlists").write_text("a file where the folder should be")
    watched.ask("watch", "IBM@sample:ohlcv")
    assert 'role="alert"' in heading.html
    watched.ask("open", "IBM@sample:ohlcv")
    assert 'role="alert"' not in heading.html and page.wish is not None and page.wish.listing.symbol == "IBM"


def test_a_damaged_watchlist_is_told_and_the_first_one_is_shown(settings: Settings, pages: list[Market]) -> None:
    (settings.home / "watchlists").mkdir(parents=True)
    (settings.home / "watchlists" / "market.csv").write_text("symbol,source\nMSFT\n", encoding="utf-8")
    page = Market(["sample:ohlcv"], ["IBM"], settings=settings)
    pages.append(page)
    assert "market.csv" in page.heading().html and "IBM" in page.watchlist().html
