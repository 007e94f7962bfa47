"""Traces of the whole sample in what a strategy captured: its mean in a number, its ranks in a column, its tomorrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.backtest.causality.twin import Reach
from aura_lib.core import Bars

Column = npt.NDArray[np.float64]
QUANTILES = (0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95)
AHEAD = 10  # bars a shifted copy is looked for
COLUMNS = 4  # of a captured frame that are looked at
EXACT = 1e-10


def whole_sample(reach: Reach, bars: Bars, first: int) -> Iterator[tuple[str, str]]:
    """Path and description of captured values that only the whole sample, or its later part, can have given.

    `first` is the row of the first decision: a statistic that stood then already is no look into the future. Numbers
    are compared to ten digits, so that a chance hit is out of the question.
    """
    if reach.values:
        known = _statistics(bars, first)
        for path, value in reach.values.items():
            if what := _hit(value, known):
                yield path, f"{path} is {what} of all {len(bars)} bars"
    for path, value in reach.data.items():
        if isinstance(value, pd.DataFrame | pd.Series) and (what := _trace(value, bars)):
            yield path, f"{path} {what}"


def derived(reach: Reach, bars: Bars) -> Iterator[str]:
    """Captured data that are not simply the bars or a part of them."""
    for path, value in reach.data.items():
        if not isinstance(value, Bars) and not _is_part(value, bars):
            yield path


def _is_part(value: Any, bars: Bars) -> bool:
    if isinstance(value, pd.Index):
        return isinstance(value, pd.DatetimeIndex) and value.tz is not None and bool(value.isin(bars.times).all())
    if isinstance(value, pd.Series) and value.name in bars.symbols:
        value = value.to_frame()
    if not isinstance(value, pd.DataFrame) or not set(value.columns) <= set(bars.symbols):
        return False
    if not isinstance(value.index, pd.DatetimeIndex) or value.index.tz is None:
        return False
    for field in bars.fields.values():
        part = field.reindex(index=value.index, columns=value.columns)
        if len(part) and np.array_equal(part.to_numpy(), value.to_numpy(dtype="float64"), equal_nan=True):
            return True
    return False


# ---- numbers -------------------------------------------------------------------------------------------------------
def _statistics(bars: Bars, first: int) -> list[tuple[str, Column]]:
    """Name and values (a symbol each, then all together) of statistics over all rows, as far as they came later."""
    found = []
    for name, frame in _bases(bars).items():
        values = frame.to_numpy()
        whole, early = _of_rows(values), _of_rows(values[: first + 1])
        found += [(f"{what} of {name}", _later(whole[what], early[what])) for what in whole]
    return found


def _bases(bars: Bars) -> dict[str, pd.DataFrame]:
    close = bars.close
    returns = close.pct_change(fill_method=None)
    logs = pd.DataFrame(np.log(close.to_numpy()), close.index, close.columns)
    more = {name: frame for name, frame in bars.fields.items() if name != "close"}
    return {"close": close, "returns": returns, "log prices": logs, "log returns": logs.diff(), **more}


def _of_rows(values: Column) -> dict[str, Column]:
    with np.errstate(all="ignore"), _quiet():
        groups = [values, values.reshape(-1, 1)]
        each: dict[str, list[Column]] = {}
        for group in groups:
            n = np.isfinite(group).sum(axis=0)
            mean, variance = np.nanmean(group, axis=0), np.nanvar(group, axis=0)
            parts = {
                "the mean": mean, "the variance": variance, "the standard deviation": np.sqrt(variance),
                "the sample variance": variance * n / (n - 1), "the sample deviation": np.sqrt(variance * n / (n - 1)),
                "the maximum": np.nanmax(group, axis=0), "the minimum": np.nanmin(group, axis=0),
                "the sum": np.nansum(group, axis=0), "the last value": group[-1],
                "the annual mean": mean * 252, "the annual deviation": np.sqrt(variance * n / (n - 1) * 252),
                "the ratio of mean to deviation": mean / np.sqrt(variance * n / (n - 1)),
            }  # fmt: skip
            quantiles = np.nanquantile(group, QUANTILES, axis=0)
            parts |= {f"the {q:.0%} quantile": quantiles[i] for i, q in enumerate(QUANTILES)}
            for name, part in parts.items():
                each.setdefault(name, []).append(part)
        return {name: np.concatenate(parts) for name, parts in each.items()}


class _quiet:
    """No warning of a column without a number."""

    def __enter__(self) -> None:
        import warnings

        self._catcher = warnings.catch_warnings()
        self._catcher.__enter__()
        warnings.simplefilter("ignore", RuntimeWarning)

    def __exit__(self, *args: object) -> None:
        self._catcher.__exit__(None, None, None)


def _later(whole: Column, early: Column) -> Column:
    """The statistics that were not the same already at the first decision."""
    return np.where(np.isclose(whole, early, rtol=EXACT, atol=0), np.nan, whole)


def _hit(value: Any, known: list[tuple[str, Column]]) -> str:
    """The statistic that a number, or most numbers of an array, are equal to; empty when none."""
    numbers = _numbers(value)
    if not len(numbers):
        return ""
    for name, values in known:
        usable = values[np.isfinite(values) & (values != 0)]
        if not len(usable):
            continue
        near = np.isclose(numbers[:, None], usable[None, :], rtol=EXACT, atol=0).any(axis=1)
        if near.mean() > 0.5:
            return name
    return ""


def _numbers(value: Any) -> Column:
    """Numbers that a person would not have typed: more than six digits, not whole."""
    try:
        array = np.asarray(value, dtype="float64").ravel()
    except (TypeError, ValueError):
        return np.empty(0)
    if not 0 < len(array) <= 5_000:
        return np.empty(0)
    array = array[np.isfinite(array)]
    typed = np.array([float(f"{x:.6g}") == x for x in array], dtype=bool)
    rest: Column = array[~typed]
    return rest


# ---- series --------------------------------------------------------------------------------------------------------
def _trace(value: pd.DataFrame | pd.Series, bars: Bars) -> str:
    """What a captured series betrays: scaled or ranked over the whole sample, or a copy of later bars."""
    frame = value.to_frame() if isinstance(value, pd.Series) else value
    if len(frame) < 60 or not isinstance(frame.index, pd.DatetimeIndex) or frame.index.tz is None:
        return ""
    numeric = [i for i, dtype in enumerate(frame.dtypes) if dtype.kind in "fiub"][:COLUMNS]
    for i in numeric:
        column = frame.iloc[:, i].astype("float64")
        if what := _scaled(np.asarray(column, dtype="float64")) or _shifted(column, bars):
            return what
    return ""


def _scaled(values: Column) -> str:
    known = values[np.isfinite(values)]
    if len(known) < 60 or known.std() == 0:
        return ""
    if abs(known.mean()) < 1e-9 and min(abs(known.std() - 1), abs(known.std(ddof=1) - 1)) < 1e-9:
        return "has mean 0 and deviation 1 over all rows: it was standardised with the whole sample"
    ranks = np.sort(known)
    if np.allclose(ranks, np.arange(1, len(ranks) + 1) / len(ranks), rtol=0, atol=1e-12):
        return "holds ranks over all rows: later values decide on earlier ranks"
    return ""


def _shifted(column: pd.Series, bars: Bars) -> str:
    if column.nunique() < 20:
        return ""
    for name, base in _bases(bars).items():
        names = [column.name] if column.name in base.columns else list(base.columns)[:30]
        for symbol in names:
            series = base[symbol].to_numpy()
            if ahead := _ahead(column, series, base.index):
                return f"is the {name} of {symbol}, {ahead} bars later"
    return ""


def _ahead(column: pd.Series, series: Column, times: pd.Index) -> int:
    rows = times.get_indexer(column.index)
    usable = (rows >= 0) & np.isfinite(column.to_numpy())
    for ahead in range(1, AHEAD + 1):
        chosen = usable & (rows + ahead < len(series))
        if chosen.sum() < 30:
            continue
        near = np.isclose(column.to_numpy()[chosen], series[rows[chosen] + ahead], rtol=EXACT, atol=0)
        if near.mean() > 0.9:
            return ahead
    return 0
