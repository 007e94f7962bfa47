"""Each check finds what was planted for it, and stays quiet about what is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import AssetClass, Bars, Calendar, DataError, Instrument
from aura_lib.data import quality, sources, synthesis

CLOSES = Calendar.of("XNYS").closes
FIRST = int(CLOSES.searchsorted(pd.Timestamp("2020-01-01", tz="UTC")))


def market(rows: int = 300, spread: float = 0.01, **changes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Two symbols of 1 % a day, their opens a little off the close before, volumes around a million."""
    chance = np.random.default_rng(11)
    close = 100 * np.exp(np.cumsum(chance.normal(0, spread, (rows, 2)), axis=0))
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(chance.normal(0, spread / 4, (rows, 2)))
    top, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    volume = np.floor(np.exp(chance.normal(np.log(1e6), 0.3, (rows, 2))))
    index = CLOSES[FIRST : FIRST + rows]
    made = {"open": open_, "high": top, "low": low, "close": close, "volume": volume}
    return {name: pd.DataFrame(values, index, ["A", "B"]) for name, values in made.items()} | changes


def examine(given: dict[str, pd.DataFrame], **words: object) -> quality.Quality:
    told = {"source": "test", "frequency": "1d", "calendar": "XNYS", "adjustment": "", **words}
    return quality.examine(given, **told)  # type: ignore[arg-type]


def found(report: quality.Quality) -> list[tuple[str, str, int]]:
    return [(f.check, f.symbol, f.count) for f in report.findings]


def scaled(given: dict[str, pd.DataFrame], row: int, by: float, symbol: str = "B") -> dict[str, pd.DataFrame]:
    """Prices from a row on, times a factor: what a split does."""
    changed = {name: frame.copy() for name, frame in given.items()}
    for name in ("open", "high", "low", "close"):
        changed[name].iloc[row:, changed[name].columns.get_loc(symbol)] *= by
    return changed


def actions(moment: pd.Timestamp, symbol: str = "B", dividend: float = 0.0, split: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame({"time": [moment], "symbol": [symbol], "dividend": [dividend], "split": [split]})


def test_a_market_without_faults_is_quiet() -> None:
    assert found(examine(market())) == []


# ---- jumps, splits, dividends ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("by", "ratio"), [(1 / 2, "2:1"), (1 / 3, "3:1"), (2 / 3, "3:2"), (1 / 20, "20:1"), (10.0, "1:10"), (2.0, "1:2")]
)
def test_a_jump_by_a_simple_ratio_looks_like_an_unrecorded_split(by: float, ratio: str) -> None:
    (jump,) = examine(scaled(market(), 150, by)).findings
    assert (jump.check, jump.symbol, jump.count) == ("jump", "B", 1)
    assert jump.first == CLOSES[FIRST + 150] and jump.detail.endswith(f"looks like an unrecorded split, {ratio}")


def test_a_jump_that_its_split_or_dividend_explains_is_none() -> None:
    split = scaled(market(), 150, 1 / 4)
    assert found(examine(split, actions=actions(CLOSES[FIRST + 150], split=4.0))) == []
    before = float(market()["close"]["B"].iloc[149])
    special = scaled(market(), 150, 1 - 40 / before)  # a special dividend of 40 a share
    assert found(examine(special)) == [("jump", "B", 1)]
    assert found(examine(special, actions=actions(CLOSES[FIRST + 150], dividend=40.0, split=0.0))) == []


def test_a_split_on_record_that_prices_do_not_show_is_told() -> None:
    on = CLOSES[FIRST + 150]
    (raw,) = examine(market(), actions=actions(on, split=4.0)).findings
    assert raw.first == on and raw.detail.endswith("the split on record is not in these prices")
    (adjusted,) = examine(
        scaled(market(), 150, 1 / 4), adjustment="splits and dividends", actions=actions(on, split=4.0)
    ).findings
    assert adjusted.detail.endswith("the split on record was not taken out of these adjusted prices")


def test_a_move_beyond_a_split_of_three_for_two_is_told_of_a_wild_symbol_too() -> None:
    """At 4 % a day twenty deviations are 0.8 in log, more than a fall by half."""
    assert found(examine(scaled(market(spread=0.04), 150, 0.5))) == [("jump", "B", 1)]
    assert found(examine(market(spread=0.1))) == [], "a coin has such days"


def test_a_crash_is_told_and_called_nothing_else() -> None:
    (jump,) = examine(scaled(market(), 150, 0.72)).findings
    assert jump.check == "jump" and jump.detail.endswith("no split explains it")


def test_a_tick_that_is_taken_back_and_a_price_in_pence_are_named() -> None:
    tick = market(close=market()["close"].copy())
    tick["close"].iloc[150, 1] *= 1.6
    (odd, jump) = examine(tick).findings
    assert (odd.check, jump.check, jump.count) == ("outside range", "jump", 2)
    assert jump.detail.endswith("and back at the next bar: a bad tick?")
    (unit,) = examine(scaled(market(), 150, 100.0)).findings
    assert unit.check == "currency" and "pence for pounds" in unit.detail


def test_a_gap_over_night_is_held_against_other_nights_and_not_against_minutes() -> None:
    bars = sources.get("synthetic:symbols=3,years=1,gaps=0.8").fetch(["SYN0001", "SYN0002", "SYN0003"], "5m")
    assert found(quality.check(bars)) == []
    close = bars.close.copy()
    close.iloc[40:, 0] *= 0.85  # in the middle of the first session
    assert ("jump", "SYN0001", 1) in found(quality.check(Bars({"close": close}, "test", "5m")))


# ---- time ------------------------------------------------------------------------------------------------------------
def stamped(change: Callable[[pd.DatetimeIndex], pd.DatetimeIndex]) -> quality.Quality:
    close = market()["close"]
    times = pd.DatetimeIndex(close.index)
    return quality.check(close.set_axis(change(times), axis=0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda times: times.normalize(), "days at midnight UTC"),
        (lambda times: times.tz_convert("America/New_York").normalize(), "days at midnight in America/New_York"),
        (
            lambda times: times.tz_convert("America/New_York").tz_localize(None).tz_localize("UTC"),
            "wall time in America",
        ),
        (lambda times: Calendar.of("XNYS").opens[FIRST : FIRST + len(times)], "look like the open of each session"),
        (lambda times: Calendar.of("XTKS").closes[5000 : 5000 + len(times)], "look like closes of XTKS"),
        (lambda times: times + pd.Timedelta(hours=1, minutes=7), "is it another calendar, or another zone?"),
    ],
)
def test_stamps_of_another_zone_are_one_finding_that_says_what_they_look_like(
    change: Callable[[pd.DatetimeIndex], pd.DatetimeIndex], said: str
) -> None:
    (finding,) = stamped(change).findings
    assert (finding.check, finding.severity) == ("time zone", "error") and said in finding.detail


@pytest.mark.parametrize("frequency", ["1m", "5m", "15m", "1h"])
@pytest.mark.parametrize("calendar", ["XNYS", "XLON", "XBOM", "24-7"])
def test_intraday_bars_of_every_frequency_and_calendar_fit_their_grid(frequency: str, calendar: str) -> None:
    bars = sources.get(f"synthetic:symbols=1,years=1,calendar={calendar}").fetch(["SYN0001"], frequency)
    assert {f.check for f in quality.check(bars).findings} <= {"currency"}


def test_wall_time_called_utc_is_found_in_minutes_too() -> None:
    bars = sources.get("synthetic:symbols=1,years=1").fetch(["SYN0001"], "5m")
    wall = bars.times.tz_convert("America/New_York").tz_localize(None).tz_localize("UTC")
    (finding,) = quality.check(Bars({"close": bars.close.set_axis(wall, axis=0)}, "test", "5m")).findings
    assert finding.check == "time zone" and "wall time in America/New_York" in finding.detail


def test_a_lost_session_of_minutes_is_an_error_and_a_quiet_minute_is_nothing() -> None:
    bars = sources.get("synthetic:symbols=1,years=1").fetch(["SYN0001"], "5m")
    day = np.asarray(bars.times.date == bars.times[500].date())
    without = Bars({"close": bars.close[~day]}, "test", "5m")
    (lost,) = quality.check(without).findings
    assert (lost.check, lost.severity, lost.count) == ("missing session", "error", 1)
    assert quality.check(Bars({"close": bars.close.drop(bars.times[[7, 700]])}, "test", "5m")).findings == ()
    half = quality.check(Bars({"close": bars.close.iloc[::2]}, "test", "5m")).findings
    assert [(f.check, f.severity) for f in half] == [("missing bar", "warn")]


def test_bars_before_the_open_are_odd_and_not_wrong() -> None:
    bars = sources.get("synthetic:symbols=1,years=1").fetch(["SYN0001"], "5m")
    early = bars.times[0] - pd.Timedelta(hours=2)
    close = pd.concat([pd.DataFrame({"SYN0001": [50.0]}, index=[early]), bars.close]).rename_axis(None)
    report = quality.check(Bars({"close": close}, "test", "5m"))
    assert report.ok and "off session" in {f.check for f in report.findings}


def test_a_week_without_a_bar_is_told() -> None:
    close = market()["close"]
    weekly = close.groupby(pd.DatetimeIndex(close.index).tz_localize(None).to_period("W-SUN")).tail(1)
    assert quality.check(Bars({"close": weekly}, "test", "1w")).findings == ()
    (lost,) = quality.check(Bars({"close": weekly.drop(weekly.index[9])}, "test", "1w")).findings
    assert (lost.check, lost.count) == ("missing bar", 1)


# ---- volume ----------------------------------------------------------------------------------------------------------
def test_a_price_that_moves_without_volume_is_told_and_a_still_one_is_not() -> None:
    given = market(volume=market()["volume"].copy())
    given["volume"].iloc[[20, 30], 1] = [0.0, np.nan]
    assert found(examine(given)) == [("volume gap", "B", 2)]
    still = market()
    for name, frame in still.items():
        still[name] = frame.copy()
        still[name].iloc[20:23, 1] = 0.0 if name == "volume" else float(still["close"]["B"].iloc[19])
    assert found(examine(still)) == []


def test_a_week_without_volume_is_told() -> None:
    given = market(volume=market()["volume"].copy())
    given["volume"].iloc[20:25, 1] = 0.0
    assert found(examine(given)) == [("volume gap", "B", 5), ("no volume", "B", 1)]


def test_volume_in_thousands_from_one_day_on_is_told() -> None:
    given = market(volume=market()["volume"].copy())
    given["volume"].iloc[150:, 0] /= 1000
    (unit,) = examine(given).findings
    assert (unit.check, unit.symbol, unit.first) == ("volume unit", "A", CLOSES[FIRST + 150])
    given = market(volume=market()["volume"].copy())
    given["volume"].iloc[150, 0] *= 1000  # one wild day
    assert found(examine(given)) == []


def test_an_index_needs_no_volume() -> None:
    given = market(volume=market()["volume"].copy())
    given["volume"].iloc[20:60] = 0.0
    level = {"A": Instrument("A", AssetClass.INDEX), "B": Instrument("B", AssetClass.FX)}
    assert found(examine(given, instruments=level)) == []
    assert found(examine(market(volume=market()["volume"] * 0))) == []


# ---- money -----------------------------------------------------------------------------------------------------------
def test_two_currencies_side_by_side_and_a_currency_the_exchange_does_not_quote_in_are_told() -> None:
    mixed = {"A": Instrument("A"), "B": Instrument("B", currency="INR", venue="XNSE")}
    (both,) = examine(market(), instruments=mixed).findings
    assert (both.check, both.symbol) == ("currency", "") and "USD (1), INR (1)" in both.detail
    odd = {s: Instrument(s, currency="USD", venue="XNSE") for s in ("A", "B")}
    assert found(examine(market(), instruments=odd)) == [("currency", "A", 1), ("currency", "B", 1)]
    coins = {"A": Instrument("A", AssetClass.CRYPTO, currency="EUR"), "B": Instrument("B")}
    assert found(examine(market(), instruments=coins)) == []


# ---- quiet where nothing is wrong ------------------------------------------------------------------------------------
# What the checks say of the shipped data, looked up one by one: crashes that were in the papers (Apple 2000-09-29,
# Procter & Gamble 2000-03-07, Merck 2004-09-30, Bank of America 2009-01-20 …) and prices in eighths that stood still.
ODDITIES = {
    "sample": {"stale": 7, "jump": 10},
    "sample:ohlcv": {"jump": 1},
    "sample:unadjusted": {"jump": 2},
    "sample:indices": {},
    "synthetic": {},
}


@pytest.mark.parametrize("name", ODDITIES)
def test_the_oddities_of_the_shipped_data_are_counted(name: str) -> None:
    source = sources.get(name)
    report = quality.check(source.fetch(source.symbols()))
    checks = [f.check for f in report.findings]
    assert report.ok and {check: checks.count(check) for check in checks} == ODDITIES[name]


def test_the_splits_of_the_unadjusted_sample_explain_its_jumps() -> None:
    source = sources.get("sample:unadjusted")
    bars = source.fetch(source.symbols())
    days = {"AAPL": ("2000-06-21", "2005-02-28"), "MSFT": ("2003-02-18",)}  # two for one, each
    close = Calendar.of("XNYS").closes_between(bars.start, bars.end)
    on = {str(moment.date()): moment for moment in close}
    splits = pd.concat([actions(on[day], symbol, split=2.0) for symbol, of in days.items() for day in of])
    (left,) = quality.check(bars, actions=splits).findings
    assert (left.symbol, left.count, str(left.first.date())) == ("AAPL", 1, "2000-09-29")  # the crash stays


def test_every_threshold_has_its_reason_beside_it() -> None:
    text = (Path(quality.__file__).parent / "thresholds.py").read_text("utf-8").splitlines()
    for of in fields(quality.Thresholds):
        line = next(i for i, told in enumerate(text) if told.strip().startswith(f"{of.name}:"))
        assert text[line - 1].strip().startswith("#"), of.name


def test_frames_without_a_close_are_refused() -> None:
    with pytest.raises(DataError, match="has no close"):
        examine({"open": market()["open"]})


def test_thresholds_can_be_given() -> None:
    given = scaled(market(), 150, 0.93)
    assert found(examine(given)) == []
    assert found(examine(given, limits=quality.Thresholds(jump=5.0))) == [("jump", "B", 1)]


def test_a_report_of_part_of_the_time_has_only_what_is_in_it() -> None:
    given = scaled(scaled(market(), 100, 0.5), 200, 0.5)
    report = examine(given)
    assert found(report) == [("jump", "B", 2)]
    assert found(report.since(CLOSES[FIRST + 150])) == [("jump", "B", 1)]
    (late,) = report.since(CLOSES[FIRST + 150]).findings
    assert (
        late.first == CLOSES[FIRST + 200] and f"at {late.first:%Y-%m-%d}" in late.detail and "(1 such)" in late.detail
    )
    assert report.since(CLOSES[FIRST + 201]).findings == ()
    assert report.summary() == {"errors": 0, "warnings": 1, "set_aside": 0, "checks": {"jump": 2}}


@pytest.mark.parametrize("kind", synthesis.BLEMISHES)
def test_each_planted_blemish_of_the_synthetic_market_is_found_in_every_symbol(kind: str) -> None:
    options = synthesis.Options.parse(f"bad={kind},symbols=4,years=1")
    report = quality.examine(
        synthesis.frames(options, range(4), "1d"), source="synthetic", frequency="1d", calendar="XNYS"
    )
    check = {"high_below_low": "high below low", "zero": "not positive"}.get(kind, kind)
    symbols = {f.symbol for f in report.findings if f.check == check}
    assert symbols == ({""} if kind == "duplicate" else {f"SYN000{n}" for n in range(1, 5)})
