from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Bars, Calendar, DataError, InputError
from aura_lib.data import quality

SESSIONS = Calendar.of("XNYS").closes
FIRST = SESSIONS.searchsorted(pd.Timestamp("2020-01-01", tz="UTC"))


@pytest.fixture
def clean() -> pd.DataFrame:
    steps = np.random.default_rng(4).normal(0, 0.01, (300, 2))
    return pd.DataFrame(100 * np.exp(np.cumsum(steps, axis=0)), columns=["A", "B"], index=SESSIONS[FIRST : FIRST + 300])


def drop(row: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda close: close.drop(close.index[row])


def moved(close: pd.DataFrame) -> pd.DataFrame:
    return close.rename(index={close.index[5]: close.index[5] + pd.Timedelta(hours=1)})


def doubled(close: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([close, close.iloc[[7]]]).sort_index()


def setting(rows: slice | int, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(close: pd.DataFrame) -> pd.DataFrame:
        close = close.copy()
        close.iloc[rows, 1] = value
        return close

    return change


def halved(close: pd.DataFrame) -> pd.DataFrame:
    close = close.copy()
    close.iloc[150:, 1] /= 2
    return close


def quiet(last: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """B climbs evenly, so that its typical move is next to nothing, but for its last one."""

    def change(close: pd.DataFrame) -> pd.DataFrame:
        steps = 0.001 + 1e-6 * np.arange(len(close))
        steps[-1] = last
        return close.assign(B=100 * np.exp(steps.cumsum()))

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda close: close, []),
        (quiet(0.028), []),  # far from typical, and yet no split is so small
        (quiet(0.095), [("jump", "warn", "B", 1)]),  # 11 for 10
        (drop(10), [("missing session", "error", "", 1)]),
        (moved, [("missing session", "error", "", 1), ("unexpected bar", "error", "", 1)]),
        (doubled, [("duplicate", "error", "", 1)]),
        (setting(3, -5.0), [("not positive", "error", "B", 1)]),
        (setting(3, 0.0), [("not positive", "error", "B", 1)]),
        (setting(3, np.inf), [("not positive", "error", "B", 1)]),
        (setting(slice(None), np.nan), [("empty", "error", "B", 300)]),
        (setting(slice(40, 43), np.nan), [("gap", "warn", "B", 3)]),
        (setting(slice(0, 40), np.nan), []),  # listed later
        (setting(slice(280, None), np.nan), []),  # delisted
        (halved, [("jump", "warn", "B", 1)]),
    ],
)
def test_one_planted_fault_is_found_once_and_nothing_else(
    clean: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], expected: list[tuple[str, str, str, int]]
) -> None:
    report = quality.check(change(clean))
    assert [(f.check, f.severity, f.symbol, f.count) for f in report.findings] == expected
    assert report.ok == all(severity == "warn" for _, severity, _, _ in expected)


@pytest.mark.parametrize(("length", "found"), [(4, False), (5, True), (9, True)])
def test_five_identical_closes_in_a_row_are_stale_and_four_are_not(
    clean: pd.DataFrame, length: int, found: bool
) -> None:
    clean.iloc[100 : 100 + length, 0] = clean.iloc[100, 0]
    stale = [f for f in quality.check(clean).findings if f.check == "stale"]
    assert bool(stale) is found
    if found:
        assert stale[0].first == clean.index[100]
        assert stale[0].detail.startswith(f"{length} identical closes")


def test_a_finding_tells_where_it_is_first(clean: pd.DataFrame) -> None:
    (finding,) = quality.check(setting(slice(40, 43), np.nan)(clean)).findings
    assert finding.first == clean.index[40]
    assert str(clean.index[40]) in str(finding)


def test_bad_bars_raise_with_what_is_wrong_and_odd_bars_do_not(clean: pd.DataFrame) -> None:
    quality.check(halved(clean)).raise_if_bad()
    with pytest.raises(
        DataError, match=r"unfit for use, 1 error\(s\):\s+missing session \(all symbols\): 2020-01-16 21:00"
    ):
        quality.check(drop(10)(clean)).raise_if_bad()


def test_the_table_has_a_row_a_finding(clean: pd.DataFrame) -> None:
    assert quality.check(clean).table().shape == (0, 6)
    table = quality.check(moved(halved(clean))).table()
    assert table["check"].tolist() == ["missing session", "unexpected bar", "jump"]
    assert list(table.columns) == ["check", "severity", "symbol", "count", "first", "detail"]


def test_every_price_field_must_be_positive_and_volume_may_be_zero(clean: pd.DataFrame) -> None:
    bars = Bars({"close": clean, "volume": clean * 0}, source="test")
    assert quality.check(bars).ok


def test_bars_of_another_frequency_are_not_held_against_the_sessions(clean: pd.DataFrame) -> None:
    weekly = clean.iloc[::5]
    assert not quality.check(Bars({"close": weekly}, source="test")).ok
    assert quality.check(Bars({"close": weekly}, source="test", frequency="1w")).ok


def test_the_calendar_is_the_one_of_the_bars(clean: pd.DataFrame) -> None:
    assert not quality.check(Bars({"close": clean}, source="test", calendar="XLON")).ok
    assert not quality.check(clean, calendar="XLON").ok


def test_empty_bars_have_nothing_wrong(clean: pd.DataFrame) -> None:
    assert quality.check(clean.iloc[:0]).findings == ()


def test_the_sample_is_fit_for_use_and_its_oddities_are_known(sample_bars: Bars) -> None:
    report = quality.check(sample_bars)
    assert report.ok
    assert (report.bars, report.symbols) == (8313, 20)
    odd = report.table()
    assert set(odd["check"]) == {"stale", "jump"}
    # Apple fell by half on 2000-09-29, after a profit warning: a real crash, and so only a warning
    apple = odd[(odd["symbol"] == "AAPL") & (odd["check"] == "jump")].iloc[0]
    assert apple["first"].date().isoformat() == "2000-09-29"
    assert "-51." in apple["detail"]


@pytest.mark.parametrize(
    "given", [[1.0], pd.DataFrame({"A": [1.0]}), pd.DataFrame({"A": [1.0]}, pd.DatetimeIndex(["2020-01-02"]))]
)
def test_a_frame_without_zoned_times_is_refused(given: object) -> None:
    with pytest.raises(InputError, match="times with a zone"):
        quality.check(given)  # type: ignore[arg-type]


def ohlc(close: pd.DataFrame, /, **changes: float) -> Bars:
    fields = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": close * 0 + 100}
    for name, value in changes.items():
        changed = fields[name].copy()
        changed.iloc[7, 0] = value
        fields[name] = changed
    return Bars(fields, source="test")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"high": 1.0}, [("high below low", "error", "A", 1)]),
        ({"open": 1e6}, [("outside range", "warn", "A", 1)]),
        ({"close": 1e-3}, [("outside range", "warn", "A", 1), ("jump", "warn", "A", 2)]),
    ],
)
def test_a_bar_that_contradicts_itself_is_found(
    clean: pd.DataFrame, changes: dict[str, float], expected: list[tuple[str, str, str, int]]
) -> None:
    findings = quality.check(ohlc(clean, **changes)).findings
    assert [(f.check, f.severity, f.symbol, f.count) for f in findings] == expected


def test_what_an_adjustment_rounds_away_contradicts_nothing(clean: pd.DataFrame) -> None:
    assert quality.check(ohlc(clean, high=float(clean.iloc[7, 0]) * (1 - 1e-8))).ok


def test_a_bar_that_has_not_closed_yet_is_told(clean: pd.DataFrame) -> None:
    ahead = pd.Timestamp.now("UTC") + pd.Timedelta(days=3)
    late = clean.set_axis([*clean.index[:-1], Calendar.of("XNYS").next_close(ahead)], axis=0)
    found = [f for f in quality.check(Bars({"close": late}, "test", "1w")).findings if f.check == "future"]
    assert [(f.severity, f.count) for f in found] == [("warn", 1)]


def test_a_frame_of_texts_or_with_a_symbol_twice_is_refused(clean: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="holds something that is no number"):
        quality.check(clean.astype(object).replace(clean.iloc[0, 0], "n/a"))
    with pytest.raises(InputError, match="unique symbols"):
        quality.check(clean.set_axis(["A", "A"], axis=1))


def test_what_is_known_can_be_left_out_of_the_report(clean: pd.DataFrame) -> None:
    report = quality.check(drop(10)(clean))
    assert report.without(["missing session"]).ok and not report.without(["jump"]).ok
    with pytest.raises(DataError, match="Mend it"):
        report.raise_if_bad("Mend it.")


def test_a_report_reads_like_a_sentence_a_finding(clean: pd.DataFrame) -> None:
    assert str(quality.check(clean)) == "this frame: 300 bars of 2 symbol(s)\n  the checks found nothing"
    assert "\n  warn: jump B: close moved by" in str(quality.check(halved(clean)))
