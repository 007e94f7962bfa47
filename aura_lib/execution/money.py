"""What people ask of an account's money and holdings: paid in or out, moved between books, brought along, corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aura_lib.core import (
    Account,
    Booking,
    BookingKind,
    Books,
    InputError,
    Instrument,
    Side,
    Transfer,
    decode,
    encode,
    utc,
)
from aura_lib.execution.accounts import Terms
from aura_lib.execution.lines import Line
from aura_lib.ledger import AccountView, Request
from aura_lib.ledger.accounting import Method, tax_lots

SETTLED = timedelta(days=1)  # after a trade its lots are what they were (settlement is the day after it)
ZERO = Decimal(0)


def cash(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Money into a book or, negative, out of it; never more than it has.

    At a real broker that is the opening balance only: what is paid in later the broker tells itself.
    """
    body, book = request.body, _name(request.body["book"])
    _check_told(view, terms, "money is paid in and out there, and booked when it tells of it")
    amount, currency = _amount(body["amount"], "amount"), _currency(body.get("currency") or view.currency)
    if amount < 0 and (held := _balance(view.account(book), currency)) + amount < 0:
        raise InputError(f"book {book} has {held}, cannot pay {-amount:f}")
    return [Line("cash", body, request.key)]


def transfer(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Money, or units with their lots, from one book to another; what is not there cannot go."""
    body = request.body
    source, target = _known(view, body["from"]), _name(body["to"])
    if body.get("symbol"):
        told = _units(view, request, source, target)
    else:
        amount, currency = _amount(body["amount"], "amount"), _currency(body.get("currency") or view.currency)
        held = _balance(view.account(source), currency)
        if not ZERO < amount <= held:
            raise InputError(f"book {source} has {held} {currency}: a transfer of {amount} cannot come from it")
        told = Transfer(request.key, source, target, utc(body["at"]), amount, currency)
    return [Line("transfer", {"transfer": encode(told), **_who(body)}, request.key)]


def _units(view: AccountView, request: Request, source: str, target: str) -> Transfer:
    body, symbol = request.body, str(request.body["symbol"])
    position = view.account(source).positions.get(symbol)
    if position is None or not position.quantity:
        raise InputError(f"book {source} holds no {symbol}")
    if busy := [o.client_id for o in view.live_orders(source) if o.intent.symbol == symbol]:
        raise InputError(f"orders of book {source} in {symbol} are on their way ({', '.join(busy)}): cancel them first")
    units = _amount(body["quantity"], "quantity").copy_sign(position.quantity)
    there = view.account(target).quantity(symbol)
    if there * units < 0:
        raise InputError(f"book {target} holds {there} {symbol}: a transfer closes no position, trade instead")
    lots = _chosen(view, body.get("lots") or (), source, symbol)
    told = Transfer(
        request.key, source, target, utc(body["at"]), currency=position.instrument.currency,
        instrument=position.instrument, quantity=units, lots=lots,
    )  # fmt: skip
    view.money.check(told)
    return told


def bring(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Cash and units that the account had before: each position a lot with what one unit cost and since when.

    At a real broker they are there already: the import says what they cost, and is refused once both sides agree.
    """
    _check_told(view, terms, "what it holds is in the ledger already")
    body, book = request.body, _name(request.body["book"])
    lots = [
        Booking(
            f"{request.key}:{number}", BookingKind.IMPORT, ZERO, told.currency, utc(body["at"]), told,
            _amount(row["quantity"], "quantity"), account=view.name, book=book, price=_price(row["price"]),
            acquired=utc(row["acquired"], "acquired") if row.get("acquired") else None,
        )
        for number, row in enumerate(body["positions"], start=1)
        for told in [decode(Instrument, row["instrument"])]
    ]  # fmt: skip
    for lot in lots:
        _check_import(view.account(book), lot)
        _check_venue(terms, lot.quantity, lot.symbol)
    lines = [Line("import", {"book": book, "positions": [encode(lot) for lot in lots], **_who(body)}, request.key)]
    if body.get("cash") and _amount(body["cash"], "cash"):
        paid = {"book": book, "amount": str(body["cash"]), "why": "import", "at": body["at"]}
        lines.append(Line("cash", paid, f"{request.key}:cash"))
    return lines


def _check_told(view: AccountView, terms: Terms, why: str) -> None:
    """Once ledger and broker agree, what is booked by hand besides would be there twice."""
    if not terms.simulated and view.reconciled is not None and not view.drift:
        raise InputError(
            f"account {view.name} agrees with {terms.broker}: {why}. To give a book some of it: aura account transfer"
        )


def _check_venue(terms: Terms, left: Decimal, what: str) -> None:
    """What the simulated venue could not hold is refused before it is written: it is a cash account."""
    if terms.broker == "paper" and left < 0:
        raise InputError(f"{what}: {left} would be below zero, which a simulated account cannot hold")


def _check_import(account: Account, lot: Booking) -> None:
    if account.quantity(lot.symbol) * lot.quantity < 0:
        held = account.quantity(lot.symbol)
        raise InputError(f"{account.name} holds {held} {lot.symbol}: an import of {lot.quantity} would close it")
    if lot.acquired is not None and lot.acquired > lot.time:
        raise InputError(f"{lot.symbol}: acquired {lot.acquired.isoformat()} is later than {lot.time.isoformat()}")


def booking(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """A fact that no broker told: a corporate action, a fee that was wrong; with who says so, and why."""
    body = request.body
    if not str(body.get("reason") or "").strip():
        raise InputError("a booking by hand needs a reason: it is written to the journal with it")
    told = decode(Booking, {"time": body["at"], **body["booking"], "id": request.key, "account": view.name})
    if told.kind in (BookingKind.IMPORT, BookingKind.TRANSFER):
        raise InputError(f"a {told.kind.value} has a request of its own, it is not booked by hand")
    if told.book and told.book not in view.cash:
        _known(view, told.book)
    view.money.check(told)
    books = Books(view.account(told.book or None))
    books.open(told.currency)
    books.book(told)  # what cannot be booked is refused before it is written
    for name, left in {told.currency: books.balance(told.currency), **books.account.holdings}.items():
        _check_venue(terms, left, name)
    return [
        Line("booking", {"booking": encode(replace(told, note=told.note or body["reason"])), **_who(body)}, request.key)
    ]


def owner(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """Whose account it is, from now on."""
    if not str(request.body["owner"]).strip():
        raise InputError("an account's owner has a name")
    return [Line("owner", request.body, request.key)]


def lots(view: AccountView, terms: Terms, request: Request) -> list[Line]:
    """How sales find their tax lots from now on, or which lots one sale takes."""
    body = request.body
    if "method" in body:
        if body["method"] not in set(Method):
            raise InputError(f"a method is one of {', '.join(Method)}, not {body['method']!r}")
        if body.get("book"):
            _known(view, body["book"])
        return [Line("lots", body, request.key)]
    order = view.orders.get(str(body["client_id"]))
    if order is None or order.intent.side is not Side.SELL:
        raise InputError(f"account {view.name} has no sale {body['client_id']}: lots are chosen for one")
    filled = [fill.time for fill in view.fills if fill.client_id == order.client_id]
    if filled and utc(body["at"]) - max(filled) > SETTLED:
        raise InputError(
            f"{order.client_id} was filled on {max(filled):%Y-%m-%d} and is settled: its lots are what they were"
        )
    if not filled:
        _chosen(view, body["lots"], order.book, order.intent.symbol)
    return [Line("lots", body, request.key)]


# ---- what is asked of every request --------------------------------------------------------------------------------
def _chosen(
    view: AccountView, told: Sequence[Mapping[str, Any]], book: str, symbol: str
) -> tuple[tuple[str, Decimal], ...]:
    """Lots that were named, each one that is held."""
    if not told:
        return ()
    if view.method != Method.FIFO:
        raise InputError(f"account {view.name} sells at average cost: there are no single lots to choose")
    held = {lot.id: abs(lot.quantity) for lot in tax_lots(view).open(book, symbol)}
    for lot in told:
        if lot["lot"] not in held or not ZERO < _amount(lot["quantity"], "quantity") <= held[lot["lot"]]:
            known = ", ".join(f"{name} ({units})" for name, units in held.items()) or "none"
            raise InputError(f"no {lot['quantity']} {symbol} of lot {lot['lot']}; lots of book {book}: {known}")
    return tuple((str(lot["lot"]), Decimal(str(lot["quantity"]))) for lot in told)


def _amount(value: Any, name: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise InputError(f"{name} must be a number, not {value!r}") from None
    if not amount.is_finite() or not amount:
        raise InputError(f"{name} must be a number other than zero, not {value!r}")
    return amount


def _price(value: Any) -> Decimal:
    price = ZERO if str(value).strip() in ("0", "0.0", "0.00") else _amount(value, "price")
    if price < 0:
        raise InputError(f"what a unit cost is not negative: {value!r}")
    return price


def _currency(code: Any) -> str:
    if not (isinstance(code, str) and len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise InputError(f"a currency is three capital letters such as EUR, not {code!r}")
    return code


def _balance(account: Account, currency: str) -> Decimal:
    return account.cash if currency == account.currency else account.balances.get(currency, ZERO)


def _name(book: Any) -> str:
    if not isinstance(book, str) or not book.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"a book is named with letters, digits, - and _: {book!r}")
    return book


def _known(view: AccountView, book: Any) -> str:
    if book not in view.cash:
        raise InputError(
            f"account {view.name} has no book {book!r}; books: {', '.join(filter(None, view.cash)) or 'none'}"
        )
    return str(book)


def _who(body: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(body.get(name) or "") for name in ("who", "reason")}
