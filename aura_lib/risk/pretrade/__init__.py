"""Checks before the trade: what a desk asks of every order besides the limits of a book, each a Decision."""

from __future__ import annotations

from aura_lib.risk.pretrade.check import check
from aura_lib.risk.pretrade.context import Context, Price, Trading
from aura_lib.risk.pretrade.limits import TradeLimits, changed, loosened, tightest
from aura_lib.risk.pretrade.reserved import reserved
from aura_lib.risk.pretrade.rules import AFTER, BEFORE

__all__ = [
    "AFTER",
    "BEFORE",
    "Context",
    "Price",
    "TradeLimits",
    "Trading",
    "changed",
    "check",
    "loosened",
    "reserved",
    "tightest",
]
