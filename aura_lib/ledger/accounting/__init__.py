"""What an owner is told: tax lots, the blotter of trades, and the statement of a month"""

from __future__ import annotations

from aura_lib.ledger.accounting.blotter import blotter
from aura_lib.ledger.accounting.history import tax_lots
from aura_lib.ledger.accounting.lot import Closed, Lot, long_term
from aura_lib.ledger.accounting.lots import Currencies, TaxLots
from aura_lib.ledger.accounting.pile import Method
from aura_lib.ledger.accounting.statement import Statement, Sums, cash_flows, month_of, statement

__all__ = [
    "Closed",
    "Currencies",
    "Lot",
    "Method",
    "Statement",
    "Sums",
    "TaxLots",
    "blotter",
    "cash_flows",
    "long_term",
    "month_of",
    "statement",
    "tax_lots",
]
