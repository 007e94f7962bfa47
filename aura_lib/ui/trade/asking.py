"""What the page asks of others: tickets, cancels, changes and halts of the desk; a practice account of the ledger."""

from __future__ import annotations

import json
from decimal import Decimal

from aura_lib import execution
from aura_lib.access import who
from aura_lib.core import InputError, Settings
from aura_lib.execution import Preview, Terms
from aura_lib.execution.form import number
from aura_lib.execution.present import MANUAL, Reader
from aura_lib.ledger import Ledger
from aura_lib.ui.trade.words import WHY

PLACES = {"change": "orders", "cancel": "orders", "halt": "switch", "resume": "switch"}  # where trouble is told
PRACTICE, CAPITAL = "practice", Decimal(100_000)
PRACTISED = 500  # bars of the history that practice starts before the end of


def send(settings: Settings, account: str, preview: Preview, key: str) -> str:
    """Propose an order and wait for its verdict: the reason of a refusal, empty when it was approved."""
    with Ledger.open(settings) as ledger:
        proposal = execution.ticket(
            ledger, [preview.intent], account=account, book=preview.book, who=who(), key=key, settings=settings
        )
    return str(proposal.rejected[0]) if proposal.rejected else ""


def ask(settings: Settings, account: str, name: str, value: str) -> None:
    """Ask the desk of an account for what a control stands for, and wait until it has taken it."""
    with Ledger.open(settings) as ledger:
        if name == "cancel":
            execution.cancel(ledger, account, value, who=who(), reason=WHY, settings=settings)
            return
        given = fields(value)
        reason = given.get("reason", "").strip()
        match name:
            case "change":
                old = given.pop("client_id", "")
                wish = {field: number(field.replace("_", " "), text) for field, text in given.items()}
                execution.replace(
                    ledger, account, old, who=who(), reason=WHY, settings=settings, quantity=wish.get("quantity"),
                    limit_price=wish.get("limit_price"), stop_price=wish.get("stop_price"),
                )  # fmt: skip
            case "halt":
                cancels, flattens = "cancel" in given, "flatten" in given
                execution.halt(
                    ledger, account, who=who(), reason=reason or WHY, cancel=cancels, flatten=flattens,
                    settings=settings,
                )  # fmt: skip
            case "resume":
                execution.resume(ledger, account, who=who(), reason=reason, settings=settings)


def practise(settings: Settings) -> None:
    """Open the practice account, its money in the manual book, its clock some time before the end of the sample."""
    with Ledger.open(settings) as ledger:
        if execution.find_terms(ledger, PRACTICE) is None:
            execution.open_account(ledger, Terms(PRACTICE, source="sample:ohlcv"))
        body = {"book": MANUAL, "amount": CAPITAL, "why": "practice"}
        ledger.inbox.ask(PRACTICE, "cash", body, f"practice:{PRACTICE}")
        times = Reader(settings).read(ledger, PRACTICE, MANUAL).feed.bars.times
        ledger.control.set_clock(PRACTICE, times[max(-PRACTISED, -len(times))].to_pydatetime())


def fields(value: str) -> dict[str, str]:
    """The fields of a form, as its page sent them."""
    try:
        told = json.loads(value)
    except json.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise InputError("the page sent no form: reload it")
    return {str(name): str(text)[:400] for name, text in told.items()}
