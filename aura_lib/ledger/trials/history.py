"""Reading trials back: what was tried in a family, how often, by whom, and how it went."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import DataError, canonical, digest, utc
from aura_lib.ledger.journal import SYSTEM, Entry
from aura_lib.ledger.trials import files
from aura_lib.ledger.trials.writing import COMPLETED, SWEEP, TRIAL

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    from numpy.typing import NDArray

    from aura_lib.ledger.ledger import Ledger

CONTEXT = ("code", "snapshot", "universe", "window", "schedule", "costs")  # in which two sweeps may share cells
DAYS = 252  # returns a year of paths that were compounded to days
SHIPPED = "aura_lib."
SAMPLED = 1_000  # return paths of a family


@dataclass(frozen=True, eq=False)
class Trials:
    """What was tried in one family, by everybody.

    `count` is the number of distinct trials, `sweeps` how many entries of them are sweeps, `abandoned` how many
    trials raised, were interrupted or killed. Sharpe ratios are per period of a year of `periods`, not annualised:
    mean, variance (n − 1) and best are over all trials, those of a sweep by the figures it left; `sharpes` holds
    those of single backtests and of the sampled paths of sweeps. `paths` is a sample of at most 1,000 return paths
    (bars × n, NaN where a trial has none) at `times`, None when no trial left any. `problems` names files that are
    missing or were changed since.
    """

    family: str
    count: int = 0
    sweeps: int = 0
    abandoned: int = 0
    periods: float = math.nan
    sharpe_mean: float = math.nan
    sharpe_variance: float = math.nan
    sharpe_best: float = math.nan
    first: datetime | None = None
    last: datetime | None = None
    who: tuple[str, ...] = ()
    sharpes: NDArray[np.float64] = field(default_factory=lambda: np.array([]), repr=False)
    paths: NDArray[np.float32] | None = field(default=None, repr=False)
    times: pd.DatetimeIndex | None = field(default=None, repr=False)
    problems: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = field(default=(), repr=False)

    def table(self) -> pd.DataFrame:
        """A row for each backtest or sweep, oldest first; `sharpe` (of a sweep the best) is annualised."""
        import pandas as pd

        columns = ["time", "who", "what", "trials", "sharpe", "outcome", "parameters", "window", "family"]
        return pd.DataFrame([_row(entry) for entry in self.entries], columns=columns)


def families(ledger: Ledger) -> list[Trials]:
    """Every family with what was tried in it, the one tried last first; without return paths."""
    entries = _entries(ledger)
    names = dict.fromkeys(str(entry.body["family"]) for entry in reversed(entries))
    return [_trials(name, _related(entries, name), None, ledger, paths=False) for name in names]


def history(ledger: Ledger, family: str, *, home: Path | None = None, paths: bool = True) -> Trials:
    """What was tried in one family; of one that nobody tried, a count of zero.

    Args:
        ledger: where it is written.
        family: a notebook, or a function (module and name).
        home: AURA_HOME, for the files; of the environment when not given.
        paths: whether to read the sampled return paths too.

    """
    return _trials(family, _related(_entries(ledger), family), home, ledger, paths=paths)


def _entries(ledger: Ledger) -> list[Entry]:
    return ledger.journal.entries(SYSTEM, kinds=(TRIAL, SWEEP))


def _related(entries: list[Entry], family: str) -> list[Entry]:
    """The entries of a family, those made in its notebook, and those of the functions that it used.

    Of what Aura ships, that others tried in notebooks of their own is theirs.
    """
    named = [e for e in entries if family in (e.body["family"], e.body.get("function"), e.body.get("notebook"))]
    functions = {e.body["function"] for e in named if e.body.get("function")}
    own, seen = {f for f in functions if not f.startswith(SHIPPED)}, {e.seq for e in named}

    def shared(body: Any) -> bool:
        return body.get("function") in (own if body.get("notebook") else functions)

    return [e for e in entries if e.seq in seen or shared(e.body)]


def _trials(family: str, entries: list[Entry], home: Path | None, ledger: Ledger, *, paths: bool) -> Trials:
    distinct, problems = _distinct(entries), list[str]()
    periods = next((float(e.body["periods"]) for e in reversed(distinct) if e.body.get("periods")), math.nan)
    sampled = list(_sampled(distinct, home, problems, ledger)) if paths else []
    times, matrix = _aligned(sampled)
    mean, variance, best = _pooled(distinct, periods)
    moments = [utc(entry.time) for entry in entries]
    return Trials(
        family=family,
        count=sum(e.kind == TRIAL for e in distinct) + _cells(distinct, home, problems),
        sweeps=sum(e.kind == SWEEP for e in distinct),
        abandoned=sum(_size(e) for e in distinct if _abandoned(e)),
        periods=periods,
        sharpe_mean=mean,
        sharpe_variance=variance,
        sharpe_best=best,
        first=min(moments, default=None),
        last=max(moments, default=None),
        who=tuple(dict.fromkeys(str(e.body["who"]) for e in entries if e.body.get("who"))),
        sharpes=_sharpes(distinct, sampled, periods),
        paths=matrix,
        times=times,
        problems=tuple(dict.fromkeys(problems)),
        entries=tuple(distinct),
    )


# ---- how many ------------------------------------------------------------------------------------------------------
def _distinct(entries: list[Entry]) -> list[Entry]:
    """Each trial or sweep once, by the entry that tells most: one that was completed before one that was not."""
    found: dict[str, Entry] = {}
    for entry in entries:
        name = _identity(entry)
        if name not in found or _abandoned(found[name]):
            found[name] = entry
    whole = {_grid(e) for e in found.values() if e.kind == SWEEP and not _abandoned(e)}
    again = [e for e in found.values() if not (e.kind == SWEEP and _abandoned(e) and _grid(e) in whole)]
    return sorted(again, key=lambda e: e.seq)


def _abandoned(entry: Entry) -> bool:
    return bool(entry.body.get("outcome", COMPLETED) != COMPLETED)


def _grid(entry: Entry) -> str:
    return digest([*(entry.body.get(name, "") for name in CONTEXT), entry.body.get("space")])


def _identity(entry: Entry) -> str:
    body = entry.body
    what = [body.get("space"), body["count"], body.get("cells")] if entry.kind == SWEEP else body.get("parameters")
    return digest([entry.kind, *(body.get(name, "") for name in CONTEXT), what])


def _size(entry: Entry) -> int:
    return int(entry.body["count"]) if entry.kind == SWEEP else 1


def _cells(entries: list[Entry], home: Path | None, problems: list[str]) -> int:
    """How many different cells the sweeps tried: those in common once where it is known which they are."""

    def context(entry: Entry) -> str:
        return canonical([entry.body.get(name, "") for name in CONTEXT])

    sweeps = sorted((e for e in entries if e.kind == SWEEP), key=context)
    return sum(_union(list(group), home, problems) for _, group in groupby(sweeps, key=context))


def _union(sweeps: list[Entry], home: Path | None, problems: list[str]) -> int:
    if len(sweeps) == 1:
        return _size(sweeps[0])
    known, unknown = [np.array([], "uint64")], 0
    for sweep in sweeps:
        try:
            known.append(files.read_cells(home, sweep.body["cells"])) if sweep.body["cells"] else None
            unknown += 0 if sweep.body["cells"] else _size(sweep)
        except DataError as problem:
            problems.append(str(problem))
            unknown += _size(sweep)
    return len(files.distinct(np.concatenate(known))) + unknown


# ---- how it went ---------------------------------------------------------------------------------------------------
def _scale(body: Any, periods: float) -> float:
    """From a Sharpe ratio per period of a trial to one per period of the family, by the square root of time."""
    return math.sqrt(float(body.get("periods") or periods) / periods) if periods == periods else 1.0


def _pooled(entries: list[Entry], periods: float) -> tuple[float, float, float]:
    """Mean, variance and best of the Sharpe ratios of all trials, sweeps by their own mean, variance and count."""
    rows = [row for entry in entries if (row := _moments(entry, periods))[0]]
    if not rows:
        return math.nan, math.nan, math.nan
    n, means, variances, bests = np.array(rows).T
    total = n.sum()
    mean = float((n * means).sum() / total)
    squares = float(((n - 1) * variances).sum() + (n * (means - mean) ** 2).sum())
    return mean, float(squares / (total - 1)) if total > 1 else math.nan, float(bests.max())


def _moments(entry: Entry, periods: float) -> tuple[int, float, float, float]:
    body, scale = entry.body, _scale(entry.body, periods)
    if entry.kind == TRIAL:
        sharpe = body.get("sharpe")
        return (0, 0.0, 0.0, 0.0) if sharpe is None else (1, sharpe * scale, 0.0, sharpe * scale)
    mean, variance, best = (body.get(f"sharpe_{name}") for name in ("mean", "variance", "best"))
    if mean is None:
        return 0, 0.0, 0.0, 0.0
    return _size(entry), mean * scale, (variance or 0.0) * scale**2, (mean if best is None else best) * scale


def _sharpes(entries: list[Entry], sampled: list[_Sampled], periods: float) -> NDArray[np.float64]:
    singles = [_moments(e, periods) for e in entries if e.kind == TRIAL]
    found = [np.array([mean for n, mean, _, _ in singles if n], "float64")]
    for sample in sampled:
        if sample.entry.kind == SWEEP:
            given = {"periods": DAYS} if sample.entry.body["paths"].get("daily") else sample.entry.body
            found.append(_per_period(sample.returns) * _scale(given, periods))
    values: NDArray[np.float64] = np.concatenate(found)
    return values[np.isfinite(values)]


def _per_period(returns: NDArray[np.float32]) -> NDArray[np.float64]:
    values = returns.astype("float64")
    if len(values) < 2:
        return np.full(values.shape[1], math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(values.mean(axis=0) / values.std(axis=0, ddof=1), "float64")


# ---- return paths --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Sampled:
    entry: Entry
    times: pd.DatetimeIndex
    returns: NDArray[np.float32]


def _sampled(entries: list[Entry], home: Path | None, problems: list[str], ledger: Ledger) -> Iterator[_Sampled]:
    """The paths of each trial, of sweeps in proportion to their counts, at most 1,000 in all.

    Those that retention took away are no problem: the counts and figures of their trials stand in the journal.
    """
    having = [entry for entry in entries if entry.body.get("paths")]
    total = sum(_size(entry) for entry in having)
    having = [having[i] for i in files.thinned(len(having), SAMPLED // 2)]
    for entry in having:
        wanted = max(1, int(_size(entry) * (SAMPLED - len(having)) / total)) if total > SAMPLED else SAMPLED
        try:
            times, returns = files.read_paths(home, entry.body["paths"])
        except DataError as problem:
            if ledger.control.removed(files.name_of(entry.body["paths"])) is None:
                problems.append(str(problem))
            continue
        yield _Sampled(entry, times, returns[:, files.thinned(returns.shape[1], wanted)])


def _aligned(sampled: list[_Sampled]) -> tuple[pd.DatetimeIndex | None, NDArray[np.float32] | None]:
    if not sampled:
        return None, None
    times = sampled[0].times
    for sample in sampled[1:]:
        times = times if sample.times.equals(times) else times.union(sample.times)
    matrix = np.full((len(times), sum(s.returns.shape[1] for s in sampled)), np.nan, "float32")
    column = 0
    for sample in sampled:
        width = sample.returns.shape[1]
        matrix[times.get_indexer(sample.times), column : column + width] = sample.returns
        column += width
    return times, matrix


# ---- the table -----------------------------------------------------------------------------------------------------
def _row(entry: Entry) -> dict[str, Any]:
    body = entry.body
    sharpe = body.get("sharpe_best" if entry.kind == SWEEP else "sharpe")
    return {
        "time": utc(entry.time),
        "who": body.get("who", ""),
        "what": entry.kind if entry.kind == SWEEP else "backtest",
        "trials": _size(entry),
        "sharpe": math.nan if sharpe is None or not body.get("periods") else sharpe * math.sqrt(body["periods"]),
        "outcome": body.get("outcome", COMPLETED),
        "parameters": canonical(body.get("space" if entry.kind == SWEEP else "parameters", {})),
        "window": " to ".join(str(moment)[:10] for moment in body["window"]),
        "family": body["family"],
    }
