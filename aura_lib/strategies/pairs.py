"""Pairs: of two companies that usually move together, buy the one that fell behind and sell the one that ran ahead.

Source of the idea: Gatev, Goetzmann and Rouwenhorst, Pairs Trading: Performance of a Relative-Value Arbitrage Rule,
Review of Financial Studies 19(3), 2006.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aura_lib.core import Account, DataError, InputError, Mandate, Market, TargetWeights

__all__ = ["decide"]


def decide(
    market: Market,
    account: Account,
    mandate: Mandate,
    *,
    window: int = 252,
    entry: float = 2.0,
    leave: float = 0.5,
) -> TargetWeights:
    """Hold each pair of the mandate's universe (first with second, third with fourth, …) while it is apart.

    z = (s − mean(s)) / std(s) over the last `window` closes, with s = ln(first / second). At z ≥ `entry` the first is
    sold and the second bought with as much money, at z ≤ −`entry` the other way round; the position is kept until
    |z| ≤ `leave`, or until z is beyond the entry on the other side. Each pair has the same part of
    `mandate.max_gross`, half of it a leg, cut to `mandate.max_weight`. A pair with a gap in the window, with a
    restricted name, or that did not move apart at all is not held; the last of an odd universe has no partner.

    Args:
        market: what is known now; closes of the mandate's universe.
        account: the book as it stands: which way round a pair is held.
        mandate: the universe, in pairs; it must allow shorts.
        window: closes that the usual distance is measured on, at least 3.
        entry: standard deviations at which a pair is opened.
        leave: standard deviations at which it is closed, below `entry`.

    Returns:
        Target weights as of the market's moment, positive and negative.

    Raises:
        InputError: a parameter is out of range, or the mandate does not allow shorts.
        DataError: the history is shorter than the window.
    """
    if not (window >= 3 and 0 <= leave < entry):
        raise InputError(f"window={window} is 3 or more, and leave={leave} from zero to below entry={entry}")
    if not mandate.short:
        raise InputError("pairs sell what they do not have: the mandate needs short=True")
    if len(market.close) < window:
        raise DataError(
            f"{len(market.close)} bars by {market.as_of.isoformat()}, and window={window}: start later, or load more"
        )
    couples = list(zip(mandate.universe[::2], mandate.universe[1::2], strict=False))
    leg = min(mandate.max_gross / len(couples) / 2, mandate.max_weight) if couples else 0.0
    weights: dict[str, float] = {}
    for first, second in couples:
        if {first, second} & set(mandate.restricted):
            continue
        apart = _distance(market.close[[first, second]].iloc[-window:])
        if direction := _direction(apart, account, first, entry, leave):
            weights |= {first: direction * leg, second: -direction * leg}
    return TargetWeights(weights, market.as_of, long_only=False, max_gross=mandate.max_gross)


def _distance(close: pd.DataFrame) -> float:
    """How far the pair is apart now, in standard deviations of its log ratio; NaN when that is not known."""
    prices = close.to_numpy()
    ratio = np.log(prices[:, 0] / prices[:, 1])
    spread = float(ratio.std(ddof=1))
    return float((ratio[-1] - ratio.mean()) / spread) if spread > 1e-12 else np.nan


def _direction(apart: float, account: Account, first: str, entry: float, leave: float) -> int:
    """+1: long the first and short the second; −1: the other way round; 0: neither."""
    if not np.isfinite(apart) or abs(apart) <= leave:
        return 0
    held = int(np.sign(float(account.quantity(first))))
    wanted = -int(np.sign(apart))
    return wanted if abs(apart) >= entry or held == wanted else 0
