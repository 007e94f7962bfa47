"""`aura protect`: stops, profits and drawdowns that the desk keeps when nobody looks."""

from __future__ import annotations

import secrets
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.execution.protection import Protection

PLACE = Annotated[str, typer.Argument(help="ACCOUNT/BOOK.")]
NAME = Annotated[str, typer.Argument(help="The rule's name in its account.")]
REASON = Annotated[str, typer.Option("--reason", "-r", help="Why; it is written to the journal.")]
GUARDS = ("stop_loss", "take_profit", "trailing", "drawdown")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Protection that a desk keeps: stops, profits, time, drawdown.", no_args_is_help=True)
    app.add_typer(group, name="protect")

    @command(group, "set")
    def setting(
        place: PLACE,
        name: NAME,
        reason: REASON,
        symbol: Annotated[str, typer.Option(help="Of this symbol; of every position when left out.")] = "",
        stop_loss: Annotated[str, typer.Option(help="Close a position this far under its cost: 0.05 is 5 %.")] = "",
        take_profit: Annotated[str, typer.Option(help="Close it this far above its cost.")] = "",
        trailing: Annotated[str, typer.Option(help="Close it this far under its best price.")] = "",
        sessions: Annotated[int, typer.Option(help="Close it after this many sessions.")] = 0,
        drawdown: Annotated[str, typer.Option(help="Close and halt the book when it is this far under its best.")] = "",
        price: Annotated[str, typer.Option(help="With --stop-loss or --take-profit 'at': the price itself.")] = "",
    ) -> Answer:
        """Ask the desk to keep a rule; one of the same name is replaced."""
        from aura_lib.access import who
        from aura_lib.core import Settings
        from aura_lib.execution.protection import protect
        from aura_lib.ledger import Ledger

        account, book = _place(place)
        given = dict(zip(GUARDS, (stop_loss, take_profit, trailing, drawdown), strict=True))
        rule = read(name, book, {n: v for n, v in given.items() if v}, symbol, sessions, price)
        settings = Settings.load()
        with Ledger.open(settings) as ledger:
            key = f"protect:{account}:{name}:{secrets.token_hex(8)}"
            protect(ledger, settings.home, account, rule, who=who(), reason=reason, key=key)
        told = f"The desk of {account} is asked to keep {name}: {_words(rule)} in book {book}."
        return Answer({"account": account, "book": book, "rule": name, "asked": True}, (told,))

    @command(group)
    def remove(account: Annotated[str, typer.Argument(help="An account.")], name: NAME, reason: REASON) -> Answer:
        """Ask the desk to keep a rule no more. An exit that it began goes on to its end at the broker."""
        from aura_lib.access import who
        from aura_lib.core import Settings
        from aura_lib.execution.protection import unprotect
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        with Ledger.open(settings) as ledger:
            key = f"protect:{account}:{name}:{secrets.token_hex(8)}"
            unprotect(ledger, settings.home, account, name, who=who(), reason=reason, key=key)
        return Answer(
            {"account": account, "rule": name, "asked": True}, (f"The desk is asked to drop {name}: {reason}",)
        )

    @command(group, "list")
    def listing(account: Annotated[str, typer.Argument(help="An account.")] = "paper") -> Answer:
        """The rules that a desk keeps, and where they came to bear."""
        from aura_lib.execution import account_terms
        from aura_lib.execution.protection import protections
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            account_terms(ledger, account)
            view = ledger.account(account)
        rules = [
            {"name": n, "book": r.book, "symbol": r.symbol or "every one", "rule": _words(r), "since": str(r.time)}
            for n, r in protections(view).items()
        ]
        bears = [dict(told) for told in view.triggered.values()]
        shown = (
            table("Protection", {n: n for n in ("name", "book", "symbol", "rule", "since")}, rows=rules, empty="none"),
            table("Came to bear", {n: n for n in ("rule", "symbol", "at", "why")}, rows=bears, empty="nothing"),
        )
        return Answer({"account": account, "rules": rules, "triggered": bears}, shown)


def _place(text: str) -> tuple[str, str]:
    from aura_lib.core import InputError

    account, slash, book = text.partition("/")
    if not (account and slash and book):
        raise InputError(f"protection is that of ACCOUNT/BOOK, not of {text!r}")
    return account, book


def read(name: str, book: str, given: dict[str, str], symbol: str, sessions: int, price: str) -> Protection:
    """The rule that options describe; exactly one of them says what it goes by."""
    from aura_lib.core import InputError
    from aura_lib.execution.protection import Guard, Protection

    if len(given) + bool(sessions) != 1:
        told = ", ".join([*given, *(["sessions"] if sessions else [])]) or "none"
        raise InputError(f"one rule goes by one of stop-loss, take-profit, trailing, sessions, drawdown; given: {told}")
    if sessions:
        return Protection(name, book, Guard.TIME, symbol, sessions=sessions)
    ((kind, value),) = given.items()
    if price and value == "at":
        return Protection(name, book, Guard(kind), symbol, price=_number("price", price))
    if price or value == "at":
        raise InputError(f"a price comes with --{kind.replace('_', '-')} at, and that with a price")
    return Protection(name, book, Guard(kind), symbol, fraction=_number(kind, value))


def _number(name: str, text: str) -> Decimal:
    from aura_lib.core import InputError

    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(f"{name}={text!r} is no number") from None


def _words(rule: Protection) -> str:
    by = rule.sessions if rule.sessions is not None else rule.price if rule.price is not None else rule.fraction
    unit = " sessions" if rule.sessions is not None else ""
    return f"{rule.guard.value.replace('_', ' ')} {'at ' if rule.price is not None else ''}{by}{unit}"
