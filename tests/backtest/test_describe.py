"""All figures of a backtest in one table, its round trips against vectorbt, and strategies side by side."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import Backtest, Comparison, compare, describe
from aura_lib.backtest.statistics import observed_periods, periods_per_year, trading
from aura_lib.backtest.statistics.round_trips import round_trips
from aura_lib.core import Bars, DataError, InputError, Mandate
from aura_lib.risk.measures import CATALOGUE
from tests.backtest.scenarios import market_of, random_intents, random_targets, times

SESSIONS = 500


def run(bars: Bars, seed: int, **window: str) -> Backtest:
    mandate = Mandate(bars.symbols, capital=Decimal(1_000_000))
    return backtest.run(random_targets(seed), bars, mandate, schedule="XNYS week-end close", **window)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return market_of(np.random.default_rng(5), SESSIONS, 5, volatility=0.012)


@pytest.fixture(scope="module")
def traded(bars: Bars) -> Backtest:
    return run(bars, 1)


@pytest.fixture(scope="module")
def index() -> pd.Series:
    steps = np.random.default_rng(6).normal(0.0002, 0.01, SESSIONS).cumsum()
    return pd.Series(3000 * np.exp(steps), index=times(SESSIONS), name="index")


def test_the_table_has_every_statistic_with_group_interval_and_unit(traded: Backtest, index: pd.Series) -> None:
    table = describe(traded, index, draws=100)
    assert set(CATALOGUE) <= set(table.index) and len(table) >= 55
    assert list(table.columns) == ["group", "value", "low", "high", "unit"]
    assert table["group"].drop_duplicates().tolist() == ["return", "risk", "ratio", "shape", "relative", "trading"]
    assert table.attrs["periods"] == 252 and table.attrs["returns"] == SESSIONS - 1
    known = table.dropna()
    assert (known["low"] <= known["high"]).all() and len(known) > 30


def test_the_table_agrees_with_the_figures_of_the_backtest(traded: Backtest) -> None:
    table = describe(traded, draws=0)["value"]
    for name in ("total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown"):
        assert table[name] == pytest.approx(traded.stats[name], rel=1e-9), name
    assert table["turnover"] == traded.stats["turnover"]
    assert table.filter(like="_cost").sum() == pytest.approx(traded.stats["costs"])


def test_returns_alone_are_described_like_the_backtest_they_are_of(traded: Backtest) -> None:
    ours, theirs = describe(traded.returns, draws=100), describe(traded, draws=100)
    pd.testing.assert_frame_equal(ours, theirs.loc[ours.index], check_exact=False, rtol=1e-9)


def test_round_trips_are_those_of_vectorbt(traded: Backtest, bars: Bars) -> None:
    mandate = Mandate(bars.symbols, capital=Decimal(1_000_000))
    orders = backtest.run(random_intents(3), bars, mandate, schedule="XNYS week-end close")
    for result in (traded, orders):
        ours = round_trips(result)
        records = result.portfolio.trades.values
        assert len(ours) == len(records) > 50
        theirs = pd.DataFrame(records).sort_values(["exit_idx", "col"], ignore_index=True)
        place = {symbol: column for column, symbol in enumerate(result.symbols)}
        ours = ours.assign(col=ours["symbol"].map(place)).sort_values(["exit time", "col"], ignore_index=True)
        for name, column in (("quantity", "size"), ("entry price", "entry_price"), ("profit", "pnl")):
            np.testing.assert_allclose(ours[name], theirs[column], rtol=1e-7, atol=1e-6)
        np.testing.assert_array_equal(ours["open"], theirs["status"] == 0)


def test_profits_of_all_round_trips_are_the_profit_of_the_book(traded: Backtest) -> None:
    change = float(traded.equity.iloc[-1]) - 1_000_000
    assert round_trips(traded)["profit"].sum() == pytest.approx(change, abs=0.01)


def test_figures_of_round_trips_are_those_of_arithmetic() -> None:
    day = pd.Timedelta(days=1)
    start = pd.Timestamp("2022-01-03 21:00Z")
    profit = [30.0, -10.0, 20.0, -20.0, 7.0]
    trips = pd.DataFrame(
        {"entry time": start, "exit time": [start + n * day for n in (1, 2, 3, 6, 9)], "profit": profit,
         "open": [False] * 4 + [True]}
    )  # fmt: skip
    assert trading(trips) == {
        "n_trades": 4, "hit_rate": 0.5, "profit_factor": 50 / 30, "payoff": 25 / 15, "expectancy": 5.0,
        "average_holding": 3.0,
    }  # fmt: skip
    assert math.isnan(trading(trips.iloc[:0])["hit_rate"])


def test_a_book_that_lost_everything_is_described_until_then_and_says_so() -> None:
    days = times(60)
    returns = pd.Series(np.r_[np.tile([0.02, -0.01], 20), -1.2, np.zeros(19)], index=days)
    table = describe(returns, draws=100)
    assert table.at["total_return", "value"] == table.at["annual_return", "value"] == -1
    assert table.attrs["returns"] == 41 and "bankrupt" in table.attrs["notes"][0]
    assert not np.isinf(table["value"]).any()


def test_two_and_a_half_million_minutes_are_described_in_seconds() -> None:
    rng = np.random.default_rng(3)
    minutes = pd.date_range("2015-01-01", periods=300_000, freq="min", tz="UTC")
    table = describe(pd.Series(rng.normal(0, 1e-4, 300_000), index=minutes), draws=100)
    assert table.attrs["notes"] == ["300,000 returns compounded into 210 days"]
    assert table.at["volatility", "value"] == pytest.approx(1e-4 * math.sqrt(1440 * 365), rel=0.2)


# ── periods ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("frequency", "calendar", "expected"),
    [
        ("1d", "XNYS", 252), ("1d", "24/7", 365), ("1w", "24/7", 52), ("1m", "XNYS", 252 * 390),
        ("1h", "XNYS", 252 * 7), ("15m", "24/7", 365 * 96), ("1d", "XNSE", 247),
    ],
)  # fmt: skip
def test_a_year_has_the_bars_of_its_calendar(frequency: str, calendar: str, expected: int) -> None:
    assert abs(periods_per_year(frequency, calendar) - expected) <= (1 if calendar == "XNSE" else 0)


def test_a_frequency_without_a_figure_is_refused() -> None:
    with pytest.raises(InputError, match="no figures for 4h bars"):
        periods_per_year("4h")


def test_returns_tell_by_their_times_how_many_make_a_year() -> None:
    assert observed_periods(times(30)) == 252
    assert observed_periods(pd.date_range("2022-01-01", periods=30, freq="D", tz="UTC")) == 365
    assert observed_periods(pd.date_range("2022-01-31", periods=30, freq="ME", tz="UTC")) == 12
    assert observed_periods(pd.date_range("2022-01-01", periods=3000, freq="h", tz="UTC")) == pytest.approx(8766)


# ── side by side ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def compared(bars: Bars, traded: Backtest) -> Comparison:
    later = str(bars.times[100].date())
    return compare({"one": traded, "two": run(bars, 2, start=later)}, draws=200)


def test_strategies_are_compared_over_the_window_that_all_have(compared: Comparison, traded: Backtest) -> None:
    assert compared.baseline == "one" and f"one had {SESSIONS - 1}" in compared.notes[0]
    window = traded.returns.loc[compared.returns.index]
    expected = window.mean() / window.std() * math.sqrt(252)
    assert compared.statistics.at["sharpe", "one"] == pytest.approx(expected)
    assert compared.correlation.at["one", "two"] == pytest.approx(
        np.corrcoef(compared.returns["one"], compared.returns["two"])[0, 1]
    )
    gap = compared.differences.loc[("sharpe", "two")]
    assert gap["value"] == pytest.approx(compared.statistics.at["sharpe", "two"] - expected)
    assert gap["low"] < gap["value"] < gap["high"]
    assert compared.table().shape == (4, 5) and "Sharpe" in repr(compared)


def test_a_strategy_differs_from_itself_in_nothing_and_from_a_richer_self_surely() -> None:
    rng = np.random.default_rng(4)
    base = pd.Series(rng.normal(0.0003, 0.01, 400), index=times(400))
    found = compare({"base": base, "same": base, "richer": base + 0.0004}, draws=200)
    same, richer = (found.differences.loc[("sharpe", name)] for name in ("same", "richer"))
    assert (same["low"], same["value"], same["high"], same["sure"]) == (0, 0, 0, False)
    assert richer["sure"] and richer["low"] > 0, "what they share cancels: a paired draw sees the small difference"


def test_what_cannot_be_compared_is_told(traded: Backtest) -> None:
    with pytest.raises(InputError, match="two results or more"):
        compare({"one": traded})
    late = pd.Series(0.01, index=times(30, "2024-01-02"))
    with pytest.raises(DataError, match="0 moments in common"):
        compare({"one": traded, "late": late})
    with pytest.raises(InputError, match="need times"):
        compare({"one": traded, "array": np.zeros(100)})  # type: ignore[dict-item]
