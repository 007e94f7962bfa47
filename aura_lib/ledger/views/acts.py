"""Who did what: every act of a person or a rule that the journal tells, of all accounts and of the system."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aura_lib.core import utc
from aura_lib.ledger.journal import SYSTEM, Entry, Journal

BY_HAND = "booking"  # most are told by a broker: those with a name are a person's


@dataclass(frozen=True, slots=True)
class Act:
    """One act: when, by whom (empty where nobody was named), on which account, what, and why; `n` is its entry."""

    time: datetime
    who: str
    account: str
    kind: str
    what: str
    reason: str
    n: int


def acts(journal: Journal, *, who: str = "", account: str = "", kind: str = "") -> list[Act]:
    """Every act, in the order they were written; of one person, account or kind where they are given.

    Kinds: halt, resume, limits, promotion, account.opened, ticket, cash, transfer, import, booking, owner, lots,
    cancel.asked, replace.asked, flatten.asked, protection, sliced, mended, request.refused.
    """
    found = [(entry.seq, act) for chain in journal.chains() for entry, act in _of(journal, chain, kind)]
    told = [act for _, act in sorted(found, key=lambda pair: pair[0])]
    return [act for act in told if who in ("", act.who) and account in ("", act.account)]


def _of(journal: Journal, chain: str, kind: str) -> Iterator[tuple[Entry, Act]]:
    words = _OF_THE_SYSTEM if chain == SYSTEM else _OF_AN_ACCOUNT
    kinds = [name for name in words if kind in ("", name)]
    for entry in journal.entries(chain, kinds=kinds) if kinds else ():
        body = entry.body
        if entry.kind == BY_HAND and "who" not in body:
            continue
        about = str(body.get("scope") or body.get("account") or body.get("name") or "") if chain == SYSTEM else chain
        person = str(body.get("who") or "")
        why = str(body.get("reason") or body.get("why") or "")
        what = words[entry.kind](body)
        yield entry, Act(utc(entry.time), person, about.partition("/")[0], entry.kind, what, why, entry.n)


def _pairs(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in told.items())


def _transfer(body: Mapping[str, Any]) -> str:
    told = body["transfer"]
    instrument = told.get("instrument")
    what = f"{told['quantity']} {instrument['symbol']}" if instrument else f"{told['cash']} {told['currency']}"
    return f"{what} from {told['source'] or '-'} to {told['target'] or '-'}"


def _booking(body: Mapping[str, Any]) -> str:
    told = body["booking"]
    words = [told["kind"], (told.get("instrument") or {}).get("symbol", ""), str(told["cash"]), told["currency"]]
    return " ".join(filter(None, words))


def _lots(body: Mapping[str, Any]) -> str:
    if "method" in body:
        return f"{body['method']} for {body.get('book') or 'all books'}"
    return f"{body['client_id']}: " + ", ".join(f"{lot['lot']} {lot['quantity']}" for lot in body["lots"])


def _protection(body: Mapping[str, Any]) -> str:
    if "triggered" in body:
        return f"{body['triggered']['rule']} came to bear: {body['triggered']['why']}"
    if "removed" in body:
        return f"{body['removed']} removed"
    rule = body["set"]
    return f"{rule['name']} set: {rule['guard']} of {rule['symbol'] or 'every position'} in {rule['book']}"


def _sliced(body: Mapping[str, Any]) -> str:
    if "set" in body:
        return f"{body['set']['name']} set"
    return f"{body['done']} done" if "done" in body else f"{body['cancel']} cancelled"


Words = Mapping[str, Callable[[Mapping[str, Any]], str]]

_OF_THE_SYSTEM: Words = {
    "halt": lambda body: f"halted {body['scope']}",
    "resume": lambda body: f"resumed {body['scope']}",
    "limits": lambda body: f"{body['scope']}: {_pairs(body['limits'])}",
    "promotion": lambda body: f"{body['notebook']} to {body['account_class']}",
    "account.opened": lambda body: f"opened at {body.get('broker', '')}",
    "ticket": lambda body: "began a ticket",
}
_OF_AN_ACCOUNT: Words = {
    "cash": lambda body: f"{body['amount']} {body.get('currency') or ''} into {body['book']}".replace("  ", " "),
    "transfer": _transfer,
    "import": lambda body: f"{len(body['positions'])} lots into {body['book']}",
    "booking": _booking,
    "owner": lambda body: f"owner is {body['owner']}",
    "lots": _lots,
    "cancel.asked": lambda body: f"cancel {body['client_id'] or 'all orders'}",
    "replace.asked": lambda body: f"replace {body['client_id']}",
    "flatten.asked": lambda body: "close all positions",
    "protection": _protection,
    "sliced": _sliced,
    "mended": lambda body: f"mended {body['what']}: {', '.join(body['entries'])}",
    "request.refused": lambda body: f"{body.get('kind', '')} was asked for, and refused".strip(),
}
