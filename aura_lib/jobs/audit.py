"""The audit: the chain of every account holds, and its money adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aura_lib import data
from aura_lib.core import DataError
from aura_lib.execution import account_terms
from aura_lib.execution.feed import Feed
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Verification
from aura_lib.ledger.accounting import Sums as Flows
from aura_lib.ledger.accounting import cash_flows

ZERO = Decimal(0)
CENT_FRACTION = Decimal("1e-9")  # what 28 digits leave over when an average cost is divided


@dataclass(frozen=True, slots=True)
class Sums:
    """One currency of a book: cash + positions on one side, paid in + gains + income − fees on the other: its equity.

    `paid_in` is all that came without a trade of its own: deposits, transfers, conversions. `brought` is what units
    cost that were imported, or came from another book. What has no price is valued at its cost.
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
    """What was found: the chains, the sums of every book, and what the journal tells that no book could take.

    `switches` are scopes whose kill switch stands otherwise than the journal's last halt or resume of them: somebody
    turned it past Aura.
    """

    chain: Verification
    books: tuple[Sums, ...]
    unbooked: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.chain.ok and all(book.ok for book in self.books) and not self.switches

    def line(self) -> str:
        """One sentence for people."""
        if not self.chain.ok:
            return f"Ledger: BROKEN. {self.chain.problem}"
        wrong = [f"{b.account}/{b.book} ({b.currency})" for b in self.books if not b.ok]
        books = {(b.account, b.book) for b in self.books}
        sums = f"WRONG in {', '.join(wrong)}" if wrong else f"holds in {len(books)} book(s)"
        counted = f"{self.chain.entries} entries in {self.chain.chains} chains verified"
        waits = (
            f" Waiting for a person, since no book could take it: {'; '.join(self.unbooked)}." if self.unbooked else ""
        )
        turned = f" KILL SWITCH of {', '.join(self.switches)} is not as the journal has it." if self.switches else ""
        return f"Ledger: {counted}; cash + positions = equity {sums}.{turned}{waits}"

    def data(self) -> dict[str, Any]:
        """The same for machines."""
        books = [{n: getattr(b, n) for n in (*Sums.__slots__, "equity", "ok")} for b in self.books]
        return {
            "ok": self.ok,
            "entries": self.chain.entries,
            "chains": self.chain.chains,
            "problem": self.chain.problem,
            "books": books,
            "unbooked": list(self.unbooked),
            "switches": list(self.switches),
        }


def audit(ledger: Ledger) -> Audit:
    """Recompute every hash and every book."""
    chain = ledger.journal.verify()
    if not chain.ok:
        return Audit(chain, ())
    sums: list[Sums] = []
    unbooked: list[str] = []
    for name in [chain for chain in ledger.journal.chains() if chain != SYSTEM]:
        view = ledger.account(name)
        sums += _books(ledger, view)
        unbooked += [f"{name}: {why}" for _, why in view.unbooked]
    return Audit(chain, tuple(sums), tuple(unbooked), tuple(_turned(ledger)))


def _turned(ledger: Ledger) -> list[str]:
    """The scopes whose kill switch, which is in no chain, is not as the journal last told."""
    looks = [_differ(ledger) for _ in range(2)]  # one that is turned right now differs in one look, not in two
    return sorted(set.intersection(*looks))


def _differ(ledger: Ledger) -> set[str]:
    stands = ledger.control.switches()
    entries = ledger.journal.entries(SYSTEM, kinds=("halt", "resume"))
    told = {str(entry.body["scope"]): entry.kind == "halt" for entry in entries}
    return {scope for scope in {*told, *stands} if told.get(scope, False) != stands.get(scope, False)}


def _books(ledger: Ledger, view: AccountView) -> list[Sums]:
    if not view.fills and not view.cash:
        return []
    prices = _prices(ledger, view.name)
    return [
        _sums(view, book, flows, prices) for book in view.cash for flows in cash_flows(view, book).values()
    ]  # fmt: skip


def _prices(ledger: Ledger, name: str) -> Mapping[str, Decimal]:
    """The last prices that the account's clock has seen; none where its source gives none now."""
    terms, clock = account_terms(ledger, name), ledger.control.clock(name)
    try:
        feed = Feed(data.load(source=terms.source, calendar=terms.calendar))
        return feed.prices((clock[1] if clock else None) or feed.bars.end)
    except DataError:
        return {}


def _sums(view: AccountView, book: str, flows: Flows, prices: Mapping[str, Decimal]) -> Sums:
    """The sums of one currency: cash and gains as the book's running account has them, flows added up once more."""
    account, currency = view.account(book), flows.currency
    every = [p for p in account.positions.values() if p.instrument.currency == currency]
    held = [p for p in every if p.quantity]
    cost = sum((p.value(p.average_cost) for p in held), ZERO)
    positions = sum((p.value(prices.get(p.instrument.symbol, p.average_cost)) for p in held), ZERO)
    cash = account.cash if currency == account.currency else account.balances.get(currency, ZERO)
    return Sums(
        view.name,
        book,
        currency,
        cash,
        positions,
        flows.deposits + flows.transfers + flows.converted,
        sum((p.realised for p in every), ZERO),
        positions - cost,
        -flows.fees,
        view.money.course(book).brought(currency),
        flows.income,
    )
