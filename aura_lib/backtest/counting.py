"""Counting: whoever backtests or sweeps is counted, also when it raised, was stopped or was killed.

    with counting.counted(decide, bars, ...) as trial:
        result = replay(..., progress=trial.watch(progress))
        trial.completed(returns)

A trial begins with its first decision: a call that was refused before has tried nothing. While it is at work a note
lies in AURA_HOME/trials/open; what a process that was killed left there, the next count of anybody writes down, and so
too what could not be written because the ledger was locked. Nothing here ever takes a result away: what goes wrong is
a warning.
"""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.access import who
from aura_lib.backtest import held, notes
from aura_lib.backtest.identity import code_of, name_of, numbers_of, told
from aura_lib.backtest.notes import Note
from aura_lib.core import AuraError, Bars, Mandate, Progress, canonical, digest, iso, project_root
from aura_lib.ledger import Ledger

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from aura_lib.ledger.trials import Trials


RUN_CONTEXT = "AURA_RUN_CONTEXT"  # in which a runner tells the kernel it starts whose notebook this is
SESSION = "JPY_SESSION_NAME"  # in which Jupyter tells a kernel which notebook it serves
_off: ContextVar[bool] = ContextVar("uncounted", default=False)
KILLED, RAISED, INTERRUPTED, COMPLETED = "killed", "raised", "interrupted", "completed"


def family_of(function: Any) -> str:
    """The family that a trial of this function belongs to, here: what `trials(family)` is asked with.

    The notebook when a runner executes it, or when the function was written in a cell of it; else the function's
    module and name.
    """
    module, name = name_of(function)
    notebook = str(_runner().get("notebook", "")) or (_session() if module == "__main__" else "")
    return notebook or f"{module}.{name}"


def _notebook() -> str:
    """The notebook this kernel runs, whoever runs it; empty when nobody says."""
    return str(_runner().get("notebook", "")) or _session()


@contextmanager
def uncounted() -> Iterator[None]:
    """Within, no trial is counted, in this thread: a check repeats what was tried already."""
    before = _off.set(True)
    try:
        yield
    finally:
        _off.reset(before)


def trials(family: Any, *, paths: bool = True) -> Trials:
    """What was tried in a family, by everybody: how often, how it went, and a sample of the return paths.

    Args:
        family: a notebook, a function's module and name, or the function itself.
        paths: whether to read the sampled return paths too.

    """
    from aura_lib.ledger.trials import Trials, history

    name = family if isinstance(family, str) else family_of(family)
    ledger = Ledger.find()
    if ledger is None:
        return Trials(name)
    with ledger:
        return history(ledger, name, paths=paths)


def _runner() -> dict[str, Any]:
    """What a runner says of this kernel; nothing when a person runs it."""
    try:
        found = json.loads(os.environ.get(RUN_CONTEXT) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _session() -> str:
    """The notebook that Jupyter has this kernel for, relative to the project."""
    session = os.environ.get(SESSION, "")
    if not session.endswith(".ipynb"):
        return ""
    path, root = Path(session).absolute(), project_root()
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else path.name


# ---- one trial at work ---------------------------------------------------------------------------------------------
@dataclass
class Trial:
    """One backtest or sweep on its way to the ledger.

    `identity` is what makes it another one than the next; `done` of `total` decisions (of a sweep: combinations) are
    through; `found` is what is known of its outcome.
    """

    what: str
    identity: Mapping[str, Any]
    about: Mapping[str, Any]
    done: int = 0
    total: int = 0
    outcome: str = RAISED
    found: dict[str, Any] = field(default_factory=dict)
    returns: NDArray[Any] | None = None
    times: pd.DatetimeIndex | None = None

    def watch(self, progress: Progress | None) -> Progress:
        """A `progress` that tells the trial how far it is, and whoever asked."""

        def tell(done: int, total: int) -> None:
            self.done, self.total = done, total
            if progress is not None:
                progress(done, total)

        return tell

    def completed(
        self, returns: pd.Series, *, outcome: str = COMPLETED, statistics: Mapping[str, float] | None = None
    ) -> None:
        """A backtest came to its end, or to the point where it was stopped: its simple returns, one a bar."""
        values = returns.to_numpy("float64")
        self.outcome, self.done = outcome, max(self.done, 1)
        figures = {name: float(v) for name, v in (statistics or {}).items() if math.isfinite(v)}
        self.found |= {"sharpe": _sharpe(values), "statistics": figures}
        self.returns, self.times = values, returns.index  # type: ignore[assignment]

    def swept(
        self,
        count: int,
        *,
        sharpe_mean: float,
        sharpe_variance: float,
        sharpe_best: float = math.nan,
        paths: NDArray[Any] | None = None,
        times: pd.DatetimeIndex | None = None,
        parameters: Mapping[str, NDArray[Any]] | None = None,
        outcome: str = COMPLETED,
    ) -> None:
        """A sweep came to its end, or to the point where it was stopped; as `ledger.trials.count_sweep` takes it."""
        self.outcome, self.done = outcome, int(count)
        self.found |= {
            "sharpe_mean": sharpe_mean, "sharpe_variance": sharpe_variance, "sharpe_best": sharpe_best,
            "parameters": parameters,
        }  # fmt: skip
        self.returns, self.times = paths, times


@contextmanager
def counted(
    function: Any,
    bars: Bars,
    *,
    window: tuple[datetime, datetime],
    schedule: str,
    params: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    mandate: Mandate | None = None,
    costs: Any = None,
    periods: float | None = None,
    code: str = "",
    size: int = 0,
) -> Iterator[Trial]:
    """Count what is done inside as one trial, or as one sweep when `space` says what is tried.

    Args:
        function: the strategy or the rule.
        bars: as they were given, before any cut to the window.
        window: first and last bar of the backtest.
        schedule: when it decides.
        params: parameters of a backtest; of a sweep, those it holds fixed.
        space: parameters of a sweep: name → values when every combination is tried.
        mandate: whose universe and constraints; without it the symbols of the bars.
        costs: whatever describes trading costs and fills: a dataclass, or several in a tuple.
        periods: returns a year, to make Sharpe ratios of several frequencies comparable.
        code: a hash of the code where the function does not show it.
        size: how many combinations a sweep was asked for. Should its process be killed, all of them count: how many
            were looked at by then nobody can say any more, and too many trials are the safe side.

    """
    trial = _begin(function, bars, window, schedule, params or {}, space, mandate, costs, periods, code)
    if trial is None:
        yield Trial("nothing", {}, {})
        return
    note = Note.open(_entry(replace(trial, outcome=KILLED, done=size or _size(trial)), {}))
    try:
        yield trial
    except BaseException as error:
        trial.outcome = RAISED if isinstance(error, Exception) else INTERRUPTED
        trial.found["error"] = f"{type(error).__name__}: {error}"[:500]
        raise
    finally:
        if trial.done:
            _count(trial, note)
        note.close()


def _begin(
    function: Any, bars: Bars, window: tuple[datetime, datetime], schedule: str, params: Mapping[str, Any],
    space: Mapping[str, Any] | None, mandate: Mandate | None, costs: Any, periods: float | None, code: str,
) -> Trial | None:  # fmt: skip
    runner = _runner()
    if _off.get() or any(runner.get(name) for name in ("job", "rehearsal", "preview")):
        return None  # a check repeats; a job, its parity and its preview try nothing
    module, name = name_of(function)
    identity = {
        "code": code or code_of(function), "snapshot": numbers_of(bars), "window": [iso(moment) for moment in window],
        "schedule": schedule, "costs": _short(costs),
        "universe": _short(bars.symbols if mandate is None else [bars.symbols, mandate]),
        **({"parameters": told(params)} if space is None else {"space": _space(params, space)}),
    }  # fmt: skip
    about = {
        "family": family_of(function), "function": "" if module == "__main__" else f"{module}.{name}",
        "notebook": _notebook(), "periods": periods, "who": who(), "interactive": not runner,
        "run": runner.get("run", ""), "started": iso(datetime.now(UTC)),
    }  # fmt: skip
    return Trial("trial" if space is None else "sweep", identity, about)


def _space(params: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    """What a sweep tries: its space, and the one value of each parameter that it holds fixed."""
    return {name: [told(value)] for name, value in params.items()} | {name: _axis(v) for name, v in space.items()}


def _axis(values: Any) -> Any:
    return told(
        values.tolist() if isinstance(values, np.ndarray) else list(values) if isinstance(values, range) else values
    )


def _size(trial: Trial) -> int:
    """How many trials this will be: of a product of lists all of it."""
    values = trial.identity.get("space", {}).values()
    return math.prod(len(v) for v in values) if values and all(isinstance(v, list) for v in values) else 1


def _short(value: Any) -> str:
    """A text of a value, by its hash when it is long."""
    text = canonical(told(value)) if value is not None else ""
    return text if len(text) <= 200 else digest(text)


def _sharpe(returns: NDArray[np.float64]) -> float:
    """Sharpe ratio per period (Sharpe 1994), the risk-free rate at zero; NaN when there is none."""
    known = returns[np.isfinite(returns)]
    spread = known.std(ddof=1) if len(known) > 1 else 0.0
    return float(known.mean() / spread) if spread > 0 else math.nan


# ---- into the ledger -----------------------------------------------------------------------------------------------
def _count(trial: Trial, note: Note) -> None:
    """Write a trial down, and before it what others had to leave open."""
    entry = _entry(trial, _files(trial))
    try:
        with held.ledger() as ledger:
            for left in notes.left():
                try:
                    _append(ledger, left.entry)
                except (KeyError, TypeError):  # another version of Aura wrote it
                    left.set_aside()
                left.close()
            _append(ledger, entry)
    except (AuraError, OSError) as error:
        then = "it is noted, and counted with the next one" if note.owe(entry) else "it is not counted"
        told_of = f"{trial.about['family']}: this {trial.what} could not be written down: {error}; {then}"
        warnings.warn(told_of, stacklevel=_outside())


def _entry(trial: Trial, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `ledger.trials` is told, as JSON values; `kept` is what was noted of its files."""
    found = {name: value for name, value in trial.found.items() if name != "parameters"}
    entry = {
        "what": trial.what, **trial.identity, **trial.about, "outcome": trial.outcome, "total": trial.total, **kept,
        "done" if trial.what == "trial" else "count": trial.done, **found,
    }  # fmt: skip
    return {name: _known(value) for name, value in entry.items()}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else told(value)


def _files(trial: Trial) -> dict[str, Any]:
    """Keep return paths and cells; without a place for them the trial counts all the same."""
    from aura_lib.ledger import trials

    kept: dict[str, Any] = {}
    try:
        if trial.returns is not None and trial.times is not None and np.size(trial.returns):
            kept["paths"] = trials.keep_paths(None, trial.returns, trial.times)
        if trial.what == "sweep":
            kept["cells"] = trials.keep_cells(None, trial.identity["space"], trial.found.get("parameters"), trial.done)
    except OSError as error:
        kept["files_lost"] = str(error.strerror)
    return kept


def _append(ledger: Ledger, entry: Mapping[str, Any]) -> None:
    from aura_lib.ledger import trials

    given = {"sharpe_mean": None, "sharpe_variance": None, **entry} if entry["what"] == "sweep" else dict(entry)
    write = trials.count if given.pop("what") == "trial" else trials.count_sweep
    write(ledger, **given)


def _outside() -> int:
    """How many frames up whoever called the backtest is: a warning is about their line, not ours."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(("aura_lib.", "contextlib")):
        frame, level = frame.f_back, level + 1
    return level
