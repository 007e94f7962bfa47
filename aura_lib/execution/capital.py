"""The capital of a job's book: paid in on a simulated account, taken from what no book has at a real broker.

At a broker the money is there before any book is. What came with the account, and what was paid in since, belongs to
no book (its name is "") until some of it is given to one; the broker knows nothing of books.
"""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal

from aura_lib.core import BrokerUnavailable, InputError, Transfer, encode, iso, utc
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.lines import Line
from aura_lib.execution.service import DeskProcess, wait_until
from aura_lib.ledger import AccountView, Ledger, Request

UNALLOCATED = ""  # the book of what belongs to none
ZERO = Decimal(0)


def allocate(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Open a book with part of the money that no book has; a book that is open keeps what it has."""
    body = request.body
    book, amount = str(body["book"]), Decimal(str(body["amount"]))
    if book in view.cash:
        raise InputError(f"book {book} of account {view.name} is open already")
    if why := short(view, terms, book, amount):
        raise InputError(why)
    told = Transfer(request.key, UNALLOCATED, book, utc(body["at"]), amount, view.currency)
    return [Line("transfer", {"transfer": encode(told), "who": body["who"], "reason": body["reason"]}, request.key)]


def short(view: AccountView, terms: Terms, book: str, amount: Decimal) -> str:
    """Why a book cannot be opened with so much; empty when it can."""
    wish = f"book {book} of account {view.name} cannot be opened with {amount:,} {view.currency}"
    if view.drift:
        return f"{wish}: ledger and broker differ, {view.drift}. `aura reconcile {view.name}` shows what would mend it"
    free = view.account(UNALLOCATED).cash
    if not ZERO < amount <= free:
        return (
            f"{wish}: {terms.broker} has {view.account().cash:,} {view.currency}, of which {free:,} belong to no book. "
            "Lower `capital:` in the job file, pay money in at the broker, or `aura account transfer` it from a book"
        )
    return ""


def give_capital(
    ledger: Ledger,
    account: str,
    book: str,
    amount: Decimal,
    *,
    who: str,
    reason: str,
    at: datetime | None = None,
    desk: DeskProcess | None = None,
    patience: float = 0.0,
) -> None:
    """See to it that a book is open with its capital; one that is open is left as it is.

    Args:
        ledger: where the account is kept.
        account: its name. On a simulated one the money is paid in, at a real broker it is taken from what no book has.
        book: the book.
        amount: its capital, in the account's currency.
        who: who asks.
        reason: why.
        at: since when it counts, at a real broker; the time of the desk's clock when it is left out.
        desk: the desk of the caller, for its last words.
        patience: seconds to wait until ledger and broker have been compared.

    Raises:
        InputError: the broker's money does not cover it, or ledger and broker differ.
        BrokerUnavailable: nobody knows yet what the broker has, or no desk answers.
    """
    terms = account_terms(ledger, account)
    if terms.simulated:
        body = {"book": book, "amount": amount, "why": reason}
        ledger.inbox.ask(account, "cash", body, f"cash:{account}:{book}:opening")
        return
    view = _compared(ledger, terms, book, patience)
    if book in view.cash:
        return
    if why := short(view, terms, book, amount):
        raise InputError(why)
    body = {"book": book, "amount": str(amount), "who": who, "reason": reason, **({"at": iso(at)} if at else {})}
    key = f"allocate:{account}:{book}:{view.n}"  # what was refused once may be asked for again when more has happened
    ledger.inbox.ask(account, "allocate", body, key)
    wait_until(lambda: ledger.journal.find(account, key) is not None, "the capital of a book", ledger, account, desk)
    answer = ledger.journal.find(account, key)
    if answer is not None and answer.kind == "request.refused" and book not in ledger.account(account).cash:
        raise InputError(str(answer.body["why"]))


def _compared(ledger: Ledger, terms: Terms, book: str, patience: float) -> AccountView:
    """The account, once the book is open or a desk has compared it with its broker."""
    end = time.monotonic() + patience
    while True:
        view = ledger.account(terms.name)
        if book in view.cash or view.reconciled is not None or view.drift:
            return view
        if time.monotonic() >= end:
            raise BrokerUnavailable(
                f"book {book} of account {terms.name} is not open, and what {terms.broker} has for it is not known: "
                "its desk has not compared ledger and broker yet"
            )
        time.sleep(0.05)
