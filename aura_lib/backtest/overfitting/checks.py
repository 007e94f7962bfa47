"""What every measure of overfitting asks of its input."""

from __future__ import annotations

import math
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def path(returns: ArrayLike, least: int = 3) -> NDArray[np.float64]:
    """One path of simple returns, without gaps and not constant."""
    values = _numbers(returns)
    if values.ndim != 1:
        raise InputError(f"one path of returns is needed, not an array of shape {values.shape}: give one column")
    if len(values) < least:
        raise InputError(f"{len(values)} returns are too few: at least {least} are needed")
    _finite(values)
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise InputError(f"the returns are all {values[0]:g}: what never varies has no Sharpe ratio")
    return values


def matrix(returns: ArrayLike, *, columns: int = 1, rows: int = 3) -> NDArray[np.float64]:
    """Paths of simple returns, T periods × N trials, without gaps.

    More trials than periods are a warning: a matrix on its side looks like that. A column that never varies is
    refused unless it is zero throughout, a trial that never traded: its Sharpe ratio is taken as zero.
    """
    if _on_its_side(returns):
        raise InputError(
            "the columns of this frame are times: a row must be a period and a column a trial, transpose it"
        )
    values = _numbers(returns)
    if values.ndim != 2:
        raise InputError(f"a matrix of returns, periods × trials, is needed, not an array of shape {values.shape}")
    if values.shape[1] < columns or values.shape[0] < rows:
        raise InputError(
            f"{values.shape[0]} periods × {values.shape[1]} trials are too few: at least {rows} × {columns} are needed"
        )
    _finite(values)
    flat = (values.max(axis=0) == values.min(axis=0)) & (values[0] != 0)
    if flat.any():
        where = np.flatnonzero(flat)[:5].tolist()
        raise InputError(
            f"{int(flat.sum())} columns never vary, as {where}: such trials have no Sharpe ratio, drop them"
        )
    if values.shape[1] > values.shape[0]:
        shape = f"{values.shape[1]:,} trials of {values.shape[0]:,} periods each"
        warnings.warn(f"{shape}: if these are periods in columns, transpose the matrix", stacklevel=_outside())
    return values


def fraction(name: str, value: Any) -> float:
    """A number strictly between zero and one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise InputError(f"{name}={value!r} must be a number between 0 and 1")
    return float(value)


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}={value!r} must be a whole number from {least}")
    return int(value)


def number(name: str, value: Any, least: float = -math.inf) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise InputError(f"{name}={value!r} must be a finite number")
    if value < least:
        raise InputError(f"{name}={value!r} must be at least {least:g}")
    return float(value)


def _numbers(returns: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.asarray(returns, "float64")
    except (TypeError, ValueError) as error:
        raise InputError(f"returns must be numbers: {error}") from None


def _finite(values: NDArray[np.float64]) -> None:
    total = values.sum()
    if math.isfinite(total):  # one pass; a NaN or an infinity anywhere shows in the sum
        return
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise InputError(
            f"{int(bad.sum()):,} of {values.size:,} returns are missing or infinite, the first in row {row}: "
            "drop these rows or columns, or begin where all paths have returns"
        )


def _on_its_side(returns: Any) -> bool:
    columns, index = getattr(returns, "columns", None), getattr(returns, "index", None)
    return getattr(columns, "dtype", None) is not None and _times(columns) and not _times(index)


def _times(labels: Any) -> bool:
    return str(getattr(labels, "dtype", "")).startswith(("datetime64", "period"))


def _outside() -> int:
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("aura_lib."):
        frame, level = frame.f_back, level + 1
    return level
