"""Cross-sectional momentum: hold the past winners, weighted for least variance.

Source of the idea: Jegadeesh and Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48(1), 1993.
"""

from __future__ import annotations

import operator
from typing import Any

import pandas as pd

from aura_lib.core import Account, DataError, InputError, Mandate, Market, TargetWeights
from aura_lib.indicators import momentum
from aura_lib.optimizers import min_volatility

__all__ = ["decide"]


def decide(
    market: Market,
    account: Account,
    mandate: Mandate,
    *,
    lookback: int = 126,
    top: int = 5,
    skip: int = 0,
    window: int = 252,
) -> TargetWeights:
    """The `top` names of the mandate by momentum, weighted by minimum volatility under its `max_weight`.

    A name is ranked when it has a price at the last bar and at both ends of its momentum, no gap in the last
    `window` bars, and is not restricted. Equal momentum is ordered by symbol. The account plays no part.

    Args:
        market: what is known now; closes of the mandate's universe.
        account: the book as it stands (not used: momentum asks what to hold, `plan` what to trade).
        mandate: universe, restricted names and the cap of one weight.
        lookback: bars the return is measured over.
        top: names held; fewer when fewer can be ranked.
        skip: newest bars left out of the return.
        window: bars the covariance is estimated from, at least 3.

    Returns:
        Target weights as of the market's moment; only names held are in it.

    Raises:
        InputError: a parameter is out of range, or the market lacks a symbol of the universe.
        DataError: no name can be ranked, for instance because a window is longer than the history.
        ModelError: the cap is too low for the names that are left (see `optimizers.min_volatility`).
    """
    for name, value, least in (("lookback", lookback, 1), ("top", top, 1), ("skip", skip, 0), ("window", window, 3)):
        _whole(name, value, least)
    needed = max(lookback + skip + 1, window)
    close = _closes(market, mandate, needed)
    score = _scores(close, lookback, skip, window) if len(close) == needed else pd.Series(dtype="float64")
    if score.empty:
        raise DataError(
            f"no name can be ranked at {market.as_of.isoformat()}: lookback={lookback}, skip={skip}, window={window} "
            f"need {needed} closes without a gap; the market has {len(market.close)} bar(s), and {close.shape[1]} "
            "unrestricted name(s). Start later, load more history, or use a shorter lookback and window"
        )
    held = sorted(score.index, key=lambda symbol: (-score[symbol], symbol))[:top]
    weights = min_volatility(close.iloc[-window:][held], max_weight=mandate.max_weight)
    return TargetWeights({s: w for s, w in weights.items() if w > 0}, market.as_of)


def _whole(name: str, value: Any, least: int) -> None:
    try:
        good = not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        good = False
    if not good:
        raise InputError(f"{name} must be a whole number, at least {least}, not {value!r}")


def _closes(market: Market, mandate: Mandate, rows: int) -> pd.DataFrame:
    """The last `rows` closes of the names that may be bought."""
    missing = [s for s in mandate.universe if s not in market.symbols]
    if missing:
        raise InputError(f"the mandate names {missing}, which these bars do not have: load them, or leave them out")
    return market.close.iloc[-rows:][[s for s in mandate.universe if s not in mandate.restricted]]


def _scores(close: pd.DataFrame, lookback: int, skip: int, window: int) -> pd.Series:
    """Momentum at the last bar of every name without a gap in the window."""
    score = momentum(close.iloc[-(lookback + skip + 1) :], lookback, skip).iloc[-1]
    return score[close.iloc[-window:].notna().all()].dropna()
