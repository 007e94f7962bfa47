from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Bars, Calendar, DataError, InputError
from aura_lib.data import sources
from aura_lib.data.adjust import adjusted
from tests.oracle import plain_adjustment

NYSE = Calendar.of("XNYS")
DAYS = NYSE.closes_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC))


def bars(close: list[float], volume: float = 100.0, frequency: str = "1d", times: pd.DatetimeIndex = DAYS) -> Bars:
    frame = pd.DataFrame({"A": close}, times[: len(close)])
    fields = {"close": frame, "volume": frame * 0 + volume}
    return Bars(fields, "memory", frequency, adjustment="")


def actions(*rows: tuple[object, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["time", "symbol", "dividend", "split"]).astype(
        {"dividend": "float64", "split": "float64", "time": "datetime64[us, UTC]"}
    )


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_split_divides_the_prices_before_it_and_multiplies_their_volumes() -> None:
    found = adjusted(bars([100.0, 104.0, 26.0, 27.0]), actions((DAYS[2], "A", 0, 4)))
    assert found.close["A"].tolist() == [25.0, 26.0, 26.0, 27.0]
    assert found.volume["A"].tolist() == [400.0, 400.0, 100.0, 100.0]
    assert (found.adjustment, found.snapshot) == ("splits and dividends", "")


def test_a_dividend_takes_its_part_of_the_last_close_before_it_off_all_prices_before() -> None:
    found = adjusted(bars([50.0, 100.0, 98.0]), actions((DAYS[2], "A", 2, 0)))
    assert found.close["A"].tolist() == [49.0, 98.0, 98.0]
    assert found.volume["A"].tolist() == [100.0] * 3


def test_on_one_day_the_split_comes_first_and_the_dividend_is_paid_on_a_new_share() -> None:
    # 100 before; four new shares of 25 each, and 1 paid on each: 24 is what is left of 25
    found = adjusted(bars([100.0, 24.0]), actions((DAYS[1], "A", 1, 4)))
    assert found.close["A"].tolist() == [24.0, 24.0]


def test_splits_alone_leave_the_dividends_in_the_prices() -> None:
    found = adjusted(bars([100.0, 104.0, 26.0]), actions((DAYS[1], "A", 5, 0), (DAYS[2], "A", 1, 4)), "splits")
    assert found.close["A"].tolist() == [25.0, 26.0, 26.0]
    assert found.adjustment == "splits"


def test_an_action_after_the_last_bar_or_before_the_first_changes_nothing() -> None:
    raw = bars([10.0, 11.0])
    long_ago = NYSE.close(datetime(2020, 8, 31, tzinfo=UTC).date())
    found = adjusted(raw, actions((DAYS[2], "A", 1, 2), (DAYS[0], "A", 1, 2), (long_ago, "A", 1, 2)))
    assert found.close.equals(raw.close) and found.volume.equals(raw.volume)


def test_bars_cut_at_a_moment_are_adjusted_with_what_was_known_then() -> None:
    raw, table = bars([100.0, 104.0, 26.0]), actions((DAYS[2], "A", 0, 4))
    assert adjusted(raw.until(DAYS[1]), table).close["A"].tolist() == [100.0, 104.0]


def test_before_a_listing_and_in_a_halt_there_is_nothing_to_adjust() -> None:
    nan = float("nan")
    found = adjusted(bars([nan, 100.0, nan, 98.0]), actions((DAYS[1], "A", 3, 0), (DAYS[3], "A", 2, 0)))
    assert found.close["A"].tolist() == pytest.approx([nan, 98.0, nan, 98.0], nan_ok=True)


def test_minutes_change_with_the_open_of_the_session() -> None:
    new_york = ZoneInfo("America/New_York")
    eve = pd.date_range(datetime(2026, 1, 2, 15, 30, tzinfo=new_york), periods=3, freq="15min")
    day = pd.date_range(datetime(2026, 1, 5, 9, 45, tzinfo=new_york), periods=2, freq="15min")
    times = eve.append(day).tz_convert("UTC")
    close_of_the_day = datetime(2026, 1, 5, 16, tzinfo=new_york)  # the bars do not reach it yet
    found = adjusted(bars([40.0, 40.0, 44.0, 22.0, 23.0], 100.0, "15m", times), actions((close_of_the_day, "A", 0, 2)))
    assert found.close["A"].tolist() == [20.0, 20.0, 22.0, 22.0, 23.0]


def test_no_actions_give_the_same_prices_under_another_name() -> None:
    raw = bars([10.0, 11.0])
    found = adjusted(raw, actions())
    assert found.close.equals(raw.close) and found.adjustment == "splits and dividends"
    assert raw.adjustment == ""


# ── against a slow recomputation ────────────────────────────────────────────────────────────────────────────────────

SPLITS = st.sampled_from([0.0, 2.0, 4.0, 1.5, 0.1, 7.0])
PRICE = st.one_of(st.floats(10, 1000), st.just(float("nan")))


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[list[float]], list[tuple[int, int, float, float]]]:
    length = draw(st.integers(1, 12))
    closes = [draw(st.lists(PRICE, min_size=length, max_size=length)) for _ in range(3)]
    places = st.tuples(st.integers(0, length + 2), st.integers(0, 2))
    where = draw(st.lists(places, unique=True, max_size=8))
    return closes, [(row, column, draw(st.floats(0, 0.9)), draw(SPLITS)) for row, column in where]


@settings(max_examples=150, deadline=None)
@given(markets(), st.booleans())
def test_it_is_what_a_slow_recomputation_makes_of_it(
    market: tuple[list[list[float]], list[tuple[int, int, float, float]]], dividends: bool
) -> None:
    closes, events = market
    frame = pd.DataFrame(dict(zip("ABC", closes, strict=True)), DAYS[: len(closes[0])])
    raw = Bars({"close": frame, "high": frame * 1.01, "volume": frame * 7}, "memory", adjustment="")
    table = actions(*((DAYS[row], "ABC"[column], d, s) for row, column, d, s in events))
    found = adjusted(raw, table.sample(frac=1, random_state=1), "splits and dividends" if dividends else "splits")
    for place, symbol in enumerate("ABC"):
        own = [(row, d, s) for row, column, d, s in events if column == place]
        for field in ("close", "high"):
            prices = raw.fields[field][symbol].tolist()
            expected = plain_adjustment.adjusted(prices, closes[place], own, dividends)
            assert found.fields[field][symbol].tolist() == pytest.approx(expected, rel=1e-12, nan_ok=True)
        volumes = plain_adjustment.shares(raw.volume[symbol].tolist(), own)
        assert found.volume[symbol].tolist() == pytest.approx(volumes, rel=1e-12, nan_ok=True)


# ── against what others publish ─────────────────────────────────────────────────────────────────────────────────────


def on(day: str) -> datetime:
    return NYSE.close(datetime.fromisoformat(day).date())


# Apple's press releases: two for one on 2000-06-21 and 2005-02-28; $2.65 a share, ex on these three days.
APPLE = actions(
    *[(on(day), "AAPL", 0.0, 2.0) for day in ("2000-06-21", "2005-02-28")],
    *[(on(day), "AAPL", 2.65, 0.0) for day in ("2012-08-09", "2012-11-07", "2013-02-07")],
)


def test_apple_comes_out_as_others_publish_it() -> None:
    """Quandl's WIKI adjusted closes; it reinvests at the close of the ex-date, which differs in the second order."""
    raw, theirs = (sources.get(f"sample:{part}").fetch(["AAPL"]) for part in ("unadjusted", "ohlcv"))
    ours = adjusted(raw, APPLE).close["AAPL"]
    scale = theirs.close["AAPL"].iloc[-1] / ours.iloc[-1]  # what was split and paid after 2013-03-01
    assert (ours * scale / theirs.close["AAPL"] - 1).abs().max() < 1.2e-3
    between = slice("2005-02-28", "2012-08-08")  # nothing was paid out or split
    assert np.ptp((theirs.close["AAPL"] / ours)[between]) / scale < 1e-6


def test_a_split_alone_is_the_ratio_that_others_publish() -> None:
    raw, theirs = (sources.get(f"sample:{part}").fetch(["MSFT"]) for part in ("unadjusted", "ohlcv"))
    found = adjusted(raw, actions((on("2003-02-18"), "MSFT", 0, 2)), "splits").close["MSFT"]
    ratio = (theirs.close["MSFT"] / found)["2000-03-01":"2003-02-18"]  # Microsoft paid its first dividend the day after
    assert np.ptp(ratio) / ratio.iloc[0] < 1e-5


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ((DAYS[1], "A", -0.5, 0), "negative: A 2026-01-05: dividend -0.5, split 0.0"),
        ((DAYS[1], "A", 0, -2), "negative: A 2026-01-05"),
        ((DAYS[1], "A", float("nan"), 0), "no number: A 2026-01-05"),
        ((DAYS[1], "A", 0, float("inf")), "no number: A 2026-01-05"),
        ((DAYS[1], "B", 1, 0), "of no symbol among A: B 2026-01-05"),
        ((DAYS[1], "A", 10, 0), "no less than the last close before: A 2026-01-05: dividend 10"),
        ((DAYS[1], "A", 5, 2), "no less than the last close before"),
    ],
)
def test_an_action_that_cannot_be_is_refused_by_name(row: tuple[object, str, float, float], told: str) -> None:
    with pytest.raises(DataError, match=f"memory: 1 split.*{told}"):
        adjusted(bars([10.0, 11.0, 12.0]), actions(row))


def test_an_action_that_is_there_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"2 split.* there twice"):
        adjusted(bars([10.0, 11.0]), actions((DAYS[1], "A", 1, 0), (DAYS[1], "A", 0, 2)))


def test_a_table_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="needs split, time"):
        adjusted(bars([10.0]), actions().drop(columns=["time", "split"]))
    naive = actions((DAYS[0], "A", 1, 0)).assign(time=lambda t: t["time"].dt.tz_localize(None))
    with pytest.raises(DataError, match="a zone"):
        adjusted(bars([10.0]), naive)


def test_what_cannot_be_adjusted_is_refused() -> None:
    raw = bars([10.0, 11.0])
    with pytest.raises(InputError, match="adjusted for splits and dividends already"):
        adjusted(adjusted(raw, actions()), actions())
    with pytest.raises(InputError, match=r"'splits'.*not for 'dividends'"):
        adjusted(raw, actions(), "dividends")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="make weeks of them"):
        adjusted(bars([10.0, 11.0], frequency="1w"), actions())


def test_five_hundred_symbols_over_twenty_years_are_quick(rng: np.random.Generator) -> None:
    days = NYSE.closes[-5300:-260]
    names = [f"S{n:03d}" for n in range(500)]
    close = pd.DataFrame(rng.uniform(50, 60, (len(days), 500)), days, names)
    raw = Bars(dict.fromkeys(("open", "high", "low", "close", "volume"), close), "memory", adjustment="")
    paid = [(days[row], name, 0.1, 0.0) for name in names for row in range(60, len(days), 63)]
    table = actions(*paid)
    began = time.perf_counter()
    adjusted(raw, table)
    assert time.perf_counter() - began < 3  # 0.2 s on a quiet core
