"""`aura reconcile`: where ledger and broker differ, and what a person wants written about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.ledger import AccountView, Ledger


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def reconcile(
        account: Annotated[str, typer.Argument(help="An account.")] = "paper",
        mend: Annotated[str, typer.Option("--mend", help="Write what is offered for this difference, by its id.")] = "",
        reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is written with the entries.")] = "",
    ) -> Answer:
        """Show where ledger and broker of an account differ, as its desk last found; mend what you understand."""
        from aura_lib.execution import account_terms
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            terms = account_terms(ledger, account)
            if mend:
                return _mend(ledger, account, terms.account_class, mend, reason)
            return _show(ledger.account(account))


def _show(view: AccountView) -> Answer:
    data = {
        "account": view.name, "reconciled": view.reconciled.isoformat() if view.reconciled else None,
        "drift": view.drift, "stopped": dict(view.stopped), "differences": list(view.differences),
        "short": list(view.short),
    }  # fmt: skip
    when = (
        f"they last agreed at {view.reconciled:%Y-%m-%d %H:%M:%S} UTC" if view.reconciled else "never compared so far"
    )
    if not view.differences and not view.drift:
        return Answer(data, (f"{view.name}: ledger and broker agree, {when}", *_targets(view)))
    columns = {
        "id": "id", "subject": "what", "ours": ">ledger", "theirs": ">broker", "stops": "stops", "offered": "offered",
        "meaning": "meaning",
    }  # fmt: skip
    lines: list[Any] = [
        table(f"{view.name}: ledger and broker differ; {when}", columns, list(map(_row, view.differences)))
    ]
    if view.drift:
        lines.append(f"New orders are halted: {view.drift}")
    if any(d["mending"] for d in view.differences):
        lines.append(f"To write what is offered: aura reconcile {view.name} --mend ID --reason '…'")
    return Answer(data, (*lines, *_targets(view)), code=1)


def _targets(view: AccountView) -> tuple[Any, ...]:
    """What books are short of, of what was decided for them last."""
    if not view.short:
        return ()
    columns = {"book": "book", "symbol": "symbol", "wanted": ">wanted", "done": ">done", "why": "why no more"}
    return (table(f"{view.name}: short of target", columns, list(view.short)),)


def _row(difference: Mapping[str, Any]) -> dict[str, str]:
    offered = [f"{m['kind']} {_short(m['body'])}".strip() for m in difference["mending"]]
    stops = {"account": "the account", "symbol": difference["symbol"], "nothing": ""}[difference["halts"]]
    return {
        **{name: str(difference[name]) for name in ("id", "subject", "ours", "theirs", "meaning")},
        "stops": stops, "offered": "; ".join(offered) or "nothing: by hand",
    }  # fmt: skip


def _short(body: Mapping[str, Any]) -> str:
    if fill := body.get("fill"):
        return f"{fill['side']} {fill['quantity']} at {fill['price']}"
    if booking := body.get("booking"):
        return f"{booking['cash']} {booking['currency']}"
    return str(body.get("status") or body.get("execution_id") or "")


def _mend(ledger: Ledger, account: str, account_class: Any, difference: str, reason: str) -> Answer:
    from aura_lib.access import who
    from aura_lib.access.permissions import may
    from aura_lib.core import Settings
    from aura_lib.execution import wait_until
    from aura_lib.execution.reconcile import mending

    may(Settings.load().home, who(), "mend", account_class, account)
    key = mending.ask(ledger, ledger.account(account), difference, who=who(), reason=reason)
    data = {"account": account, "difference": difference, "request": key, "reason": reason}
    if not ledger.control.holder(account):
        told = f"Asked. No desk serves {account} now; the next one writes it: aura desk {account}"
        return Answer({**data, "answered": False}, (told,))
    wait_until(lambda: ledger.journal.find(account, key) is not None, f"{difference} to be mended", ledger, account)
    answer = ledger.journal.find(account, key)
    refused = answer is not None and answer.kind == "request.refused"
    why = str(answer.body["why"]) if answer is not None and refused else ""
    told = f"Refused: {why}" if refused else f"Mended: {difference} ({reason})"
    return Answer({**data, "answered": True, "refused": why}, (told,), code=1 if refused else 0)
