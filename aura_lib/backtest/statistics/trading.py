"""Figures of round trips: how many won, by how much, how long they were held."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from aura_lib.core import InputError

NEEDED = {"entry time", "exit time", "profit", "open"}


def trading(trades: pd.DataFrame) -> dict[str, float]:
    """Statistics of closed round trips, as `Backtest.trades` has them; what is still open is left out.

    n_trades; hit_rate, trades with a profit over all; profit_factor, gains over losses; payoff, the mean gain over
    the mean loss; expectancy, the mean profit of a trade in currency after fees; average_holding in calendar days.
    NaN where there is no trade, or none that lost. Missing columns raise InputError.
    """
    missing = NEEDED - set(trades.columns)
    if missing:
        raise InputError(f"trades need the columns {sorted(NEEDED)}; missing: {sorted(missing)}")
    closed = trades[~trades["open"].astype(bool)]
    profit = closed["profit"].to_numpy(dtype="float64")
    held = closed["exit time"].array - closed["entry time"].array if len(closed) else pd.TimedeltaIndex([])
    figures = measured(profit[None])
    return {
        "n_trades": float(len(closed)),
        **{name: float(values[0]) for name, values in figures.items()},
        "average_holding": float(pd.TimedeltaIndex(held).total_seconds().to_numpy().mean()) / 86_400
        if len(closed)
        else math.nan,
    }


def measured(profit: np.ndarray) -> dict[str, np.ndarray]:
    """hit_rate, profit_factor, payoff and expectancy of profits, draws × trades."""
    won, lost = np.maximum(profit, 0.0), -np.minimum(profit, 0.0)
    wins, losses = (profit > 0).sum(axis=1), (profit < 0).sum(axis=1)
    number = np.float64(profit.shape[1])
    with np.errstate(all="ignore"):
        gains, pains = won.sum(axis=1), lost.sum(axis=1)
        figures = {
            "hit_rate": wins / number,
            "profit_factor": gains / pains,
            "payoff": (gains / wins) / (pains / losses),
            "expectancy": profit.sum(axis=1) / number,
        }
    return {name: np.where(np.isfinite(values), values, np.nan) for name, values in figures.items()}
