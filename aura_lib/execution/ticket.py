"""What people do: a ticket, a cancel, a change, a halt. Each needs the permission; the desk answers.

All take a `key`: what is asked twice under the same one is done once. Give one where a button may be pressed twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aura_lib.access import Action, may, trading
from aura_lib.core import Basket, InputError, Intent, Order, Settings, iso, utc
from aura_lib.execution.accounts import Terms, account_terms, accounts
from aura_lib.execution.asking import ask
from aura_lib.execution.gate import TICKET
from aura_lib.execution.propose import Proposal, verdict_on
from aura_lib.execution.service import PATIENCE
from aura_lib.ledger import ALL, SYSTEM, Ledger, Token

TOKEN_SECONDS = 300.0


# ---- orders --------------------------------------------------------------------------------------------------------
def ticket(
    ledger: Ledger,
    intents: Sequence[Intent],
    *,
    account: str,
    book: str,
    who: str,
    key: str = "",
    asked: str = "",
    patience: float = PATIENCE,
    settings: Settings | None = None,
) -> Proposal:
    """Propose intents as a person, and wait for the desk's verdict on each.

    The first basket of a `key` counts; where `asked` says in other words what is wished, it may not change under the
    key. Raises PermissionDenied when `who` may not trade on the account, InputError for an unknown account, nothing to
    propose or a key of another wish, BrokerUnavailable when no desk answers within `patience` seconds.
    """
    if not intents:
        raise InputError("a ticket needs at least one intent")
    terms, home = account_terms(ledger, account), (settings or Settings.load()).home
    may(home, who, trading(terms.account_class), terms.account_class, account)
    moment, run = _claimed(ledger, who, key or secrets.token_hex(8), account, asked)
    basket = Basket(f"{TICKET}{who}", moment, account, book, _seen(ledger, terms), tuple(intents), run=run)
    while (counts := _put(ledger, basket)).run != run:  # another ticket of the same moment was faster
        basket = replace(basket, slot=counts.slot + timedelta(microseconds=1))
    return verdict_on(ledger, counts, patience)


def _claimed(ledger: Ledger, who: str, key: str, account: str, asked: str) -> tuple[datetime, str]:
    """The moment that stands for a ticket, and its name: the same key always gets the same ones."""
    run = f"{TICKET}{who}:{key}"
    body = {"who": who, "account": account, "at": iso(datetime.now(UTC))} | ({"asked": asked} if asked else {})
    entry = ledger.journal.append(SYSTEM, "ticket", body, key=run)
    if entry.body["account"] != account:
        raise InputError(f"ticket {key} was for account {entry.body['account']}, not {account}: give it another key")
    if entry.body.get("asked", "") != asked:
        raise InputError(f"ticket {key} was for other orders: give these another key")
    return utc(entry.body["at"]), run


def _put(ledger: Ledger, basket: Basket) -> Basket:
    token = Token(basket.run, basket.origin, iso(basket.slot), basket.account, basket.book, "")
    return ledger.inbox.put(basket, ledger.control.issue(token, TOKEN_SECONDS))


def _seen(ledger: Ledger, terms: Terms) -> datetime:
    """Up to when the account has seen its market."""
    clock = ledger.control.clock(terms.name)
    return datetime.now(UTC) if clock is None else clock[1] or clock[0]


# ---- what is on its way --------------------------------------------------------------------------------------------
def cancel(
    ledger: Ledger,
    account: str,
    client_id: str,
    *,
    who: str,
    reason: str = "",
    key: str = "",
    patience: float = PATIENCE,
    settings: Settings | None = None,
) -> Order:
    """Ask that an order be cancelled; the order as it stands once the desk has taken the wish.

    One whose outcome is not known yet is cancelled as soon as it is. Raises InputError for an order that is unknown,
    closed, or to be cancelled already; PermissionDenied; BrokerUnavailable when no desk answers.
    """
    terms, home = account_terms(ledger, account), (settings or Settings.load()).home
    may(home, who, Action.CANCEL, terms.account_class, account)
    body = {"client_id": client_id, "who": who, "reason": reason or f"asked for by {who}"}
    ask(ledger, account, "cancel", body, f"cancel:{client_id}:{key or secrets.token_hex(8)}", patience)
    return ledger.account(account).orders[client_id]


def change(
    ledger: Ledger,
    account: str,
    client_id: str,
    *,
    who: str,
    quantity: Decimal | None = None,
    limit_price: Decimal | None = None,
    stop_price: Decimal | None = None,
    reason: str = "",
    key: str = "",
    patience: float = PATIENCE,
    settings: Settings | None = None,
) -> Order:
    """Ask that another order take the place of one; the new order, once the desk has let it pass.

    `quantity` is the whole of the wish, with what is filled already; only the rest is sent. Raises InputError for what
    cannot be replaced or is refused by a check, and says why; PermissionDenied; BrokerUnavailable when no desk answers.
    """
    terms, home = account_terms(ledger, account), (settings or Settings.load()).home
    may(home, who, trading(terms.account_class), terms.account_class, account)
    given = {"quantity": quantity, "limit_price": limit_price, "stop_price": stop_price}
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    body |= {"client_id": client_id, "who": who, "reason": reason or f"asked for by {who}"}
    named = f"replace:{client_id}:{key or secrets.token_hex(8)}"
    entry = ask(ledger, account, "replace", body, named, patience)
    return ledger.account(account).orders[entry.body["order"]["client_id"]]


# ---- the kill switch -----------------------------------------------------------------------------------------------
def halt(
    ledger: Ledger,
    scope: str,
    *,
    who: str,
    reason: str,
    cancel: bool = False,
    flatten: bool = False,
    key: str = "",
    settings: Settings | None = None,
) -> list[str]:
    """Stop an account, one of its books (`paper/momentum`) or ALL: from this moment on nothing new is sent.

    With `cancel` every working order is cancelled; with `flatten` all positions are closed at the market after that,
    which a halt does not hold. Both are done by the desks, one of which must be running; the halt itself needs none.
    Returns the accounts that were asked. Raises PermissionDenied, and InputError for an unknown scope or no reason.
    """
    account, _, book = scope.partition("/")
    names = _accounts(ledger, account)
    if book and (cancel or flatten):
        raise InputError(f"{scope} is one book: --cancel and --flatten are for a whole account")
    _allowed(ledger, settings, names, who, Action.HALT)
    if flatten:
        _allowed(ledger, settings, names, who, Action.FLATTEN)
    ledger.control.switch(scope, True, reason, who)
    if not (cancel or flatten):
        return []
    body = {"flatten": flatten, "who": who, "reason": reason}
    for name in names:
        ledger.inbox.ask(name, "halt", body, f"halt:{name}:{key or secrets.token_hex(8)}")
    return names


def resume(ledger: Ledger, scope: str, *, who: str, reason: str, settings: Settings | None = None) -> None:
    """Let an account, a book or ALL trade again. Raises PermissionDenied, and InputError as `halt` does."""
    _allowed(ledger, settings, _accounts(ledger, scope.partition("/")[0]), who, Action.RESUME)
    ledger.control.switch(scope, False, reason, who)


def _accounts(ledger: Ledger, name: str) -> list[str]:
    if name == ALL:
        return accounts(ledger)
    return [account_terms(ledger, name).name]


def _allowed(ledger: Ledger, settings: Settings | None, names: Sequence[str], who: str, action: Action) -> None:
    home = (settings or Settings.load()).home
    for name in names:
        may(home, who, action, account_terms(ledger, name).account_class, name)
