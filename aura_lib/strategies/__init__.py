"""`decide(...)`: the same in test and live"""

from __future__ import annotations

from aura_lib.strategies import momentum

__all__ = ["momentum"]
