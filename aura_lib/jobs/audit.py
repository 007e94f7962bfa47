"""The audit: the chain of every account holds, and its money adds up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aura_lib import data
from aura_lib.core import Account
from aura_lib.execution import account_terms
from aura_lib.execution.feed import Feed
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Verification

CENT_FRACTION = Decimal("1e-9")  # what 28 digits leave over when an average cost is divided


@dataclass(frozen=True, slots=True)
class Sums:
    """One book: cash + positions on one side, what was paid in + gains + income − fees on the other: both its equity.

    `brought` is what units cost that were imported, or came from another book.
    """

    account: str
    book: str
    currency: str
    cash: Decimal
    positions: Decimal
    paid_in: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    brought: Decimal = Decimal(0)
    income: Decimal = Decimal(0)

    @property
    def equity(self) -> Decimal:
        """Cash plus positions at market."""
        return self.cash + self.positions

    @property
    def ok(self) -> bool:
        """Whether the two ways to the equity agree."""
        earned = self.realised + self.unrealised + self.income - self.fees
        return abs(self.equity - (self.paid_in + self.brought + earned)) <= CENT_FRACTION


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found: the chains, and the sums of every book."""

    chain: Verification
    books: tuple[Sums, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.chain.ok and all(book.ok for book in self.books)

    def line(self) -> str:
        """One sentence for people."""
        if not self.chain.ok:
            return f"Ledger: BROKEN. {self.chain.problem}"
        wrong = [f"{b.account}/{b.book}" for b in self.books if not b.ok]
        sums = f"WRONG in {', '.join(wrong)}" if wrong else f"holds in {len(self.books)} book(s)"
        counted = f"{self.chain.entries} entries in {self.chain.chains} chains verified"
        return f"Ledger: {counted}; cash + positions = equity {sums}."

    def data(self) -> dict[str, Any]:
        """The same for machines."""
        books = [{n: getattr(b, n) for n in (*Sums.__slots__, "equity", "ok")} for b in self.books]
        return {
            "ok": self.ok,
            "entries": self.chain.entries,
            "chains": self.chain.chains,
            "problem": self.chain.problem,
            "books": books,
        }


def audit(ledger: Ledger) -> Audit:
    """Recompute every hash and every book."""
    chain = ledger.journal.verify()
    if not chain.ok:
        return Audit(chain, ())
    accounts = [name for name in ledger.journal.chains() if name != SYSTEM]
    return Audit(chain, tuple(sums for name in accounts for sums in _books(ledger, name)))


def _books(ledger: Ledger, name: str) -> list[Sums]:
    terms, view = account_terms(ledger, name), ledger.account(name)
    clock = ledger.control.clock(name)
    moment = (clock[1] if clock else None) or None
    if not view.fills and not view.cash:
        return []
    feed = Feed(data.load(source=terms.source, calendar=terms.calendar))
    prices = feed.prices(moment or feed.bars.end)
    return [_sums(view, book, view.account(book), prices) for book in view.cash]


def _sums(view: AccountView, book: str, account: Account, prices: Any) -> Sums:
    held = [p for p in account.positions.values() if p.quantity]
    positions = sum((p.value(prices[p.instrument.symbol]) for p in held), Decimal(0))
    cost = sum((p.value(p.average_cost) for p in held), Decimal(0))
    realised = sum((p.realised for p in account.positions.values()), Decimal(0))
    return Sums(
        view.name,
        book,
        account.currency,
        account.cash,
        positions,
        view.cash[book],
        realised,
        positions - cost,
        account.fees,
        view.money.course(book).brought,
        account.income,
    )
