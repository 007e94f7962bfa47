"""the `aura` command"""

from __future__ import annotations

from typing import Annotated

import typer

from aura_lib._version import __version__
from aura_lib.cli import (
    accounts,
    backup,
    broker,
    check,
    data,
    demo,
    desk,
    doctor,
    jobs,
    ledger,
    limits,
    new,
    orders,
    protect,
    rebalance,
    reconcile,
    research,
    service,
    shadow,
    trials,
    universe,
    up,
)

HELP = """
Take a trading idea from a notebook to a scheduled job, without rewriting it.

Simulated trading is the default everywhere. `aura demo` shows the whole journey.
"""

app = typer.Typer(
    name="aura",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    demo,
    up,
    new,
    data,
    universe,
    research,
    trials,
    check,
    jobs,
    accounts,
    orders,
    rebalance,
    protect,
    ledger,
    broker,
    limits,
    desk,
    reconcile,
    shadow,
    backup,
    service,
    doctor,
):
    room.register(app)


def _version(asked: bool) -> None:
    if asked:
        print(f"aura {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `aura` command."""
    app()
