"""The desk: the only place where an order is checked, written down, sent and reconciled.

The life of an order, one file a step:

    take       basket or request in the inbox → verdicts and APPROVED orders, cancels and replacements that are asked
    send       APPROVED → SENDING is written → the broker is called with the client id → its answer is written
    settle     SENDING or UNKNOWN → the broker is asked by client id until it knows
    change     what shall be cancelled is cancelled, and its end confirmed
    poll       what the broker did since: fills, each booked once, bookings, and how the orders stand
    reconcile  ledger against broker; drift halts the account
    stop       the kill switch: all orders cancelled, all positions closed

`seat` is what the steps share: the ledger behind the fence of the lease, the broker, prices and time; `learn` is how
an answer of the broker becomes entries. Killed anywhere, the next desk starts from what is written: an order that may
have been sent is looked up, never assumed.
"""

from __future__ import annotations

from aura_lib.execution.desk.desk import Desk
from aura_lib.execution.desk.take import client_id

__all__ = ["Desk", "client_id"]
