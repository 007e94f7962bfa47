"""One order: the wish that options describe, what it costs and what the desk would say, and sending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aura_lib.cli.answer import Answer

if TYPE_CHECKING:
    from aura_lib.core import Intent, Order, Settings
    from aura_lib.execution import Preview
    from aura_lib.execution.present import Present
    from aura_lib.ledger import Ledger

FLAGS = {
    "limit_price": "--limit", "stop_price": "--stop", "trail_amount": "--trail", "trail_percent": "--trail",
    "take_profit": "--take-profit", "stop_loss": "--stop-loss", "stop_loss_limit": "--stop-loss-limit",
}  # fmt: skip


def wished(present: Present, symbol: str, size: str, money: bool, fields: dict[str, str]) -> Intent:
    """The Intent that options describe. A price its type does not have is refused, with the option's name."""
    from aura_lib.core import InputError, Side, TimeInForce
    from aura_lib.execution.form import FIELDS, intent_of

    for name, known in (("side", Side), ("time_in_force", TimeInForce)):
        if fields[name] not in set(known):
            raise InputError(f"{name.replace('_', ' ')} is one of {', '.join(known)}, not {fields[name]!r}")
    given = {name for name in FLAGS if fields.get(name)}
    kind = _kind(given, pair=bool(fields.get("oco")))
    if over := sorted({FLAGS[name] for name in given - set(FIELDS[kind])}):
        raise InputError(f"a {kind.value.replace('_', ' ')} order has no {', '.join(over)}: leave it out")
    told = {**fields, "symbol": symbol, "size": size, "by": "notional" if money else "quantity", "type": kind.value}
    return intent_of(told, present.instruments, present.prices)


def _kind(given: set[str], *, pair: bool) -> Any:
    """The type of order that has these prices."""
    from aura_lib.core import OrderType

    if pair:
        return OrderType.OCO
    if given & {"take_profit", "stop_loss", "stop_loss_limit"}:
        return OrderType.BRACKET
    if given & {"trail_amount", "trail_percent"}:
        return OrderType.TRAILING_STOP
    both = ("stop_price" in given, "limit_price" in given)
    return {(True, True): OrderType.STOP_LIMIT, (True, False): OrderType.STOP, (False, True): OrderType.LIMIT}.get(
        both, OrderType.MARKET
    )


def traded(place: str, symbol: str, size: str, money: bool, fields: dict[str, str], key: str, yes: bool) -> Answer:
    """Show an order with what the desk would say; with `yes`, send it when every check would let it pass."""
    from aura_lib.access import who
    from aura_lib.core import RiskRejection, Settings
    from aura_lib.execution import DeskProcess, ticket
    from aura_lib.ledger import Ledger

    settings, (account, book) = Settings.load(), split(place)
    with Ledger.open(settings) as ledger:
        present = look(ledger, settings, account, book)
        found = previewed(ledger, present, wished(present, symbol, size, money, fields), book)
        if not yes or not found.decision.approved:
            return shown(present, found, sent=None)
        with DeskProcess(settings, account):
            proposal = ticket(ledger, [found.intent], account=account, book=book, who=who(), key=key, settings=settings)
        if proposal.rejected:
            raise RiskRejection(str(proposal.rejected[0]), proposal.rejected[0])
        view = ledger.account(account)
        return shown(present, found, sent=next(o for o in view.orders.values() if o.basket == proposal.basket.id))


def split(place: str) -> tuple[str, str]:
    """Account and book of `ACCOUNT/BOOK`."""
    from aura_lib.execution.present import MANUAL

    account, _, book = place.partition("/")
    return account, book or MANUAL


def look(ledger: Ledger, settings: Settings, account: str, book: str) -> Present:
    """The account as it stands. Raises InputError for a book it does not have."""
    from aura_lib.core import InputError
    from aura_lib.execution.present import Reader

    present = Reader(settings).read(ledger, account, book)
    if book not in present.view.cash:
        known = ", ".join(sorted(present.view.cash)) or "none"
        raise InputError(
            f"account {account} has no book {book!r}; books: {known}. Money opens one: "
            f"aura account deposit {account} {book} 10000"
        )
    return present


def previewed(ledger: Ledger, present: Present, intent: Intent, book: str) -> Preview:
    """What the desk would say to it."""
    from aura_lib.access import who
    from aura_lib.execution import preview

    return preview(ledger, present.terms, present.view, present.feed, intent, book=book, who=who(), at=present.as_of)


def shown(present: Present, found: Preview, sent: Order | None) -> Answer:
    """The answer of a command: the order, its cost, the verdict, and what was sent."""
    from aura_lib.core import RiskRejection
    from aura_lib.core.errors import exit_code
    from aura_lib.execution.form import told

    ok, d = found.decision.approved, found.decision
    against = f": {d.value} against {d.limit}" if d.limit else f": {d.value}" if d.value else ""
    verdict = "every check would approve it" if ok else f"it would be refused by {d.rule}{against}"
    data = {
        "account": present.terms.name, "class": present.terms.account_class.value, "book": found.book,
        "order": told(found.intent), "approved": ok, "rule": d.rule, "value": d.value, "limit": d.limit,
        "price": found.price, "cost": found.value, "fee_at_most": found.fee, "cash": found.cash,
        "cash_after": found.cash_after, "held": found.held, "held_after": found.held_after,
        "as_of": present.as_of.isoformat(), "sent": None if sent is None else row(sent),
    }  # fmt: skip
    lines = [
        f"{told(found.intent)} on {of_account(present)}, book {found.book}",
        *_costs(found, present.terms.currency),
    ]
    lines += [f"decision  {verdict}"]
    if sent is not None:
        lines.append(f"[green]sent[/] as {sent.client_id}: {sent.status.value}. `aura order list {sent.account}`")
    elif ok:
        lines.append("Nothing was sent: add --yes.")
    return Answer(data, ("\n".join(lines),), code=0 if ok else exit_code(RiskRejection("")))


def of_account(present: Present) -> str:
    """The account, and whether its money is real."""
    return f"[bold red]LIVE[/] account {present.terms.name}" if present.live else f"paper account {present.terms.name}"


def _costs(p: Preview, currency: str) -> list[str]:
    if p.value is None or p.cash_after is None:
        return ["cost      there is no price now"]
    way, money = "cost" if p.intent.signed > 0 else "brings", p.intent.instrument.currency
    return [
        f"{way:<9} about {p.value:,.2f} {money}, fees at most {p.fee:,.2f}",
        f"cash      {p.cash:,.2f} → {p.cash_after:,.2f} {currency}",
        f"holding   {p.held:f} → {p.held_after:f}",
    ]


def row(order: Order) -> dict[str, Any]:
    """An order as a row."""
    from aura_lib.execution.form import how

    i = order.intent
    return {
        "time": f"{order.time:%Y-%m-%d %H:%M}", "client_id": order.client_id, "book": order.book, "symbol": i.symbol,
        "side": i.side.value, "quantity": f"{i.quantity:f}", "filled": f"{order.filled:f}", "how": how(i),
        "in_force": i.time_in_force.value, "status": order.status.value, "why": order.reason,
    }  # fmt: skip
