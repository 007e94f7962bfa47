"""A compiled rule as a strategy: what it wants at a slot, as target weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import Account, Mandate, Market, TargetWeights

if TYPE_CHECKING:
    from aura_lib.backtest.sweep import Rule


@dataclass(frozen=True, eq=False)
class Ruled:
    """Asks a rule for its positions on the bars known now; each symbol of the mandate has an equal share of equity."""

    rule: Rule

    def __call__(self, market: Market, account: Account, mandate: Mandate, **params: Any) -> TargetWeights:
        """The newest positions as weights."""
        names = list(mandate.universe)
        wanted = self.rule.positions(market.bars.select(names), **params)[-1] / len(names)
        weights = {s: float(w) for s, w in zip(names, wanted, strict=True) if np.isfinite(w) and w}
        return TargetWeights(weights, market.as_of, long_only=all(w > 0 for w in weights.values()))
