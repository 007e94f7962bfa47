"""`decide(...)`: the same in test and live"""

from __future__ import annotations

from aura_lib.strategies import momentum, pairs, volatility_target

__all__ = ["momentum", "pairs", "volatility_target"]
