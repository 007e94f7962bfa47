"""The tearsheet of a Backtest: one offline page with what people who judge strategies look for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from aura_lib.backtest import Backtest
from aura_lib.core import InputError
from aura_lib.reports import figures, formats, tables
from aura_lib.reports.about import About
from aura_lib.reports.html import Section, report
from aura_lib.risk import measures

if TYPE_CHECKING:
    import plotly.graph_objects as go

SUBJECT = "strategy"
HEAD = (
    "n_orders", "n_fills", "turnover", "exposure", "costs", "total_return", "annual_return", "volatility",
    "max_drawdown", "sharpe", "sortino", "calmar",
)  # fmt: skip
DEEPEST = 10  # drawdowns in the table
ENDS = 5  # best and worst days and months
SESSIONS = 252  # a year
HELD = 5e-4  # a smaller share of equity is left out of the holdings
METHOD = {
    "Returns": "simple, of closing equity after fees and slippage; a year has 252 sessions; the risk-free rate is 0",
    "VaR and CVaR": "historical, at 95%: the 5% quantile of the returns seen (linear between two observations), and "
    "the mean of those at or below it; negative is a loss",
    "Skewness, kurtosis": "sample-adjusted (G1, G2); a normal distribution has 0 of both",
    "Omega ratio": "gains over losses, threshold 0 (Keating & Shadwick 2002)",
    "Drawdowns": "of closing equity; days are calendar days from the peak to the recovery, or to the end",
    "Months and years": "of the exchange's calendar, compounded; the first and the last as far as the data go",
}
RELATIVE = {
    "Benchmark": "bought and held over the same sessions, without costs, as its prices stand",
    "Alpha, beta": "alpha is mean return − beta × the benchmark's, times 252 (Jensen 1968)",
    "Information ratio": "mean difference of daily returns over its standard deviation, a year (Grinold & Kahn 2000)",
    "Capture": "geometric mean of the months in which the benchmark rose (fell), over the benchmark's own",
}


def tearsheet(
    backtest: Backtest, *, benchmark: pd.Series | None = None, path: Path | str, title: str = "Backtest"
) -> Path:
    """Write the report of a Backtest of daily bars as one HTML file that opens anywhere, offline; return its path.

    `benchmark` holds prices or index levels in any unit, indexed by aware times, over the whole window; its name is
    shown. The measures are those of `Backtest.stats` and `risk.measures`; the page says how each is computed and
    what the simulation takes for granted. Bars that are not daily, a benchmark that does not reach over the window,
    or a path that cannot be written raise InputError.
    """
    if backtest.bars.frequency != "1d":
        raise InputError(f"a tearsheet is made of daily bars; these are {backtest.bars.frequency}")
    subjects = {SUBJECT: _book(backtest)}
    index = _Index(backtest, benchmark) if benchmark is not None else None
    if index is not None:
        subjects[index.name] = index.statistics
    about = _about(backtest, index)
    summary = tables.summary({who: {n: f[n] for n in HEAD if n in f} for who, f in subjects.items()})
    return report(
        title,
        summary=summary,
        as_of=backtest.bars.end,
        path=path,
        figures=_figures(backtest, index, about),
        sections=_sections(backtest, index, subjects, about),
        assumptions=backtest.assumptions,
        notices=(_window(backtest, about),),
        currency=about.currency,
    )


class _Index:
    """A benchmark over the sessions of a backtest."""

    def __init__(self, backtest: Backtest, prices: pd.Series) -> None:
        self.name = "benchmark" if prices.name is None else str(prices.name)
        figures_of_holding = backtest.benchmark(prices)  # refuses what does not reach over the window
        self.prices = prices.dropna().sort_index().reindex(backtest.bars.times, method="ffill").rename(self.name)
        self.returns = self.prices.pct_change().iloc[1:]
        self.statistics = {**figures_of_holding, **_tails(self.returns)}


def _book(backtest: Backtest) -> dict[str, float]:
    return {**backtest.stats, **_tails(backtest.returns)}


def _tails(returns: pd.Series) -> dict[str, float]:
    months = measures.tail(measures.compounded(returns, "month"))
    return {**measures.tail(returns), **{f"monthly_{name}": months[name] for name in ("var", "cvar", "win_rate")}}


def _about(backtest: Backtest, index: _Index | None) -> About:
    bars = backtest.bars
    source = f"{bars.source}, snapshot {bars.snapshot[:12]}" if bars.snapshot else bars.source
    return About(f"the {SUBJECT}", index.name if index else "", source, bars.end, backtest.mandate.currency)


def _window(backtest: Backtest, about: About) -> str:
    bars = backtest.bars
    chosen = ", ".join(f"{name} = {value}" for name, value in backtest.params.items())
    return (
        f"Simulated on {formats.day(bars.start, about.zone)} to {formats.day(bars.end, about.zone)}, "
        f"{len(bars):,} sessions, {len(backtest.mandate.universe)} symbols; decides at the {backtest.schedule}"
        + (f"; {chosen}." if chosen else ".")
    )


def _figures(backtest: Backtest, index: _Index | None, about: About) -> list[go.Figure]:
    prices, of_index = (index.prices, index.returns) if index else (None, None)
    returns, fills = backtest.returns, backtest.fills_table()
    drawn = [
        figures.equity(backtest.equity, prices, about=about, log=True),
        figures.drawdown(backtest.equity, prices, about=about),
        figures.yearly_returns(returns, of_index, about=about),
        figures.monthly_returns(returns, about=about),
        figures.rolling(returns, of_index, 126, about=about),
        figures.distribution(returns, "day", about=about),
        figures.distribution(returns, "month", about=about),
        figures.weights(backtest.weights, about=about),
        figures.turnover(fills, backtest.equity, about=about),
        figures.costs(fills, about=about),
    ]
    if of_index is not None:
        drawn.insert(5, figures.beta(returns, of_index, 126, about=about))
    return drawn


def _sections(
    backtest: Backtest, index: _Index | None, subjects: dict[str, dict[str, float]], about: About
) -> list[Section]:
    tails = tables.summary({who: {n: figures[n] for n in _TAILS} for who, figures in subjects.items()})
    falls = Section(
        "Deepest drawdowns",
        drawdown_table(backtest.equity, about),
        f"The {DEEPEST} deepest; days are calendar days from peak to recovery, or to the end of the data.",
        wide=False,
    )
    shape = Section("Tails of the returns", tables.against(tails, about.currency), wide=False)
    ends = Section("Best and worst", ends_table(backtest.returns, about), wide=False)
    held = Section("Holdings at the end", _holdings(backtest), "The rest is cash.", wide=False)
    return [
        falls,
        shape,
        ends,
        *_relation(backtest, index),
        held,
        Section("How it is computed", METHOD | (RELATIVE if index else {})),
    ]


_TAILS = (
    "var", "cvar", "worst", "best", "monthly_var", "monthly_cvar", "win_rate", "monthly_win_rate", "omega_ratio",
    "skewness", "excess_kurtosis",
)  # fmt: skip


def _relation(backtest: Backtest, index: _Index | None) -> list[Section]:
    if index is None:
        return []
    months = [measures.compounded(returns, "month") for returns in (backtest.returns, index.returns)]
    found = {**measures.relative(backtest.returns, index.returns, SESSIONS), **measures.capture(*months)}
    table = tables.against(tables.summary({SUBJECT: found}))
    return [Section(f"How it moves with {index.name}", table, wide=False)]


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
    times = pd.DatetimeIndex(returns.index).tz_convert(about.zone)
    return [f"{formats.percent(value)} · {time.strftime(dated)}" for time, value in zip(times, returns, strict=True)]


def _holdings(backtest: Backtest) -> pd.DataFrame:
    last = backtest.weights.iloc[-1].sort_values(ascending=False)
    last = last[last.abs() > HELD]
    units, prices = backtest.positions.iloc[-1], backtest.bars.close.ffill().iloc[-1]
    value = last * float(backtest.equity.iloc[-1])
    rows = {"symbol": last.index, "weight": last, "quantity": units[last.index], "price": prices[last.index]}
    return pd.DataFrame({**rows, "value": value}).reset_index(drop=True)
