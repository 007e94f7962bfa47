"""`aura order`: buy, sell, slice, list, replace, cancel; the risk decision is shown before anything is sent."""

from __future__ import annotations

from typing import Annotated

import typer

from aura_lib.cli.answer import Answer, command
from aura_lib.cli.orders.changing import cancelled, listed, replaced
from aura_lib.cli.orders.slices import sliced
from aura_lib.cli.orders.wishing import traded

PLACE = Annotated[str, typer.Argument(help="ACCOUNT, or ACCOUNT/BOOK; the book is `manual` when left out.")]
ACCOUNT = Annotated[str, typer.Argument(help="An account.")]
SYMBOL = Annotated[str, typer.Argument(help="What.")]
SIZE = Annotated[str, typer.Argument(help="How many units; with --money how much money.")]
MONEY = Annotated[bool, typer.Option("--money", help="SIZE is an amount of money: what it buys, in whole lots.")]
LIMIT = Annotated[str, typer.Option(help="Not worse than this price.")]
STOP = Annotated[str, typer.Option(help="Once it trades at this price.")]
FORCE = Annotated[str, typer.Option("--in-force", help="day, gtc, ioc, fok, opg or cls.")]
REASON = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the order.")]
KEY = Annotated[str, typer.Option(help="What is sent twice under one key is sent once.")]
YES = Annotated[bool, typer.Option("--yes", "-y", help="Send it; without this it is only shown.")]
ID = Annotated[str, typer.Argument(help="Its client id (see `aura order list`).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Orders by hand: looked at, sent, changed, cancelled.", no_args_is_help=True)
    app.add_typer(group, name="order")
    for side in ("buy", "sell"):
        _side(group, side)

    @command(group, "slice")
    def cut(
        place: PLACE,
        side: Annotated[str, typer.Argument(help="buy or sell.")],
        symbol: SYMBOL,
        size: SIZE,
        over: Annotated[float, typer.Option(help="Over how many minutes, from now on or from --start.")],
        slices: Annotated[int, typer.Option(help="In how many slices.")] = 10,
        start: Annotated[str, typer.Option(help="When the first is due: 2026-03-02T15:00Z.")] = "",
        vwap: Annotated[bool, typer.Option("--vwap", help="By the volume of the time of day, not evenly.")] = False,
        name: Annotated[str, typer.Option(help="What it is called; the first of a name counts.")] = "",
        limit: LIMIT = "",
        money: MONEY = False,
        reason: REASON = "",
        yes: YES = False,
    ) -> Answer:
        """Send one order in slices over a time (TWAP, or --vwap), each under the same rules as every order."""
        fields = {"side": side, "limit_price": limit, "reason": reason, "time_in_force": "day"}
        return sliced(place, symbol, size, money, fields, start, over, slices, vwap, name, yes)

    @command(group, "list")
    def listing(
        account: ACCOUNT = "paper",
        every: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
        book: Annotated[str, typer.Option(help="Of one book.")] = "",
        most: Annotated[int, typer.Option(help="The newest so many.")] = 50,
    ) -> Answer:
        """The open orders of an account, the newest first, and what is being sent in slices."""
        return listed(account, every, book, most)

    @command(group)
    def cancel(account: ACCOUNT, name: ID, reason: REASON = "") -> Answer:
        """Cancel an open order, or what is being sent in slices, by its name."""
        return cancelled(account, name, reason)

    @command(group)
    def replace(
        account: ACCOUNT,
        name: ID,
        quantity: Annotated[str, typer.Option(help="The whole of it, with what is filled already.")] = "",
        limit: LIMIT = "",
        stop: STOP = "",
        reason: REASON = "",
        yes: YES = False,
    ) -> Answer:
        """Have another order take the place of an open one: at other prices, or in another quantity."""
        return replaced(account, name, {"quantity": quantity, "limit_price": limit, "stop_price": stop}, reason, yes)


def _side(group: typer.Typer, side: str) -> None:
    def trade(
        place: PLACE,
        symbol: SYMBOL,
        size: SIZE,
        money: MONEY = False,
        limit: LIMIT = "",
        stop: STOP = "",
        trail: Annotated[str, typer.Option(help="A stop that follows at this distance: 2.50, or 5%.")] = "",
        take_profit: Annotated[str, typer.Option(help="Then close it at this price: a bracket.")] = "",
        stop_loss: Annotated[str, typer.Option(help="Or when it falls to this price.")] = "",
        stop_loss_limit: Annotated[str, typer.Option(help="The limit of the stop loss.")] = "",
        in_force: FORCE = "day",
        extended: Annotated[bool, typer.Option("--extended", help="Also outside regular hours.")] = False,
        oco: Annotated[bool, typer.Option("--oco", help="The pair of exits alone, of what is held.")] = False,
        reason: REASON = "",
        key: KEY = "",
        yes: YES = False,
    ) -> Answer:
        percent = trail.strip().endswith("%")
        fields = {
            "side": side, "limit_price": limit, "stop_price": stop, "take_profit": take_profit, "stop_loss": stop_loss,
            "trail_percent" if percent else "trail_amount": trail.strip().rstrip("%"), "oco": "1" * oco,
            "stop_loss_limit": stop_loss_limit, "time_in_force": in_force.lower(), "extended_hours": "1" * extended,
            "reason": reason,
        }  # fmt: skip
        return traded(place, symbol, size, money, fields, key, yes)

    trade.__doc__ = f"{side.capitalize()}: show what it costs and what the desk would say; with --yes, send it."
    command(group, side)(trade)
