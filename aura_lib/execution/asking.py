"""How people ask a desk for something that is no order: with permission, once, and until it has answered."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from aura_lib.access import Action, may
from aura_lib.core import InputError, Settings
from aura_lib.execution.accounts import account_terms
from aura_lib.execution.service import PATIENCE, DeskProcess, wait_until
from aura_lib.ledger import Entry, Ledger

MONEY = ("cash", "transfer", "import", "booking", "owner", "lots")


def ask_for_money(
    ledger: Ledger,
    account: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    who: str,
    reason: str = "",
    key: str = "",
    patience: float = PATIENCE,
    settings: Settings | None = None,
    desk: DeskProcess | None = None,
) -> Entry:
    """Ask for money or units to be paid, moved, imported or booked (`execution.money`); what the desk wrote.

    The same `key` twice asks once. Raises InputError with the desk's reason when it refuses, PermissionDenied, and
    BrokerUnavailable when no desk answers within `patience` seconds.
    """
    if kind not in MONEY:
        raise InputError(f"a request for money is one of {', '.join(MONEY)}, not {kind!r}")
    terms, home = account_terms(ledger, account), (settings or Settings.load()).home
    may(home, who, Action.CASH, terms.account_class, account)
    named = f"{kind}:{account}:{key or secrets.token_hex(8)}"
    told = {**body, "who": who, "reason": reason or f"asked for by {who}"}
    return ask(ledger, account, kind, told, named, patience, desk)


def ask(
    ledger: Ledger,
    account: str,
    kind: str,
    body: Mapping[str, Any],
    key: str,
    patience: float = PATIENCE,
    desk: DeskProcess | None = None,
) -> Entry:
    """Put a request into the inbox, wait, and return what the desk wrote; its refusal raises InputError."""
    ledger.inbox.ask(account, kind, body, key)
    return answer_to(ledger, account, kind, key, patience, desk)


def answer_to(
    ledger: Ledger, account: str, kind: str, key: str, patience: float = PATIENCE, desk: DeskProcess | None = None
) -> Entry:
    """Wait for the answer to a request that was made under a key; a refusal raises InputError."""

    def answered() -> bool:
        return ledger.journal.find(account, key) is not None

    wait_until(answered, f"an answer to {kind}", ledger, account, desk, patience)
    entry = ledger.journal.find(account, key)
    assert entry is not None
    if entry.kind == "request.refused":
        raise InputError(str(entry.body["why"]))
    return entry
