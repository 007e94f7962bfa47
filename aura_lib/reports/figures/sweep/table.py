"""What the figures of a search read: a row a combination, its parameters, and one metric in train and in test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats
from aura_lib.reports.about import About
from aura_lib.reports.formats import Kind

ALL, TRAIN, TEST = "all", "train", "test"
LOWER = frozenset({"volatility", "turnover", "orders", "costs", "fees", "slippage", "tracking_error"})  # less is better
EVERY = ""  # the part of a table that has no train and test


class Swept(Protocol):
    """A sweep, as far as its figures are concerned."""

    @property
    def parameters(self) -> Sequence[str]:
        """The names of its parameters."""
        ...

    def table(self) -> pd.DataFrame:
        """A row for each combination, or for each combination, fold and part."""
        ...

    def best(self, *, n: int) -> pd.DataFrame:
        """The n best combinations, the best first."""
        ...


@dataclass(frozen=True, eq=False)
class Combinations:
    """One metric of every combination, in the order they were tried.

    `frame` has a row a combination and its parameters as columns; `values` maps a part to the metric of each row,
    the mean over its folds (NaN: no fold had a number).
    """

    frame: pd.DataFrame
    parameters: tuple[str, ...]
    metric: str
    values: Mapping[str, pd.Series]

    @property
    def train(self) -> pd.Series:
        """What the combinations were chosen by."""
        return next(iter(self.values.values()))

    @property
    def best(self) -> Any:
        """The row that is best in train; None where nothing has a number."""
        known = self.train.dropna()
        return None if known.empty else (known.idxmin() if self.metric in LOWER else known.idxmax())

    @property
    def label(self) -> str:
        """The metric as people read it."""
        return formats.statistic(self.metric).label

    @property
    def percent(self) -> bool:
        """Whether the metric is written in per cent."""
        return formats.statistic(self.metric).kind in (Kind.RETURN, Kind.PERCENT)

    @property
    def spec(self) -> str:
        """How the metric's numbers are written, for d3."""
        return ".1%" if self.percent else ".2f"

    def written(self, value: float) -> str:
        """A value of the metric in words."""
        return formats.value(value, formats.statistic(self.metric).kind)

    def axis(self) -> str:
        """The metric as the title of an axis, with its unit."""
        return f"{self.label}, %" if self.percent else self.label

    def at(self, row: Any) -> dict[str, Any]:
        """The parameters of a row."""
        return {name: self.frame[name].loc[row] for name in self.parameters}

    def row(self, chosen: Mapping[str, Any]) -> Any:
        """The row of a combination that was tried; another raises InputError."""
        absent = [name for name in self.parameters if name not in chosen]
        unknown = [name for name in chosen if name not in self.parameters]
        if absent or unknown:
            raise InputError(f"chosen={dict(chosen)!r} must name {', '.join(self.parameters)}, each once")
        same = np.logical_and.reduce([(self.frame[name] == chosen[name]).to_numpy() for name in self.parameters])
        if not same.any():
            raise InputError(f"chosen={dict(chosen)!r} is none of the {len(self.frame):,} combinations of this sweep")
        return self.frame.index[int(np.argmax(same))]


def combinations(sweep: Swept | pd.DataFrame, metric: str, parameters: Sequence[str] | None = None) -> Combinations:
    """One metric of a sweep or of its table, combination by combination.

    A table needs `parameters`, the names of its parameter columns. Unknown columns raise InputError.
    """
    if isinstance(sweep, pd.DataFrame):
        table, names = sweep, tuple(parameters or ())
        if not names:
            raise InputError("a table needs parameters=[...], the names of its parameter columns; a sweep knows them")
    else:
        table, names = sweep.table(), tuple(parameters or sweep.parameters)
    missing = [name for name in (*names, metric) if name not in table.columns]
    if missing and len(table.columns):
        raise InputError(f"the sweep has no {missing}; its columns are {', '.join(map(str, table.columns))}")
    if missing:
        table = pd.DataFrame({name: pd.Series(dtype="float64") for name in (*names, metric)})
    parts = set(table["part"]) if "part" in table else set()
    ordered = [part for part in (TRAIN, TEST) if part in parts] or [EVERY]
    number = table.groupby(list(names), sort=False, dropna=False).ngroup()
    frame = table.loc[~number.duplicated(), list(names)].reset_index(drop=True)
    values = {part: _mean(table, number, metric, part, len(frame)) for part in ordered}
    return Combinations(frame, names, metric, values)


@dataclass(frozen=True, eq=False)
class Field:
    """A metric over two parameters, in train: y × x, the best of each cell, with the best of all marked."""

    values: pd.DataFrame
    title: str
    marked: tuple[int, int] | None


def best_table(sweep: Swept, n: int) -> pd.DataFrame:
    """The n best combinations as people read them: parameters, and each metric in its own unit."""
    best = sweep.best(n=n)
    told: dict[str, list[str]] = {}
    for name in best.columns:
        figure, comma, part = str(name).partition(",")
        if name in sweep.parameters:
            told[str(name)] = [written(value) for value in best[name]]
        else:
            known = formats.statistic(figure)
            told[known.label + comma + part] = [formats.value(value, known.kind) for value in best[name]]
    return pd.DataFrame(told)


def field(sweep: Swept, metric: str = "sharpe") -> Field | None:
    """The field of a sweep over its first two parameters that vary; None when none does, or nothing has a number."""
    found = combinations(sweep, metric)
    varied = [name for name in found.parameters if found.frame[name].nunique() > 1]
    if not varied or found.best is None:
        return None
    x, y = varied[0], varied[1] if len(varied) > 1 else varied[0]
    sign = -1.0 if metric in LOWER else 1.0
    rows = found.frame.assign(**{"": sign * found.train})
    cells = rows.groupby(y if y == x else [y, x])[""].max()
    table = (cells.to_frame().T if y == x else cells.unstack(x)) * sign
    best = found.at(found.best)
    marked = 0 if y == x else list(table.index).index(best[y]), list(table.columns).index(best[x])
    names = [written(value) for value in table.index] if y != x else [""]
    named = table.set_axis(pd.Index(names, name=y if y != x else None), axis=0)
    named = named.set_axis(pd.Index([written(value) for value in table.columns], name=x), axis=1)
    others = len(varied) > 2
    return Field(named, f"{found.label}{', the others at their best' if others else ''}", marked)


def _mean(table: pd.DataFrame, number: pd.Series, metric: str, part: str, count: int) -> pd.Series:
    own = table[table["part"] == (part or ALL)] if "part" in table else table
    numbers = pd.to_numeric(own[metric], errors="coerce").astype("float64")
    finite = numbers.where(np.isfinite(numbers))
    return finite.groupby(number.loc[own.index]).mean().reindex(range(count))


def written(value: object) -> str:
    """A value of a parameter in words."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return str(value)
    number = float(value)
    return f"{int(number)}" if number.is_integer() and abs(number) < 1e15 else f"{number:.6g}"


def said(values: Mapping[Any, Any]) -> str:
    """Parameters with their values in words."""
    return ", ".join(f"{name} {written(value)}" for name, value in values.items())


def source(about: About) -> str:
    """The line under a figure that has no times of its own."""
    return about.line(pd.DatetimeIndex([], tz="UTC"))
