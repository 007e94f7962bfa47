"""How a notebook proposes: its basket goes to the inbox, and the verdict comes back."""

from __future__ import annotations

from dataclasses import dataclass

from aura_lib.core import Basket, Decision, decode
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
    return verdict_on(ledger, ledger.inbox.put(basket, secret), patience)


def verdict_on(ledger: Ledger, basket: Basket, patience: float = PATIENCE) -> Proposal:
    """Wait for the desk's verdict on a basket of the inbox."""
    key, account = f"verdict:{basket.id}", basket.account
    wait_until(
        lambda: ledger.journal.find(account, key) is not None, f"a verdict on {basket.id}", ledger, account,
        patience=patience,
    )  # fmt: skip
    entry = ledger.journal.find(account, key)
    assert entry is not None
    return Proposal(decode(Basket, entry.body["basket"]), tuple(decode(Decision, d) for d in entry.body["decisions"]))
