"""An account at Alpaca, paper or live, through alpaca-py: shares, options and crypto"""

from __future__ import annotations

from aura_lib.execution.brokers.alpaca.broker import AlpacaBroker
from aura_lib.execution.brokers.alpaca.keys import NAMES, PACKAGE, Keys, missing

__all__ = ["NAMES", "PACKAGE", "AlpacaBroker", "Keys", "missing"]
