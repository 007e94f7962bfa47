"""The catalogue of statistics: name, group, unit, how its interval is found, formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aura_lib.core import InputError
from aura_lib.risk.measures.paths import Array, Paths

Formula = Callable[[Paths], Array]
Group = Literal["return", "risk", "ratio", "shape", "relative"]
Interval = Literal["bca", "percentile", "none"]
Needs = Literal["returns", "months", "years", "benchmark"]

CATALOGUE: dict[str, Statistic] = {}


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic of returns. Its formula and source are the docstring of `formula`.

    `interval` says what a bootstrap can tell of it. "bca": a confidence interval that follows the skew of the draws;
    "percentile": the middle of the draws (skewness and kurtosis, which BCa covers less often; drawdowns, of which it
    is the range of other histories of the same length); "none": extremes, which no resampling can exceed (Bickel &
    Freedman, Annals of Statistics 1981), tests, and what resampling breaks.
    """

    name: str
    group: Group
    unit: str
    interval: Interval
    needs: Needs
    formula: Formula


def statistic(
    group: Group, unit: str, interval: Interval = "bca", needs: Needs = "returns"
) -> Callable[[Formula], Formula]:
    """Enter a formula into the catalogue under its own name."""

    def enter(formula: Formula) -> Formula:
        name = formula.__name__
        CATALOGUE[name] = Statistic(name, group, unit, interval, needs, formula)
        return formula

    return enter


def chosen(names: Iterable[str] | None = None, *, benchmark: bool = False) -> list[Statistic]:
    """The statistics of these names; all that need no benchmark, or all, when not given. Unknown: InputError."""
    if names is None:
        return [one for one in CATALOGUE.values() if benchmark or one.needs != "benchmark"]
    wanted = list(names)
    unknown = [name for name in wanted if name not in CATALOGUE]
    if unknown or not wanted:
        raise InputError(f"no statistic {unknown or 'was named'}; there are: {', '.join(CATALOGUE)}")
    lacking = [name for name in wanted if CATALOGUE[name].needs == "benchmark" and not benchmark]
    if lacking:
        raise InputError(f"{', '.join(lacking)} need a benchmark: give its returns")
    return [CATALOGUE[name] for name in wanted]


def evaluate(paths: Paths, wanted: Iterable[Statistic]) -> Mapping[str, Array]:
    """Each statistic of each path; NaN where it cannot be computed, never infinite."""
    if not paths.returns.shape[1]:
        return {one.name: np.full(len(paths.returns), np.nan) for one in wanted}
    with np.errstate(all="ignore"):
        found = {one.name: one.formula(paths) for one in wanted}
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in found.items()}
