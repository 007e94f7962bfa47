"""`aura universe`: search, show, members."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

SOURCE = Annotated[
    str, typer.Argument(help="A data source, a file of prices, or a list in AURA_HOME/universes by its name.")
]
IN = Annotated[str, typer.Option("--in", help="A data source, a file of prices, or a list in AURA_HOME/universes.")]
HEADINGS = {
    "symbol": "symbol", "name": "name", "exchange": "exchange", "sector": "sector", "asset_class": "class",
    "currency": "currency",
}  # fmt: skip
MOST = 40  # rows for people


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What there is to trade: search it, and who was in a list when.", no_args_is_help=True)
    app.add_typer(group, name="universe")

    @command(group)
    def search(
        text: Annotated[str, typer.Argument(help="A symbol, the beginning of one, or words of a name.")],
        source: IN = "sample",
        exchange: Annotated[str | None, typer.Option(help="Market identifier code, such as XNAS.")] = None,
        sector: Annotated[str | None, typer.Option(help="Such as Energy.")] = None,
        asset_class: Annotated[str | None, typer.Option(help="Such as equity or index.")] = None,
    ) -> Answer:
        """Find symbols by symbol, name or close spelling, best first."""
        from aura_lib import data

        universe = data.universe(source)
        found = universe.search(text, exchange=exchange, sector=sector, asset_class=asset_class)
        return _told(f"{text} in {source}", found, universe.note)

    @command(group)
    def show(source: SOURCE = "sample") -> Answer:
        """What a source or a list of your own has."""
        from aura_lib import data

        universe = data.universe(source)
        return _told(source, universe.table(), universe.note)

    @command(group)
    def members(
        source: SOURCE,
        as_of: Annotated[str, typer.Option("--as-of", help="The day, such as 2015-06-30.")],
    ) -> Answer:
        """Who was in a list on a day; a list that does not know it says so."""
        from aura_lib import data

        found = data.universe(source).members(as_of)
        facts = {"universe": source, "as_of": as_of, "members": list(found)}
        return Answer(facts, (f"{len(found)} in {source} on {as_of}: {', '.join(found) or 'nobody'}",))


def _told(title: str, found: Any, note: str) -> Answer:
    rows = found.to_dict("records")
    more = (f"… and {len(rows) - MOST} more: --json has them all",) if len(rows) > MOST else ()
    shown = (table(title, HEADINGS, rows[:MOST], "nothing found"), *more, *([note] if note else []))
    return Answer({"listed": rows, "note": note}, shown)
