"""Bars gathered to fewer, studies, movers, and the end of a chart that is sent instead of the whole."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Calendar, InputError
from aura_lib.reports import About, market, market_chart


def days(first: str = "2010-01-04", last: str = "2015-12-31") -> pd.DataFrame:
    """Daily bars of a random walk on the sessions of New York."""
    closes = Calendar.of("XNYS").closes_between(
        pd.Timestamp(first, tz="UTC").to_pydatetime(), pd.Timestamp(last, tz="UTC").to_pydatetime()
    )
    random = np.random.default_rng(3)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.01, len(closes))))
    opened = close * np.exp(random.normal(0, 0.003, len(closes)))
    top, bottom = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
    table = {
        "open": opened,
        "high": top,
        "low": bottom,
        "close": close,
        "volume": random.uniform(1e5, 1e6, len(closes)),
    }
    return pd.DataFrame(table, closes)


def test_a_month_is_its_first_open_its_extremes_its_last_close_and_all_its_volume() -> None:
    frame = days()
    made = market.gathered(frame, "M")
    month = frame[(frame.index >= "2012-02-01") & (frame.index < "2012-03-01")]
    row = made.loc[month.index[-1]]
    assert row["open"] == month["open"].iloc[0] and row["close"] == month["close"].iloc[-1]
    assert row["high"] == max(month["high"]) and row["low"] == min(month["low"])
    assert row["volume"] == pytest.approx(sum(month["volume"]))
    assert len(made) == 72


def test_a_week_ends_by_the_clock_of_the_exchange() -> None:
    late = pd.to_datetime(["2022-01-07 21:00Z", "2022-01-10 02:00Z", "2022-01-10 21:00Z"])  # 02:00Z is Sunday there
    made = market.gathered(pd.DataFrame({"close": [1.0, 2.0, 3.0]}, late), "W")
    assert list(made["close"]) == [2.0, 3.0]


def test_a_long_history_is_as_few_bars_as_a_figure_can_show() -> None:
    frame = days()
    assert market.fewer(frame.iloc[-300:])[1] == "daily"
    weeks, word = market.fewer(frame)
    assert word == "weekly" and 300 < len(weeks) <= market.MOST
    months, word = market.fewer(frame, most=100)
    assert word == "monthly" and len(months) == 72
    assert months["volume"].sum() == pytest.approx(frame["volume"].sum()), "nothing is left out"


def test_movers_are_those_that_moved_most_and_only_in_their_direction() -> None:
    changes = pd.Series({"a": 0.01, "b": -0.02, "c": float("nan"), "d": 0.05, "e": 0.0, "f": -0.001})
    gained, lost = market.movers(changes, count=2)
    assert list(gained.index) == ["d", "a"] and list(lost.index) == ["b", "f"]


def test_a_study_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'sma7': there is sma20"):
        market.studied(days(), ("sma7",))


@pytest.mark.parametrize("name", market.STUDIES)
def test_every_study_has_a_value_a_bar_and_nothing_later_moves_it(name: str) -> None:
    frame = days("2014-01-02")
    whole = market.studied(frame, (name,))[name]
    early = market.studied(frame.iloc[:300], (name,))[name]
    assert len(whole) == len(frame) and whole.iloc[-1].notna().all()
    pd.testing.assert_frame_equal(whole.iloc[:300], early, check_freq=False)


@pytest.mark.parametrize("log", [False, True])
def test_a_tail_on_the_figure_that_was_sent_is_the_figure_of_now(log: bool) -> None:
    frame, names = days("2015-01-02"), tuple(market.STUDIES)
    before, after = frame.iloc[:200].copy(), frame.iloc[:207]
    before.iloc[-1] = [50.0, 51.0, 49.0, 50.5, 10.0]  # a bar that had not closed
    sent = market_chart.plot(before, market.studied(before, names), about=About("X"), log=log)
    now = market_chart.plot(after, market.studied(after, names), about=About("X"), log=log)
    tail = json.loads(json.dumps(market_chart.tail(now, 199, "told")))
    assert tail["from"] == 199 and tail["source"] == "told"
    for old, new, end in zip(sent.traces, now.traces, tail["traces"], strict=True):
        assert sent.labels[:199] + end["x"] == now.labels
        for field, values in new.values.items():
            joined = [*old.values[field][:199], *(np.nan if v is None else v for v in end[field])]
            np.testing.assert_allclose(joined, values)
    (line,) = tail["layout"]["shapes"]
    assert line["y0"] == line["y1"] == after["close"].iloc[-1]
    assert len(json.dumps(tail)) < 12_000, "what changed, not the figure"


def test_labels_are_all_different_when_a_change_of_the_clock_brings_an_hour_twice() -> None:
    times = pd.date_range("2022-11-06 04:00Z", periods=5, freq="h")  # 00:00 and 01:00 in New York, then 01:00 again
    made = market_chart.plot(pd.DataFrame({"close": np.arange(1.0, 6.0)}, times), {}, about=About("X"), intraday=True)
    assert made.labels[1:3] == ["Sun 6 Nov 2022, 01:00", "Sun 6 Nov 2022, 01:00 (2)"]
    assert len(set(made.labels)) == 5


@pytest.mark.parametrize(("rows", "written"), [(22, "4 Jan"), (60, "Feb"), (252, "Oct"), (1500, "2012")])
def test_there_are_some_labels_on_the_axis_and_no_more_than_fit(rows: int, written: str) -> None:
    ticks = market_chart.plot(days().iloc[:rows], {}, about=About("X")).ticks
    assert 3 <= len(ticks["tickvals"]) <= 9
    assert any(written in text for text in ticks["ticktext"]) or written == "4 Jan"
