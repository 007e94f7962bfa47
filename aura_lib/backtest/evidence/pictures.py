"""The data of the figures of an examination, as plain JSON values: small enough for the ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case, Outcome, sharpe

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from aura_lib.backtest.validation.crossing import CrossValidation
    from aura_lib.backtest.validation.grid import Tried
    from aura_lib.backtest.validation.walking import WalkForward

POINTS = 400  # of a curve


def equity(case: Case, base: Outcome) -> dict[str, Any]:
    """The curve of the strategy as it is, growth of 1."""
    kept = _thinned(len(base.returns))
    return {"times": _days(case.times[kept]), "as_it_is": np.cumprod(1 + base.returns)[kept].tolist()}


def validation(case: Case, base: Outcome, walk: WalkForward, cross: CrossValidation) -> dict[str, Any]:
    """The out-of-sample curve beside the same stretch as it is, the choices, and the paths' Sharpe ratios."""
    first = len(base.returns) - len(walk.returns)
    kept = _thinned(len(walk.returns))
    curves = {
        "times": _days(case.times[first:][kept]),
        "out_of_sample": np.cumprod(1 + walk.returns.to_numpy())[kept].tolist(),
        "as_it_is": np.cumprod(1 + base.returns[first:])[kept].tolist(),
    }
    choices = [
        {
            "from": _days(case.times[c.fold.test[:1]])[0], "to": _days(case.times[c.fold.test[-1:]])[0],
            "params": dict(c.params),
            "in_sample": c.train_sharpe, "out_of_sample": c.test_sharpe,
        }
        for c in walk.choices
    ]  # fmt: skip
    return {
        "walk_forward": {
            **curves, "choices": choices, "sharpe": walk.out_of_sample, "in_sample": walk.in_sample,
        },
        "cpcv": {"sharpes": cross.sharpes.tolist(), "in_sample": cross.in_sample},
    }  # fmt: skip


def neighbourhood(case: Case, trials: Tried, grid: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Annual Sharpe ratios over the first two parameters of the grid with several values, the others as chosen."""
    names = [name for name, values in grid.items() if len(values) > 1][:2]
    if not names:
        return {}
    axes = [_axis(case.params.get(name), grid[name]) for name in names]
    rows = axes[1] if len(axes) > 1 else [None]
    year = case.periods**0.5

    def ratio(x: Any, y: Any) -> float:
        point = {**case.params, names[0]: x, **({names[1]: y} if len(names) > 1 else {})}
        at = trials.index(point)
        return sharpe(trials.outcomes[at].returns) * year if at >= 0 else math.nan

    return {
        "names": names, "x": axes[0], "y": rows, "sharpes": [[ratio(x, y) for x in axes[0]] for y in rows],
        "chosen": [case.params.get(name) for name in names],
    }  # fmt: skip


def _axis(chosen: Any, values: Sequence[Any]) -> list[Any]:
    everything = list(dict.fromkeys([*values, *([] if chosen is None else [chosen])]))
    numbers = all(isinstance(one, int | float) for one in everything)
    return sorted(everything) if numbers else everything


def _days(times: pd.DatetimeIndex) -> list[str]:
    return [f"{time:%Y-%m-%d}" for time in times]


def _thinned(rows: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, rows - 1, min(rows, POINTS)).astype(np.int64))


def plain(value: Any) -> Any:
    """The same as JSON values: numbers of five digits, and None for what is no number."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(part) for part in value]
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.5g}") if math.isfinite(value) else None
    return str(value)
