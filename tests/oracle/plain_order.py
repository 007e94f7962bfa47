"""The life of an order as one would tell it to a child: a place, what was bought so far, and what may come next.

It imports nothing of ours and shares no table with it; statuses are the words of the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

HOME = {"approved"}  # it never left us
AWAY = {"sending", "unknown"}  # it may have arrived
THERE = {"held", "accepted", "partially_filled"}  # the broker works it
ENDED = {"filled", "cancelled", "expired", "rejected", "replaced"}
KEPT = {"withheld"}  # written down by a shadow, and never sent
OVER = ENDED | KEPT


@dataclass
class PlainOrder:
    """An order of some quantity."""

    quantity: Decimal
    status: str = "approved"
    filled: Decimal = Decimal(0)
    sent: bool = False

    def may_become(self, status: str) -> bool:
        """Whether a next status makes sense."""
        if self.status in KEPT:
            return False  # nobody has it
        if self.status in ENDED:
            return status == "filled" and self.status != "filled"  # only late fills are news of the dead
        if self.status in HOME:
            return status in {"sending", "cancelled", "expired", "withheld"}  # we send it, drop it, or keep it
        if status in KEPT:
            return False  # what has left us cannot be kept back
        if status in HOME:
            return False  # nothing comes back
        if self.status in AWAY:
            # we lose sight of what we send, send again what never arrived, or hear of it
            return status in THERE | ENDED or (self.status, status) in {("sending", "unknown"), ("unknown", "sending")}
        if status in AWAY:
            return False  # the broker has it: that is known
        if self.status == "partially_filled":
            return status not in {"accepted", "held", "rejected"}  # what was bought stays bought
        return status != self.status

    def become(self, status: str) -> None:
        """Move on."""
        assert self.may_become(status)
        self.sent = self.sent or status == "sending"
        self.status = status
