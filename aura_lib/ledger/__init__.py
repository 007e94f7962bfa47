"""the append-only, hash-chained journal; orders, positions, cash, P&L, runs and audit are views of it"""

from __future__ import annotations

from sqlalchemy import Connection

from aura_lib.ledger.archive import Archive, Restored, backup, restore
from aura_lib.ledger.control import ALL, Lease, LeaseLost, Slot, Token, surely_dead, this_process
from aura_lib.ledger.inbox import Received, Request
from aura_lib.ledger.journal import SYSTEM, Entry, Verification
from aura_lib.ledger.ledger import Ledger, News
from aura_lib.ledger.views import AccountView, Verdict
from aura_lib.ledger.watch import Watch

__all__ = [
    "ALL",
    "SYSTEM",
    "AccountView",
    "Archive",
    "Connection",
    "Entry",
    "Lease",
    "LeaseLost",
    "Ledger",
    "News",
    "Received",
    "Request",
    "Restored",
    "Slot",
    "Token",
    "Verdict",
    "Verification",
    "Watch",
    "backup",
    "restore",
    "surely_dead",
    "this_process",
]
