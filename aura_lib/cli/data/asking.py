"""`aura data quotes` and `aura data sql`: a quick question, answered in the terminal."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
import typer

from aura_lib.cli.answer import Answer, command, table
from aura_lib.cli.data import words

SHOWN = 50  # rows on a screen


def register(group: typer.Typer) -> None:
    """Add the commands."""

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
    rows = [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]
    columns = {str(name): (">" if _number(found[name]) else "") + str(name) for name in found.columns}
    shown = [{name: _short(value) for name, value in row.items()} for row in rows[:SHOWN]]
    more = (f"and {len(rows) - SHOWN} more rows: --json has all",) if len(rows) > SHOWN else ()
    return Answer(rows, (table(title, columns, shown, empty), *more))


def _number(values: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))


def _short(value: Any) -> str:
    """A value for a screen; nothing for one that is not known."""
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
