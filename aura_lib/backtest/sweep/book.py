"""One combination's portfolio in full: wishes in; equity, holdings and trades out. The plain form of the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]


@njit(cache=True, error_model="numpy", nogil=True)
def trade(
    wanted: Matrix,
    ratio: Matrix,
    after: Matrix,
    live: NDArray[np.bool_],
    delay: int,
    costs: Matrix,
    held: Matrix,
    traded: Matrix,
    equity: Matrix,
) -> None:
    """Trade towards `wanted` (bars × symbols) whenever it changes, each symbol with its own equal share of 1.

    `ratio` is fill price over the last close, `after` close over fill price; `costs` is (cash for one unit of
    value bought, cash from one sold). Writes the value held at each close, the value traded at each bar's fill price
    (negative: sold), and equity, as fractions of the capital at the start.
    """
    bars, symbols = wanted.shape
    value, cash, last = np.zeros(symbols), np.full(symbols, 1.0 / symbols), np.zeros(symbols)
    buy, sell, room = costs[0], costs[1], 1.0 / costs[0]
    for t in range(bars):
        total = 0.0
        for s in range(symbols):
            v, c, d = value[s] * ratio[t, s], cash[s], 0.0
            worth = v + c
            due = t - delay
            if live[t, s] and due >= 0 and worth > 0.0:
                want = wanted[due, s]
                if want != last[s]:
                    d = min(want * worth - v, max(c * room, 0.0))
                    last[s] = want
            c -= d * buy if d > 0.0 else d * sell
            v = (v + d) * after[t, s]
            if v + c <= 0.0 or worth <= 0.0:  # nothing left: closed, for good
                v, c = 0.0, 0.0
            value[s], cash[s], held[t, s], traded[t, s] = v, c, v, d
            total += v + c
        equity[t] = total
