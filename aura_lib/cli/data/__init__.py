"""`aura data`: fetch, load, status, verify, diff, quotes, sql."""

from __future__ import annotations

import typer

from aura_lib.cli.data import asking, fetching, kept, verifying


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Market data: fetch it, see what is stored, check it.", no_args_is_help=True)
    app.add_typer(group, name="data")
    for part in (fetching, kept, verifying, asking):
        part.register(group)
