"""How a notebook proposes: its basket goes to the inbox, and the verdict comes back."""

from __future__ import annotations

from dataclasses import dataclass

from aura_lib.core import Basket, Decision
from aura_lib.execution.service import PATIENCE, wait_until
from aura_lib.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Proposal:
    """A basket and the desk's Decision on each of its legs. Fills come later, when the market gives them."""

    basket: Basket
    decisions: tuple[Decision, ...]

    @property
    def approved(self) -> int:
        """How many legs became orders."""
        return sum(d.approved for d in self.decisions)

    @property
    def rejected(self) -> tuple[Decision, ...]:
        """The legs that were refused, with the rule that did it."""
        return tuple(d for d in self.decisions if not d.approved)


def propose(ledger: Ledger, basket: Basket, secret: str, patience: float = PATIENCE) -> Proposal:
    """Write a basket to the inbox and wait for the desk's verdict.

    The first basket of an (origin, slot) counts: a second one is not written, and the verdict on the first
    comes back. Raises PermissionDenied without a valid run token, BrokerUnavailable when no desk answers.
    """
    counts = ledger.inbox.put(basket, secret)
    key = f"verdict:{counts.id}"
    wait_until(
        lambda: ledger.journal.find(counts.account, key) is not None,
        f"a verdict on {counts.id}",
        ledger,
        counts.account,
        patience=patience,
    )
    verdict = ledger.account(counts.account).verdicts[counts.id]
    return Proposal(verdict.basket, verdict.decisions)
