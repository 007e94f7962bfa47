"""The real alpaca-py against Alpaca's protocol on loopback: history, quotes and listings.

What is expected is written out from what the server was told: New York's clock is `zoneinfo`'s, never our calendar's.
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import AssetClass, DataError, InputError, Right, SimulatedClock
from aura_lib.data import sources
from aura_lib.data.polite import Polite
from aura_lib.data.sources import alpaca as adapter
from tests.data.alpaca_server import KEY, SECRET, Alpaca, Fault, error

NEW_YORK = ZoneInfo("America/New_York")
STOCKS, PAIRS, CONTRACTS = "/v2/stocks/bars", "/v1beta3/crypto/us/bars", "/v1beta1/options/bars"
CALL = "AAPL240119C00190000"
LATER = datetime(2025, 6, 2, 12, tzinfo=UTC)  # a Monday before the open


def ny(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK)


def row(began: datetime, close: float, volume: float = 100.0) -> tuple[Any, ...]:
    return began, close - 1, close + 2, close - 3, close, volume


def times(bars: Any) -> list[datetime]:
    return [moment.to_pydatetime() for moment in bars.times]


class Waits(list[float]):
    """What was slept, without sleeping."""


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def polite(waits: Waits, rng: np.random.Generator) -> Polite:
    return Polite("alpaca", per_second=1e9, attempts=3, sleep=waits.append, rng=rng)


@pytest.fixture
def source(alpaca: Alpaca, polite: Polite) -> adapter.Source:
    return named("", polite)


def named(options: str, polite: Polite, now: datetime = LATER, **words: Any) -> adapter.Source:
    return adapter.Source(options, polite=polite, clock=SimulatedClock(now), **words)


# ── daily bars ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_daily_bars_are_what_was_served_by_the_close_of_their_session(alpaca: Alpaca, source: adapter.Source) -> None:
    days = [ny(2024, 1, 2), ny(2024, 1, 3), ny(2024, 1, 5)]  # no bar on the Thursday
    alpaca.data.serve("AAPL", "1Day", [row(day, 190.0 + n, 1000.5 + n) for n, day in enumerate(days)])
    history = source.history(["AAPL"])
    raw = history.raw
    assert times(raw) == [ny(2024, 1, day, 16) for day in (2, 3, 4, 5)]
    assert raw.close["AAPL"].tolist()[:2] + raw.close["AAPL"].tolist()[3:] == [190.0, 191.0, 192.0]
    assert np.isnan(raw.close["AAPL"].iloc[2])
    first = {field: raw.fields[field]["AAPL"].iloc[0] for field in raw.fields}
    assert first == {"open": 189.0, "high": 192.0, "low": 187.0, "close": 190.0, "volume": 1000.5}
    assert (raw.source, raw.frequency, raw.calendar, raw.adjustment) == ("alpaca", "1d", "XNYS", "")
    assert history.remarks == ()


def test_a_half_day_closes_at_one_and_the_clocks_going_back_moves_the_close(
    alpaca: Alpaca, source: adapter.Source
) -> None:
    days = [ny(2024, 11, 1), ny(2024, 11, 4), ny(2024, 11, 29)]  # summer time until the 3rd; the 29th is a half day
    alpaca.data.serve("AAPL", "1Day", [row(day, 100.0) for day in days])
    closes = source.fetch(["AAPL"]).close["AAPL"].dropna().index
    assert [str(moment) for moment in closes] == [
        "2024-11-01 20:00:00+00:00", "2024-11-04 21:00:00+00:00", "2024-11-29 18:00:00+00:00",
    ]  # fmt: skip


def test_the_day_that_is_still_open_is_left_out(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 2), 190.0), row(ny(2024, 1, 3), 191.0)])
    open_ = named("feed=iex", polite, ny(2024, 1, 3, 15, 59))
    closed = named("feed=iex", polite, ny(2024, 1, 3, 16))
    assert times(open_.history(["AAPL"]).raw) == [ny(2024, 1, 2, 16)]
    assert times(closed.history(["AAPL"]).raw) == [ny(2024, 1, 2, 16), ny(2024, 1, 3, 16)]


def test_a_day_without_a_session_is_left_out_and_told(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 5), 190.0), row(ny(2024, 1, 6), 191.0)])  # a Saturday
    history = source.history(["AAPL"])
    assert times(history.raw) == [ny(2024, 1, 5, 16)]
    assert history.remarks == ("1 day(s) without a session of XNYS: left out",)


def test_several_symbols_come_in_one_request_and_in_the_order_asked_for(alpaca: Alpaca, source: adapter.Source) -> None:
    for n, symbol in enumerate(["AAPL", "MSFT", "BRK.B"]):
        alpaca.data.serve(symbol, "1Day", [row(ny(2024, 1, 2), 100.0 + n)])
    told: list[tuple[int, int]] = []
    raw = source.history(["MSFT", "BRK.B", "AAPL"], progress=lambda done, of: told.append((done, of))).raw
    assert raw.close.iloc[0].to_dict() == {"MSFT": 101.0, "BRK.B": 102.0, "AAPL": 100.0}
    assert list(raw.symbols) == ["MSFT", "BRK.B", "AAPL"]
    assert alpaca.paths().count(STOCKS) == 1 and told == [(3, 3)]


def test_the_prices_asked_for_are_raw_and_of_all_exchanges(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 2), 100.0)])
    source.history(["AAPL"])
    query = next(asked.query for asked in alpaca.asked if asked.path == STOCKS)
    assert (query["adjustment"], query["feed"], query["limit"]) == ("raw", "sip", "10000")
    assert query["end"] == "2025-06-02T11:44:00+00:00"  # what a key without a subscription may ask for
    assert all(agent.startswith("APCA-PY/") for agent in alpaca.agents)


def test_only_bars_from_start_on_are_fetched(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, day), 100.0 + day) for day in (2, 3, 4)])
    alpaca.data.serve("MSFT", "1Day", [row(ny(2024, 1, 2), 50.0)])
    raw = source.history(["AAPL", "MSFT"], start=ny(2024, 1, 3, 16)).raw
    assert times(raw) == [ny(2024, 1, 3, 16), ny(2024, 1, 4, 16)]
    assert raw.close["MSFT"].isna().all()  # nothing new, and no error
    asked = next(asked.query["start"] for asked in alpaca.asked if asked.path == STOCKS)
    assert datetime.fromisoformat(asked) == ny(2024, 1, 2, 16)
    nothing = source.history(["AAPL"], start=ny(2026, 2, 1)).raw  # not yet
    assert len(nothing) == 0
    nothing = source.history(["AAPL"], start=ny(2024, 2, 1)).raw
    assert len(nothing) == 0 and list(nothing.symbols) == ["AAPL"]


# ── intraday ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_minutes_outside_regular_hours_are_left_out_and_told(alpaca: Alpaca, source: adapter.Source) -> None:
    began = [ny(2024, 1, 2, 9, 29), ny(2024, 1, 2, 9, 30), ny(2024, 1, 2, 15, 59), ny(2024, 1, 2, 16)]
    alpaca.data.serve("AAPL", "1Min", [row(moment, 100.0 + n) for n, moment in enumerate(began)])
    history = source.history(["AAPL"], "1m")
    assert times(history.raw) == [ny(2024, 1, 2, 9, 31), ny(2024, 1, 2, 16)]
    assert history.raw.close["AAPL"].tolist() == [101.0, 102.0]
    assert history.remarks == ("2 bar(s) outside regular hours: left out (hours=extended keeps them)",)


def test_extended_hours_keep_them(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.data.serve("AAPL", "5Min", [row(ny(2024, 1, 2, 9, 25), 9.0), row(ny(2024, 1, 2, 9, 30), 5.0)])
    history = named("hours=extended", polite).history(["AAPL"], "5m")
    assert times(history.raw) == [ny(2024, 1, 2, 9, 30), ny(2024, 1, 2, 9, 35)] and not history.remarks
    assert history.raw.source == "alpaca:hours=extended"


@pytest.mark.parametrize(("frequency", "timeframe", "minutes"), [("5m", "5Min", 5), ("15m", "15Min", 15)])
def test_on_a_half_day_bars_end_at_one(
    alpaca: Alpaca, source: adapter.Source, frequency: str, timeframe: str, minutes: int
) -> None:
    last = ny(2024, 11, 29, 13) - timedelta(minutes=minutes)
    alpaca.data.serve("AAPL", timeframe, [row(last, 10.0), row(ny(2024, 11, 29, 13), 11.0)])
    assert times(source.history(["AAPL"], frequency).raw) == [ny(2024, 11, 29, 13)]


def test_hours_are_counted_from_the_open_and_made_of_half_hours(alpaca: Alpaca, source: adapter.Source) -> None:
    # 9:00, 9:30 … 16:00 on a half day (2024-11-29) and on a whole one in winter time
    half = [ny(2024, 11, 29, 9) + timedelta(minutes=30 * n) for n in range(9)]
    whole = [ny(2024, 12, 2, 9) + timedelta(minutes=30 * n) for n in range(15)]
    rows = [row(moment, 100.0 + n, n + 1) for n, moment in enumerate(half)]
    rows += [row(moment, 200.0 + n, n + 1) for n, moment in enumerate(whole)]
    alpaca.data.serve("AAPL", "30Min", rows)
    raw = source.history(["AAPL"], "1h").raw
    assert times(raw) == [
        *(ny(2024, 11, 29, hour, 30) for hour in (10, 11, 12)), ny(2024, 11, 29, 13),
        *(ny(2024, 12, 2, hour, 30) for hour in range(10, 16)), ny(2024, 12, 2, 16),
    ]  # fmt: skip
    first = {field: raw.fields[field]["AAPL"].iloc[0] for field in raw.fields}  # 9:30 (101, 2) and 10:00 (102, 3)
    assert first == {"open": 100.0, "high": 104.0, "low": 98.0, "close": 102.0, "volume": 5.0}
    assert raw.close["AAPL"].iloc[3] == 107.0  # 12:30 to 13:00 alone; what began at 13:00 is after the close
    assert raw.close["AAPL"].iloc[-1] == 213.0


def test_an_hour_that_is_half_over_is_left_out(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.data.serve("AAPL", "30Min", [row(ny(2024, 1, 2, 9, 30), 1e1), row(ny(2024, 1, 2, 10), 1e1)])
    before, after = (named("feed=sip", polite, ny(2024, 1, 2, 10, minute)) for minute in (29, 30))
    with pytest.raises(DataError, match="no prices of AAPL"):
        before.history(["AAPL"], "1h")
    assert times(after.history(["AAPL"], "1h").raw) == [ny(2024, 1, 2, 10, 30)]


def test_without_a_subscription_the_last_minutes_are_withheld_and_told(alpaca: Alpaca, polite: Polite) -> None:
    began = [ny(2024, 1, 2, 9, 30) + timedelta(minutes=n) for n in range(40)]
    alpaca.data.serve("AAPL", "1Min", [row(moment, 100.0) for moment in began])
    free, iex = (named(options, polite, ny(2024, 1, 2, 10, 10)) for options in ("", "feed=iex"))
    history = free.history(["AAPL"], "1m")
    assert times(history.raw)[-1] == ny(2024, 1, 2, 9, 54)
    assert history.remarks == ("the last 16 minutes are left out: feed=iex or feed=sip have them",)
    assert times(iex.history(["AAPL"], "1m").raw)[-1] == ny(2024, 1, 2, 10, 10)
    assert [asked.query["feed"] for asked in alpaca.asked if asked.path == STOCKS][-1] == "iex"


def test_a_day_that_is_withheld_is_told_and_one_that_is_open_is_not(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, day), 100.0) for day in (2, 3)])
    open_, just_closed, later = (
        named("", polite, ny(2024, 1, 3, *clock)).history(["AAPL"]) for clock in ((15, 50), (16, 10), (16, 16))
    )
    assert [len(history.raw) for history in (open_, just_closed, later)] == [1, 1, 2]
    assert [bool(history.remarks) for history in (open_, just_closed, later)] == [False, True, False]


def test_in_the_week_the_clocks_change_minutes_stay_in_their_session(alpaca: Alpaca, source: adapter.Source) -> None:
    days = [ny(2024, 3, day, 9, 30) for day in (7, 8, 11, 12)]  # forward on Sunday the 10th
    lasts = [day.replace(hour=15, minute=59) for day in days]
    alpaca.data.serve("AAPL", "1Min", [row(moment, 100.0) for day in zip(days, lasts, strict=True) for moment in day])
    raw = source.history(["AAPL"], "1m").raw
    assert [moment.astimezone(NEW_YORK).strftime("%d %H:%M") for moment in times(raw)] == [
        f"{day} {clock}" for day in ("07", "08", "11", "12") for clock in ("09:31", "16:00")
    ]
    assert [moment.hour for moment in times(raw)] == [14, 21, 14, 21, 13, 20, 13, 20]  # UTC


# ── crypto, options ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crypto_day_is_that_of_utc_and_made_of_hours(alpaca: Alpaca, source: adapter.Source) -> None:
    midnight = datetime(2024, 3, 9, tzinfo=UTC)
    alpaca.data.serve("BTC/USD", "1Hour", [row(midnight + timedelta(hours=n), 1000.0 + n, 0.5) for n in range(49)])
    raw = source.history(["BTC/USD"]).raw
    tenth = midnight + timedelta(days=1)
    assert times(raw)[:2] == [tenth, tenth + timedelta(days=1)]
    assert raw.close["BTC/USD"].tolist()[:2] == [1023.0, 1047.0]
    assert raw.open["BTC/USD"].tolist()[:2] == [999.0, 1023.0]
    assert raw.high["BTC/USD"].iloc[0] == 1025.0 and raw.low["BTC/USD"].iloc[0] == 997.0
    assert raw.volume["BTC/USD"].iloc[0] == 12.0 and raw.calendar == "24/7"


def test_crypto_from_a_start_on_is_the_whole_cut(alpaca: Alpaca, source: adapter.Source) -> None:
    midnight = datetime(2024, 3, 9, tzinfo=UTC)
    alpaca.data.serve("BTC/USD", "1Hour", [row(midnight + timedelta(hours=n), 1000.0 + n) for n in range(100)])
    for frequency in ("1h", "1d"):
        whole = source.history(["BTC/USD"], frequency).raw.close
        for start in (midnight + timedelta(hours=n) for n in (1, 24, 25, 47, 48, 71)):
            cut = source.history(["BTC/USD"], frequency, start=start).raw.close
            assert cut.equals(whole[whole.index >= start]), (frequency, start)


def test_crypto_is_not_withheld_and_knows_no_hours_to_be_outside_of(alpaca: Alpaca, polite: Polite) -> None:
    now = datetime(2024, 3, 9, 3, 5, tzinfo=UTC)
    alpaca.data.serve("ETH/BTC", "1Min", [row(now - timedelta(minutes=n), 5.0) for n in (3, 2, 1, 0)])
    history = named("", polite, now).history(["ETH/BTC"], "1m")
    assert times(history.raw) == [now - timedelta(minutes=n) for n in (2, 1, 0)] and history.remarks == ()
    assert history.raw.instruments["ETH/BTC"].currency == "BTC"


def test_a_contract_tells_what_it_is_by_its_symbol(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve(CALL, "1Day", [row(ny(2024, 1, 16), 4.0)])
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 16), 190.0)])
    raw = source.history(["AAPL", CALL]).raw
    option = raw.instruments[CALL]
    assert (option.asset_class, option.underlying, option.right) == (AssetClass.OPTION, "AAPL", Right.CALL)
    assert (option.expiry, option.strike, option.multiplier) == (date(2024, 1, 19), Decimal(190), Decimal(100))
    assert raw.close.iloc[0].tolist() == [190.0, 4.0]
    assert [asked.query["symbols"] for asked in alpaca.asked if asked.path == CONTRACTS] == [CALL]


def test_crypto_and_stocks_in_one_call_are_refused_before_anything_is_asked(
    alpaca: Alpaca, source: adapter.Source
) -> None:
    with pytest.raises(InputError, match="BTC/USD follow the calendar 24/7, AAPL XNYS"):
        source.history(["AAPL", "BTC/USD"])
    assert not alpaca.asked


def test_a_symbol_that_is_written_like_none_is_refused(source: adapter.Source) -> None:
    for symbol in ("aapl", "AAPL ", "BTC/", "AAPL241319C00190000X"):
        with pytest.raises(InputError, match="a stock is AAPL"):
            source.history([symbol])
    with pytest.raises(InputError, match="named twice"):
        source.history(["AAPL", "AAPL"])
    with pytest.raises(InputError, match="empty list"):
        source.history([])
    with pytest.raises(InputError, match="bars of 1m"):
        source.history(["AAPL"], "2h")


# ── instruments and listings ────────────────────────────────────────────────────────────────────────────────────────


def test_instruments_come_from_the_assets(alpaca: Alpaca, source: adapter.Source) -> None:
    for symbol in ("AAPL", "T"):
        alpaca.data.serve(symbol, "1Day", [row(ny(2024, 1, 2), 190.0)])
    alpaca.data.register("T", exchange="NYSE", fractionable=False)
    known = source.history(["AAPL", "T"]).raw.instruments
    assert (known["AAPL"].venue, known["AAPL"].lot) == ("XNAS", Decimal("1e-9"))
    assert (known["T"].venue, known["T"].lot, known["T"].currency) == ("XNYS", Decimal(1), "USD")


def test_a_pair_has_the_steps_that_its_asset_tells(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("BTC/USD", "1Hour", [row(datetime(2024, 3, 9, tzinfo=UTC), 1000.0)])
    alpaca.data.register("BTC/USD", min_trade_increment="0.0001", price_increment="0.5")
    pair = source.history(["BTC/USD"], "1h").raw.instruments["BTC/USD"]
    assert (pair.lot, pair.tick, pair.asset_class) == (Decimal("0.0001"), Decimal("0.5"), AssetClass.CRYPTO)


def test_many_symbols_ask_for_all_assets_once(alpaca: Alpaca, source: adapter.Source) -> None:
    symbols = [f"A{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    for symbol in symbols:
        alpaca.data.serve(symbol, "1Day", [row(ny(2024, 1, 2), 100.0)])
    source.history(symbols)
    assert [path for path in alpaca.paths() if path.startswith("/v2/assets")] == ["/v2/assets"]
    pairs = [f"{symbol}/USD" for symbol in symbols]
    for pair in pairs:
        alpaca.data.serve(pair, "1Hour", [row(datetime(2024, 3, 9, tzinfo=UTC), 100.0)])
        alpaca.data.register(pair, price_increment="0.25")
    known = source.history(pairs, "1h").raw.instruments
    assert {pair.tick for pair in known.values()} == {Decimal("0.25")}


def test_keys_that_may_not_ask_for_assets_still_get_their_bars(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 2), 190.0)])
    alpaca.fail("/v2/assets/AAPL", error(403, "forbidden."))
    history = source.history(["AAPL"])
    assert history.raw.instruments["AAPL"].venue == "XNYS"
    assert history.remarks == ("venues and lots are not known: these keys may not ask for assets",)


def test_listings_are_what_is_traded(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.register("MSFT", name="Microsoft Corporation")
    alpaca.data.register("BTC/USD", name="Bitcoin / US Dollar")
    alpaca.data.register("GONE", status="inactive")
    table = source.listings()
    assert table.columns.tolist() == ["symbol", "name", "exchange", "sector", "asset_class", "currency"]
    assert table.to_numpy().tolist() == [
        ["BTC/USD", "Bitcoin / US Dollar", "", "", "crypto", "USD"],
        ["MSFT", "Microsoft Corporation", "XNAS", "", "equity", "USD"],
    ]
    assert source.symbols() == source.universe() == ()


# ── splits and dividends ────────────────────────────────────────────────────────────────────────────────────────────


def split(symbol: str, day: str, new: float, old: float) -> dict[str, Any]:
    return {"symbol": symbol, "ex_date": day, "process_date": day, "new_rate": new, "old_rate": old, "cusip": "x"}


def dividend(symbol: str, day: str, rate: float, special: bool = False, paid: str = "") -> dict[str, Any]:
    words = {"special": special, "foreign": False, "cusip": "x", "process_date": paid or day}
    return {"symbol": symbol, "ex_date": day, "rate": rate, **words}


def test_splits_and_dividends_are_those_of_their_day_as_paid(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2020, 8, 7), 444.45), row(ny(2020, 8, 31), 129.04)])
    alpaca.data.serve("GE", "1Day", [row(ny(2021, 7, 30), 12.95), row(ny(2021, 8, 2), 103.0)])
    alpaca.data.actions["forward_splits"] = [split("AAPL", "2020-08-31", 4, 1), split("AAPL", "2025-06-03", 2, 1)]
    alpaca.data.actions["reverse_splits"] = [split("GE", "2021-08-02", 1, 8)]
    alpaca.data.actions["cash_dividends"] = [
        dividend("AAPL", "2020-08-07", 0.82), dividend("GE", "2021-07-30", 0.01),
        dividend("GE", "2021-07-30", 0.5, special=True),
    ]  # fmt: skip
    alpaca.data.actions["stock_dividends"] = [dividend("GE", "2021-08-02", 0.05)]
    actions = source.history(["AAPL", "GE"]).actions
    assert actions.columns.tolist() == ["time", "symbol", "dividend", "split"]
    assert [(when.to_pydatetime(), *rest) for when, *rest in actions.to_numpy().tolist()] == [
        (ny(2020, 8, 7, 16), "AAPL", 0.82, 0.0),
        (ny(2020, 8, 31, 16), "AAPL", 0.0, 4.0),  # the one of tomorrow is not there yet
        (ny(2021, 7, 30, 16), "GE", pytest.approx(0.51), 0.0),
        (ny(2021, 8, 2, 16), "GE", 0.0, pytest.approx(1.05 / 8)),
    ]


def test_a_dividend_counts_from_the_day_prices_are_without_it_not_when_it_is_paid(
    alpaca: Alpaca, source: adapter.Source
) -> None:
    """Alpaca finds actions by the day they are processed."""
    alpaca.data.serve("AAPL", "1Day", [row(ny(2025, 5, 12), 211.0)])
    alpaca.data.actions["cash_dividends"] = [
        dividend("AAPL", "2025-05-12", 0.26, paid="2025-06-15"),  # not yet
        dividend("AAPL", "2025-05-08", 8.0, special=True, paid="2025-05-07"),  # with a due bill
        dividend("AAPL", "2025-08-11", 0.26, paid="2025-08-14"),  # announced
    ]
    found = source.history(["AAPL"], start=ny(2025, 5, 8)).actions
    assert found[["time", "dividend"]].to_numpy().tolist() == [
        [pd.Timestamp(ny(2025, 5, 8, 16)), 8.0], [pd.Timestamp(ny(2025, 5, 12, 16)), 0.26],
    ]  # fmt: skip


def test_adjusted_prices_pass_through_a_split_without_a_jump(alpaca: Alpaca, source: adapter.Source) -> None:
    days = [(ny(2020, 8, 28), 499.23), (ny(2020, 8, 31), 129.04)]
    alpaca.data.serve("AAPL", "1Day", [row(day, close, 1e6) for day, close in days])
    alpaca.data.actions["forward_splits"] = [split("AAPL", "2020-08-31", 4, 1)]
    bars = source.fetch(["AAPL"])
    assert bars.close["AAPL"].tolist() == pytest.approx([499.23 / 4, 129.04])
    assert bars.volume["AAPL"].tolist() == pytest.approx([4e6, 1e6])
    assert bars.adjustment == "splits and dividends"


def test_what_is_neither_split_nor_dividend_is_told(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("T", "1Day", [row(ny(2022, 4, 11), 19.63)])
    spun = {"source_symbol": "T", "new_symbol": "WBD", "source_rate": 1, "new_rate": 0.2419}
    alpaca.data.actions["spin_offs"] = [
        {**spun, "ex_date": day, "process_date": day}
        for day in ("2022-04-11", "2025-06-10")  # the second one is announced
    ]
    history = source.history(["T"])
    assert history.actions.empty
    assert history.remarks == (
        "T: spin off of 2022-04-11 is neither split nor dividend: prices are not adjusted for it",
    )


def test_more_than_a_thousand_actions_come_whole(alpaca: Alpaca, source: adapter.Source) -> None:
    """Left to itself, alpaca-py stops at 1,000 of them."""
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 2), 190.0)])
    days = pd.bdate_range("2018-01-01", periods=1500, freq="B")
    alpaca.data.actions["cash_dividends"] = [dividend("AAPL", str(day.date()), 0.01) for day in days]
    assert source.history(["AAPL"]).actions["dividend"].sum() == pytest.approx(15.0)


def test_crypto_has_no_actions_and_is_not_asked_for_them(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("BTC/USD", "1Hour", [row(datetime(2024, 3, 9, tzinfo=UTC), 1000.0)])
    assert source.history(["BTC/USD"], "1h").actions.empty
    assert "/v1/corporate-actions" not in alpaca.paths()


# ── quotes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def snapshot(price: float) -> dict[str, Any]:
    return {
        "latestTrade": {"t": "2025-05-30T19:59:59.123456789Z", "p": price, "s": 7, "i": 1},
        "latestQuote": {"t": "2025-05-30T19:59:59Z", "bp": price - 0.5, "bs": 3, "ap": 0, "as": 0},
        "dailyBar": {"t": "2025-05-30T04:00:00Z", "o": 1.0, "h": 9.0, "l": 0.5, "c": price, "v": 12345},
        "prevDailyBar": {"t": "2025-05-29T04:00:00Z", "o": 1.0, "h": 1.0, "l": 1.0, "c": 99.0, "v": 1},
    }


def test_quotes_of_stocks_options_and_crypto_come_in_the_order_asked_for(
    alpaca: Alpaca, source: adapter.Source
) -> None:
    alpaca.data.snapshots = {"AAPL": snapshot(100.0), CALL: snapshot(4.0), "ETH/EUR": snapshot(2000.0), "NIL": None}
    quotes = source.quotes(["ETH/EUR", "AAPL", "NIL", "NOBODY", CALL])
    assert [quote.symbol for quote in quotes] == ["ETH/EUR", "AAPL", CALL]
    apple = quotes[1]
    assert apple.time == datetime(2025, 5, 30, 19, 59, 59, 123456, tzinfo=UTC)
    assert (apple.price, apple.bid, apple.bid_size, apple.previous, apple.volume) == (100.0, 99.5, 3.0, 99.0, 12345.0)
    assert (apple.open, apple.high, apple.low, apple.currency, apple.source) == (1.0, 9.0, 0.5, "USD", "alpaca")
    assert np.isnan(apple.ask) and np.isnan(apple.ask_size)  # no offer is no price of nothing
    assert quotes[0].currency == "EUR"


def test_before_the_open_a_price_is_compared_with_the_last_close(alpaca: Alpaca, source: adapter.Source) -> None:
    early = {"t": "2025-06-02T12:00:00Z", "p": 110.0, "s": 1}  # 8:00 on Monday; the daily bar is Friday's
    alpaca.data.snapshots = {"AAPL": {**snapshot(100.0), "latestTrade": early}}
    (quote,) = source.quotes(["AAPL"])
    assert (quote.price, quote.previous) == (110.0, 100.0)
    assert np.isnan([quote.open, quote.high, quote.low, quote.volume]).all()


def test_quotes_of_many_symbols_come_by_the_page(alpaca: Alpaca, source: adapter.Source) -> None:
    symbols = [f"{a}{b}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXY"]
    alpaca.data.snapshots = {symbol: snapshot(10.0 + n) for n, symbol in enumerate(symbols)}
    quotes = source.quotes(symbols)
    assert [quote.price for quote in quotes] == [10.0 + n for n in range(250)]
    assert alpaca.paths() == ["/v2/stocks/snapshots"] * 3


def test_a_quote_without_a_trade_today_is_the_last_daily_close(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.snapshots = {"AAPL": {**snapshot(100.0), "latestTrade": None}, "T": {"latestTrade": None}}
    (quote,) = source.quotes(["AAPL", "T"])
    assert (quote.price, quote.time) == (100.0, datetime(2025, 5, 30, 4, tzinfo=UTC))


# ── a vendor in trouble ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def apple(alpaca: Alpaca) -> Alpaca:
    alpaca.data.serve("AAPL", "1Day", [row(ny(2024, 1, 2), 190.0), row(ny(2024, 1, 3), 191.0)])
    return alpaca


def closes(source: adapter.Source) -> list[float]:
    values: list[float] = source.history(["AAPL"]).raw.close["AAPL"].tolist()
    return values


def test_a_vendor_that_asks_to_wait_is_waited_for(apple: Alpaca, source: adapter.Source, waits: Waits) -> None:
    apple.fail(STOCKS, Fault(429, b'{"message":"too many requests."}', {"Retry-After": "7"}))
    assert closes(source) == [190.0, 191.0]
    assert waits == [7.0]


def test_a_vendor_that_tells_when_it_is_free_again_is_waited_for(
    apple: Alpaca, source: adapter.Source, waits: Waits
) -> None:
    apple.fail(STOCKS, Fault(429, b"{}", {"X-RateLimit-Reset": str(int(time.time()) + 20)}))
    assert closes(source) == [190.0, 191.0]
    assert len(waits) == 1 and 18 < waits[0] <= 20


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500, b"<html>Internal Server Error</html>"),
        Fault(504, b""),
        Fault(503, b'{"message":"down"}'),
        Fault(cut=True),
        Fault(200, b'{"bars": {"AAPL": [{"t": "2024'),
        Fault(200, b"<html>Be right back</html>"),
    ],
    ids=["500", "504", "503", "cut", "half a JSON", "no JSON"],
)
def test_a_stumble_is_asked_about_again(apple: Alpaca, source: adapter.Source, waits: Waits, fault: Fault) -> None:
    apple.fail(STOCKS, fault)
    assert closes(source) == [190.0, 191.0]
    assert apple.paths().count(STOCKS) == 2 and len(waits) == 1


def test_a_slow_answer_is_not_waited_for_for_ever(apple: Alpaca, polite: Polite, waits: Waits) -> None:
    """alpaca-py itself knows no time limit."""
    apple.fail(STOCKS, Fault(delay=20.0))
    began = time.monotonic()
    assert closes(named("", polite, timeout=2.0)) == [190.0, 191.0]
    assert time.monotonic() - began < 15 and len(waits) == 1


def test_the_clients_own_retrying_has_nothing_left_to_do(apple: Alpaca, source: adapter.Source, waits: Waits) -> None:
    """alpaca-py would wait 3 s by its own clock after each 429 and 504: nothing but ours waits."""
    apple.fail(STOCKS, Fault(504), Fault(429), Fault(504))
    began = time.monotonic()
    with pytest.raises(DataError, match=r"did not give v2/stocks/bars of AAPL in 3 attempt\(s\).*HTTP 504"):
        closes(source)
    assert time.monotonic() - began < 5
    assert apple.paths() == [STOCKS] * 3 and len(waits) == 2


def test_a_host_that_is_not_there_is_a_sentence(source: adapter.Source, polite: Polite) -> None:
    with pytest.raises(DataError, match=r"alpaca did not give .* in 3 attempt"):
        closes(named("", polite, url="http://127.0.0.1:9"))


def test_pages_that_go_round_in_a_circle_end(apple: Alpaca, source: adapter.Source) -> None:
    apple.data.page, apple.data.circle = 1, True
    with pytest.raises(DataError, match="go round in a circle"):
        closes(source)
    assert len(apple.asked) < 4


def test_pages_are_turned_to_the_end(apple: Alpaca, source: adapter.Source) -> None:
    apple.data.page = 1
    apple.data.serve("MSFT", "1Day", [row(ny(2024, 1, 3), 370.0)])
    raw = source.history(["AAPL", "MSFT"]).raw
    assert raw.close["AAPL"].tolist() == [190.0, 191.0] and raw.close["MSFT"].iloc[1] == 370.0
    assert apple.paths().count(STOCKS) == 3


def test_a_failure_on_a_later_page_is_asked_about_again_and_nothing_doubles(
    apple: Alpaca, source: adapter.Source
) -> None:
    apple.data.page = 1
    apple.fail(STOCKS, Fault(), Fault(500), Fault())
    history = source.history(["AAPL"])
    assert history.raw.close["AAPL"].tolist() == [190.0, 191.0] and history.remarks == ()


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b'{"message": "no bars today"}', b'{"bars": null, "next_page_token": null}',
        b'{"bars": {"AAPL": [{"t": "2024-01-02T05:00:00Z", "o": 1}]}, "next_page_token": null}',
        b'{"bars": {"AAPL": [{"t": "2024-01-02T05:00:00Z", "o": "x", "h": 1, "l": 1, "c": 1, "v": 1}]}}',
        b'{"bars": {"AAPL": [{"t": "2024-01-02T00:00:00-05:00", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]}}',
        b'{"bars": {"AAPL": [null]}, "next_page_token": null}',
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_a_data_error(apple: Alpaca, source: adapter.Source, body: bytes) -> None:
    apple.fail(STOCKS, Fault(200, body))
    with pytest.raises(DataError, match=r"alpaca: .*cannot be read"):
        closes(source)


def test_bars_that_come_twice_or_out_of_order_are_put_right_and_told(alpaca: Alpaca, source: adapter.Source) -> None:
    rows = [row(ny(2024, 1, 3), 191.0), row(ny(2024, 1, 2), 190.0), row(ny(2024, 1, 3), 191.5)]
    alpaca.data.serve("AAPL", "1Day", rows)
    history = source.history(["AAPL"])
    assert history.raw.close["AAPL"].tolist() == [190.0, 191.5]
    assert history.remarks == ("1 bar(s) that came twice: the last one counts",)


def test_a_price_that_is_not_positive_is_taken_as_missing_and_told(alpaca: Alpaca, source: adapter.Source) -> None:
    alpaca.data.serve("AAPL", "1Day", [(ny(2024, 1, 2), 190.0, 191.0, 0.0, 190.5, 10)])
    history = source.history(["AAPL"])
    assert np.isnan(history.raw.low["AAPL"].iloc[0]) and history.raw.close["AAPL"].iloc[0] == 190.5
    assert history.remarks == ("1 price(s) that are not positive: taken as missing",)
    (row,) = history.aside.table().to_dict("records")
    assert (row["symbol"], row["low"], row["close"], row["check"]) == ("AAPL", 0.0, 190.5, "not positive")


def test_an_unknown_symbol_is_named(apple: Alpaca, source: adapter.Source) -> None:
    with pytest.raises(InputError, match="Alpaca has no NOBODY: look up"):
        source.history(["AAPL", "NOBODY"])
    with pytest.raises(InputError, match="Alpaca has no NOBODY"):
        source.history(["NOBODY"], start=ny(2024, 1, 2))


def test_a_symbol_that_has_no_bars_is_named(apple: Alpaca, source: adapter.Source) -> None:
    apple.data.register("NEW")
    with pytest.raises(DataError, match="no prices of NEW"):
        source.history(["AAPL", "NEW"])


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("missing", [("ALPACA_API_KEY",), ("ALPACA_SECRET_KEY",), adapter.KEYS])
def test_missing_keys_are_named_before_anything_is_asked(
    apple: Alpaca, source: adapter.Source, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    for name in missing:
        monkeypatch.delenv(name)
    with pytest.raises(InputError, match=f"alpaca needs {' and '.join(missing)} in the environment"):
        closes(source)
    assert not apple.asked


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_keys_are_a_sentence_without_the_keys(apple: Alpaca, source: adapter.Source, status: int) -> None:
    apple.fail(STOCKS, error(status, f"forbidden: {KEY} / {SECRET}"))
    with pytest.raises(InputError, match="Check ALPACA_API_KEY and ALPACA_SECRET_KEY") as refused:
        closes(source)
    assert KEY not in str(refused.value) and SECRET not in str(refused.value)
    assert apple.paths() == [STOCKS]  # it is not asked again


def test_an_error_that_is_no_json_can_be_read(apple: Alpaca, source: adapter.Source) -> None:
    """alpaca-py's own error raises while it is being read then."""
    apple.fail(STOCKS, Fault(400, b"<html>Bad Request</html>"))
    with pytest.raises(InputError, match="HTTP 400: <html>Bad Request"):
        closes(source)


def test_a_feed_that_needs_a_subscription_says_what_to_do(apple: Alpaca, polite: Polite) -> None:
    apple.fail(STOCKS, error(403, "subscription does not permit querying recent SIP data"))
    with pytest.raises(InputError, match=r"recent SIP data\. Use feed=free"):
        closes(named("feed=sip", polite))


def test_keys_do_not_show(apple: Alpaca) -> None:
    from aura_lib.data.sources.alpaca.door import Access

    assert KEY not in repr(Access.from_environment()) and SECRET not in repr(Access.from_environment())


# ── the source ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_found_by_name_with_its_options() -> None:
    assert sources.get("alpaca").name == "alpaca"
    assert sources.get("alpaca: hours=extended , feed=sip").name == "alpaca:feed=sip,hours=extended"
    assert isinstance(sources.get("alpaca"), sources.Vendor)
    for wrong in ("alpaca:feed=moon", "alpaca:speed=3", "alpaca:feed", "alpaca:feed=sip,feed=iex"):
        with pytest.raises(InputError, match="alpaca"):
            sources.get(wrong)


def test_without_alpaca_py_it_says_how_to_install_it(
    apple: Alpaca, source: adapter.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alpaca", None)
    with pytest.raises(DataError, match=r"pip install 'aura-lib\[alpaca\]'"):
        closes(source)
    with pytest.raises(DataError, match=r"pip install 'aura-lib\[alpaca\]'"):
        adapter.Stream().run(["AAPL"], lambda events: None, threading.Event())


def test_who_pays_for_more_requests_is_not_slowed_to_the_free_pace() -> None:
    free, paid = adapter.Source(), adapter.Source("feed=sip")
    assert free._polite.per_second * 60 <= 200 < paid._polite.per_second * 60 <= 10_000
    assert adapter.Source("feed=iex")._polite is free._polite  # all of one process share one pace


def test_two_threads_may_use_one_source(apple: Alpaca, source: adapter.Source) -> None:
    got: list[list[float]] = []
    apple.data.page = 1
    threads = [threading.Thread(target=lambda: got.append(closes(source))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert got == [[190.0, 191.0]] * 4


def test_long_stretches_of_minutes_are_asked_for_in_parts(alpaca: Alpaca, source: adapter.Source) -> None:
    days = [ny(year, 3, 1, 10) for year in (2016, 2017, 2019, 2021, 2022, 2023, 2024)]
    alpaca.data.serve("AAPL", "1Min", [row(day, 100.0 + n) for n, day in enumerate(days)])
    raw = source.history(["AAPL"], "1m").raw
    assert raw.close["AAPL"].tolist() == [100.0 + n for n in range(7)]
    asked = [asked.query for asked in alpaca.asked if asked.path == STOCKS]
    ends = [datetime.fromisoformat(query["end"]) for query in asked]
    begins = [datetime.fromisoformat(query["start"]) for query in asked]
    assert all(later - end == timedelta(microseconds=1) for end, later in zip(ends, begins[1:], strict=False))
    assert max(end - begin for begin, end in zip(begins, ends, strict=True)) <= timedelta(days=174)


def test_a_hundred_thousand_minutes_come_in_seconds(alpaca: Alpaca, source: adapter.Source) -> None:
    """Not a benchmark: it notices what became slow by an order of magnitude."""
    sessions = [day for day in pd.bdate_range("2024-01-01", periods=256) if day.date() != date(2024, 1, 1)]
    began = [
        datetime.combine(day, datetime.min.time(), NEW_YORK) + timedelta(hours=9, minutes=30 + n)
        for day in sessions
        for n in range(390)
    ]
    alpaca.data.serve("AAPL", "1Min", [row(moment, 100.0) for moment in began])
    start = time.monotonic()
    raw = source.history(["AAPL"], "1m", start=ny(2024, 1, 1)).raw
    taken = time.monotonic() - start
    assert len(raw) > 95_000
    assert taken < 30, f"{len(raw)} minutes took {taken:.1f} s, the server's part included"
