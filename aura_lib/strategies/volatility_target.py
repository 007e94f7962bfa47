"""Volatility targeting: the same basket, more of it when markets are calm and less when they are not.

Source of the idea: Moreira and Muir, Volatility-Managed Portfolios, Journal of Finance 72(4), 2017; in practice Harvey
et al., The Impact of Volatility Targeting, Journal of Portfolio Management 45(1), 2018.
"""

from __future__ import annotations

import numpy as np

from aura_lib.core import Account, DataError, InputError, Mandate, Market, TargetWeights

__all__ = ["decide"]


def decide(
    market: Market,
    account: Account,
    mandate: Mandate,
    *,
    target: float = 0.10,
    window: int = 21,
    cap: float = 1.0,
    periods: int = 252,
) -> TargetWeights:
    """The names of the mandate in equal parts, scaled so that the basket's recent volatility would be `target`.

    exposure = min(cap, target / σ), with σ = √periods · std of the last `window` simple returns of the basket. A name
    takes part when it has a price at every bar of the window and is not restricted. A basket that did not move at all
    gets the cap. The account plays no part.

    Args:
        market: what is known now; closes of the mandate's universe.
        account: the book as it stands (not used).
        mandate: universe, restricted names and the cap of one weight.
        target: volatility a year that is aimed at, as a fraction: 0.10.
        window: returns the volatility is measured on, at least 2.
        cap: most that is invested, as a fraction of equity.
        periods: returns a year.

    Returns:
        Target weights as of the market's moment.

    Raises:
        InputError: a parameter is out of range. DataError: no name has prices over the whole window.
    """
    if not (window >= 2 and target > 0 and cap > 0 and periods > 0):
        raise InputError(
            f"target={target}, cap={cap} and periods={periods} are positive and window={window} is 2 or more"
        )
    close = market.close.iloc[-(window + 1) :][[s for s in mandate.universe if s not in mandate.restricted]]
    held = [str(symbol) for symbol in close if len(close) == window + 1 and close[symbol].notna().all()]
    if not held:
        raise DataError(
            f"no name has {window + 1} closes without a gap by {market.as_of.isoformat()}; the market has "
            f"{len(market.close)} bar(s). Start later, load more history, or use a shorter window"
        )
    prices = close[held].to_numpy()
    basket = (prices[1:] / prices[:-1] - 1).mean(axis=1)
    volatility = float(basket.std(ddof=1) * np.sqrt(periods))
    exposure = cap if volatility <= target / cap else target / volatility
    weight = min(exposure / len(held), mandate.max_weight)
    return TargetWeights(dict.fromkeys(held, weight), market.as_of)
