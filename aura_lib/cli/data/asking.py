"""`aura data quotes` and `aura data sql`: a quick question, answered in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table
from aura_lib.cli.data import words

if TYPE_CHECKING:
    import pandas as pd

QUOTED = {
    "symbol": "symbol", "price": ">price", "currency": "", "change": ">change", "time": "at", "source": "source",
}  # fmt: skip
SHOWN = 50  # rows on a screen


def register(group: typer.Typer) -> None:
    """Add the commands."""

    @command(group)
    def quotes(
        symbols: Annotated[str, typer.Argument(help="Which, such as AAPL,MSFT.")],
        source: Annotated[str, typer.Option(help="Who is asked.")] = "sample",
    ) -> Answer:
        """What symbols are worth now; of a source without live prices, at its last bar."""
        from aura_lib import data

        with words.remarked() as remarks:
            found = data.quotes(words.listed(symbols) or [], source=source)
        rows = [{"symbol": symbol, **_known(row)} for symbol, row in zip(found.index, _rows(found), strict=True)]
        shown = [row | {"change": _percent(row["change"]), "price": _short(row["price"])} for row in rows]
        return Answer(rows, (table("Quotes", QUOTED, shown), *remarks))

    @command(group)
    def sql(
        query: Annotated[str, typer.Argument(help="SQL over bars, actions and instruments.")],
        source: Annotated[str, typer.Option(help="Whose newest version is asked.")] = "sample",
        frequency: words.FREQUENCY = None,
        snapshot: Annotated[str | None, typer.Option(help="A version by its id instead.")] = None,
    ) -> Answer:
        """Ask a stored version in SQL: tables bars (symbol, time, open …), actions, instruments."""
        from aura_lib import data

        found = data.sql(query, source=source, frequency=frequency or "1d", snapshot=snapshot)
        return _answer(found, "Answer", "no row")


def _answer(found: pd.DataFrame, title: str, empty: str) -> Answer:
    rows = _rows(found)
    columns = {str(name): (">" if _number(found[name]) else "") + str(name) for name in found.columns}
    shown = [{name: _short(value) for name, value in row.items()} for row in rows[:SHOWN]]
    more = (f"and {len(rows) - SHOWN} more rows: --json has all",) if len(rows) > SHOWN else ()
    return Answer(rows, (table(title, columns, shown, empty), *more))


def _rows(found: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """A row with None for what is not known."""
    import pandas as pd

    return {name: None if pd.isna(value) else value for name, value in row.items()}


def _percent(change: float | None) -> str:
    return "" if change is None else f"{change:+.2%}"


def _number(values: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(values))


def _short(value: Any) -> str:
    """A value for a screen; nothing for one that is not known."""
    if value is None or value != value:  # NaN, and the time that is none
        return ""
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
