"""Replayed: one combination of a sweep in full, with units and prices instead of fractions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.sweep.rule import PRICES

if TYPE_CHECKING:
    from aura_lib.backtest.sweep.chunk import Job, Path


@dataclass(frozen=True, eq=False, slots=True)
class Replayed:
    """Equity, positions and trades of one combination, in the account's currency and in units.

    `wanted` is the fraction of its equity that the rule wished for at each bar; `positions` are units held after the
    bar. `trades` has a row each: time, symbol, quantity (negative: sold), price (slippage included), fee.
    """

    parameters: Mapping[str, float]
    equity: pd.Series
    returns: pd.Series
    wanted: pd.DataFrame
    positions: pd.DataFrame
    trades: pd.DataFrame

    @staticmethod
    def of(job: Job, path: Path, parameters: Mapping[str, float], capital: float = 1.0) -> Replayed:
        """From a path, for that much capital."""
        times, symbols = job.times, list(job.symbols)
        close = pd.DataFrame(job.prices[PRICES.index("close")]).ffill().to_numpy()
        units = np.divide(path.held * capital, close, out=np.zeros_like(path.held), where=path.held != 0)
        return Replayed(
            dict(parameters),
            pd.Series(path.equity * capital, index=times, name="equity"),
            pd.Series(path.returns, index=times, name="returns"),
            pd.DataFrame(path.wanted, times, symbols),
            pd.DataFrame(units, times, symbols),
            _trades(job, path, capital),
        )


def _trades(job: Job, path: Path, capital: float) -> pd.DataFrame:
    price = job.prices[PRICES.index("open" if job.fill == "next open" else "close")]
    bars, symbols = np.nonzero(path.traded)
    value = path.traded[bars, symbols] * capital
    reference = price[bars, symbols]
    paid = reference * (1 + np.sign(value) * job.slippage)
    quantity = value / reference
    return pd.DataFrame(
        {
            "time": job.times[bars],
            "symbol": np.array(job.symbols, dtype=object)[symbols],
            "quantity": quantity,
            "price": paid,
            "fee": np.abs(quantity) * paid * job.fee,
        }
    )
