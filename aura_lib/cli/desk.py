"""`aura desk`, `aura halt`, `aura resume`: the desk, and the kill switch."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command

SCOPE = Annotated[str, typer.Argument(help="An account, one of its books (paper/momentum), or ALL.")]
REASON = Annotated[str, typer.Option("--reason", "-r", help="Why; it is written to the journal.")]
CANCEL = Annotated[bool, typer.Option("--cancel", help="Cancel all working orders, too.")]
FLATTEN = Annotated[bool, typer.Option("--flatten", help="Cancel, then close all positions at the market.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app)
    def desk(account: Annotated[str, typer.Argument(help="An account.")] = "paper") -> Answer:
        """Be the desk of an account until stopped. Commands that need a desk start their own."""
        from aura_lib.execution.service import main

        main([account])
        return Answer({"account": account, "stopped": True}, (f"desk {account} stopped",))

    @command(app)
    def halt(
        scope: SCOPE = "ALL",
        reason: REASON = "asked for at the command line",
        cancel: CANCEL = False,
        flatten: FLATTEN = False,
    ) -> Answer:
        """Kill switch: no new order reaches a broker after this, until `aura resume`."""
        from aura_lib.access import who
        from aura_lib.execution import halt as stop
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            asked = stop(ledger, scope, who=who(), reason=reason, cancel=cancel, flatten=flatten)
        data: dict[str, Any] = {"scope": scope, "halted": True, "reason": reason, "asked": asked, "flatten": flatten}
        what = "cancel all orders and close all positions" if flatten else "cancel all orders"
        told = f"\nThe desk of {', '.join(asked)} was asked to {what}." if asked else ""
        return Answer(data, (f"{scope} is halted: {reason}{told}",))

    @command(app)
    def resume(scope: SCOPE, reason: REASON) -> Answer:
        """Let an account, a book or ALL trade again; it needs the permission and a reason."""
        from aura_lib.access import who
        from aura_lib.execution import resume as let_go
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            let_go(ledger, scope, who=who(), reason=reason)
        return Answer({"scope": scope, "halted": False, "reason": reason}, (f"{scope} is trading again: {reason}",))
