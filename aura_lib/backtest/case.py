"""A case: a strategy with all a replay of it needs, what it answered, and the returns that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest.curve import Curve
from aura_lib.backtest.replay import Replay, replay
from aura_lib.backtest.statistics import periods_per_year
from aura_lib.core import Account, Bars, DataError, InputError, Mandate, Market, Schedule, TargetWeights, utc
from aura_lib.exchange import Costs
from aura_lib.plan import Decide
from aura_lib.risk import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

Answers = Mapping[datetime, Any]  # slot → what `decide` returned there


@dataclass(frozen=True, eq=False)
class Case:
    """A strategy, the history it may see, and the moments it decides at; nothing that is counted as a trial.

    `first` is the row of `bars` where the window begins: bars before it are history, not results.
    """

    decide: Decide
    bars: Bars
    mandate: Mandate
    slots: tuple[datetime, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    first: int = 0
    costs: Costs = field(default_factory=Costs)
    limits: Limits = field(default_factory=Limits)
    name: str = "as it is"

    @staticmethod
    def of(
        decide: Decide,
        bars: Bars,
        mandate: Mandate,
        *,
        schedule: str,
        params: Mapping[str, Any] | None = None,
        warmup: int = 0,
        costs: Costs | None = None,
        limits: Limits | None = None,
    ) -> Case:
        """The case of these arguments, which are those of `backtest.run`.

        Raises InputError for a universe the bars do not have, a warm-up as long as the bars, or no slot after it.
        """
        unknown = [symbol for symbol in mandate.universe if symbol not in bars.instruments]
        if unknown:
            raise InputError(f"the mandate's universe names {unknown}; these bars ({bars.source}) do not have them")
        if warmup not in range(len(bars) - 1):
            raise InputError(f"warmup={warmup!r} must be a number of bars from 0 to {len(bars) - 2}")
        asked = Schedule.parse(schedule).slots(utc(bars.times[warmup]), bars.end)
        slots = tuple(utc(slot) for slot in asked if slot in bars.times)
        if len(slots) < 2:
            raise InputError(
                f"'{schedule}' has {len(slots)} slot(s) with a bar between {bars.times[warmup]:%Y-%m-%d} and "
                f"{bars.end:%Y-%m-%d}: nothing can be concluded from so few decisions"
            )
        return Case(decide, bars, mandate, slots, dict(params or {}), warmup, costs or Costs(), limits or Limits())

    @property
    def times(self) -> pd.DatetimeIndex:
        """The moment of each return: every bar of the window but the first."""
        return self.bars.times[self.first + 1 :]

    @property
    def periods(self) -> int:
        """Returns a year."""
        return int(periods_per_year(self.bars.frequency, self.bars.calendar))

    def run(self) -> Outcome:
        """Replay it once, through plan, limits and exchange. Raises what the replay raises, with the case's name."""
        recorder = _Recorder(self.decide)
        try:
            made = replay(
                recorder, self.bars, self.mandate, slots=self.slots, params=self.params, costs=self.costs,
                limits=self.limits,
            )  # fmt: skip
        except Exception as error:
            error.add_note(f"in the case '{self.name}'")
            raise
        if made.stopped is not None:  # half a replay is no case
            raise KeyboardInterrupt
        equity, charged = curves(made, self.bars)
        window = equity[self.first :]
        return Outcome(
            self.name,
            _returns(window),
            charged[self.first + 1 :] / np.maximum(window[:-1], np.finfo(float).tiny),
            sum(float(fill.value) for fill in made.fills) / 2 / max(float(window.mean()), np.finfo(float).tiny),
            recorder.answers,
            bool(recorder.read),
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a case came to, a value a bar of its window (the first has no return).

    `returns` are simple and net of costs, `charged` what commission and slippage took of equity in that bar,
    `turnover` half the traded value over mean equity for the whole window. `reads_account` tells whether `decide`
    looked at the account: if not, its answers hold for every account.
    """

    name: str
    returns: NDArray[np.float64]
    charged: NDArray[np.float64]
    turnover: float
    answers: Answers
    reads_account: bool


@dataclass(frozen=True, eq=False)
class Told:
    """A strategy that answers what was answered before, whatever the account is."""

    answers: Answers

    def __call__(self, market: Market, account: Account, mandate: Mandate, **params: Any) -> Any:
        """What was answered at the market's moment."""
        return self.answers[market.as_of]


def again(case: Case, outcome: Outcome) -> Decide:
    """The strategy of a case that was run: from memory where it may be, or asked again."""
    return case.decide if outcome.reads_account else Told(outcome.answers)


def stamped(answer: Any, as_of: datetime) -> Any:
    """An answer as of another moment."""
    return replace(answer, as_of=as_of) if isinstance(answer, TargetWeights) else answer


def sharpe(returns: NDArray[np.float64]) -> float:
    """Mean over standard deviation (n − 1) of returns, per period; NaN for fewer than two, or without variation."""
    spread = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / spread if spread > 0 else float("nan")


def curves(made: Replay, bars: Bars) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equity at each bar, and what commission and slippage took in it, in currency."""
    touched = made.touched()
    symbols = tuple(symbol for symbol in bars.symbols if symbol in touched)
    charged = np.zeros(len(bars))
    if not symbols:
        return np.full(len(bars), float(made.opening.cash)), charged
    curve = Curve(bars, made.opening, made.changes(bars, symbols))
    close, column = bars.close.to_numpy(), {symbol: number for number, symbol in enumerate(bars.symbols)}
    rows = bars.times.get_indexer(pd.DatetimeIndex([fill.time for fill in made.fills], tz="UTC").as_unit("us"))
    for row, fill in zip(rows, made.fills, strict=True):
        size = float(fill.quantity * fill.instrument.multiplier)
        slipped = fill.side.sign * (float(fill.price) - close[row, column[fill.symbol]])
        charged[row] += float(fill.fee) + size * max(slipped, 0.0)
    return curve.equity.to_numpy(), charged


def _returns(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simple returns; an account that is gone has lost all, and then stands still."""
    gone = np.maximum.accumulate(equity <= 0)
    held = np.where(gone, 0.0, equity)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = held[1:] / held[:-1] - 1.0
    return np.where(gone[:-1], 0.0, change)


class _Recorder:
    """A strategy whose answers are written down, and whether it looked at the account."""

    def __init__(self, decide: Decide) -> None:
        self.__wrapped__ = decide
        self.__name__ = getattr(decide, "__name__", repr(decide))
        self.answers: dict[datetime, Any] = {}
        self.read: list[str] = []

    def __call__(self, market: Market, account: Account, mandate: Mandate, **params: Any) -> Any:
        answer = self.__wrapped__(market, _watched(account, self.read), mandate, **params)
        self.answers[market.as_of] = answer
        return answer


class _Watched(Account):
    """An account that writes down what is read of it."""

    __slots__ = ("_read",)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "_read").append(name)
        return object.__getattribute__(self, name)


def _watched(account: Account, read: list[str]) -> Account:
    copy = object.__new__(_Watched)
    object.__setattr__(copy, "_read", read)
    for one in fields(Account):
        object.__setattr__(copy, one.name, getattr(account, one.name))
    return copy


def window_of(bars: Bars, rows: Sequence[int] | NDArray[np.int64]) -> Bars:
    """The bars of some rows (ascending); what lies between them is not there."""
    kept = np.asarray(rows, dtype=np.int64)
    if not len(kept):
        raise DataError(f"no row of {bars.source} is left")
    return replace(bars, fields={name: frame.iloc[kept] for name, frame in bars.fields.items()})
