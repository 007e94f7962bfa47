"""`aura shadow`: what a shadow's orders would have come to, beside what the account it is of really did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.execution.shadow import Comparison

MOST = 40  # orders in the table for people; --json has all


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def shadow(
        account: Annotated[str, typer.Argument(help="A shadow (`aura account open NAME --shadow-of ACCOUNT`).")],
        as_of: Annotated[
            str | None, typer.Option("--as-of", help="Up to this session or moment (default: as far as prices go).")
        ] = None,
    ) -> Answer:
        """Compare a shadow's orders, written and never sent, with what the market then did and its account really did.

        Each decision is played on a simulated exchange over the bars that came after it, and counts until the same job
        decided again, when it started anew from what the account really held.
        """
        from aura_lib.core import Calendar
        from aura_lib.execution.shadow import compared
        from aura_lib.execution.shadow.record import shadow_terms
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            terms = shadow_terms(ledger, account)
            moment = None if as_of is None else Calendar.of(terms.calendar).moment(as_of, "--as-of")
            found = compared(ledger, account, as_of=moment)
        return shadow_answer(account, terms.shadow_of, found)


def shadow_answer(account: str, real: str, found: Comparison) -> Answer:
    """A comparison as its decisions, its orders, and what was refused."""
    from aura_lib.reports.shadow import assumptions, decisions, orders, summary

    data = {
        "account": account, "shadow_of": real, "as_of": found.as_of.isoformat(), "currency": found.currency,
        "assumptions": assumptions(found), **summary(found), "refusals": dict(found.refusals),
        "decisions": decisions(found), "orders": orders(found),
    }  # fmt: skip
    return Answer(data, _shown(account, real, found))


def _shown(account: str, real: str, found: Comparison) -> tuple[Any, ...]:
    from aura_lib.reports.shadow import assumptions, decisions_table, orders_table, sentence
    from aura_lib.reports.tables import as_text

    decisions, orders = decisions_table(found), orders_table(found)
    nothing = f"{account} has decided nothing yet: name it in a job file (account: {account}) and run the job."
    if not found.decisions:
        return (nothing,)
    refused = [{"rule": rule, "wishes": str(count)} for rule, count in found.refusals.items()]
    told = [f"{account}, a shadow of {real}: {sentence(found)}", "", as_text(decisions), ""]
    if len(orders) > MOST:
        told.append(f"The newest {MOST} of {len(orders)} orders; --json has all.")
    told += [as_text(orders[-MOST:]) if len(orders) else "No order was written.", ""]
    if refused:
        told.append(table("Refused, by rule", {"rule": "rule", "wishes": ">wishes"}, refused))
    return (*told, assumptions(found))
