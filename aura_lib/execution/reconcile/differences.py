"""What may differ between ledger and broker, and what a person is offered to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from aura_lib.core import digest, iso


class Kind(StrEnum):
    """What differs."""

    STATUS = "status"  # the broker tells how an order stands
    MISSED_FILL = "missed_fill"  # it tells an execution that is not booked
    MISSED_BOOKING = "missed_booking"
    FOREIGN_ORDER = "foreign_order"  # it works an order that is not in the ledger
    FILL_DIFFERS = "fill_differs"  # one execution, two prices, quantities or fees
    FILL_NOT_TOLD = "fill_not_told"  # an order has more filled than executions were told
    FILL_PARKED = "fill_parked"  # an execution whose order nobody knows
    FILL_TAKEN_BACK = "fill_taken_back"  # ... and less than what is booked
    NOT_THERE = "not_there"  # an order that it had accepted and now says it never had
    UNSETTLED = "unsettled"  # an order that may or may not have arrived
    STILL_OPEN = "still_open"  # it works an order that the ledger holds closed
    POSITION = "position"
    AVERAGE_COST = "average_cost"
    CASH = "cash"
    UNATTRIBUTED = "unattributed"  # what was traded outside Aura, against a holding of a book


class Halts(StrEnum):
    """How far a difference stops new orders."""

    NOTHING = "nothing"
    SYMBOL = "symbol"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Written:
    """A journal entry that would mend a difference. Its key is a pure function of the fact: written once, ever."""

    kind: str
    body: Mapping[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that ledger and broker tell differently.

    `ours` and `theirs` are what each says, `cases` the rows of the list of known failures it belongs to, `meaning` one
    sentence for people. `mending` are the entries that would make the ledger say what the broker says; `automatic`
    ones rest on what the broker told in so many words and are written at once, all others wait for a person.
    """

    kind: Kind
    subject: str  # client id, execution id, symbol or currency
    ours: str
    theirs: str
    cases: tuple[str, ...]
    meaning: str
    halts: Halts = Halts.NOTHING
    symbol: str = ""
    mending: tuple[Written, ...] = ()
    automatic: bool = False
    fact: str = ""  # what else makes it this one and not an earlier one that looked the same

    @property
    def id(self) -> str:
        """Its name: the same facts always get the same one."""
        return digest([self.kind, self.subject, self.ours, self.theirs, self.fact])[:12]

    def __str__(self) -> str:
        return f"{self.subject}: ledger {self.ours or 'nothing'}, broker {self.theirs or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of one comparison.

    `differences` stand; `settling` are young ones that an answer on its way may still explain; `unanswered` are
    questions the broker did not answer, and what rests on them was not compared; `remarks` change nothing.
    """

    at: datetime
    differences: tuple[Difference, ...] = ()
    settling: tuple[Difference, ...] = ()
    unanswered: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)  # id → when it was first seen

    @property
    def agrees(self) -> bool:
        """Whether ledger and broker say the same, as far as everything was asked and answered."""
        return not (self.differences or self.settling or self.unanswered)

    @property
    def automatic(self) -> tuple[Written, ...]:
        """Entries that need no person: the broker told them in so many words."""
        return tuple(entry for d in self.differences if d.automatic for entry in d.mending)

    @property
    def open(self) -> tuple[Difference, ...]:
        """Differences that are left for a person, or that stop something."""
        return tuple(d for d in self.differences if not d.automatic and (d.mending or d.halts is not Halts.NOTHING))

    @property
    def drift(self) -> str:
        """Why the account's new orders are halted; empty when they are not."""
        return "; ".join(str(d) for d in self.differences if d.halts is Halts.ACCOUNT and not d.automatic)

    @property
    def stopped(self) -> dict[str, str]:
        """Symbol → why its new orders are halted."""
        stopped: dict[str, list[str]] = {}
        for difference in (*self.differences, *self.settling):
            if difference.symbol and not difference.automatic and difference.halts is not Halts.NOTHING:
                stopped.setdefault(difference.symbol, []).append(str(difference))
        return {symbol: "; ".join(why) for symbol, why in stopped.items()}

    def body(self) -> dict[str, Any]:
        """What the desk writes down of it: `what`, `at`, and each open difference with what would mend it."""
        told = [
            {
                "id": d.id, "kind": d.kind.value, "subject": d.subject, "ours": d.ours, "theirs": d.theirs,
                "cases": list(d.cases), "meaning": d.meaning, "halts": d.halts.value, "symbol": d.symbol,
                "mending": [{"kind": m.kind, "body": dict(m.body), "key": m.key} for m in d.mending],
            }
            for d in self.open
        ]  # fmt: skip
        return {"what": self.drift, "at": iso(self.at), "differences": told, "stopped": self.stopped}
