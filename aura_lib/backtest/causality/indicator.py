"""`causality.check_indicator`: is every row of what a function makes of a frame the same, whatever comes after it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.causality.answers import TOLERANCE, differing
from aura_lib.backtest.causality.finding import LOOK_AHEAD, RANDOM, Causality, Finding
from aura_lib.backtest.causality.future import WORDS, Future, moments
from aura_lib.backtest.causality.stage import same_luck
from aura_lib.backtest.causality.twin import names_of
from aura_lib.core import InputError

Frame = pd.DataFrame | pd.Series
FOURIER = {"fft", "ifft", "rfft", "irfft", "fftconvolve", "oaconvolve"}  # a gap in any row is a gap in all of them
EVERY, SOME = ("changed", "cut off"), ("rising", "falling", "missing", "shuffled", "fewer rows")
ADVICE = "compute each row from rows up to it: rolling, expanding, ewm, shift(+n); fit on a window that ends before it"


def check_indicator(
    function: Callable[..., Any],
    frame: Frame,
    *,
    cuts: int = 64,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    **arguments: Any,
) -> Causality:
    """Look for rows of an indicator, signal, feature or label that move when later rows do.

    Args:
        function: `function(frame, **arguments)` → a frame or series, or a tuple or mapping of such, indexed by time.
            Frames among the arguments are altered too.
        frame: time × name, ascending.
        cuts: at how many rows the future is changed and cut off: random ones, with the first and the last among them,
            spread over weekdays.
        seed: of the cuts and of the other futures.
        tolerance: of the largest number of a column before the cut: rolling sums leave 1e-12 of noise, leaks more.
        arguments: more arguments of the function.

    Returns:
        Causality; `moves` has the rows before each cut that moved, as (last rows before the cut) × cut. The finding's
        `reach` is how many rows ahead was read. A label knows the future on purpose: its reach is its horizon.

    Raises:
        InputError: a frame without ascending times, or a function that gives no frame indexed by time.
    """
    began = perf_counter()
    times = _ascending(frame)
    examined = _Rows(function, frame, arguments, times, seed, tolerance)
    examined.repeats()
    rows = _cuts(times, cuts, np.random.default_rng(seed))
    examined.quick(rows)
    if not examined.findings:
        for kind in EVERY:
            examined.look(kind, rows)
        for kind in SOME:
            examined.look(kind, rows[:: max(len(rows) // 8, 1)])
    moves = examined.moves()
    return Causality(tuple(examined.findings), dict(examined.compared), moves, (), perf_counter() - began)


def _names(function: Callable[..., Any]) -> set[str]:
    code = getattr(function, "__code__", None)
    return set() if code is None else names_of(code)


def _ascending(frame: Frame) -> pd.DatetimeIndex:
    index = frame.index if isinstance(frame, pd.DataFrame | pd.Series) else None
    if not isinstance(index, pd.DatetimeIndex) or not index.is_monotonic_increasing or not index.is_unique:
        raise InputError("check_indicator takes a frame indexed by ascending, unique times")
    if len(index) < 3:
        raise InputError(f"{len(index)} rows are too few to cut: give at least 3")
    return index


def _cuts(times: pd.DatetimeIndex, count: int, rng: np.random.Generator) -> list[int]:
    """Row numbers at which the future begins, in random order; the ends of months are among the first."""
    every = np.arange(1, len(times))
    if len(every) <= count:
        return [int(row) for row in rng.permutation(every)]
    months = np.flatnonzero(np.diff(times.month.to_numpy())) + 1
    ends = rng.permutation(months)[: count // 4]
    rest = rng.permutation(np.setdiff1d(every, ends))[: count - len(ends) - 2]
    return [int(row) for row in rng.permutation(np.unique([1, len(times) - 1, *ends, *rest]))]


class _Rows:
    def __init__(
        self, function: Callable[..., Any], frame: Frame, arguments: Mapping[str, Any], times: pd.DatetimeIndex,
        seed: int, tolerance: float,
    ) -> None:  # fmt: skip
        self.function, self.frame, self.arguments = function, frame, dict(arguments)
        self.times, self.seed, self.tolerance = times, seed, tolerance
        self.findings: list[Finding] = []
        self.compared: Counter[str] = Counter()
        self.spreads = bool(_names(function) & FOURIER)
        self.whole = self._made(frame, self.arguments)

    def _made(self, frame: Frame, arguments: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        """What the function makes, as named frames."""
        with same_luck(self.seed):
            given = self.function(frame.copy(), **arguments)
        parts = given if isinstance(given, Mapping) else dict(enumerate(given if isinstance(given, tuple) else [given]))
        found = {}
        for name, part in parts.items():
            table = part.to_frame() if isinstance(part, pd.Series) else part
            if isinstance(table, np.ndarray) and len(table) == len(frame):
                table = pd.DataFrame(table, index=frame.index)
            if not isinstance(table, pd.DataFrame) or moments(table, self.times) is None:
                raise InputError(f"the function must give frames or series indexed by time, not {type(part).__name__}")
            found[str(name)] = table
        return found

    def repeats(self) -> None:
        """Twice on the same data."""
        with same_luck(self.seed + 1):
            again = self._made(self.frame, self.arguments)
        self.compared[RANDOM] += 1
        if any(
            first_moved(self.whole[n], again[n], self.times, self.times[-1], self.tolerance) is not None
            for n in self.whole
        ):
            self.findings.append(Finding(RANDOM, "every row", "the function gives something else when called again"))

    def quick(self, rows: list[int]) -> None:
        """A few cuts first: most leaks show at once."""
        for kind in EVERY:
            self.look(kind, rows[:3])

    def look(self, kind: str, rows: list[int]) -> None:
        """The rows before each cut, with another future after it."""
        if self.findings:
            return
        future = Future(kind, self.times, self.seed)
        for row in rows:
            moved = self._moved(future, row)
            if moved is not None:
                self._tell(kind, row, moved)
                return

    def _moved(self, future: Future, row: int) -> pd.Timestamp | None:
        """The first row up to a cut that moves; None when none does."""
        cut = self.times[row - 1]
        self.compared[future.kind] += 1
        arguments = {name: self._other(future, value, cut) for name, value in self.arguments.items()}
        try:
            other = self._made(self._other(future, self.frame, cut), arguments)
        except (ArithmeticError, IndexError, KeyError, ValueError):
            if row < 30:
                return None  # too little to compute on: no look ahead
            return cut
        if self.spreads:  # no row learns more of a later gap than that there is one: what has numbers must agree
            other = {name: table.fillna(self.whole[name]) for name, table in other.items() if name in self.whole}
        found = [
            first_moved(table, other.get(name), self.times, cut, self.tolerance) for name, table in self.whole.items()
        ]
        return min((moment for moment in found if moment is not None), default=None)

    def _other(self, future: Future, value: Any, cut: pd.Timestamp) -> Any:
        if not isinstance(value, pd.DataFrame | pd.Series):
            return value
        moment = cut if cut.tz is not None else cut.tz_localize(future.zone)
        return future.of(value, moment)

    def _tell(self, kind: str, row: int, moved: pd.Timestamp) -> None:
        place = int(self.times.searchsorted(moved, side="right")) - 1
        reach = row - max(place, 0)
        what = f"rows before {self.times[row]:%Y-%m-%d} move, from {moved:%Y-%m-%d} on, when what follows {WORDS[kind]}"
        why = "every row knows all rows" if place <= 1 and row > 30 else f"a row knows up to {reach} rows after it"
        self.findings.append(Finding(LOOK_AHEAD, f"{moved:%Y-%m-%d}", what, why, ADVICE, reach=reach))

    def moves(self) -> pd.DataFrame:
        """The last rows before a few cuts × cut: 1 where a row moves when everything from the cut on is changed."""
        rows = sorted({max(1, len(self.times) * k // 8) for k in range(2, 8)})
        future = Future("changed", self.times, self.seed)
        table = pd.DataFrame(0.0, index=[self.times[row - 1] for row in rows], columns=[self.times[r] for r in rows])
        for place, row in enumerate(rows):
            moved = self._moved(future, row) if self.findings else None
            table.iloc[:, place] = [
                np.nan if at > row else float(moved is not None and self.times[at - 1] >= moved) for at in rows
            ]
        return table


def first_moved(
    true: Frame, other: Frame | None, times: pd.DatetimeIndex, cut: pd.Timestamp, tolerance: float = TOLERANCE
) -> pd.Timestamp | None:
    """The first row at or before a cut at which two frames differ; None when none does."""
    if other is None:
        return cut
    stamps, others = moments(true, times), moments(other, times)
    if stamps is None or others is None:
        return cut
    known = stamps[np.asarray(stamps <= cut)]
    before, after = _table(true)[np.asarray(stamps <= cut)], _table(other)[np.asarray(others <= cut)]
    if not before.columns.equals(after.columns):
        return cut
    if not before.index.equals(after.index):
        odd = before.index.symmetric_difference(after.index)
        first = odd.min() if len(odd) else cut
        return first if isinstance(first, pd.Timestamp) else cut
    rows = np.flatnonzero(_rows_differing(before, after, tolerance))
    return known[rows[0]] if len(rows) else None


def _table(value: Frame) -> pd.DataFrame:
    return value.to_frame("value") if isinstance(value, pd.Series) else value


def _rows_differing(before: pd.DataFrame, after: pd.DataFrame, tolerance: float) -> np.ndarray:
    if all(dtype.kind == "f" for dtype in [*before.dtypes, *after.dtypes]):
        return np.asarray(differing(before.to_numpy(), after.to_numpy(), tolerance).any(axis=1))
    wrong = np.zeros(len(before), dtype=bool)
    for i in range(before.shape[1]):
        wrong |= differing(before.iloc[:, i].to_numpy(), after.iloc[:, i].to_numpy(), tolerance)
    return wrong
