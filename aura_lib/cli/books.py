"""`aura account lots|statement|blotter`: what an owner and a tax office ask for, on screen or in files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command
from aura_lib.cli.money import ACCOUNT, ask

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.core import Bars
    from aura_lib.execution import Terms
    from aura_lib.ledger import AccountView

BOOK = Annotated[str, typer.Option(help="One book; the whole account when it is left out.")]
TO = Annotated[Path | None, typer.Option("--to", help="A new file to write: .csv or .parquet.")]
WASH = Annotated[
    bool, typer.Option("--wash-sales", help="Defer losses of wash sales (US), over all accounts of the same owner.")
]
ROWS = 40  # on screen; a file has them all


def register(group: typer.Typer) -> None:
    """Add the commands to `aura account`."""

    @command(group)
    def lots(
        account: ACCOUNT = "paper",
        book: BOOK = "",
        method: Annotated[str, typer.Option(help="As if sales went by fifo or average.")] = "",
        set_method: Annotated[str, typer.Option(help="Let sales go by fifo or average from now on.")] = "",
        closed: Annotated[bool, typer.Option("--closed", help="Those that were closed, with their gains.")] = False,
        wash_sales: WASH = False,
        to: TO = None,
    ) -> Answer:
        """Tax lots: what each unit cost, since when it is held, and what was gained."""
        from aura_lib.reports import lots_of

        if set_method:
            ask(account, "lots", {"method": set_method, **({"book": book} if book else {})}, "")
        view, _, bars = _account(account)
        beside = _same_owner(view) if wash_sales else []
        held, gone = lots_of(view, bars, book=book or None, method=method or None, wash_sales=wash_sales, beside=beside)
        return _told(f"{'Closed lots' if closed else 'Lots'} of {account}", gone if closed else held, view.currency, to)

    @command(group)
    def blotter(
        account: ACCOUNT = "paper",
        book: BOOK = "",
        after: Annotated[str, typer.Option(help="A moment with its zone; what happened later.")] = "",
        until: Annotated[str, typer.Option(help="A moment with its zone; what happened up to then.")] = "",
        to: TO = None,
    ) -> Answer:
        """Everything that happened to an account, in order: trades, dividends, fees, money in and out."""
        from aura_lib.core import utc
        from aura_lib.execution import account_terms
        from aura_lib.ledger import Ledger
        from aura_lib.reports import blotter_table

        with Ledger.open() as ledger:
            account_terms(ledger, account)
            view = ledger.account(account)
        between = {name: utc(text, name) for name, text in (("after", after), ("until", until)) if text}
        return _told(f"Blotter of {account}", blotter_table(view, book or None, **between), view.currency, to)

    @command(group)
    def statement(
        account: ACCOUNT,
        month: Annotated[str, typer.Argument(help="Such as 2024-03, by the clock of the account's exchange.")],
        book: BOOK = "",
        wash_sales: WASH = False,
        to: Annotated[Path | None, typer.Option("--to", help="A new file: .html, .csv or .parquet.")] = None,
    ) -> Answer:
        """The statement of a month: opening, what came and went, gains, closing; it adds up to the last digit."""
        from aura_lib.core import Calendar, InputError
        from aura_lib.ledger.accounting import statement as make
        from aura_lib.reports import statement as page
        from aura_lib.reports import statement_table
        from aura_lib.reports.accounting import closes

        view, terms, bars = _account(account)
        if book and book not in view.cash:
            raise InputError(f"account {account} has no book {book!r}; books: {', '.join(view.cash) or 'none'}")
        wash: dict[str, Any] = {"wash_sales": wash_sales, "beside": _same_owner(view) if wash_sales else []}
        zone = str(Calendar.of(terms.calendar).zone)
        told = make(view, month, closes(bars), book=book or None, zone=zone, **wash)
        table = statement_table(told)
        if to is not None and to.suffix == ".html":
            page(view, terms, month, bars, to, book=book or None, **wash)
            return _told(f"Statement {month} of {account}", table, view.currency, None, f"written to {to}")
        return _told(f"Statement {month} of {account}", table, view.currency, to)


def _account(name: str) -> tuple[AccountView, Terms, Bars]:
    from aura_lib import data
    from aura_lib.execution import account_terms
    from aura_lib.ledger import Ledger

    with Ledger.open() as ledger:
        terms, view, clock = account_terms(ledger, name), ledger.account(name), ledger.control.clock(name)
    seen = clock[1] if clock is not None else None
    return view, terms, data.load(source=terms.source, calendar=terms.calendar, as_of=seen)


def _same_owner(view: AccountView) -> list[AccountView]:
    """The other accounts of whoever owns this one; none where nobody was named."""
    from aura_lib.execution import accounts
    from aura_lib.ledger import Ledger

    with Ledger.open() as ledger:
        others = [ledger.account(name) for name in accounts(ledger) if name != view.name and view.owner]
    return [other for other in others if other.owner == view.owner]


def _told(title: str, table: pd.DataFrame, currency: str, to: Path | None, more: str = "") -> Answer:
    from aura_lib.reports import tables, write_table
    from aura_lib.reports.tables import counts_rows

    if to is not None:
        write_table(table, to)
        more = f"{len(table)} rows written to {to}"
    flat = table if counts_rows(table) else table.rename_axis("line").reset_index()
    rows: list[dict[str, Any]] = [
        {str(name): _plain(cell) for name, cell in row.items()} for row in flat.to_dict("records")
    ]
    shown = tables.as_text(table.head(ROWS), title=title, currency=currency)
    rest = f"{len(table) - ROWS} more rows: --to FILE writes them all" if len(table) > ROWS else ""
    data = {"rows": rows, **({"file": str(to)} if to is not None else {})}
    return Answer(data, tuple(filter(None, (shown, rest, more))))


def _plain(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, datetime) else cell
