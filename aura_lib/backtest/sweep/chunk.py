"""A chunk of a sweep: combinations in, their metrics out. What a thread, a process or a Dask worker computes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.statistics import periods_per_year
from aura_lib.backtest.sweep.code import FILLS, LANES, Shape, module, path_module
from aura_lib.backtest.sweep.columns import Columns
from aura_lib.backtest.sweep.compiled import load
from aura_lib.backtest.sweep.explain import not_compiled, went_wrong
from aura_lib.backtest.sweep.metrics import DEFAULT, checked
from aura_lib.backtest.sweep.rule import PRICES
from aura_lib.backtest.sweep.windows import Windows
from aura_lib.core import DataError, InputError
from aura_lib.exchange import Costs
from aura_lib.exchange.costs import Ceiling, VolatilitySlippage

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from aura_lib.backtest.folds import Fold
    from aura_lib.backtest.sweep.rule import Rule
    from aura_lib.core import Bars

CORES = os.cpu_count() or 1
BPS, ZERO = Decimal(10_000), Decimal(0)


@dataclass(frozen=True, eq=False)
class Job:
    """All a worker needs: rule, prices, costs, windows. Frozen, picklable, the same for every chunk.

    `prices` is fields × bars × symbols (those of PRICES, NaN where the bars have none); `ratio` the fill price over the
    last close, `after` the close over the fill price, `live` where a symbol traded. `labels` names the windows: "all"
    first, then train and test of each fold.
    """

    rule: Rule
    prices: NDArray[np.float64]
    ratio: NDArray[np.float64]
    after: NDArray[np.float64]
    live: NDArray[np.bool_]
    fill: str
    fee: float
    slippage: float
    metrics: tuple[str, ...]
    windows: Windows
    periods: int
    times: pd.DatetimeIndex = field(repr=False)
    symbols: tuple[str, ...]
    columns: Columns = field(repr=False)

    @staticmethod
    def of(
        rule: Rule,
        bars: Bars,
        *,
        costs: Costs | None = None,
        fill: str = FILLS[0],
        folds: Sequence[Fold] = (),
        metrics: Sequence[str] = DEFAULT,
        periods: int | None = None,
    ) -> Job:
        """A job from bars. Raises InputError for an unknown fill or metric, DataError for bars without a price."""
        if fill not in FILLS:
            raise InputError(f"fill={fill!r} must be one of {', '.join(map(repr, FILLS))}")
        if not len(bars) or np.isnan(bars.close.to_numpy()).all():
            raise DataError(f"these bars ({bars.source}) hold no close: there is nothing to sweep over")
        prices = _prices(bars, rule, fill)
        ratio, after, live = _moves(prices, fill)
        fee, slippage = _rates(Costs() if costs is None else costs)
        return Job(
            rule,
            prices,
            ratio,
            after,
            live,
            fill,
            fee,
            slippage,
            checked(metrics),
            Windows.of(len(bars), folds),
            periods_per_year(bars.frequency) if periods is None else periods,
            bars.times,
            bars.symbols,
            Columns(prices),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the windows, in the order of `evaluate`'s second axis."""
        return self.windows.labels

    @property
    def costs(self) -> NDArray[np.float64]:
        """Cash that one unit of value costs when bought, and brings when sold."""
        f, s = self.fee, self.slippage
        return np.array([(1 + s) * (1 + f), (1 - s) * (1 - f)])

    @property
    def shape(self) -> Shape:
        """What the kernel is specialised for."""
        several = self.live.shape[1] > 1
        return Shape(self.metrics, self.fill, several, not self.live.all(), len(self.labels) > 1)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "columns": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, columns=Columns(state["prices"]))


@dataclass(frozen=True, eq=False, slots=True)
class Path:
    """One combination bar by bar: weights wanted, value held at the close and traded, as fractions of the capital."""

    wanted: NDArray[np.float64]  # bars × symbols
    held: NDArray[np.float64]
    traded: NDArray[np.float64]
    equity: NDArray[np.float64]  # bars

    @property
    def returns(self) -> NDArray[np.float64]:
        """Simple returns a bar, the first against the capital; zero once nothing is left."""
        before = np.concatenate(([1.0], self.equity[:-1]))
        return np.divide(self.equity, before, out=np.ones_like(before), where=before > 0) - 1


def evaluate(job: Job, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metrics of combinations: n × parameters in, n × windows × metrics out (NaN: a ratio without a divisor).

    Rows of `parameters` are combinations in the rule's order. Raises InputError for a wrong shape or a parameter
    that is not finite, ModelError when the rule wants NaN, infinity or more than its limit: with the bar and the line.
    """
    given = _checked(job, parameters)
    out = np.empty((len(given), len(job.labels), len(job.metrics)))
    kernel = load(module(job.rule, job.shape))
    for first, last, table, columns in job.columns.parts(job.rule, given):
        bad = np.zeros(last - first)
        order = _neighbours(columns)
        columns, rows, found = columns[:, order], given[first:last][order], out[first:last]
        with _compiling(job.rule):
            _threaded(kernel.evaluate, job, table, columns, rows, found, bad)
        if bad.any():
            at = int(np.argmax(bad > 0))
            raise went_wrong(job, rows[at], table, columns[:, at])
        found[order] = found.copy()
    return out


def path(job: Job, row: NDArray[np.float64]) -> Path:
    """One combination in full. Raises what `evaluate` raises."""
    from aura_lib.backtest.sweep.book import trade

    given = _checked(job, row.reshape(1, -1))
    kernel = load(path_module(job.rule))
    bars, symbols = job.live.shape
    wanted, held, traded = (np.empty((bars, symbols)) for _ in range(3))
    equity = np.empty(bars)
    _, _, table, columns = next(job.columns.parts(job.rule, given))
    with _compiling(job.rule):
        kernel.wants(job.prices, job.live, table, columns[:, 0].copy(), given[0], wanted)
    if not (np.abs(wanted) <= max(job.rule.limit, 1.0 if job.rule.invested else 0.0)).all():
        raise went_wrong(job, given[0], table, columns[:, 0])
    trade(wanted, job.ratio, job.after, job.live, _delay(job), job.costs, held, traded, equity)
    return Path(wanted, held, traded, equity)


def book(job: Job, wanted: NDArray[np.float64]) -> Path:
    """The portfolio of wishes from elsewhere (bars × symbols), traded as the job's rule would be."""
    from aura_lib.backtest.sweep.book import trade

    held, traded, equity = np.empty(wanted.shape), np.empty(wanted.shape), np.empty(len(wanted))
    trade(wanted, job.ratio, job.after, job.live, _delay(job), job.costs, held, traded, equity)
    return Path(wanted, held, traded, equity)


def returns(job: Job, parameters: NDArray[np.float64]) -> NDArray[np.float32]:
    """Simple returns of combinations, bars × n, float32. Raises what `evaluate` raises."""
    given = _checked(job, parameters)
    out = np.empty((len(given), len(job.live)), dtype=np.float32)
    kernel = load(path_module(job.rule))
    for first, last, table, columns in job.columns.parts(job.rule, given):
        with _compiling(job.rule):
            _spread(
                kernel.returns, last - first, job.prices, job.ratio, job.after, job.live, _delay(job), table, columns,
                given[first:last], job.costs, out[first:last],
            )  # fmt: skip
    return out.T


def _neighbours(columns: NDArray[np.uint32]) -> NDArray[np.int64]:
    """An order in which a block's lanes share columns, eight of a feature with eight of the next: fewer to read."""
    return np.lexsort(tuple(columns[::-1] // 8))


def _threaded(kernel: Any, job: Job, table: Any, columns: Any, given: Any, out: Any, bad: Any) -> None:
    """Blocks of lanes go to the threads as these come free: the kernel holds no lock of Python's."""
    windows = job.windows
    fixed = (
        job.prices, job.ratio, job.after, job.live, table, columns, np.ascontiguousarray(given.T), windows.bounds,
        windows.first, windows.members, windows.sizes, float(job.periods), job.costs, job.rule.limit, out, bad,
    )  # fmt: skip
    _spread(kernel, -(-len(given) // LANES), *fixed)


def _spread(kernel: Any, pieces: int, *fixed: Any) -> None:
    """Numbered pieces of work go to the threads as these come free: the kernel holds no lock of Python's."""
    numbers = deque(range(pieces))

    def work(_: int) -> None:
        while numbers:
            try:
                number = numbers.popleft()
            except IndexError:  # another thread took the last
                return
            kernel(number, *fixed)

    workers = min(_threads.get(), pieces)
    if workers == 1:
        return work(0)
    try:
        list(_pool().map(work, range(workers)))
    except BaseException:
        numbers.clear()  # whoever is still at work finds nothing more
        raise


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """At most that many threads inside; all cores when nothing is said."""
    most = CORES
    if number is not None and (isinstance(number, bool) or number not in range(1, most + 1)):
        raise InputError(f"threads={number!r} must be from 1 to {most}, the cores of this machine")
    token = _threads.set(number or most)
    try:
        yield
    finally:
        _threads.reset(token)


_threads: ContextVar[int] = ContextVar("threads", default=CORES)


@contextmanager
def _compiling(rule: Rule) -> Iterator[None]:
    """Tell what numba cannot compile in the words of the rule."""
    from numba.core.errors import NumbaError

    try:
        yield
    except NumbaError as error:
        raise not_compiled(rule, error) from error


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, thread_name_prefix="sweep")


def _delay(job: Job) -> int:
    return 0 if job.fill == "same close" else 1


def _checked(job: Job, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    given = np.asarray(parameters, dtype=np.float64)
    names = job.rule.parameters
    if given.ndim != 2 or given.shape[1] != len(names):
        raise InputError(f"parameters must be n × {len(names)} ({', '.join(names)}), not {given.shape}")
    if not np.isfinite(given).all():
        row, column = np.argwhere(~np.isfinite(given))[0]
        raise InputError(f"combination {row}: {names[column]} = {given[row, column]} must be a finite number")
    return given


def _prices(bars: Bars, rule: Rule, fill: str) -> NDArray[np.float64]:
    used = {
        *rule.prices,
        *(p for f in rule.features for p in f.prices),
        "close",
        *(["open"] if fill == "next open" else []),
    }
    missing = sorted(name for name in used if name not in bars.fields)
    if missing:
        raise InputError(
            f"rule {rule.name!r} with fill={fill!r} needs {', '.join(missing)}; the bars have {', '.join(bars.fields)}"
        )
    made = np.full((len(PRICES), *bars.close.shape), np.nan)
    for index, name in enumerate(PRICES):
        if name in used:
            made[index] = bars.fields[name].to_numpy()
    return made


def _moves(
    prices: NDArray[np.float64], fill: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Fill price over the last close, close over fill price, and where there is both."""
    close = prices[PRICES.index("close")]
    price = prices[PRICES.index("open")] if fill == "next open" else close
    live = np.isfinite(close) & np.isfinite(price)
    last = _carried(close)
    before = np.vstack([np.full((1, close.shape[1]), np.nan), last[:-1]])
    ratio = np.where(
        live & np.isfinite(before), price / before, np.where(np.isfinite(close / before), close / before, 1.0)
    )
    after = np.where(live, close / price, 1.0)
    return ratio, after, live


def _carried(close: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.where(np.isfinite(close), np.arange(len(close))[:, None], 0)
    return np.asarray(np.take_along_axis(close, np.maximum.accumulate(rows, axis=0), axis=0))


def _rates(costs: Costs) -> tuple[float, float]:
    """Commission and slippage of a market order, as fractions of the traded value; anything else is refused by name."""
    most = (
        Ceiling(costs.min_commission, ZERO, costs.commission_bps / BPS) if costs.fees is None else costs.fees.ceiling()
    )
    beyond = {
        "a minimum commission": most.fixed,
        "a commission per share": most.per_unit,
        "market impact": costs.impact,
        "borrow cost": costs.borrow,
        "interest": costs.interest,
        "slippage by volatility": isinstance(costs.slippage, VolatilitySlippage),
    }
    if any(beyond.values()):
        raise InputError(
            f"a sweep's costs are fractions of the traded value: {', '.join(k for k, v in beyond.items() if v)} needs "
            "`backtest.run`; give Costs(commission_bps=…, slippage_bps=…, min_commission=Decimal(0))"
        )
    return float(most.fraction), float(costs.fixed())
