"""Ledger against broker: what differs, what it means, what it stops, and what would mend it

`compare` is pure: the account's view and what the broker told in, a `Reconciliation` out. `ask` puts the questions.
Differences that rest on the broker's word (an execution, a status, a booking) are written at once; all others wait
for a person, who gets the entries offered that would make the ledger say what the broker says.
"""

from __future__ import annotations

from aura_lib.execution.reconcile.compare import compare
from aura_lib.execution.reconcile.differences import Difference, Halts, Kind, Reconciliation, Written
from aura_lib.execution.reconcile.orders import bust_key
from aura_lib.execution.reconcile.target import Short, short_of_target
from aura_lib.execution.reconcile.told import Told, ask

__all__ = [
    "Difference",
    "Halts",
    "Kind",
    "Reconciliation",
    "Short",
    "Told",
    "Written",
    "ask",
    "bust_key",
    "compare",
    "short_of_target",
]
