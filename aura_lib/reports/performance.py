"""The tear sheet of a Backtest: what people who judge strategies look for, in a notebook or as one offline page."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest import Backtest, describe
from aura_lib.backtest.bootstrap import DRAWS
from aura_lib.backtest.statistics import periods_per_year
from aura_lib.backtest.statistics.round_trips import round_trips
from aura_lib.core import Calendar, InputError
from aura_lib.reports import figures, formats, tables
from aura_lib.reports.about import About
from aura_lib.reports.html import Section, report
from aura_lib.risk import measures

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from aura_lib.reports.themes import ThemeName

SUBJECT = "strategy"
HEAD = (
    "n_orders", "n_fills", "turnover", "exposure", "costs", "total_return", "annual_return", "volatility",
    "max_drawdown", "sharpe", "sortino", "calmar",
)  # fmt: skip
DEEPEST = 10  # drawdowns in the table
SHADED = 5  # of them under the curve
ENDS = 5  # best and worst days and months
WINDOW = 126  # days of a rolling figure
HELD = 5e-4  # a smaller share of equity is left out of the holdings
LARGEST = 15  # holdings in the table
GROUPS = {
    "return": "Returns", "risk": "Risk", "ratio": "Ratios", "shape": "Shape of the returns",
    "relative": "How it moves with {}", "trading": "Trading and costs",
}  # fmt: skip
METHOD = {
    "Returns": "simple, of equity at the close of each day, after costs; a year has {periods:g} of them; the "
    "risk-free rate is 0. In the formulas r are returns, n their number, P those of a year, b the benchmark's.",
    "Intervals": "{level:g} %, from {draws:,} histories resampled in blocks of random length, on average {block:.0f} "
    "returns (stationary bootstrap, Politis & Romano 1994; length by Politis & White 2004 and Patton, Politis & White "
    "2009). Bias-corrected and accelerated (Efron 1987); of drawdowns the range of other histories of this length; of "
    "round trips as if they were independent. They tell chance, not whether the strategy was chosen for its past.",
    "Drawdowns": "of closing equity; days are calendar days from the peak to the recovery, or to the end",
    "Months and years": "of the exchange's calendar, compounded; the first and the last as far as the data go",
}
AGAINST = {"Benchmark": "bought and held over the same days, without costs, as its prices stand"}


def tear_sheet(
    backtest: Backtest,
    benchmark: pd.Series | None = None,
    *,
    title: str = "Backtest",
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    theme: ThemeName = "light",
) -> TearSheet:
    """Everything about a Backtest on one sheet: shown by a notebook as it is, written as a page by `.write(path)`.

    `benchmark` holds prices or index levels in any unit, indexed by aware times, over the whole window; its name is
    shown. The figures are those of `backtest.describe` (`level`, `draws` and `seed` are its own); bars within a day
    are gathered into days first. Weekly bars, or a benchmark that does not reach over the window, raise InputError.
    """
    if backtest.bars.frequency == "1w":
        raise InputError("a tear sheet is made of daily bars; these are 1w")
    return TearSheet(_Book.of(backtest, benchmark), title, level, draws, seed, theme)


def tearsheet(
    backtest: Backtest, *, benchmark: pd.Series | None = None, path: Path | str, title: str = "Backtest"
) -> Path:
    """Write the tear sheet of a Backtest as one HTML file that opens anywhere, offline; return its path."""
    return tear_sheet(backtest, benchmark, title=title).write(path)


@dataclass(frozen=True, eq=False)
class _Book:
    """A backtest in days, with its benchmark over the same days."""

    backtest: Backtest
    equity: pd.Series
    index: pd.Series | None
    periods: float
    zone: str
    name: str

    @staticmethod
    def of(backtest: Backtest, benchmark: pd.Series | None) -> _Book:
        bars = backtest.bars
        zone = Calendar.of(bars.calendar).zone
        name = "" if benchmark is None else "benchmark" if benchmark.name is None else str(benchmark.name)
        equity, index = backtest.equity, None
        if benchmark is not None:
            backtest.benchmark(benchmark)  # refuses what does not reach over the window
            index = benchmark.dropna().sort_index().reindex(bars.times, method="ffill").rename(name)
        if bars.frequency != "1d":
            local = pd.DatetimeIndex(equity.index).tz_convert(zone)
            last = np.append(np.diff(local.tz_localize(None).normalize().asi8) > 0, True)
            equity, index = equity[last], None if index is None else index[last]
        return _Book(backtest, equity, index, periods_per_year("1d", bars.calendar), zone, name)

    @cached_property
    def returns(self) -> pd.Series:
        return self.equity.pct_change().iloc[1:].rename("returns")

    @cached_property
    def index_returns(self) -> pd.Series | None:
        return None if self.index is None else self.index.pct_change().iloc[1:]

    @cached_property
    def trades(self) -> pd.DataFrame:
        return round_trips(self.backtest)

    @cached_property
    def about(self) -> About:
        bars = self.backtest.bars
        source = f"{bars.source}, snapshot {bars.snapshot[:12]}" if bars.snapshot else bars.source
        return About(f"the {SUBJECT}", self.name, source, bars.end, self.backtest.mandate.currency, self.zone)

    def window(self) -> str:
        """One sentence: what was simulated."""
        bars, about = self.backtest.bars, self.about
        chosen = ", ".join(f"{name} = {value}" for name, value in self.backtest.params.items())
        unit = "sessions" if bars.frequency == "1d" else f"bars of {bars.frequency}"
        return (
            f"Simulated on {formats.day(bars.start, about.zone)} to {formats.day(bars.end, about.zone)}, "
            f"{len(bars):,} {unit}, {len(self.backtest.mandate.universe)} symbols; decides at the "
            f"{self.backtest.schedule}" + (f"; {chosen}." if chosen else ".")
        )


@dataclass(frozen=True, eq=False)
class TearSheet:
    """A backtest on one sheet. `statistics` is the table of `backtest.describe`, `figures` name → plotly figure."""

    book: _Book
    title: str
    level: float
    draws: int
    seed: int
    theme: ThemeName

    def __repr__(self) -> str:
        return f"<TearSheet '{self.title}': {len(self.figures)} figures, {len(self.statistics)} statistics>"

    @cached_property
    def statistics(self) -> pd.DataFrame:
        """group, value, low, high and unit of every statistic."""
        book = self.book
        return describe(book.backtest, book.index, level=self.level, draws=self.draws, seed=self.seed)

    @cached_property
    def _of_index(self) -> pd.DataFrame | None:
        book = self.book
        if book.index_returns is None:
            return None
        return describe(book.index_returns, draws=0, periods=book.periods)

    @cached_property
    def figures(self) -> dict[str, go.Figure]:
        """Every figure by its name, in the order of the page."""
        return dict(_figures(self.book, self.statistics, self.theme))

    @property
    def summary(self) -> pd.DataFrame:
        """The headline figures of the strategy and its benchmark."""
        book = self.book
        subjects = {SUBJECT: book.backtest.stats}
        if book.index is not None:
            subjects[book.name] = book.backtest.benchmark(book.index)
        return tables.summary({who: {n: f[n] for n in HEAD if n in f} for who, f in subjects.items()})

    def write(self, path: Path | str) -> Path:
        """Write one HTML file that opens anywhere, offline, light and dark, and prints; return its path.

        A path that cannot be written raises InputError.
        """
        book = self.book
        said = [book.window(), *(f"{note[:1].upper()}{note[1:]}." for note in self.statistics.attrs["notes"])]
        light = self.figures if self.theme == "light" else dict(_figures(book, self.statistics, "light"))
        return report(
            self.title,
            summary=self.summary,
            as_of=book.backtest.bars.end,
            path=path,
            figures=list(light.values()),
            sections=self._sections(),
            assumptions=book.backtest.assumptions,
            notices=said,
            currency=book.about.currency,
            zone=book.zone,
        )

    def table(self, group: str) -> pd.DataFrame:
        """The statistics of a group as people read them: value, interval, benchmark."""
        rows = self.statistics[self.statistics["group"] == group]
        return statistics_table(rows, self._of_index, self.book.about.currency, self.book.name)

    def _sections(self) -> list[Section]:
        book, about = self.book, self.book.about
        groups = [name for name in GROUPS if (self.statistics["group"] == name).any()]
        held = Section("Holdings at the end", _holdings(book.backtest), f"The {LARGEST} largest at most.", wide=False)
        return [
            *(Section(GROUPS[name].format(book.name), self.table(name), wide=False) for name in groups),
            Section(
                "Deepest drawdowns",
                drawdown_table(book.equity, about),
                f"The {DEEPEST} deepest; days are calendar days from peak to recovery, or to the end of the data.",
                wide=False,
            ),
            Section("Best and worst", ends_table(book.returns, about), wide=False),
            held,
            Section("How it is computed", self._method()),
        ]

    def _method(self) -> dict[str, str]:
        shown = [measures.CATALOGUE[str(n)] for n in self.statistics.index if n in measures.CATALOGUE]
        words = {name: METHOD[name] for name in METHOD if name != "Intervals" or self.draws}
        known = {**self.statistics.attrs, "level": self.level * 100}
        return {
            **{name: text.format_map(known) for name, text in words.items()},
            **(AGAINST if self.book.name else {}),
            **{formats.statistic(one.name).label: _formula(one) for one in shown},
        }

    def _ipython_display_(self) -> None:
        from IPython import display as shell

        show, html = (getattr(shell, name) for name in ("display", "HTML"))  # untyped
        about = self.book.about
        show(html(_table_html(self.title, tables.against(self.summary, about.currency))))
        for name, heading in GROUPS.items():
            if (self.statistics["group"] == name).any():
                show(html(_table_html(heading.format(self.book.name), self.table(name))))
        for figure in self.figures.values():
            show(figure)


def statistics_table(
    rows: pd.DataFrame, other: pd.DataFrame | None = None, currency: str = "USD", name: str = "benchmark"
) -> pd.DataFrame:
    """Rows of `backtest.describe` as text: label × value, interval, and the same of `other` beside it.

    The column of intervals is there when a row has one, that of the benchmark when a row of `other` has a number.
    """
    kinds = [formats.statistic(str(n)) for n in rows.index]
    values = rows[["value", "low", "high"]].astype("float64").to_numpy()
    others = {} if other is None else other["value"].astype("float64").to_dict()
    beside = [others.get(n, math.nan) for n in rows.index]
    written = {SUBJECT: [_written(v, one, currency) for one, (v, _, _) in zip(kinds, values, strict=True)]}
    if np.isfinite(values[:, 1]).any():
        label = formats.percent(rows.attrs.get("level", 0.95), digits=0, sign=False)
        written[f"{label} interval"] = [
            formats.NOTHING if math.isnan(low) else f"{_written(low, one, currency)} to {_written(high, one, currency)}"
            for one, (_, low, high) in zip(kinds, values, strict=True)
        ]
    if np.isfinite(beside).any():
        written[name] = [_written(v, one, currency) for one, v in zip(kinds, beside, strict=True)]
    return tables.written(written, [one.label for one in kinds])


def _written(value: float, one: formats.Statistic, currency: str) -> str:
    small = one.kind in (formats.Kind.RETURN, formats.Kind.PERCENT) and abs(value) < 0.1
    if small and math.isfinite(value):
        return formats.percent(value, digits=2, sign=one.kind is formats.Kind.RETURN)
    return formats.value(value, one.kind, currency)


def _formula(one: measures.Statistic) -> str:
    return " ".join((inspect.getdoc(one.formula) or "").split())


def _table_html(title: str, table: pd.DataFrame) -> str:
    return f"<h3>{escape(title)}</h3>{table.to_html(border=0, escape=True)}"


def _figures(book: _Book, statistics: pd.DataFrame, theme: ThemeName) -> Iterator[tuple[str, go.Figure]]:
    backtest, returns, about, other = book.backtest, book.returns, book.about, book.index_returns
    fills = backtest.fills_table()
    solvent = bool((book.equity > 0).all())
    yield (
        "equity",
        figures.equity(
            book.equity, book.index, about=about, theme=theme, log=solvent, drawdowns=SHADED, toggle=solvent
        ),
    )
    yield "drawdown", figures.drawdown(book.equity, book.index, about=about, theme=theme)
    yield "intervals", figures.intervals(statistics, about=about, theme=theme)
    yield "monthly_returns", figures.monthly_returns(returns, about=about, theme=theme)
    yield "yearly_returns", figures.yearly_returns(returns, other, about=about, theme=theme)
    yield "rolling", figures.rolling(returns, other, WINDOW, about=about, theme=theme, periods=book.periods)
    if other is not None:
        yield "beta", figures.beta(returns, other, WINDOW, about=about, theme=theme)
    for each in ("day", "month"):
        yield f"{each}s", figures.distribution(returns, each, about=about, theme=theme)
    yield "weights", figures.weights(backtest.weights, about=about, theme=theme)
    yield "exposures", figures.exposures(backtest.exposures, about=about, theme=theme)
    yield "turnover", figures.turnover(fills, backtest.equity, about=about, theme=theme)
    yield "attribution", figures.attribution(backtest.curve.profit.sum(), about=about, theme=theme)
    yield "costs", figures.costs(fills, about=about, theme=theme)
    yield "cost_kinds", figures.cost_kinds(backtest.costs, about=about, theme=theme)
    yield "trades", figures.trades(book.trades, about=about, theme=theme)


def drawdown_table(equity: pd.Series, about: About, top: int = DEEPEST) -> pd.DataFrame:
    """The deepest drawdowns of a curve: peak, trough and recovery as dates of `about.zone`, depth, calendar days."""
    falls = measures.drawdowns(equity).head(top)
    for column, missing in (("peak", ""), ("trough", ""), ("recovery", "not yet")):
        falls[column] = [formats.day(time, about.zone) if time is not pd.NaT else missing for time in falls[column]]
    return falls


def ends_table(returns: pd.Series, about: About, top: int = ENDS) -> pd.DataFrame:
    """The best and the worst days and months of simple daily returns, each with its date; as text."""
    months = measures.compounded(returns, "month", about.zone)
    written = {
        "best days": _ends(returns.nlargest(top), about, "%-d %b %Y"),
        "worst days": _ends(returns.nsmallest(top), about, "%-d %b %Y"),
        "best months": _ends(months.nlargest(top), about, "%b %Y"),
        "worst months": _ends(months.nsmallest(top), about, "%b %Y"),
    }
    return pd.DataFrame({name: pd.Series(cells, dtype="object") for name, cells in written.items()})


def _ends(returns: pd.Series, about: About, dated: str) -> list[str]:
    times = measures.ended(pd.DatetimeIndex(returns.index), about.zone)
    return [f"{formats.percent(value)} · {time.strftime(dated)}" for time, value in zip(times, returns, strict=True)]


def _holdings(backtest: Backtest) -> pd.DataFrame:
    last = backtest.weights.iloc[-1].sort_values(ascending=False)
    last = last[last.abs() > HELD]
    last = last[last.abs().sort_values(ascending=False, kind="stable").index[:LARGEST]]
    units, prices = backtest.positions.iloc[-1], backtest.bars.close.ffill().iloc[-1]
    value = last * float(backtest.equity.iloc[-1])
    rows = {"symbol": last.index, "weight": last, "quantity": units[last.index], "price": prices[last.index].round(4)}
    return pd.DataFrame({**rows, "value": value}).reset_index(drop=True)
