"""`aura account`, `aura desk`, `aura halt`, `aura resume`: money, the desk, and the kill switch."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

ACCOUNT = Annotated[str, typer.Argument(help="An account, or ALL.")]
REASON = Annotated[str, typer.Option("--reason", "-r", help="Why; it is written to the journal.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Accounts: what they hold, and opening one.", no_args_is_help=True)
    app.add_typer(group, name="account")

    @command(group)
    def show(account: Annotated[str, typer.Argument(help="An account.")] = "paper") -> Answer:
        """Cash and holdings of an account, by book, and the orders still open."""
        from aura_lib.execution import account_terms
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            terms, view = account_terms(ledger, account), ledger.account(account)
            halted = ledger.control.halted(account)
        rows = [
            {
                "book": book,
                "symbol": symbol,
                "quantity": str(p.quantity),
                "average cost": f"{p.average_cost:,.4f}",
                "realised": f"{p.realised:,.2f}",
            }
            for book in view.cash
            for symbol, p in sorted(view.account(book).positions.items())
            if p.quantity
        ]
        cash = {book: str(view.account(book).cash) for book in view.cash}
        data = {
            "account": account,
            "class": terms.account_class.value,
            "currency": terms.currency,
            "cash": cash,
            "positions": rows,
            "open_orders": len(view.live_orders()),
            "halted": halted,
            "drift": view.drift,
        }
        lines = [
            f"{account} ({terms.account_class.value}, {terms.broker}, {terms.currency})"
            + (f"  {halted}" if halted else "")
        ]
        lines += [f"cash of {book}: {Decimal(amount):,.2f} {terms.currency}" for book, amount in cash.items()]
        columns = {
            "book": "book",
            "symbol": "symbol",
            "quantity": ">quantity",
            "average cost": ">average cost",
            "realised": ">realised",
        }
        return Answer(data, ("\n".join(lines), table("Holdings", columns, rows)))

    @command(group, "open")
    def opening(
        account: Annotated[str, typer.Argument(help="Its name: letters, digits, - and _.")],
        clock: Annotated[
            str, typer.Option(help="replay: moved by `aura job run`; wall: by `aura job schedule`.")
        ] = "replay",
        source: Annotated[str, typer.Option(help="Where its prices come from.")] = "sample",
        calendar: Annotated[str, typer.Option(help="The exchange whose sessions it follows.")] = "XNYS",
    ) -> Answer:
        """Open a simulated account; the terms of an open one are never changed."""
        from aura_lib.core import Calendar, encode
        from aura_lib.data import sources
        from aura_lib.execution import Terms, open_account
        from aura_lib.ledger import Ledger

        sources.get(source)
        Calendar.of(calendar)
        with Ledger.open() as ledger:
            terms = open_account(ledger, Terms(account, clock=clock, source=source, calendar=calendar))
        told = f"Account {account} is open: simulated, {clock} clock, prices of {source}, sessions of {calendar}."
        return Answer(encode(terms), (told,))

    @command(app)
    def desk(account: Annotated[str, typer.Argument(help="An account.")] = "paper") -> Answer:
        """Be the desk of an account until stopped. Commands that need a desk start their own."""
        from aura_lib.execution.service import main

        main([account])
        return Answer({"account": account, "stopped": True}, (f"desk {account} stopped",))

    @command(app)
    def halt(account: ACCOUNT = "ALL", reason: REASON = "asked for at the command line") -> Answer:
        """Kill switch: no order of an account (or ALL) reaches a broker after this, until `aura resume`."""
        return _switch(account, True, reason)

    @command(app)
    def resume(account: ACCOUNT, reason: REASON) -> Answer:
        """Let an account (or ALL) trade again."""
        return _switch(account, False, reason)


def _switch(account: str, halted: bool, reason: str) -> Answer:
    from aura_lib.access import who
    from aura_lib.execution import account_terms
    from aura_lib.ledger import ALL, Ledger

    with Ledger.open() as ledger:
        if account != ALL:
            account_terms(ledger, account)
        ledger.control.switch(account, halted, reason, who())
    data: dict[str, Any] = {"account": account, "halted": halted, "reason": reason}
    return Answer(data, (f"{account} is {'halted' if halted else 'trading again'}: {reason}",))
