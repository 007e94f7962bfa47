"""Every public figure, found by discovery, and what each of them shows."""

from __future__ import annotations

import ast
import inspect
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from aura_lib.core import InputError
from aura_lib.reports import About, figures, themes

ABOUT = About(subject="momentum <b>paper</b>", benchmark="S&P 500", source="sample, snapshot 3f9a")
TABLES = (
    "attribution",
    "cost_kinds",
    "differences",
    "intervals",
    "markouts",
    "trades",
)  # drawn of tables, not over time
OF_NOUNS = {"evidence", "evidence_panel", "noise_experiment", "sweep"}  # they take no frame: tests of their own
OF_FRAMES = [name for name in figures.__all__ if name not in OF_NOUNS]
TIMED = [name for name in OF_FRAMES if name not in TABLES]
EVERY = pytest.mark.parametrize("name", OF_FRAMES)
OVER_TIME = pytest.mark.parametrize("name", TIMED)
Data = pd.Series | pd.DataFrame


def closes(first: str = "2021-06-01", rows: int = 300) -> pd.DatetimeIndex:
    return pd.date_range(f"{first} 16:00", periods=rows, freq="B", tz="America/New_York").tz_convert("UTC")


def ohlcv(random: np.random.Generator, times: pd.DatetimeIndex) -> pd.DataFrame:
    close = 100 * (1 + pd.Series(random.normal(0.0005, 0.01, len(times)), index=times)).cumprod()
    ranges = {"open": close * 0.999, "high": close * 1.01, "low": close * 0.99, "close": close}
    return pd.DataFrame({**ranges, "volume": random.uniform(1e5, 1e6, len(times))}, index=times)


def sample(rows: int = 300) -> dict[str, Data]:
    """Arguments of every figure, by the name of its parameter: a figure with a new name teaches it here."""
    random, times = np.random.default_rng(7), closes(rows=rows)
    returns = pd.Series(random.normal(0.0005, 0.01, rows), index=times)
    shares = pd.DataFrame(random.dirichlet(np.ones(4), rows) * 0.9, index=times, columns=list("ABCD"))
    return {
        "equity": 1e6 * (1 + returns).cumprod(),
        "benchmark": (100 * (1 + random.normal(0.0003, 0.01, rows)).cumprod()) * pd.Series(1.0, index=times),
        "returns": returns,
        "weights": shares,
        "prices": 100 * (1 + shares.diff().fillna(0.0)).cumprod(),
        "candles": ohlcv(random, times),
        "shares": pd.DataFrame({"gross": 0.9, "net": 0.5, "long": 0.7, "short": -0.2}, index=times),
        "strategies": pd.DataFrame({"A": returns, "B": -returns}),
        "profits": pd.DataFrame({"shadow": returns * 1e4, "live": returns * 9e3}),
        "fills": pd.DataFrame({"time": times, "value": 1e4, "fee": random.uniform(0, 5, rows), "slippage": 1.0}),
    }


def examples() -> dict[str, Any]:
    """Arguments of the figures that are drawn of tables, by the name of the parameter."""
    times = closes()
    bounds = pd.DataFrame({"value": [1.0, 0.1], "low": [0.2, -0.1], "high": [1.8, 0.3]}, index=["sharpe", "alpha"])
    pairs = pd.MultiIndex.from_tuples([("sharpe", "B"), ("alpha", "B")], names=["statistic", "name"])
    entries = {"symbol": ["A", "B", "A"], "entry time": times[:3], "exit time": times[[-9, -8, -1]]}
    return {
        "profit": pd.Series({"AAPL <i>": 120.0, "cash": 0.0, "MSFT": -40.0}),
        "costs": pd.Series({"commission": 12.0, "spread": 3.0, "borrow": 0.0}),
        "trips": pd.DataFrame({**entries, "return": [0.1, -0.1, 0.2], "profit": [9.0, -9.0, 5.0], "open": [0, 0, 1]}),
        "described": bounds,
        "moves": pd.DataFrame({"next close": [5.0, -9.0], "5 sessions": [12.0, np.nan]}, index=["A <b>", "B"]),
        "gaps": bounds.set_axis(pairs),
    }


def draw(name: str, data: dict[str, Data], **options: Any) -> go.Figure:
    function: Callable[..., go.Figure] = getattr(figures, name)
    data = examples() | data if name in TABLES else data
    if name in TABLES:
        options = {"about": replace(ABOUT, as_of=closes()[-1].to_pydatetime()), **options}
    wanted = [p for p in inspect.signature(function).parameters.values() if p.name in data]
    arguments = {p.name: data[p.name] for p in wanted}
    missing = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.default is inspect.Parameter.empty and p.name not in data
    ]
    assert not missing, f"{name} takes {missing}: teach `sample` an example"
    return function(**arguments, **{"about": ABOUT, **options})


def changed(data: dict[str, Data], change: Callable[[Any], Any]) -> dict[str, Data]:
    """The same change to every series: of the table of fills, to its costs."""
    costs = ["fee", "slippage"]
    return {
        name: frame.assign(**{c: change(frame[c]) for c in costs}) if name == "fills" else change(frame)
        for name, frame in data.items()
    }


def axes(figure: go.Figure) -> Iterator[Any]:
    return (figure.layout[key] for key in figure.layout if key.startswith(("xaxis", "yaxis")))


def notes(figure: go.Figure) -> dict[str, str]:
    return {note.name: note.text for note in figure.layout.annotations}


def strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for one in part.values():
            yield from strings(one)
    elif isinstance(part, (list, tuple)):
        for one in part:
            yield from strings(one)


def numbers(figure: go.Figure) -> Iterator[np.ndarray]:
    for trace in figure.data:
        for key in ("y", "z"):
            if key in trace and trace[key] is not None and np.asarray(trace[key]).dtype.kind == "f":
                yield np.asarray(trace[key])


def _functions(file: Path) -> list[str]:
    body = ast.parse(file.read_text("utf-8")).body
    return [node.name for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


# ── every figure ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_public_function_is_a_figure_that_the_tests_below_find() -> None:
    shelf = Path(figures.__file__).parent
    others = ("canvas", "causality", "evidence", "evidence_words", "noise")
    own = {n for file in shelf.glob("*.py") if file.stem not in others for n in _functions(file)}
    assert own == set(OF_FRAMES)


@EVERY
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_says_what_it_is_about_in_which_units_and_since_when(name: str, theme: str) -> None:
    figure = draw(name, sample(), theme=theme)
    assert type(figure) is go.Figure  # a widget would carry its own copy of plotly.js
    assert "momentum &lt;b>paper&lt;/b>" in figure.layout.title.text
    assert figure.layout.title.subtitle.text
    for axis in axes(figure):
        labelled = axis.title.text or (axis.matches and not axis.showticklabels)
        assert labelled, f"an axis of {name} has no title"
    assert notes(figure)["source"] == "Source: sample, snapshot 3f9a · as of 25 Jul 2022, 16:00 New York"
    assert figure.layout.meta["title"] and figure.layout.meta["source"]
    for trace in figure.data:
        assert trace.hovertemplate
        timed = (
            name in TABLES or "New York" in trace.hovertemplate or "%H:%M New York" in figure.layout.xaxis.hoverformat
        )
        assert timed


@OVER_TIME
def test_a_figure_of_clean_data_holds_finite_numbers_only(name: str) -> None:
    arrays = list(numbers(draw(name, sample() | {"returns": sample()["returns"].loc["2022":]})))
    assert arrays
    cells = [a for a in arrays if a.ndim == 1]
    assert all(len(a) and np.isfinite(a).all() for a in cells)


@EVERY
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_uses_the_colours_of_its_theme_and_no_other(name: str, theme: str) -> None:
    drawn = draw(name, sample(), theme=theme).to_plotly_json()
    used = {text for text in strings(drawn) if text.startswith(("#", "rgb"))}
    assert used <= {*themes.theme(theme).colours, "rgba(0, 0, 0, 0)"}


@EVERY
def test_a_figure_offers_no_way_to_send_the_book_to_a_cloud(name: str) -> None:
    assert "sendChartToCloud" in draw(name, sample()).layout.template.layout.modebar.remove


@EVERY
@pytest.mark.parametrize(
    "nothing",
    [
        pytest.param(lambda frame: frame.iloc[:0], id="no rows"),
        pytest.param(lambda frame: pd.Series(dtype="float64") if frame.ndim == 1 else pd.DataFrame(), id="bare"),
        pytest.param(lambda frame: pd.Series(dtype="object") if frame.ndim == 1 else pd.DataFrame(), id="objects"),
    ],
)
def test_a_figure_of_nothing_says_so_and_keeps_its_title(name: str, nothing: Callable[[Any], Any]) -> None:
    figure = draw(name, {key: nothing(frame) for key, frame in (sample() | examples()).items()})
    assert notes(figure)["empty"].startswith("nothing yet")
    assert figure.layout.title.text and all(axis.title.text or axis.matches for axis in axes(figure))
    assert not figure.data


@OVER_TIME
def test_a_figure_of_nan_only_is_a_figure_of_nothing(name: str) -> None:
    figure = draw(name, changed(sample(), lambda frame: frame * np.nan))
    if name == "costs":  # a fill of unknown cost is still a fill
        assert all((array == 0).all() for array in numbers(figure))
    else:
        assert notes(figure)["empty"].startswith("nothing yet") and not figure.data


@OVER_TIME
def test_a_figure_of_one_row_shows_it(name: str) -> None:
    figure = draw(name, sample(rows=1))
    if name in ("rolling", "beta"):
        window = {"rolling": 63, "beta": 126}[name]
        assert notes(figure)["empty"] == f"nothing yet: {window} returns are needed, 1 are here"
        return
    assert figure.data
    assert all(trace.type != "scatter" or trace.mode in ("markers", "text") for trace in figure.data)


@OVER_TIME
def test_infinity_is_never_drawn(name: str) -> None:
    def spoilt(frame: Any) -> Any:
        frame = frame.copy()
        frame.iloc[5] = np.inf
        return frame

    figure = draw(name, changed(sample(), spoilt))
    assert figure.data
    assert not any(np.isinf(array).any() for array in numbers(figure))


@OVER_TIME
def test_times_without_a_zone_are_refused(name: str) -> None:
    data = {
        key: frame.assign(time=frame["time"].dt.tz_localize(None)) if key == "fills" else frame.tz_localize(None)
        for key, frame in sample().items()
    }
    with pytest.raises(InputError, match="times with a zone"):
        draw(name, data)


@pytest.mark.parametrize("name", [name for name in TIMED if name != "costs"])
def test_times_out_of_order_or_twice_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="unique and ascending"):
        draw(name, {key: frame.iloc[::-1] for key, frame in sample().items()})
    with pytest.raises(InputError, match="unique and ascending"):
        draw(name, {key: frame.iloc[[0, 0, 1]] for key, frame in sample().items()})


@EVERY
def test_a_figure_can_be_written_as_json(name: str) -> None:
    assert len(draw(name, sample()).to_json()) > 1000


@EVERY
def test_the_same_data_make_the_same_figure(name: str) -> None:
    assert draw(name, sample()).to_json() == draw(name, sample()).to_json()


# ── each figure ─────────────────────────────────────────────────────────────────────────────────────────────────────


def by_name(figure: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data if trace.name}


def test_the_benchmark_starts_where_the_book_starts() -> None:
    data = sample()
    figure = figures.equity(data["equity"], data["benchmark"], about=ABOUT)
    book, index = by_name(figure)["momentum &lt;b>paper&lt;/b>"], by_name(figure)["S&P 500"]
    assert index.y[0] == pytest.approx(book.y[0])
    assert index.y[-1] / index.y[0] == pytest.approx(data["benchmark"].iloc[-1] / data["benchmark"].iloc[0])
    np.testing.assert_array_equal(book.y, data["equity"].to_numpy())
    assert figure.layout.yaxis.title.text == "USD"


def test_a_benchmark_of_other_days_counts_from_its_last_value_before_the_book_began() -> None:
    book = pd.Series([100.0, 110.0], index=pd.to_datetime(["2022-01-05 21:00Z", "2022-01-10 21:00Z"]))
    index = pd.Series(
        [1.0, 2.0, 4.0, 8.0],
        index=pd.to_datetime(["2022-01-03 21:00Z", "2022-01-04 21:00Z", "2022-01-07 21:00Z", "2022-01-11 21:00Z"]),
        name="index",
    )
    line = by_name(figures.equity(book, index))["index"]
    np.testing.assert_allclose(line.y, [100.0, 200.0])  # 2 → 100, 4 → 200; 8 came after the book ended
    assert list(pd.to_datetime(line.x)) == [pd.Timestamp("2022-01-05 16:00"), pd.Timestamp("2022-01-07 16:00")]


def test_rebasing_starts_both_lines_at_the_number_asked_for() -> None:
    data = sample()
    figure = figures.equity(data["equity"], data["benchmark"], rebase=100)
    assert [trace.y[0] for trace in figure.data] == pytest.approx([100, 100])
    assert figure.layout.yaxis.title.text == "index, start = 100"


def test_a_log_axis_says_that_it_is_one() -> None:
    figure = figures.equity(sample()["equity"], log=True)
    assert figure.layout.yaxis.type == "log" and "logarithmic" in figure.layout.title.subtitle.text


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    equity = sample()["equity"].copy()
    equity.iloc[10] = np.nan
    (line,) = figures.equity(equity).data
    assert np.isnan(line.y[10]) and np.isfinite(np.delete(line.y, 10)).all() and not line.connectgaps


def test_times_are_shown_as_the_clock_of_the_exchange_in_summer_and_winter() -> None:
    times = pd.to_datetime(["2022-07-29 20:00Z", "2022-11-30 21:00Z"])
    (line,) = figures.equity(pd.Series([1.0, 2.0], index=times)).data
    assert [pd.Timestamp(x).hour for x in line.x] == [16, 16]


def test_drawdown_is_the_fall_from_the_highest_value_so_far() -> None:
    equity = sample()["equity"]
    expected, top = [], 0.0
    for value in equity:
        top = max(top, value)
        expected.append(value / top - 1)
    figure = figures.drawdown(equity)
    np.testing.assert_allclose(figure.data[-1].y, expected, atol=1e-15)
    assert f"{-min(expected):.1%}" in figure.layout.title.subtitle.text


def test_the_deepest_drawdown_is_dated_from_its_peak() -> None:
    equity = pd.Series([1.0, 2.0, 1.9, 1.5, 1.8, 2.5, 2.4], index=closes("2022-03-07", 7))
    text = figures.drawdown(equity).layout.title.subtitle.text
    assert text.endswith("deepest −25.0% on 10 Mar 2022, from the high of 8 Mar 2022")


def test_months_are_compounded_in_exchange_time() -> None:
    late = pd.to_datetime(["2022-01-31 21:00Z", "2022-02-01 02:00Z", "2022-02-01 21:00Z", "2022-04-01 20:00Z"])
    figure = figures.monthly_returns(pd.Series([0.10, 0.10, -0.05, 0.02], index=late))
    months, years = figure.data
    row = dict(zip(months.x, months.z[0], strict=True))
    assert row["Jan"] == pytest.approx(0.21)  # 21:00 in New York on the 31st is still January
    assert row["Feb"] == pytest.approx(-0.05)
    assert np.isnan(row["Mar"]) and row["Apr"] == pytest.approx(0.02)
    assert years.customdata[0] == pytest.approx(1.1 * 1.1 * 0.95 * 1.02 - 1)
    assert dict(zip(months.x, months.text[0], strict=True))["Mar"] == ""
    assert dict(zip(months.x, months.text[0], strict=True))["Jan"] == "21.0"


def test_years_without_a_return_keep_their_row() -> None:
    times = pd.to_datetime(["2019-05-01 20:00Z", "2021-05-03 20:00Z"])
    months, years = figures.monthly_returns(pd.Series([0.1, 0.2], index=times)).data
    assert list(months.y) == ["2019", "2020", "2021"] and list(years.text) == ["10.0", "", "20.0"]


def test_gain_and_loss_of_the_same_size_have_colours_of_the_same_strength() -> None:
    months, _ = figures.monthly_returns(sample()["returns"]).data
    assert months.zmin == -months.zmax and months.zmax == pytest.approx(np.nanmax(np.abs(months.z)))


def test_holdings_and_cash_make_the_whole() -> None:
    figure = figures.weights(sample()["weights"])
    assert [trace.name for trace in figure.data][-1] == "cash"
    np.testing.assert_allclose(sum(trace.y for trace in figure.data), 1.0)
    assert all(trace.stackgroup and trace.line.shape == "hv" for trace in figure.data)


def test_more_holdings_than_colours_are_shown_together() -> None:
    shares = np.arange(1.0, 21.0) / 210
    held = pd.DataFrame([shares] * 3, index=closes(rows=3), columns=[f"S{i}" for i in range(1, 21)])
    figure = figures.weights(held)
    assert [trace.name for trace in figure.data] == ["S20", "S19", "S18", "S17", "S16", "S15", "S14", "13 others"]
    assert figure.data[-1].y[0] == pytest.approx(sum(range(1, 14)) / 210)
    assert len({trace.fillcolor for trace in figure.data}) == 8


def test_short_holdings_and_borrowed_cash_are_stacked_below_zero() -> None:
    held = pd.DataFrame({"A": [1.2, 1.1, 1.3], "B": [-0.2, -0.1, 0.1]}, index=closes(rows=3))
    areas = [(t.name, t.stackgroup, t.y.tolist(), t.showlegend) for t in figures.weights(held).data]
    assert areas[0] == ("A", "above", [1.2, 1.1, 1.3], True)
    assert areas[1:3] == [("B", "above", [0.0, 0.0, 0.1], True), ("B", "below", [-0.2, -0.1, 0.0], False)]
    name, group, cash, _ = areas[3]
    assert (name, group) == ("cash", "below") and cash == pytest.approx([0.0, 0.0, -0.4])


def test_one_day_of_holdings_is_a_bar() -> None:
    assert {trace.type for trace in figures.weights(sample(rows=1)["weights"]).data} == {"bar"}


def test_more_named_holdings_than_colours_are_refused() -> None:
    with pytest.raises(InputError, match="top=8"):
        figures.weights(sample()["weights"], top=8)


def test_rolling_figures_agree_with_a_slow_recomputation() -> None:
    returns = sample()["returns"]
    volatility, sharpe = figures.rolling(returns, window=20).data
    values = returns.tolist()
    windows = [values[i - 20 : i] for i in range(20, len(values) + 1)]
    deviations = [statistics.stdev(w) for w in windows]
    np.testing.assert_allclose(volatility.y, [d * 252**0.5 for d in deviations], rtol=1e-9)
    expected = [statistics.fmean(w) / d * 252**0.5 for w, d in zip(windows, deviations, strict=True)]
    np.testing.assert_allclose(sharpe.y, expected, rtol=1e-6, atol=1e-9)
    assert (sharpe.yaxis, volatility.yaxis) == ("y2", "y")


def test_nothing_that_moved_has_no_sharpe_ratio() -> None:
    volatility, sharpe = figures.rolling(pd.Series(0.0, index=closes(rows=30)), window=20).data
    assert (volatility.y == 0).all() and np.isnan(sharpe.y).all()


def test_a_window_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="window=1"):
        figures.rolling(sample()["returns"], window=1)


def test_costs_add_up_to_what_was_paid_however_the_fills_are_ordered() -> None:
    fills = sample()["fills"].iloc[::-1]
    lines = by_name(figures.costs(fills))
    assert lines["commission"].y[-1] == pytest.approx(fills["fee"].sum())
    assert lines["slippage"].y[-1] == pytest.approx(fills["slippage"].sum())
    assert (np.diff(lines["commission"].y) >= 0).all()


def test_fills_of_one_moment_are_one_step() -> None:
    fills = pd.DataFrame({"time": [pd.Timestamp("2022-01-03 21:00Z")] * 3, "fee": [1.0, 2.0, 3.0]})
    (bar,) = figures.costs(fills).data
    assert list(bar.y) == [6.0] and "USD 6.00 over 3 fills" in figures.costs(fills).layout.title.subtitle.text


def test_fills_without_their_columns_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"missing: \['fee', 'time'\]"):
        figures.costs(pd.DataFrame({"price": [1.0]}))


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="equity holds something that is no number"):
        figures.equity(pd.Series(["1,000"], index=closes(rows=1)))


def test_an_as_of_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="as_of"):
        About(as_of=pd.Timestamp("2022-01-03"))


def test_prices_are_a_line_a_column_and_no_more_than_can_be_told_apart() -> None:
    lines = pd.DataFrame({"AAPL": [1.0, 2.0], "average": [np.nan, 1.5]}, index=closes(rows=2))
    figure = figures.prices(lines, about=ABOUT, log=True)
    assert [trace.name for trace in figure.data] == ["AAPL", "average"]
    assert figure.layout.yaxis.title.text == "USD" and figure.layout.yaxis.type == "log"
    volatility = figures.prices(lines, what="Volatility", unit="% a year")
    assert (
        volatility.layout.title.text == "Volatility of Portfolio" and volatility.layout.yaxis.title.text == "% a year"
    )
    with pytest.raises(InputError, match="40 lines cannot be told apart"):
        figures.prices(pd.DataFrame(1.0, index=closes(rows=2), columns=[f"S{i}" for i in range(40)]))
