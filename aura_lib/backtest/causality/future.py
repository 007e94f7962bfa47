"""Other futures: data that are the same up to a moment and something else after it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Bars, Market

KINDS = ("changed", "cut off", "rising", "falling", "missing", "shuffled", "fewer rows", "more rows", "delisted")
WORDS = {
    "changed": "is changed", "cut off": "is cut off", "rising": "rises", "falling": "falls",
    "missing": "is missing", "shuffled": "comes in another order", "fewer rows": "has fewer rows",
    "more rows": "has more rows", "delisted": "brings other listings and delistings",
}  # fmt: skip
SAME_ROWS = ("changed", "rising", "falling", "missing", "shuffled", "delisted")

Mask = npt.NDArray[np.bool_]


class NotData:
    """What `Future.of` answers for a value that has no time in it."""


NOT_DATA = NotData()


@dataclass
class Future:
    """Makes, of any data, what it would be had the world gone another way after a moment.

    `times` are the moments of the bars: arrays and lists as long as they are taken to be in step with them. `zone`
    says which day a moment falls on, for data dated by days. `keep` names symbols that never vanish as columns.
    """

    kind: str
    times: pd.DatetimeIndex
    seed: int = 0
    zone: str = "America/New_York"
    keep: frozenset[str] = frozenset()
    _whole: dict[int, tuple[Any, Any]] = field(default_factory=dict, repr=False)

    def of(self, value: Any, cut: pd.Timestamp) -> Any:
        """The value with another future after `cut`; NOT_DATA when there is no time in it."""
        if isinstance(value, Bars):
            return self.bars(value, cut)
        if isinstance(value, Market):
            return Market(self.bars(value.bars, cut), value.as_of, value.features)
        if isinstance(value, pd.DataFrame | pd.Series):
            return self._frame(value, cut)
        if isinstance(value, pd.Index):
            stamps = _moments(value)
            return NOT_DATA if stamps is None else self._index(value, self._later(stamps, cut))
        if isinstance(value, np.ndarray):
            return self._array(value, cut)
        if isinstance(value, list) and len(value) == len(self.times) and value:
            array = np.asarray(value) if not isinstance(value[0], list | tuple | dict) else None
            return NOT_DATA if array is None else self._array(array, cut).tolist()
        if isinstance(value, dict) and value:
            return self._mapping(value, cut)
        return NOT_DATA

    # ---- bars ------------------------------------------------------------------------------------------------------
    def bars(self, bars: Bars, cut: pd.Timestamp) -> Bars:
        """Bars with another future; every field moves alike, so that a high stays above its low."""
        row = int(bars.times.searchsorted(cut, side="right"))
        if self.kind == "cut off":
            return bars._rows(0, row)
        if self.kind in ("fewer rows", "more rows"):
            return self._rows(bars, row)
        fields = {name: self._revealed(name, frame, row) for name, frame in bars.fields.items()}
        if self.kind == "delisted":
            late = self._unlisted(bars, row)
            if late:
                kept = [s for s in bars.symbols if s not in late]
                fields = {name: frame[kept] for name, frame in fields.items()}
                known = MappingProxyType({s: bars.instruments[s] for s in kept})
                return bars._view(fields=MappingProxyType(fields), instruments=known)
        return bars._view(fields=MappingProxyType(fields))

    def _unlisted(self, bars: Bars, row: int) -> set[str]:
        """Symbols that had no price by then, and that the mandate does not name."""
        blank = bars.close.iloc[:row].isna().all()
        return {s for s in bars.symbols if blank[s] and s not in self.keep}

    def _revealed(self, name: str, frame: pd.DataFrame, row: int) -> pd.DataFrame:
        """One array that is altered throughout, in which the truth advances with the cut: nothing is copied twice."""
        known = self._whole.get(id(frame))
        if known is None or known[0] is not frame:
            work = self._other_prices(frame.to_numpy(), volume=name == "volume")
            known = self._whole[id(frame)] = (frame, [work, work.copy(), 0])
        altered, work, last = known[1]
        true = frame.to_numpy()
        if row < last:
            work[row:last] = altered[row:last]
        work[min(row, last) : row] = true[min(row, last) : row]
        known[1][2] = row
        return pd.DataFrame(work, index=frame.index, columns=frame.columns, copy=False)

    def _other_prices(self, true: npt.NDArray[np.float64], volume: bool) -> npt.NDArray[np.float64]:
        rng = np.random.default_rng([self.seed, zlib.crc32(self.kind.encode())])  # the same for all fields
        rows, columns = true.shape
        if self.kind == "changed":
            draw = rng.normal(0, 1.5, (rows, columns))
            gone = rng.random((rows, columns)) < 0.1
            other: npt.NDArray[np.float64] = np.where(gone, np.nan, true * np.exp(np.clip(draw, -5, 5)))
            return other
        if self.kind in ("rising", "falling"):
            way = 1 if self.kind == "rising" else -1
            moved: npt.NDArray[np.float64] = np.exp(way * (1 + rng.random((rows, columns))))
            return true * moved
        if self.kind == "missing":
            return np.full_like(true, np.nan)
        if self.kind == "shuffled":
            return true[rng.permutation(rows)]
        gone = np.zeros(columns, dtype=bool)
        gone[rng.permutation(columns)[: max(columns // 2, 1)]] = True
        return np.where(gone, np.nan, true)  # delisted

    def _rows(self, bars: Bars, row: int) -> Bars:
        rng = np.random.default_rng([self.seed, row])
        ahead = len(bars) - row
        if self.kind == "fewer rows":
            kept = np.concatenate([np.arange(row), row + np.flatnonzero(rng.random(ahead) < 0.5)])
            kept = kept[kept != row]
            fields = {name: frame.iloc[kept] for name, frame in bars.fields.items()}
            return bars._view(fields=MappingProxyType(fields))
        step = (bars.times[-1] - bars.times[-2]) if len(bars) > 1 else pd.Timedelta(days=1)
        between = bars.times[row:] - pd.Timedelta(minutes=7)
        between = between[between > bars.times[row - 1]] if row else between
        after = pd.DatetimeIndex([bars.times[-1] + step * (k + 1) for k in range(5)])
        extra = between.union(after).difference(bars.times)
        fields = {}
        for name, frame in bars.fields.items():
            last = frame.ffill().iloc[-1].to_numpy()
            more = pd.DataFrame(last * rng.lognormal(0, 0.3, (len(extra), len(last))), extra, frame.columns)
            fields[name] = pd.concat([frame, more]).sort_index()
        return bars._view(fields=MappingProxyType(fields))

    # ---- frames and arrays -----------------------------------------------------------------------------------------
    def _frame(self, value: Any, cut: pd.Timestamp) -> Any:
        stamps = moments(value, self.times)
        if stamps is None:
            return NOT_DATA
        later = self._later(stamps, cut)
        if self.kind == "cut off":
            return value[~later]
        if self.kind in ("fewer rows", "more rows"):  # a frame of one's own has the rows it has: some of them go
            rng = np.random.default_rng([self.seed, int(later.sum())])
            return value[~(later & (rng.random(len(later)) < 0.5))]
        if isinstance(value, pd.Series):
            other = self._values(value, value, later)
            return pd.Series(other, index=value.index, name=value.name)
        plain = all(dtype.kind == "f" for dtype in value.dtypes) if value.shape[1] else False
        if plain:
            return pd.DataFrame(self._values(value, value.to_numpy(), later), index=value.index, columns=value.columns)
        columns = {i: self._values(value, value.iloc[:, i], later) for i in range(value.shape[1])}
        return pd.DataFrame(columns, index=value.index).set_axis(value.columns, axis=1)

    def _array(self, value: npt.NDArray[Any], cut: pd.Timestamp) -> Any:
        if value.dtype.kind == "M" and value.ndim == 1:
            return self._index(pd.DatetimeIndex(value), self._later(pd.DatetimeIndex(value), cut)).to_numpy()
        if value.ndim == 0 or len(self.times) not in value.shape:
            return NOT_DATA
        axis = value.shape.index(len(self.times))
        row = int(self.times.searchsorted(cut, side="right"))
        if self.kind == "cut off":
            return np.take(value, np.arange(row), axis=axis)
        turned = np.moveaxis(value, axis, 0)
        later = np.arange(len(turned)) >= row
        if turned.ndim > 2 or self.kind in ("fewer rows", "more rows"):
            return np.moveaxis(turned[np.r_[:row, len(turned) - 1 : row - 1 : -1]], 0, axis)
        return np.moveaxis(self._values(value, turned, later), 0, axis)

    def _index(self, value: pd.Index, later: Mask) -> Any:
        return value[~later] if self.kind in ("cut off", "fewer rows") else value

    def _mapping(self, value: dict[Any, Any], cut: pd.Timestamp) -> Any:
        """A mapping keyed by moments or days: a series by another name."""
        stamps = _moments(pd.Index(list(value))) if _timely(next(iter(value))) else None
        if stamps is None:
            return NOT_DATA
        later = self._later(stamps, cut)
        kept = [key for key, gone in zip(value, later, strict=True) if not gone]
        future = [key for key, gone in zip(value, later, strict=True) if gone]
        if self.kind in ("cut off", "fewer rows"):
            return {key: value[key] for key in kept}
        others = [value[key] for key in reversed(future)]
        if others and all(isinstance(x, int | float) for x in others):
            numbers = pd.Series([float(x) for x in value.values()])
            others = list(self._values(None, numbers, later)[later])
        return {**{key: value[key] for key in kept}, **dict(zip(future, others, strict=True))}

    def _values(self, owner: Any, true: Any, later: Mask) -> npt.NDArray[Any]:
        """The values with those where `later` altered, each kind in the unit of the column."""
        array = true.to_numpy() if hasattr(true, "to_numpy") else np.asarray(true)
        rng = np.random.default_rng([self.seed, zlib.crc32(self.kind.encode()), array.size])
        other = _other_values(array, self.kind, rng)
        mask = later if array.ndim == 1 else later[:, None]
        if other.dtype != array.dtype and array.dtype.kind in "iub":
            array = array.astype(other.dtype)
        return np.where(mask, other, array)

    def _later(self, stamps: pd.DatetimeIndex, cut: pd.Timestamp) -> Mask:
        """Which moments lie after the cut. Days without a clock are known at the end of their session."""
        if stamps.tz is not None:
            return np.asarray(stamps > cut)
        return np.asarray(stamps > cut.tz_convert(self.zone).tz_localize(None))


def moments(value: pd.DataFrame | pd.Series, times: pd.DatetimeIndex) -> pd.DatetimeIndex | None:
    """The moment of each row: by the index, a column of times, or step with the bars; None when it has none."""
    found = _moments(value.index)
    if found is None and isinstance(value, pd.DataFrame):
        found = next((m for i in range(value.shape[1]) if (m := _column(value.iloc[:, i])) is not None), None)
    if found is None and len(value) == len(times) and isinstance(value.index, pd.RangeIndex):
        found = times
    return found


def _column(values: pd.Series) -> pd.DatetimeIndex | None:
    if values.dtype.kind == "M" or (values.dtype.kind in "OT" and len(values) and _timely(values.iloc[0])):
        return _moments(pd.Index(values))
    return None


def _moments(index: pd.Index) -> pd.DatetimeIndex | None:
    if isinstance(index, pd.DatetimeIndex):
        return index
    if isinstance(index, pd.PeriodIndex):
        return index.to_timestamp(how="end")
    if isinstance(index, pd.MultiIndex):
        for level in range(index.nlevels):
            found = _moments(index.get_level_values(level))
            if found is not None:
                return found
        return None
    if len(index) and index.dtype.kind in "OTU" and _timely(index[0]):
        try:
            return pd.DatetimeIndex(pd.to_datetime(index))
        except (ValueError, TypeError):
            return None
    return None


def _timely(key: Any) -> bool:
    if isinstance(key, date | datetime | np.datetime64 | pd.Timestamp):
        return True
    return isinstance(key, str) and len(key) >= 10 and key[:4].isdigit() and key[4] == "-" and key[7] == "-"


def _other_values(array: npt.NDArray[Any], kind: str, rng: np.random.Generator) -> npt.NDArray[Any]:
    if array.dtype.kind == "b":
        return {"rising": np.ones_like(array), "falling": np.zeros_like(array)}.get(kind, ~array)
    if array.dtype.kind not in "fiu":
        return np.asarray(array)[rng.permutation(len(array))] if len(array) else array
    true = array.astype("float64")
    if kind == "missing":
        return np.full_like(true, np.nan)
    if kind == "shuffled":
        return true[rng.permutation(len(true))]
    if kind == "delisted":
        return np.where(rng.random(true.shape[1:]) < 0.5, np.nan, true)
    finite = true[np.isfinite(true)]
    if finite.size and finite.min() > 0:
        noise = np.clip(rng.normal(0, 1.5, true.shape), -5, 5)
        steps: npt.NDArray[Any] = {"rising": np.exp(2.0), "falling": np.exp(-2.0)}.get(kind, np.exp(noise))
        moved: npt.NDArray[Any] = true * steps
        return moved
    spread = float(finite.std()) or 1.0 if finite.size else 1.0
    way = {"rising": 5.0, "falling": -5.0}.get(kind)
    return true + spread * (rng.normal(0, 5, true.shape) if way is None else way)
