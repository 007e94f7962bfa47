from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from aura_lib.core import AssetClass, Bars, Calendar, DataError, InputError
from aura_lib.data import quality, sources
from aura_lib.data.sources import sample


def test_an_unknown_source_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no data source 'smaple'; there is: .*sample"):
        sources.get("smaple")
    with pytest.raises(InputError):
        sources.get("../sample").symbols()


def test_a_part_that_the_sample_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match=r"no 'ohlc'; there are sample, sample:ohlcv, sample:unadjusted"):
        sources.get("sample:ohlc")


@pytest.fixture(scope="module")
def fetched() -> Bars:
    source = sample.Source()
    return source.fetch(source.symbols())


def test_the_sample_holds_the_prices_of_the_package_to_the_last_bit(fetched: Bars) -> None:
    prices, index = load_sp500_dataset(), load_sp500_index()
    assert fetched.symbols == (*prices.columns, *index.columns)
    assert (fetched.close[list(prices.columns)].to_numpy() == prices.to_numpy()).all()
    assert (fetched.close["SP500"].to_numpy() == index["SP500"].to_numpy()).all()


def test_the_sample_is_every_session_from_1990_to_2022_and_has_no_gap(fetched: Bars) -> None:
    calendar = Calendar.of("XNYS")
    assert len(fetched) == 8313
    assert fetched.times.equals(calendar.closes_between(fetched.start, fetched.end))
    assert (fetched.start, fetched.end) == (
        datetime(1990, 1, 2, 21, tzinfo=UTC),
        datetime(2022, 12, 28, 21, tzinfo=UTC),
    )
    assert not fetched.close.isna().any(axis=None)
    assert quality.check(fetched).ok


def test_the_bar_of_a_half_day_is_stamped_when_the_exchange_closed(fetched: Bars) -> None:
    # the day after Thanksgiving 2021: XNYS closed at 13:00 New York, 18:00 UTC
    assert fetched.between(datetime(2021, 11, 26, tzinfo=UTC), datetime(2021, 11, 27, tzinfo=UTC)).end == datetime(
        2021, 11, 26, 18, tzinfo=UTC
    )


def test_the_sample_knows_what_its_symbols_are(fetched: Bars) -> None:
    assert fetched.instruments["SP500"].asset_class is AssetClass.INDEX
    assert "SP500" not in sample.Source().universe()
    stocks = [fetched.instruments[s] for s in sample.Source().universe()]
    assert {s.asset_class for s in stocks} == {AssetClass.EQUITY}
    assert {s.tick for s in stocks} == {Decimal("0.0001")}
    assert fetched.instruments["AAPL"].venue == "XNAS"
    assert (fetched.source, fetched.frequency, fetched.adjustment) == ("sample", "1d", "splits and dividends")


def test_every_price_is_a_multiple_of_its_tick(fetched: Bars) -> None:
    for symbol in fetched.symbols:
        tick = fetched.instruments[symbol].tick
        assert all(Decimal(repr(price)) % tick == 0 for price in fetched.close[symbol].tolist())


def test_a_dataset_that_lost_a_symbol_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skfolio.datasets.load_sp500_dataset", lambda: load_sp500_dataset().drop(columns="KO"))
    with pytest.raises(DataError, match=r"no longer has \['KO'\]"):
        sample.Source().fetch(["AAPL", "KO"])


def test_a_dataset_with_a_price_on_a_holiday_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = load_sp500_dataset().rename(
        index={load_sp500_dataset().index[0]: load_sp500_dataset().index[0].replace(day=1)}
    )
    monkeypatch.setattr("skfolio.datasets.load_sp500_dataset", lambda: moved)
    with pytest.raises(DataError, match="price on 1990-01-01, which is no XNYS session"):
        sample.Source().fetch(["AAPL"])


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(sources).failed == 0


# The shipped bars: figures that anyone can look up.


def shipped(name: str) -> Bars:
    source = sources.get(name)
    return source.fetch(source.symbols())


def test_the_sample_with_ohlcv_is_complete_and_fit_for_use() -> None:
    bars = shipped("sample:ohlcv")
    assert bars.symbols == ("AAPL", "FB", "GOOG", "IBM", "MSFT", "SP500", "NASDAQ")
    assert tuple(bars.fields) == ("open", "high", "low", "close", "volume")
    assert (len(bars), str(bars.start.date()), str(bars.end.date())) == (3270, "2000-03-01", "2013-03-01")
    assert quality.check(bars).ok
    assert bars.instruments["NASDAQ"].asset_class is AssetClass.INDEX
    assert bars.close["FB"].first_valid_index().date().isoformat() == "2012-05-18"  # the day Facebook went public


def test_the_unadjusted_stocks_are_what_the_tape_said() -> None:
    close = shipped("sample:unadjusted").close.tz_convert("America/New_York")
    day = close.set_axis(close.index.strftime("%Y-%m-%d"))
    assert day["FB"]["2012-05-18"] == 38.2318  # first day; offered at 38
    assert day["GOOG"]["2004-08-19"] == 100.335
    # Apple's shares split two for one on 2005-02-28: 88.99 on the Friday before, 44.86 on the day
    assert (day["AAPL"]["2005-02-25"], day["AAPL"]["2005-02-28"]) == (88.99, 44.86)


def test_adjusting_takes_the_split_away_and_keeps_the_shape_of_a_day() -> None:
    raw, adjusted = shipped("sample:unadjusted"), shipped("sample:ohlcv").select(["AAPL", "FB", "GOOG", "IBM", "MSFT"])
    jumps = {
        name: {(f.symbol, str(f.first.date())) for f in quality.check(bars).findings if f.check == "jump"}
        for name, bars in (("raw", raw), ("adjusted", adjusted))
    }
    assert ("MSFT", "2003-02-18") in jumps["raw"] and ("MSFT", "2003-02-18") not in jumps["adjusted"]
    for of in ("open", "high", "low"):
        left, right = raw.fields[of] / raw.close, adjusted.fields[of] / adjusted.close
        assert (left - right).abs().max(axis=None) < 1e-12
    assert raw.volume.equals(adjusted.volume)
    assert (raw.adjustment, adjusted.adjustment) == ("", "splits and dividends")


def test_the_indices_agree_with_the_index_of_the_first_sample(fetched: Bars) -> None:
    """Two packages, two vendors, one S&P 500."""
    indices = shipped("sample:indices")
    assert (len(indices), indices.symbols) == (5031, ("SP500", "NASDAQ"))
    both = indices.close["SP500"].to_frame("arch").join(fetched.close["SP500"].rename("skfolio"), how="inner")
    assert len(both) == 5031
    assert (both["arch"] / both["skfolio"] - 1).abs().max() < 1e-4


def test_shipped_prices_are_found_without_importing_what_ships_them() -> None:
    code = "import sys; from aura_lib.data import sources; s = sources.get('sample:ohlcv'); s.fetch(s.symbols()); "
    code += "assert not {'arch', 'bokeh_sampledata', 'shapely'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_package_the_shipped_prices_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_lib.data.shipped.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install arch"):
        shipped("sample:indices")
