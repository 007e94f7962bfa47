"""Writing trials down: one entry for a backtest, one for a sweep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import InputError, canonical, digest
from aura_lib.ledger.journal import SYSTEM, Entry
from aura_lib.ledger.trials import files
from aura_lib.ledger.trials.cells import cells as cells_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from aura_lib.ledger.ledger import Ledger

TRIAL, SWEEP = "trial", "sweep"
COMPLETED = "completed"
LONG = 100_000  # characters of a space; a longer one is noted by its hash


def count(
    ledger: Ledger,
    *,
    family: str,
    code: str,
    parameters: Mapping[str, Any],
    snapshot: str,
    window: Iterable[str],
    schedule: str,
    universe: str = "",
    costs: str = "",
    function: str = "",
    outcome: str = COMPLETED,
    sharpe: float | None = None,
    periods: float | None = None,
    statistics: Mapping[str, float] | None = None,
    paths: Mapping[str, Any] | None = None,
    **about: Any,
) -> Entry:
    """Write down one trial.

    Args:
        ledger: where to.
        family: the notebook or function it belongs to.
        code: a hash of the strategy's code.
        parameters: JSON values.
        snapshot: of the bars, or a hash of them when they came from memory.
        window: first and last bar.
        schedule: when it decided.
        universe: what could be held, or a hash of it.
        costs: what trading cost, as text.
        function: module and name of the strategy, empty for one that was written in a notebook.
        outcome: completed, or how it was abandoned: raised, interrupted, killed. An abandoned trial that is completed
            later is one trial.
        sharpe: per period, not annualised; NaN or None when it is not known.
        periods: periods a year.
        statistics: further figures; those that are not finite are left out.
        paths: what `trial_files.keep_paths` noted of its returns.
        about: who, run, notebook, interactive, error, …: JSON values.

    Returns:
        the entry; of a trial that was there already, the one that it had.

    """
    identity = {
        "code": code, "parameters": dict(parameters), "snapshot": snapshot, "universe": universe,
        "window": list(window), "schedule": schedule, "costs": costs,
    }  # fmt: skip
    body = {
        **identity, "family": family, "function": function, "outcome": outcome, "sharpe": _finite(sharpe),
        "periods": _finite(periods), "statistics": _finites(statistics or {}), "paths": dict(paths or {}), **about,
    }  # fmt: skip
    mark, whose = "" if outcome == COMPLETED else "abandoned:", (family, function, about.get("notebook", ""))
    return ledger.journal.append(SYSTEM, TRIAL, body, key=f"trial:{mark}{digest([*whose, identity])}")


def count_sweep(
    ledger: Ledger,
    *,
    family: str,
    code: str,
    space: Mapping[str, Any],
    snapshot: str,
    window: Iterable[str],
    schedule: str,
    count: int,
    sharpe_mean: float | None,
    sharpe_variance: float | None,
    paths: NDArray[Any] | Mapping[str, Any] | None = None,
    times: pd.DatetimeIndex | None = None,
    cells: Mapping[str, Any] | None = None,
    sharpe_best: float | None = None,
    parameters: Mapping[str, NDArray[Any]] | None = None,
    universe: str = "",
    costs: str = "",
    function: str = "",
    outcome: str = COMPLETED,
    periods: float | None = None,
    home: Path | None = None,
    **about: Any,
) -> Entry:
    """Write down a sweep: one entry for all its trials.

    Args:
        ledger: where to.
        family: as for `count`; so are code, snapshot, window, schedule, universe, costs, function, outcome, about.
        code: a hash of the rule's code.
        space: parameter → its values when every combination was tried; or JSON values that say what was tried.
        snapshot: of the bars.
        window: first and last bar.
        schedule: when it decided, "every bar" for a rule.
        count: combinations that were tried, abandoned ones included.
        sharpe_mean: of the combinations' Sharpe ratios, per period.
        sharpe_variance: of the same (n − 1).
        paths: returns of some combinations, bars × n, of which at most 1,000 are kept; or what `keep_paths` noted.
        times: of the rows of `paths`.
        cells: what `keep_cells` noted, when it was asked already.
        sharpe_best: the highest of the Sharpe ratios, per period.
        parameters: parameter → its value in each combination, when not every one of the space was tried.
        universe: what could be held, or a hash of it.
        costs: what trading cost, as text.
        function: module and name of the rule.
        outcome: completed, raised, interrupted, killed.
        periods: periods a year.
        home: AURA_HOME, for the files; of the environment when not given.
        about: further JSON values.

    Returns:
        the entry; of a sweep that was there already, the one that it had.

    Raises:
        InputError: paths that do not fit their times, or a count that is none.

    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
        raise InputError(f"count={count!r} must be the number of combinations that were tried")
    context = {
        "code": code, "snapshot": snapshot, "universe": universe, "window": list(window), "schedule": schedule,
        "costs": costs,
    }  # fmt: skip
    told = {name: _listed(values) for name, values in space.items()}
    noted = keep_cells(home, told, parameters, int(count)) if cells is None else dict(cells)
    identity = {**context, "space": told if len(canonical(told)) < LONG else digest(told), "count": int(count)}
    kept = dict(paths) if isinstance(paths, Mapping) else _kept(home, paths, times)
    body = {
        **identity, "family": family, "function": function, "outcome": outcome, "cells": noted, "paths": kept,
        "sharpe_mean": _finite(sharpe_mean), "sharpe_variance": _finite(sharpe_variance),
        "sharpe_best": _finite(sharpe_best), "periods": _finite(periods), **about,
    }  # fmt: skip
    key = digest([family, function, about.get("notebook", ""), identity, noted.get("hash", "")])
    return ledger.journal.append(SYSTEM, SWEEP, body, key=f"sweep:{'' if outcome == COMPLETED else 'abandoned:'}{key}")


def keep_cells(
    home: Path | None, space: Mapping[str, Any], parameters: Mapping[str, NDArray[Any]] | None, count: int
) -> dict[str, Any]:
    """Keep which cells a sweep tried; nothing where that is not known."""
    known = cells_of(space, parameters, count)
    return {} if known is None else files.keep_cells(home, known)


def _kept(home: Path | None, paths: NDArray[Any] | None, times: pd.DatetimeIndex | None) -> dict[str, Any]:
    return {} if paths is None or times is None or not np.size(paths) else files.keep_paths(home, paths, times)


def _listed(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values.tolist()
    if isinstance(values, np.generic):
        return values.item()
    return [_listed(v) for v in values] if isinstance(values, list | tuple | range) else values


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _finites(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(v) for name, v in values.items() if math.isfinite(v)}
