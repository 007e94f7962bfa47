"""All figures of a backtest in one table: group, value, interval, unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest import accounts, bootstrap
from aura_lib.backtest.bootstrap import DRAWS
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.statistics import Sample, earned, periods_per_year, trading
from aura_lib.backtest.statistics.round_trips import round_trips
from aura_lib.backtest.statistics.trading import measured
from aura_lib.core import Calendar, InputError
from aura_lib.risk.measures import CATALOGUE, chosen, evaluate

GROUPS = ("return", "risk", "ratio", "shape", "relative", "trading")
TRADING = {
    "turnover": "fraction a year",
    "gross_exposure": "fraction of equity",
    "net_exposure": "fraction of equity",
    "n_trades": "count",
    "hit_rate": "share of trades",
    "profit_factor": "ratio",
    "payoff": "ratio",
    "expectancy": "currency a trade",
    "average_holding": "days",
}


def describe(
    result: Backtest | pd.Series,
    benchmark: pd.Series | None = None,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    periods: float | None = None,
) -> pd.DataFrame:
    """Every statistic of a Backtest, or of a series of simple returns, with its interval and unit.

    A row a statistic: group (return, risk, ratio, shape, relative, trading), value, low, high (at `level`, by
    `intervals`; NaN where there is none), unit. Formulas and sources are in `risk.measures`. Of a Backtest the
    benchmark is prices or index levels over its window, of returns it is returns. `periods` a year come from the
    bars, or from the times of the returns; draws=0 leaves the intervals out and measures bars of any number.
    `attrs` has level, draws, block, periods, returns (their number) and notes: what was done to them first.
    """
    if isinstance(result, Backtest):
        table = _figures(sample_of(result, benchmark, periods), level, draws, seed)
        return pd.concat([table, _trading(result, level, draws, seed)]).pipe(_with_attrs, table.attrs)
    if benchmark is not None and not isinstance(benchmark, pd.Series):
        raise InputError("a benchmark of returns is a Series of returns")
    return _figures(Sample.of(result, benchmark, periods=periods), level, draws, seed)


def sample_of(result: Backtest, benchmark: pd.Series | None = None, periods: float | None = None) -> Sample:
    """The returns of a Backtest as they are measured: bankrupt means the end, months are the exchange's."""
    bars = result.bars
    other = None if benchmark is None else accounts.over_the_window(benchmark, bars).pct_change().iloc[1:]
    sample = Sample.of(
        earned(result.equity),
        other,
        periods=periods or periods_per_year(bars.frequency, bars.calendar),
        zone=Calendar.of(bars.calendar).zone,
    )
    if len(sample) > bootstrap.LONG and bars.frequency not in ("1d", "1w"):
        return sample.daily(periods_per_year("1d", bars.calendar))
    return sample


def _figures(sample: Sample, level: float, draws: int, seed: int) -> pd.DataFrame:
    wanted = sorted(chosen(benchmark=sample.benchmark is not None), key=lambda one: GROUPS.index(one.group))
    if draws:
        found = bootstrap.of_sample(bootstrap.shortened(sample), wanted, level=level, draws=draws, seed=seed)
    else:
        values = {name: float(value[0]) for name, value in evaluate(sample.path, wanted).items()}
        found = pd.DataFrame({"value": values, "low": np.nan, "high": np.nan})
        found.attrs.update(draws=0, periods=sample.periods, returns=len(sample), notes=list(sample.notes))
    table = found[["value", "low", "high"]].copy()
    table.insert(0, "group", [CATALOGUE[str(name)].group for name in table.index])
    table["unit"] = [CATALOGUE[str(name)].unit for name in table.index]
    table.index.name = "statistic"
    return _with_attrs(table, found.attrs)


def _with_attrs(table: pd.DataFrame, attrs: dict[Any, Any]) -> pd.DataFrame:
    table.attrs.update(attrs)
    return table


def _trading(result: Backtest, level: float, draws: int, seed: int) -> pd.DataFrame:
    """What trading was like; intervals of the round trips from drawing them anew, as if they were independent."""
    trades = round_trips(result)
    exposures = result.exposures.mean()
    figures = {**result.stats, **trading(trades)}
    figures |= {"gross_exposure": float(exposures["gross"]), "net_exposure": float(exposures["net"])}
    ranges = _of_trades(trades, level, draws, seed) if draws else {}
    rows = {name: (figures[name], *ranges.get(name, (math.nan, math.nan)), unit) for name, unit in TRADING.items()}
    spent = {_cost(str(kind)): (float(paid), math.nan, math.nan, "currency") for kind, paid in result.costs.items()}
    table = pd.DataFrame.from_dict(rows | spent, orient="index", columns=["value", "low", "high", "unit"])
    table.insert(0, "group", "trading")
    return table.rename_axis("statistic")


def _cost(kind: str) -> str:
    return f"{kind}_cost"


def _of_trades(trades: pd.DataFrame, level: float, draws: int, seed: int) -> dict[str, tuple[float, float]]:
    profit = trades.loc[~trades["open"], "profit"].to_numpy(dtype="float64")
    if len(profit) < bootstrap.FEWEST:
        return {}
    rng = np.random.default_rng(seed)
    parts = [measured(profit[rows]) for rows in bootstrap.histories(len(profit), draws, 1.0, rng)]
    return {name: bootstrap.bounds(np.concatenate([part[name] for part in parts]), level, 0.0) for name in parts[0]}
