"""Checks before the trade: what a desk asks of every order besides the limits of a book, each a Decision."""

from __future__ import annotations

from aura_lib.risk.pretrade.context import Context, Price, Trading
from aura_lib.risk.pretrade.limits import NAMES, TradeLimits, changed, loosened, tightest
from aura_lib.risk.pretrade.reserved import reserved
from aura_lib.risk.pretrade.rules import AFTER, BEFORE
from aura_lib.risk.pretrade.usage import Use, usage
from aura_lib.risk.pretrade.verdicts import check

__all__ = [
    "AFTER",
    "BEFORE",
    "NAMES",
    "Context",
    "Price",
    "TradeLimits",
    "Trading",
    "Use",
    "changed",
    "check",
    "loosened",
    "reserved",
    "tightest",
    "usage",
]
