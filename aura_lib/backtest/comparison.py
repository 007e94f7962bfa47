"""Several strategies side by side, and whether they differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from aura_lib.backtest import bootstrap
from aura_lib.backtest.bootstrap import DRAWS
from aura_lib.backtest.describe import GROUPS, sample_of
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.statistics import Sample
from aura_lib.core import DataError, InputError
from aura_lib.risk.measures import chosen, evaluate

WHOLE = ("sharpe", "annual_return", "volatility", "max_drawdown")  # what the one-line form says


@dataclass(frozen=True, eq=False)
class Comparison:
    """Strategies over the window that all of them have.

    `returns` is time × name, simple; `statistics` is statistic × name; `differences` has a row for every pair of a
    statistic and a name other than `baseline`, the first: the name less the baseline, low and high at `level` (from
    histories resampled for all at once), and `sure`: whether the interval leaves out zero. `correlation` is that of
    the returns. `notes` say what the window is and what was left out of it.
    """

    returns: pd.DataFrame
    statistics: pd.DataFrame
    differences: pd.DataFrame
    correlation: pd.DataFrame
    baseline: str
    level: float
    periods: float
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        said = "; ".join(
            f"{name}: Sharpe {column['sharpe']:.2f}, {column['annual_return']:.2%} a year"
            for name, column in self.statistics.items()
        )
        return f"<Comparison over {len(self.returns):,} returns: {said}>"

    def table(self, statistics: tuple[str, ...] = WHOLE) -> pd.DataFrame:
        """Chosen statistics side by side, and each difference from the baseline with its interval, as one frame."""
        parts = {name: self.statistics.loc[list(statistics), name] for name in self.statistics.columns}
        for name in self.statistics.columns[1:]:
            rows = self.differences.xs(name, level="name").loc[list(statistics)]
            parts |= {
                f"{name} − {self.baseline}": rows["value"],
                f"{name} − {self.baseline}, low": rows["low"],
                f"{name} − {self.baseline}, high": rows["high"],
            }
        return pd.DataFrame(parts)


def compare(
    results: Mapping[str, Backtest | pd.Series],
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    periods: float | None = None,
) -> Comparison:
    """Compare backtests (or series of simple returns) over their common window; the first is the baseline.

    Differences have percentile intervals of the paired stationary bootstrap: every draw takes the same moments from
    all of them, so that what they share cancels (Ledoit & Wolf, Journal of Empirical Finance 2008, who compare
    Sharpe ratios so). More than 50,000 returns are compounded into days. Fewer than two results, bars of different
    frequencies, or too few moments in common raise InputError or DataError.
    """
    bootstrap.in_range(level, draws)
    table, each, zone = _aligned(results, periods)
    notes = (_window(table, results),)
    samples = [
        bootstrap.shortened(Sample.of(table[name], periods=each, zone=zone), None if each is None else _days(results))
        for name in table
    ]
    ruined = [f"{name}: {note}" for name, s in zip(table, samples, strict=True) for note in s.notes]
    shortest = min(len(sample) for sample in samples)
    if shortest < max(len(sample) for sample in samples):
        raise DataError(f"books that went bankrupt cannot be compared over one window: {'; '.join(ruined)}")
    wanted = sorted(chosen(), key=lambda one: GROUPS.index(one.group))
    values = {
        str(name): {key: float(found[0]) for key, found in evaluate(sample.path, wanted).items()}
        for name, sample in zip(table, samples, strict=True)
    }
    rng, block = np.random.default_rng(seed), bootstrap.common_block(samples)
    drawn = bootstrap.resampled(samples, bootstrap.unsure(wanted), draws, block, rng)
    paired = dict(zip(values, drawn, strict=True))
    wider = bootstrap.widening(samples, block, level)
    farther = {one.name: wider for one in wanted if one.interval == "bca"}
    measured = samples[0].times if samples[0].times is not None else table.index
    frame = pd.DataFrame({name: s.returns for name, s in zip(values, samples, strict=True)}, index=measured)
    return Comparison(
        returns=frame,
        statistics=pd.DataFrame(values),
        differences=_differences(values, paired, level, farther),
        correlation=frame.corr(),
        baseline=next(iter(values)),
        level=level,
        periods=samples[0].periods,
        notes=(*notes, *ruined),
    )


def _differences(
    values: Mapping[str, Mapping[str, float]],
    drawn: Mapping[str, Mapping[str, np.ndarray]],
    level: float,
    farther: Mapping[str, float],
) -> pd.DataFrame:
    first, *others = values
    rows = {}
    for key in values[first]:
        for name in others:
            gap, low, high = values[name][key] - values[first][key], math.nan, math.nan
            if key in drawn[name]:
                low, high = bootstrap.bounds(
                    drawn[name][key] - drawn[first][key], level, gap, wider=farther.get(key, 1.0)
                )
            rows[key, name] = (gap, low, high, low > 0 or high < 0)
    index = pd.MultiIndex.from_tuples(list(rows), names=["statistic", "name"])
    return pd.DataFrame(list(rows.values()), index=index, columns=["value", "low", "high", "sure"])


def _aligned(
    results: Mapping[str, Backtest | pd.Series], periods: float | None
) -> tuple[pd.DataFrame, float | None, str]:
    """Returns of all over the moments that all have; periods a year; the zone of their months."""
    if len(results) < 2:
        raise InputError(f"a comparison needs two results or more, by name: {list(results)} given")
    tests = {name: one for name, one in results.items() if isinstance(one, Backtest)}
    kinds = {f"{one.bars.frequency} of {one.bars.calendar}" for one in tests.values()}
    if len(kinds) > 1:
        raise InputError(f"bars of one frequency and calendar can be compared, not {', '.join(sorted(kinds))}")
    samples = {
        name: sample_of(one) if isinstance(one, Backtest) else Sample.of(one, periods=periods)
        for name, one in results.items()
    }
    untimed = [name for name, one in samples.items() if one.times is None]
    if untimed:
        raise InputError(f"returns of {', '.join(untimed)} need times: give a Series indexed by times")
    table = pd.concat({n: pd.Series(s.returns, index=s.times) for n, s in samples.items()}, axis=1, join="inner")
    if len(table) < bootstrap.FEWEST:
        raise DataError(f"{len(table)} moments in common; a comparison needs {bootstrap.FEWEST}")
    known = next((samples[name] for name in tests), None)
    return table, periods or (known.periods if known else None), known.zone if known else "America/New_York"


def _days(results: Mapping[str, Backtest | pd.Series]) -> float | None:
    from aura_lib.backtest.statistics import periods_per_year

    calendar = next((one.bars.calendar for one in results.values() if isinstance(one, Backtest)), None)
    return None if calendar is None else periods_per_year("1d", calendar)


def _window(table: pd.DataFrame, results: Mapping[str, Backtest | pd.Series]) -> str:
    lengths = {name: len(one.returns if isinstance(one, Backtest) else one.dropna()) for name, one in results.items()}
    span = f"{table.index[0]:%Y-%m-%d} to {table.index[-1]:%Y-%m-%d}, {len(table):,} returns in common"
    more = [f"{name} had {count:,}" for name, count in lengths.items() if count != len(table)]
    return span + (f" ({', '.join(more)})" if more else "")
