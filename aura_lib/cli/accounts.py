"""`aura account`: what accounts hold, opening one, and its money and books (`money`, `books`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from aura_lib.cli import books, money
from aura_lib.cli.answer import Answer, command, table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Accounts: what they hold, and opening one.", no_args_is_help=True)
    app.add_typer(group, name="account")
    money.register(group)
    books.register(group)

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
            "owner": view.owner,
            "currency": terms.currency,
            "cash": cash,
            "positions": rows,
            "open_orders": len(view.live_orders()),
            "halted": halted,
            "drift": view.drift,
        }
        lines = [
            f"{account} ({terms.account_class.value}, {terms.broker}, {terms.currency})"
            + (f", owner {view.owner}" if view.owner else "")
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
            str, typer.Option(help="replay: moved by `aura job run`; wall: by `aura job schedule`, or the real time.")
        ] = "",
        source: Annotated[str, typer.Option(help="Where its prices come from.")] = "sample",
        calendar: Annotated[str, typer.Option(help="The exchange whose sessions it follows.")] = "XNYS",
        broker: Annotated[str, typer.Option(help="paper: simulated here; alpaca: an account there.")] = "paper",
        live: Annotated[bool, typer.Option("--live", help="Real money; its keys have names of their own.")] = False,
        shadow_of: Annotated[
            str, typer.Option("--shadow-of", help="See this account, on its terms; write orders down, send none.")
        ] = "",
    ) -> Answer:
        """Open an account, simulated unless told otherwise; the terms of an open one are never changed."""
        from aura_lib.core import Calendar, InputError, Mode, encode
        from aura_lib.data import sources
        from aura_lib.execution import Terms, open_account
        from aura_lib.ledger import Ledger

        if shadow_of:
            if (clock, source, calendar, broker, live) != ("", "sample", "XNYS", "paper", False):
                raise InputError(f"a shadow is on the terms of {shadow_of}: give --shadow-of and no other terms")
            return _shadow(account, shadow_of)
        sources.get(source)
        Calendar.of(calendar)
        moved = clock or ("replay" if broker == "paper" else "wall")
        kind = Mode.LIVE if live else Mode.PAPER
        asked = Terms(account, kind, broker, moved, source=source, calendar=calendar)
        with Ledger.open() as ledger:
            terms = open_account(ledger, asked)
        what = "simulated" if terms.simulated else f"{kind.value} at {broker}, keys in {' and '.join(terms.keys)}"
        told = f"Account {account} is open: {what}, {moved} clock, prices of {source}, sessions of {calendar}."
        return Answer(encode(terms), (told,))


def _shadow(account: str, of: str) -> Answer:
    """Open a shadow of an account."""
    from aura_lib.core import encode
    from aura_lib.execution import open_shadow
    from aura_lib.ledger import Ledger

    with Ledger.open() as ledger:
        terms = open_shadow(ledger, account, of)
    told = (
        f"Account {account} is open: a shadow of {of}. What is proposed to it is judged by the rules of {of} on what "
        f"{of} holds, written down, and never sent. Name it in a job file (account: {account}), run the job, and see "
        f"what the market made of it: aura shadow {account}"
    )
    return Answer(encode(terms), (told,))
