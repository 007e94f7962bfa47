"""What an owner is told: tax lots, the blotter of trades, and the statement of a month"""

from __future__ import annotations

from aura_lib.ledger.accounting.blotter import blotter
from aura_lib.ledger.accounting.lots import LONG_DAYS, Closed, Lot, Method, TaxLots, tax_lots
from aura_lib.ledger.accounting.statement import Statement, Sums, month_of, statement

__all__ = [
    "LONG_DAYS",
    "Closed",
    "Lot",
    "Method",
    "Statement",
    "Sums",
    "TaxLots",
    "blotter",
    "month_of",
    "statement",
    "tax_lots",
]
