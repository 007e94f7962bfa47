"""Planning: what the page remembers of a rebalance, from the targets that were typed to the verdict."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from aura_lib.access import who
from aura_lib.core import AuraError, Settings
from aura_lib.execution import rebalance
from aura_lib.execution.form import targets
from aura_lib.execution.present import Present
from aura_lib.execution.rebalance import Choice, Rebalance
from aura_lib.ledger import Ledger
from aura_lib.ui.trade import plan


@dataclass
class Planning:
    """One plan at a time. It is made anew when prices or holdings move before it is sent."""

    found: Rebalance | None = None
    problem: str = ""
    verdict: str = ""
    sending: str = ""
    number: int = 0
    key: str = ""  # what makes a second press the same proposal
    fields: Mapping[str, str] = field(default_factory=dict)

    def ask(self, ledger: Ledger, s: Present, fields: Mapping[str, str]) -> None:
        """Make the plan of a form."""
        self.fields, self.found, self.verdict, self.key = fields, None, "", secrets.token_hex(8)
        self.again(ledger, s)

    def again(self, ledger: Ledger, s: Present) -> None:
        """Make it anew, as of now."""
        if not self.fields or self.sending:
            return
        try:
            self.problem, self.found = "", self._made(ledger, s)
        except AuraError as error:
            self.problem, self.found = str(error), None

    def _made(self, ledger: Ledger, s: Present) -> Rebalance:
        weights = targets(plan.words(self.fields.get("targets", "")))
        return rebalance.by_hand(
            ledger, s, weights, book=self.fields.get("book") or s.book, who=who(),
            lots=self.fields.get("lots") or Choice.LEAST_TAX, keep_others=bool(self.fields.get("keep_others")),
        )  # fmt: skip

    def send(self, settings: Settings) -> str:
        """Propose it and wait for the verdict; what to tell of it."""
        assert self.found is not None
        with Ledger.open(settings) as ledger:
            proposal = rebalance.propose(ledger, self.found, who=who(), key=self.key, settings=settings)
        told = f"{proposal.approved} of {len(proposal.decisions)} orders were approved: see Orders."
        return " ".join([told, *(f"{decision}." for decision in proposal.rejected)])

    def sent(self, verdict: str) -> None:
        """What became of it; the next plan starts with an empty form."""
        self.verdict, self.found, self.fields, self.number = verdict, None, {}, self.number + 1

    def html(self, s: Present) -> str:
        """The section of the page."""
        return plan.plan(s, self.found, self.problem, self.verdict, sending=self.sending, number=self.number)
