"""`aura account deposit|withdraw|transfer|import|book|owner|choose`: what the desk is asked to write of money."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.core import Instrument
    from aura_lib.execution import Terms

ACCOUNT = Annotated[str, typer.Argument(help="An account.")]
BOOK = Annotated[str, typer.Argument(help="A book of it; one that is new is opened.")]
AMOUNT = Annotated[str, typer.Argument(help="How much, such as 10000 or 12.50.")]
CURRENCY = Annotated[str, typer.Option(help="Of the amount; the account's own when it is left out.")]
WHY = Annotated[str, typer.Option("--reason", "-r", help="Why; it is written to the journal.")]
LOTS = Annotated[list[str], typer.Option("--lot", help="A lot to take, as ID:QUANTITY (see `aura account lots`).")]
KINDS = (
    "dividend, interest, fee, split, stock_dividend, cash_in_lieu, return_of_capital, spin_off, merger, "
    "symbol_change, delisting, exercise, assignment, expiry, conversion, borrow."
)
COLUMNS = ("symbol", "quantity", "price", "acquired")


def register(group: typer.Typer) -> None:
    """Add the commands to `aura account`."""

    @command(group)
    def deposit(account: ACCOUNT, book: BOOK, amount: AMOUNT, currency: CURRENCY = "", reason: WHY = "") -> Answer:
        """Pay money into a book."""
        return _pay(account, book, _number(amount, "amount"), currency, reason)

    @command(group)
    def withdraw(account: ACCOUNT, book: BOOK, amount: AMOUNT, currency: CURRENCY = "", reason: WHY = "") -> Answer:
        """Pay money out of a book; never more than it has."""
        return _pay(account, book, -_number(amount, "amount"), currency, reason)

    @command(group)
    def transfer(
        account: ACCOUNT,
        source: Annotated[str, typer.Argument(metavar="FROM", help="The book it comes from.")],
        target: Annotated[str, typer.Argument(metavar="TO", help="The book it goes to; a new one is opened.")],
        amount: Annotated[str, typer.Option(help="Money to move.")] = "",
        symbol: Annotated[str, typer.Option(help="Or units of this symbol, with their lots.")] = "",
        quantity: Annotated[str, typer.Option(help="How many units.")] = "",
        lot: LOTS = [],  # noqa: B006 (typer reads it, nobody writes it)
        currency: CURRENCY = "",
        reason: WHY = "",
    ) -> Answer:
        """Move money, or units with what they cost and since when they are held, to another book."""
        from aura_lib.core import InputError

        if bool(amount) == bool(symbol):
            raise InputError("say what to move: either --amount, or --symbol with --quantity")
        body: dict[str, Any] = {"from": source, "to": target}
        if amount:
            body |= {"amount": str(_number(amount, "amount")), "currency": currency}
        else:
            body |= {"symbol": symbol, "quantity": str(_number(quantity, "quantity")), "lots": _lots(lot)}
        ask(account, "transfer", body, reason)
        what = f"{amount} {currency}".strip() if amount else f"{quantity} {symbol}"
        return Answer({"account": account, **body}, (f"{what} went from {source} to {target}",))

    @command(group, "import")
    def bring(
        account: ACCOUNT,
        file: Annotated[Path, typer.Argument(help="A CSV with the columns symbol, quantity, price and acquired.")],
        book: Annotated[str, typer.Option(help="The book that gets it.")] = "imported",
        cash: Annotated[str, typer.Option(help="Money that comes along.")] = "",
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Book it; without this it is only shown.")] = False,
        reason: WHY = "",
    ) -> Answer:
        """Bring along what an account held before: each line one lot, `price` what a unit cost, `acquired` since when.

        Without --yes nothing is written: what would be booked is shown. The same file is booked once.
        """
        return _bring(account, file, book, cash, yes, reason)

    @command(group)
    def book(
        account: ACCOUNT,
        kind: Annotated[str, typer.Argument(help=KINDS)],
        reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is written to the journal.")],
        book: Annotated[str, typer.Option(help="One book; all that hold it share when it is left out.")] = "",
        cash: Annotated[str, typer.Option(help="What it did to the cash, signed.")] = "0",
        symbol: Annotated[str, typer.Option(help="The instrument it is about.")] = "",
        quantity: Annotated[str, typer.Option(help="Units that came or, negative, went.")] = "0",
        into: Annotated[str, typer.Option(help="The symbol that came in its place.")] = "",
        units: Annotated[str, typer.Option(help="How many units of that came.")] = "0",
        basis: Annotated[str, typer.Option(help="Of a spin_off: the part of the cost that moves, such as 0.042.")] = "",
        price: Annotated[str, typer.Option(help="Of a merger: what one of the units that came was worth.")] = "",
        currency: CURRENCY = "",
    ) -> Answer:
        """Book by hand what no broker told: a corporate action, a fee that was wrong."""
        more = {name: str(_number(text, name)) for name, text in (("basis", basis), ("price", price)) if text}
        return _book(account, kind, reason, book, cash, symbol, quantity, into, units, currency, more)

    @command(group)
    def owner(account: ACCOUNT, name: Annotated[str, typer.Argument(help="Whose account it is.")]) -> Answer:
        """Say whose account it is; statements bear the name."""
        ask(account, "owner", {"owner": name}, "")
        return Answer({"account": account, "owner": name}, (f"{account} is {name}'s",))

    @command(group)
    def choose(
        account: ACCOUNT,
        order: Annotated[str, typer.Argument(help="The client id of a sale.")],
        lot: LOTS,
    ) -> Answer:
        """Choose the tax lots that a sale takes: before it is filled, or until the day after."""
        ask(account, "lots", {"client_id": order, "lots": _lots(lot)}, "")
        return Answer({"account": account, "order": order, "lots": _lots(lot)}, (f"{order} takes {', '.join(lot)}",))


def ask(account: str, kind: str, body: Mapping[str, Any], reason: str, key: str = "") -> None:
    """Ask the desk of an account, starting one for as long as it takes."""
    from aura_lib.access import who
    from aura_lib.core import Settings
    from aura_lib.execution import DeskProcess, account_terms, ask_for_money
    from aura_lib.ledger import Ledger

    settings = Settings.load()
    with Ledger.open(settings) as ledger:
        account_terms(ledger, account)  # before a desk is started for nothing
        with DeskProcess(settings, account) as desk:
            ask_for_money(ledger, account, kind, body, who=who(), reason=reason, key=key, settings=settings, desk=desk)


def _pay(account: str, book: str, amount: Decimal, currency: str, reason: str) -> Answer:
    body = {"book": book, "amount": str(amount), "why": reason, **({"currency": currency} if currency else {})}
    ask(account, "cash", body, reason)
    done = "paid into" if amount > 0 else "paid out of"
    data = {"account": account, "book": book, "amount": str(amount), "currency": currency}
    return Answer(data, (f"{abs(amount):,} {currency}".strip() + f" {done} book {book} of {account}",))


def _number(text: str, name: str) -> Decimal:
    from aura_lib.core import InputError

    try:
        number = Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise InputError(f"{name} must be a number such as 1250.50, not {text!r}") from None
    if not number.is_finite() or number <= 0:
        raise InputError(f"{name} must be above zero, not {text}")
    return number


def _lots(told: Sequence[str]) -> list[dict[str, str]]:
    from aura_lib.core import InputError

    pairs = [text.rpartition(":") for text in told]
    if wrong := [text for text, (name, _, units) in zip(told, pairs, strict=True) if not name or not units]:
        raise InputError(f"a lot is told as ID:QUANTITY, not {wrong[0]!r}")
    return [{"lot": name, "quantity": str(_number(units, "quantity of a lot"))} for name, _, units in pairs]


def _bring(account: str, file: Path, book: str, cash: str, yes: bool, reason: str) -> Answer:
    from aura_lib.core import encode
    from aura_lib.execution import account_terms
    from aura_lib.ledger import Ledger

    with Ledger.open() as ledger:
        terms = account_terms(ledger, account)
    rows = list(_read(file))
    known = instruments(terms, {row["symbol"] for row in rows})
    positions = [{**row, "instrument": encode(known[row["symbol"]])} for row in rows]
    paid = str(_number(cash, "cash")) if cash else ""
    body = {"book": book, "positions": [{k: v for k, v in p.items() if k != "symbol"} for p in positions], "cash": paid}
    if yes:
        key = hashlib.sha256(repr((book, cash, rows)).encode()).hexdigest()[:16]
        ask(account, "import", body, reason or f"import of {file.name}", key)
    shown = [{**row, "cost": f"{Decimal(row['quantity']) * Decimal(row['price']):,.2f}"} for row in rows]
    columns = {"symbol": "symbol", "quantity": ">quantity", "price": ">price", "cost": ">cost", "acquired": "acquired"}
    total = sum((Decimal(row["quantity"]) * Decimal(row["price"]) for row in rows), Decimal(0))
    told = f"{len(rows)} lots that cost {total:,.2f} and {paid or 'no'} cash, into book {book} of {account}: "
    told += "booked" if yes else "nothing is written yet; add --yes to book them"
    data = {"account": account, "book": book, "cash": paid, "positions": rows, "booked": yes}
    return Answer(data, (table(f"Import of {file.name}", columns, shown), told))


def _read(file: Path) -> Iterator[dict[str, str]]:
    """The lines of a CSV, each a lot; the first that is wrong raises InputError with its number."""
    from aura_lib.core import InputError

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file.name} cannot be read as text: {error}") from None
    reader = csv.DictReader(text.splitlines())
    names = [str(name).strip().lower() for name in reader.fieldnames or ()]
    if missing := [name for name in COLUMNS[:3] if name not in names]:
        raise InputError(f"{file.name} has no column {', '.join(missing)}; it has {', '.join(names) or 'nothing'}")
    for number, line in enumerate(reader, start=2):
        row = {name: str(value or "").strip() for name, value in zip(names, line.values(), strict=False)}
        yield {"symbol": row["symbol"], "quantity": _cell(row, "quantity", file, number),
               "price": _cell(row, "price", file, number),
               "acquired": _acquired(row.get("acquired", ""), file, number)}  # fmt: skip


def _cell(row: Mapping[str, str], name: str, file: Path, number: int) -> str:
    from aura_lib.core import InputError

    try:
        value = Decimal(row[name].replace(",", ""))
    except InvalidOperation:
        value = Decimal("NaN")
    if not row["symbol"] or not value.is_finite():
        raise InputError(f"{file.name}, line {number}: {name} of {row['symbol'] or 'no symbol'} is {row[name]!r}")
    return f"{value:f}"


def _acquired(text: str, file: Path, number: int) -> str:
    """A date or a moment with its zone, as a moment; a date is that day in UTC."""
    from aura_lib.core import InputError, day_or_moment, iso

    if not text:
        return ""
    try:
        when = day_or_moment(text, "acquired")
    except InputError as error:
        raise InputError(f"{file.name}, line {number}: {error}") from None
    return iso(when if isinstance(when, datetime) else datetime.combine(when, time(), UTC))


def instruments(terms: Terms, symbols: set[str]) -> dict[str, Instrument]:
    """What the symbols are, as the account's source of prices knows them; an unknown one raises InputError."""
    from aura_lib import data
    from aura_lib.core import InputError

    known = set(data.symbols(terms.source))
    if unknown := sorted(symbols - known):
        raise InputError(f"{terms.source} has no prices of {', '.join(unknown)}: account {terms.name} cannot hold it")
    bars = data.load(sorted(symbols), source=terms.source, calendar=terms.calendar)
    return {symbol: bars.instruments[symbol] for symbol in symbols}


def _book(
    account: str, kind: str, reason: str, book: str, cash: str, symbol: str, quantity: str, into: str, units: str,
    currency: str, more: Mapping[str, str],
) -> Answer:  # fmt: skip
    from aura_lib.core import BookingKind, InputError, encode
    from aura_lib.execution import account_terms
    from aura_lib.ledger import Ledger

    if kind not in set(BookingKind):
        raise InputError(f"a booking is one of {', '.join(BookingKind)}, not {kind!r}")
    with Ledger.open() as ledger:
        terms, held = account_terms(ledger, account), ledger.account(account).account().positions
    known = {s: p.instrument for s, p in held.items()}
    missing = {s for s in (symbol, into) if s and s not in known}
    known |= instruments(terms, missing) if missing else {}
    told: dict[str, Any] = {"kind": kind, "cash": cash, "currency": currency or terms.currency, "book": book, **more}
    if symbol:
        told |= {"instrument": encode(known[symbol]), "quantity": quantity}
    if into:
        told |= {"delivered": encode(known[into]), "units": units}
    ask(account, "booking", {"booking": told}, reason)
    return Answer({"account": account, "booking": told, "reason": reason}, (f"{kind} booked on {account}: {reason}",))
