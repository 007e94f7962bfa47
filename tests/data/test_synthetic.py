"""The synthetic source against its model: what is computed here is plain numpy and pandas."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib import data
from aura_lib.core import Bars, Calendar, DataError, InputError, Settings
from aura_lib.data import quality, sources, synthesis
from aura_lib.data.store import Store
from aura_lib.data.synthesis import Options, options

FIELDS = ("open", "high", "low", "close", "volume")


def made(name: str = "synthetic", symbols: list[str] | None = None, frequency: str = "1d") -> Bars:
    source = sources.get(name)
    return source.fetch(symbols or source.symbols(), frequency)


def same(left: Bars, right: Bars) -> bool:
    return all(left.fields[name].equals(right.fields[name]) for name in FIELDS)


@pytest.fixture(scope="module")
def panel() -> Bars:
    return made("synthetic:symbols=20,years=20,start=2004-01-01,seed=7")


@pytest.fixture(scope="module")
def returns(panel: Bars) -> pd.DataFrame:
    return np.log(panel.close).diff().iloc[1:]


@pytest.fixture(scope="module")
def minutes() -> Bars:
    return made("synthetic:symbols=2,years=1,seed=3", frequency="1m")


def test_by_default_it_is_twenty_symbols_over_ten_years_of_complete_sessions() -> None:
    bars = made()
    closes = Calendar.of("XNYS").closes_between(bars.start, bars.end)
    assert (bars.source, len(bars.symbols), tuple(bars.fields)) == ("synthetic", 20, FIELDS)
    assert (str(bars.start.date()), str(bars.end.date())) == ("2015-01-02", "2024-12-31")
    assert bars.times.equals(closes)
    assert pd.Timestamp("2021-11-26 18:00", tz="UTC") in bars.times  # a half day: 13:00 in New York
    assert quality.check(bars).ok


@pytest.mark.parametrize("frequency", ["1d", "5m"])
@pytest.mark.parametrize("calendar", ["XNYS", "XBOM", "XLON", "24/7"])
def test_open_and_close_are_inside_high_and_low_on_every_calendar(calendar: str, frequency: str) -> None:
    bars = made(str(Options(symbols=2, years=1, calendar=calendar)), frequency=frequency)
    for name in ("open", "close"):
        assert (bars.low <= bars.fields[name]).all(axis=None) and (bars.fields[name] <= bars.high).all(axis=None)
    assert bars.calendar == calendar and quality.check(bars).ok


def test_prices_are_whole_cents_and_volumes_whole_shares(panel: Bars) -> None:
    for name in ("open", "high", "low", "close"):
        values = panel.fields[name].to_numpy().ravel()[::7]
        assert (values >= 0.01).all() and values.tolist() == [float(f"{value:.2f}") for value in values.tolist()]
    assert (panel.volume == panel.volume.round()).all(axis=None)


def test_tails_are_fatter_than_the_normal_ones(returns: pd.DataFrame) -> None:
    centred = returns - returns.mean()
    kurtosis = (centred**4).mean() / (centred**2).mean() ** 2
    assert (kurtosis > 4).all()


def test_large_moves_follow_large_moves_but_signs_do_not(returns: pd.DataFrame) -> None:
    squares = returns**2
    assert min(squares[s].autocorr(1) for s in returns) > 0.03
    assert np.mean([squares[s].autocorr(1) for s in returns]) > 0.1
    assert abs(np.mean([returns[s].autocorr(1) for s in returns])) < 0.04


@pytest.mark.parametrize(("between", "within"), [(0.0, 0.0), (0.3, 0.5), (0.6, 0.8)])
def test_symbols_are_as_correlated_as_asked(between: float, within: float) -> None:
    name = f"synthetic:symbols=20,years=20,start=2004-01-01,correlation={between},sector_correlation={within}"
    matrix = np.corrcoef(np.diff(np.log(made(name).close.to_numpy()), axis=0).T)
    sector = np.arange(20) % 5
    one = (sector[:, None] == sector) & ~np.eye(20, dtype=bool)
    assert matrix[one].mean() == pytest.approx(within, abs=0.08)
    assert matrix[sector[:, None] != sector].mean() == pytest.approx(between, abs=0.08)


def test_a_bear_market_moves_about_three_times_as_much_as_a_calm_one_and_falls(returns: pd.DataFrame) -> None:
    regime = synthesis.regimes(Options(symbols=20, years=20, start="2004-01-01", seed=7)).to_numpy()[1:]
    spread = {name: float(returns[regime == name].std().mean()) for name in ("calm", "bull", "bear")}
    assert 2.0 < spread["bear"] / spread["calm"] < 4.0  # the model: 2.0 / 0.7
    assert spread["calm"] < spread["bull"] < spread["bear"]
    stays = np.mean(regime[1:] == regime[:-1])
    assert 0.97 < stays < 1  # a regime lasts weeks to months


def test_volume_rises_with_the_size_of_the_move(panel: Bars, returns: pd.DataFrame) -> None:
    logs = np.log(panel.volume).iloc[1:]
    assert min(logs[s].corr(returns[s].abs()) for s in returns) > 0.4


@pytest.mark.parametrize("share", [0.0, 0.25, 0.6])
def test_the_share_of_variance_that_comes_overnight_is_the_one_asked_for(share: float) -> None:
    bars = made(f"synthetic:symbols=10,gaps={share}")
    night = np.log(bars.open / bars.close.shift()).iloc[1:]
    total = np.log(bars.close).diff().iloc[1:]
    assert float((night.var() / total.var()).mean()) == pytest.approx(share, abs=0.05)


def test_minutes_join_to_the_day_to_the_last_bit(minutes: Bars) -> None:
    days = made("synthetic:symbols=2,years=1,seed=3")
    session = minutes.times.tz_convert("America/New_York").date
    for name, how in (("open", "first"), ("high", "max"), ("low", "min"), ("close", "last"), ("volume", "sum")):
        joined = minutes.fields[name].groupby(session).agg(how)
        assert np.array_equal(joined.to_numpy(), days.fields[name].to_numpy()), name


@pytest.mark.parametrize(("frequency", "rule"), [("5m", "5min"), ("15m", "15min")])
def test_longer_bars_are_the_minutes_joined(minutes: Bars, frequency: str, rule: str) -> None:
    longer = made("synthetic:symbols=2,years=1,seed=3", frequency=frequency)
    resampled = minutes.volume.resample(rule, closed="right", label="right")
    pd.testing.assert_frame_equal(resampled.sum().loc[longer.times], longer.volume, check_freq=False)
    assert longer.close.equals(minutes.close.loc[longer.times])


def test_the_last_hour_of_a_day_ends_with_the_session() -> None:
    day = made("synthetic:symbols=1,years=1", frequency="1h").close.loc["2015-01-02"]
    assert day.index.strftime("%H:%M").tolist() == ["15:30", "16:30", "17:30", "18:30", "19:30", "20:30", "21:00"]


def test_volume_and_volatility_are_a_u_over_the_session(minutes: Bars) -> None:
    full = minutes.close.groupby(minutes.times.date).filter(lambda day: len(day) == 390).index
    moved = np.log(minutes.close / minutes.open).loc[full].pow(2).to_numpy().reshape(-1, 390, 2).mean(axis=(0, 2))
    traded = minutes.volume.loc[full].to_numpy().reshape(-1, 390, 2).mean(axis=(0, 2))
    for shape in (moved, traded):
        noon = shape[165:225].mean()
        assert 2.5 < shape[:30].mean() / noon < 5 and 2.5 < shape[-30:].mean() / noon < 5  # the model: 3.6


def test_a_symbol_is_the_same_whoever_else_is_asked_for() -> None:
    whole, many = made("synthetic:years=2"), made("synthetic:years=2,symbols=50")
    some = made("synthetic:years=2", ["SYN0017", "SYN0002"])
    assert some.symbols == ("SYN0017", "SYN0002")
    assert same(whole.select(some.symbols), some)
    assert same(many.select(whole.symbols), whole)
    pair = made("synthetic:years=1,symbols=3", ["SYN0003", "SYN0001"], "15m")
    assert same(made("synthetic:years=1,symbols=3", ["SYN0001"], "15m"), pair.select(["SYN0001"]))


@pytest.mark.parametrize("frequency", ["1d", "1h"])
def test_a_later_end_does_not_change_the_past(frequency: str) -> None:
    name = "synthetic:symbols=3,start=2018-01-01,splits=2,delistings=0.2,missing=3"
    short, long = made(f"{name},years=2", frequency=frequency), made(f"{name},years=4", frequency=frequency)
    assert len(long) > len(short)
    assert same(short, long.until(short.end))


def test_another_process_makes_the_same_snapshot(tmp_path_factory: pytest.TempPathFactory) -> None:
    name = "synthetic:years=2,seed=11"
    here = Settings(tmp_path_factory.mktemp("here"), "")
    there = tmp_path_factory.mktemp("there")
    code = f"from aura_lib import data; print(data.fetch({name!r}))"
    words = os.environ | {"AURA_HOME": str(there), "PYTHONHASHSEED": "5"}
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=words)
    assert told.stdout.strip() == data.fetch(name, settings=here)
    assert data.fetch("synthetic:years=2,seed=12", settings=here) != told.stdout.strip()


def test_however_options_are_spelled_the_market_is_one_and_another_is_kept_apart(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "")
    one = data.load(source="synthetic:years=1,seed=7", settings=settings)
    two = data.load(source="synthetic: seed=7, years=1, gaps=0.25", settings=settings)
    other = data.load(source=str(Options(seed=8, years=1)), settings=settings)
    assert (one.source, one.snapshot) == (two.source, two.snapshot) == ("synthetic:seed=7,years=1", one.snapshot)
    assert Store(settings.home).latest("synthetic:seed=7,years=1", "1d") == one.snapshot != other.snapshot
    assert data.load(["SYN0004"], source=one.source, as_of="2015-06-30", settings=settings).symbols == ("SYN0004",)


def test_splits_halve_the_price_double_the_volume_and_are_told() -> None:
    plain, split = made("synthetic:symbols=5"), made("synthetic:symbols=5,splits=0.5")
    ratio = (plain.close / split.close).iloc[-1]
    powers = np.log2(ratio)
    assert powers.max() > 0.9 and np.abs(powers - powers.round()).max() < 0.01
    assert ((split.volume / plain.volume).iloc[-1] / ratio).between(0.99, 1.01).all()
    assert (plain.adjustment, split.adjustment) == ("splits and dividends", "")
    assert "jump" in {f.check for f in quality.check(split).findings}
    assert "jump" not in {f.check for f in quality.check(plain).findings}


def test_what_was_delisted_has_no_price_from_then_on() -> None:
    close = made("synthetic:delistings=0.2").close
    gone = close.columns[close.iloc[-1].isna()]
    assert 5 < len(gone) <= 20  # 20 symbols over 10 years, each ends with about 86 %
    assert all(close[s].loc[close[s].last_valid_index() :].iloc[1:].isna().all() for s in gone)
    assert all(close[s].loc[: close[s].last_valid_index()].notna().all() for s in gone)


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("bad=high_below_low", "high below low"),
        ("bad=zero", "not positive"),
        ("bad=stale", "stale"),
        ("bad=duplicate", "duplicate"),
        ("missing=10", "missing session"),
    ],
)
def test_each_blemish_is_found_by_its_name(option: str, found: str) -> None:
    wanted = Options.parse(f"{option},years=2,symbols=3")
    fields = synthesis.frames(wanted, [0, 1, 2])
    report = quality.examine(fields, source="synthetic", frequency="1d", calendar="XNYS")
    clean = synthesis.frames(Options(years=2, symbols=3), [0, 1, 2])
    before = quality.examine(clean, source="synthetic", frequency="1d", calendar="XNYS")
    assert found in {f.check for f in report.findings} - {f.check for f in before.findings}
    per_symbol = [f.symbol for f in report.findings if f.check == found]
    assert per_symbol in ([""], ["SYN0001", "SYN0002", "SYN0003"])


@pytest.mark.parametrize("option", ["bad=high_below_low", "bad=zero", "bad=duplicate"])
def test_what_is_unfit_for_use_is_never_loaded(option: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unfit for use"):
        data.load(source=f"synthetic:{option}", settings=Settings(tmp_path, ""))


def test_missing_sessions_are_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="missing session"):
        data.load(source="synthetic:missing=10", settings=Settings(tmp_path, ""))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("seeds=3", "no option 'seeds': did you mean seed"),
        ("seed", "'seed' is no option: write synthetic:seed=7"),
        ("seed=1,seed=2", "seed is given twice"),
        ("seed=-1", "seed=-1 must be 0 or more"),
        ("years=1.5", "years=1.5 must be a whole number"),
        ("symbols=0", "symbols=0 must be 1 to 9999"),
        ("correlation=0.6", r"sector_correlation=0.5 must be correlation \(0.6\) to below 1"),
        ("tail=4", "tail=4.0 must be above 4"),
        ("gaps=nan", "gaps=nan must be a number"),
        ("start=yesterday", "start=yesterday must be a date such as"),
        ("currency=rupees", "currency=RUPEES must be three letters, such as INR"),
        ("kind=option", "kind=option must be one of equity, etf, crypto, fx"),
        ("bad=ugly", "bad=ugly must be some of high_below_low"),
        ("calendar=NOWHERE", "unknown exchange calendar 'NOWHERE'"),
    ],
)
def test_a_bad_option_is_refused_in_a_sentence(name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        sources.get(f"synthetic:{name}")


def test_too_many_minutes_and_days_off_the_calendar_are_refused() -> None:
    with pytest.raises(InputError, match="10,000,000 is the most"):
        made("synthetic:symbols=50", frequency="1m")
    with pytest.raises(InputError, match="reach beyond the XNYS calendar"):
        made("synthetic:years=90")


def test_minutes_stop_for_lunch_and_for_half_a_day() -> None:
    tokyo = made("synthetic:calendar=XTKS,years=1,symbols=1", frequency="1m")
    days = made("synthetic:calendar=XTKS,years=1,symbols=1")
    local = tokyo.times.tz_convert("Asia/Tokyo")  # 09:00-11:30 and 12:30-15:00 up to November 2024 (jpx.co.jp)
    clock = {f"{t:%H:%M}" for t in local}
    assert "11:30" in clock and not clock & {"11:31", "12:00", "12:30"} and "12:31" in clock
    assert list(tokyo.volume.groupby(local.date).sum().iloc[:, 0]) == list(days.volume.iloc[:, 0])


def test_currency_and_kind_change_what_the_symbols_are_and_not_their_prices() -> None:
    plain = made("synthetic:symbols=2,years=1,calendar=24-7")
    coins = made("synthetic:symbols=2,years=1,calendar=24-7,kind=crypto,currency=inr")
    assert coins.close.equals(plain.close)
    assert coins.source == "synthetic:symbols=2,years=1,calendar=24-7,currency=INR,kind=crypto"
    what = coins.instruments["SYN0001"]
    assert (what.asset_class, what.currency, what.lot) == ("crypto", "INR", Decimal("1E-8"))


def test_a_source_without_options_says_so() -> None:
    with pytest.raises(InputError, match="yfinance takes no options: name it 'yfinance'"):
        sources.get("yfinance:seed=7")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(options).failed == 0
