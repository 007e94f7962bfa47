"""Prices that never were: a seeded model of a market, its days, its minutes and its blemishes."""

from __future__ import annotations

from aura_lib.data.synthesis.blemishes import BLEMISHES
from aura_lib.data.synthesis.daily import regimes
from aura_lib.data.synthesis.options import Options
from aura_lib.data.synthesis.panel import frames

__all__ = ["BLEMISHES", "Options", "frames", "regimes"]
