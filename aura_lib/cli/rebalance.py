"""`aura rebalance`: from targets to orders, with lots, turnover, cost and verdicts to look at, and to propose."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command

if TYPE_CHECKING:
    from aura_lib.execution import Proposal
    from aura_lib.execution.rebalance import Rebalance


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def rebalance(
        account: Annotated[str, typer.Argument(help="An account.")],
        targets: Annotated[
            list[str] | None, typer.Argument(help="SYMBOL=WEIGHT: AAPL=0.3 is 30 % of the book.")
        ] = None,
        book: Annotated[str, typer.Option(help="The book to bring to its targets.")] = "manual",
        file: Annotated[Path | None, typer.Option("--targets", help="A CSV with columns symbol and weight.")] = None,
        keep_others: Annotated[bool, typer.Option(help="Leave alone what has no target; else it is sold.")] = False,
        lots: Annotated[
            str, typer.Option(help="Tax lots of sales: least_tax, highest_cost, long_first, loss_first or fifo.")
        ] = "least_tax",
        cash_buffer: Annotated[float, typer.Option(help="The part of the book that is never invested.")] = 0.02,
        min_trade: Annotated[str, typer.Option(help="Leave out trades smaller than this, in money.")] = "100",
        propose: Annotated[bool, typer.Option("--propose", help="Send it; without this it is only shown.")] = False,
        key: Annotated[str, typer.Option(help="What is proposed twice under one key is sent once.")] = "",
    ) -> Answer:
        """Show the orders that bring a book to its targets, with lots, turnover and cost; --propose sends them."""
        from aura_lib.access import who
        from aura_lib.cli.orders.wishing import look
        from aura_lib.core import Settings
        from aura_lib.execution import DeskProcess
        from aura_lib.execution import rebalance as rebalancing
        from aura_lib.execution.form import number
        from aura_lib.ledger import Ledger

        weights, settings = read(targets or [], file), Settings.load()
        with Ledger.open(settings) as ledger:
            present = look(ledger, settings, account, book)
            plan = rebalancing.by_hand(
                ledger, present, weights, book=book, who=who(), lots=lots, keep_others=keep_others,
                cash_buffer=cash_buffer, min_trade=number("--min-trade", min_trade), settings=settings,
            )  # fmt: skip
            proposal = None
            if propose:
                with DeskProcess(settings, account):
                    proposal = rebalancing.propose(ledger, plan, who=who(), key=key, settings=settings)
        return _shown(plan, proposal)


def read(texts: Sequence[str], file: Path | None) -> dict[str, float]:
    """Symbol → weight, of SYMBOL=WEIGHT texts or of a CSV; each symbol once."""
    from aura_lib.core import InputError
    from aura_lib.execution.form import targets

    if bool(texts) == (file is not None):
        raise InputError("give targets either as SYMBOL=WEIGHT or in a file (--targets), one of the two")
    return targets(texts if file is None else _listed(file))


def _listed(file: Path) -> list[str]:
    from aura_lib.core import InputError

    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if not {"symbol", "weight"} <= set(rows.fieldnames or ()):
                raise InputError(f"{file.name} needs the columns symbol and weight, not {rows.fieldnames}")
            return [f"{row['symbol']}={row['weight']}" for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None


def _shown(plan: Rebalance, proposal: Proposal | None) -> Answer:
    from aura_lib.core import RiskRejection
    from aura_lib.core.errors import exit_code
    from aura_lib.reports.rebalance import rebalance_sheet

    data: dict[str, Any] = {
        "account": plan.account, "book": plan.book, **{n.replace(" ", "_"): v for n, v in plan.summary().items()},
        "legs": plan.table().to_dict("records"), "lots": plan.lots_table().to_dict("records"), "proposed": None,
    }  # fmt: skip
    if proposal is None:
        told = "Nothing was sent: add --propose." if plan.intents else "The book is at its targets."
        return Answer(
            data, (repr(rebalance_sheet(plan)), told), code=0 if plan.approved else exit_code(RiskRejection(""))
        )
    data["proposed"] = {"basket": proposal.basket.id, "approved": proposal.approved,
                        "refused": [str(d) for d in proposal.rejected]}  # fmt: skip
    told = f"Sent: {proposal.approved} of {len(proposal.decisions)} orders were approved."
    lines = "\n".join([told, *map(str, proposal.rejected)])
    code = 0 if proposal.approved == len(proposal.decisions) else exit_code(RiskRejection(""))
    return Answer(data, (repr(rebalance_sheet(plan)), lines), code=code)
