"""What is on its way: listing, cancelling and replacing it."""

from __future__ import annotations

from typing import Any

from aura_lib.cli.answer import Answer, table
from aura_lib.cli.orders.wishing import row


def listed(account: str, every: bool, book: str, most: int) -> Answer:
    """The newest orders of an account, and what is being sent in slices."""
    from aura_lib.execution import account_terms
    from aura_lib.ledger import Ledger

    with Ledger.open() as ledger:
        account_terms(ledger, account)
        view = ledger.account(account)
    orders = [o for o in (view.orders if every else view.live).values() if book in ("", o.book)]
    rows = [row(order) for order in orders[::-1][:most]]
    cut = [{"name": n, "book": told["set"]["book"], "what": _of(told["set"])} for n, told in view.sliced.items()]
    columns = {
        "client_id": "client id", "book": "book", "side": "side", "quantity": ">units", "filled": ">filled",
        "symbol": "symbol", "how": "how", "in_force": "for", "status": "status",
    }  # fmt: skip
    shown = [table(f"Orders of {account}", columns, rows, "none open" if not every else "none yet")]
    if cut:
        shown.append(table("In slices", {"name": "name", "book": "book", "what": "what"}, cut))
    return Answer({"account": account, "orders": rows, "slices": cut, "total": len(orders)}, tuple(shown))


def cancelled(account: str, name: str, reason: str) -> Answer:
    """Ask the desk to cancel an order, or what is sent in slices."""
    from aura_lib import execution
    from aura_lib.access import who
    from aura_lib.core import NotFound, Settings
    from aura_lib.execution.asking import answer_to
    from aura_lib.execution.slicing import cancel_sliced
    from aura_lib.ledger import Ledger

    settings, why = Settings.load(), reason or "asked for at the command line"
    with Ledger.open(settings) as ledger:
        execution.account_terms(ledger, account)
        view = ledger.account(account)
        if name not in view.orders and name not in view.sliced:
            raise NotFound(f"account {account} has no order {name!r}; aura order list {account} shows the open ones")
        with execution.DeskProcess(settings, account) as desk:
            if name in view.sliced:
                key = cancel_sliced(ledger, settings.home, account, name, who=who(), reason=why)
                answer_to(ledger, account, "slice", key, desk=desk)
            else:
                execution.cancel(ledger, account, name, who=who(), reason=why, settings=settings)
    data = {"account": account, "order": name, "cancel": "asked"}
    return Answer(data, (f"{name}: the desk was asked to cancel it: {why}. `aura order list {account}`",))


def replaced(account: str, name: str, texts: dict[str, str], reason: str, yes: bool) -> Answer:
    """Show what would be different of an order; with `yes`, ask the desk for it."""
    from aura_lib import execution
    from aura_lib.access import who
    from aura_lib.core import InputError, NotFound, Settings
    from aura_lib.execution.form import number, told
    from aura_lib.ledger import Ledger

    given = {field: number(field.replace("_", " "), text) for field, text in texts.items() if text}
    if not given:
        raise InputError("say what shall be different: --quantity, --limit or --stop")
    settings = Settings.load()
    with Ledger.open(settings) as ledger:
        execution.account_terms(ledger, account)
        old = ledger.account(account).orders.get(name)
        if old is None:
            raise NotFound(f"account {account} has no order {name!r}; aura order list {account} shows the open ones")
        data = {"account": account, "order": name, "from": row(old), "to": given, "sent": None}
        change = ", ".join(f"{field.replace('_', ' ')} {value:f}" for field, value in given.items())
        if not yes:
            lines = f"{told(old.intent)} ({old.status.value}, {old.filled:f} filled) would get {change}"
            return Answer(data, (f"{lines}\nNothing was sent: add --yes.",))
        with execution.DeskProcess(settings, account):
            new = execution.replace(
                ledger, account, name, who=who(), reason=reason, settings=settings,
                quantity=given.get("quantity"), limit_price=given.get("limit_price"),
                stop_price=given.get("stop_price"),
            )  # fmt: skip
    return Answer({**data, "sent": row(new)}, (f"{new.client_id} is to take the place of {name}: {told(new.intent)}",))


def _of(told: dict[str, Any]) -> str:
    from aura_lib.core import Intent, decode
    from aura_lib.execution.form import told as sentence

    return sentence(decode(Intent, told["intent"]))
