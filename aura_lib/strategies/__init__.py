"""`decide(...)`: the same in test and live"""

from __future__ import annotations

from aura_lib.strategies import momentum, volatility_target

__all__ = ["momentum", "volatility_target"]
