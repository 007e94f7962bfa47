"""PROVISIONAL until desk's own is merged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from aura_lib.access.permissions import may, trading
from aura_lib.core import Basket, Intent, Settings, iso
from aura_lib.execution.accounts import account_terms
from aura_lib.execution.propose import Proposal, propose
from aura_lib.ledger import Ledger, Token


def ticket(
    ledger: Ledger, intents: Sequence[Intent], *, account: str, book: str, who: str, at: datetime, settings: Settings
) -> Proposal:
    terms = account_terms(ledger, account)
    may(settings.home, who, trading(terms.account_class).value, terms.account_class, account)
    clock = ledger.control.clock(account)
    origin = f"ticket:{who}"
    run = hashlib.sha256(f"{origin}{iso(at)}".encode()).hexdigest()[:12]
    secret = ledger.control.issue(Token(run, origin, iso(at), account, book, origin), 60)
    as_of = clock[1] if clock and clock[1] else at
    return propose(ledger, Basket(origin, at, account, book, as_of, tuple(intents), "", run), secret, patience=60)
