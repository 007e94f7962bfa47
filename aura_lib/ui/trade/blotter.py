"""The blotter, as HTML: positions, orders with their controls, fills, and the levels that a chart marks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from html import escape
from itertools import islice

from aura_lib.core import LIVE, TERMINAL, Fill, Intent, Order, OrderStatus
from aura_lib.execution.form import LABELS, WORDS
from aura_lib.execution.present import Present
from aura_lib.reports import formats, market
from aura_lib.ui.trade.pieces import TYPES, cents, section, signed, table

TIME = f"Time, {formats.zone_name(formats.ZONE)}"
ROWS = 100  # the newest closed orders and fills on the page; the ledger has them all
OPEN = 500  # the newest open orders
MARKED = {"limit_price": "limit", "stop_price": "stop", "take_profit": "target", "stop_loss": "stop loss"}


def positions(s: Present) -> str:
    """What is held, with a button that fills the ticket with the way out."""
    rows = []
    for book in sorted(s.view.cash):
        for symbol, p in sorted(s.view.account(book, s.as_of).positions.items()):
            if p.quantity:
                rows.append(_position(s, book, symbol, p.quantity, p.average_cost, s.prices.get(symbol)))
    heads = ("Symbol", "Book", "Units", "Cost", "Price", "Value", "Unrealised", "")
    return section("Positions", table("Positions", heads, rows, "nothing is held: all is cash"))


def _position(
    s: Present, book: str, symbol: str, units: Decimal, cost: Decimal, price: Decimal | None
) -> tuple[str, ...]:
    instrument = s.instruments.get(symbol)
    money, scale = (instrument.currency, instrument.multiplier) if instrument else (s.terms.currency, Decimal(1))
    value = None if price is None else units * price * scale
    gain = None if value is None else value - units * cost * scale
    kind = "" if not gain else ' class="aura-gain"' if gain > 0 else ' class="aura-loss"'
    close = (
        '<div class="aura-controls">'
        f'<button data-ask="close" value="{escape(f"{book}|{symbol}")}">Close…</button></div>'
    )
    return (
        f"<b>{escape(symbol)}</b>", escape(book), formats.quantity(units), market.price(float(cost), money),
        "–" if price is None else market.price(float(price), money),
        "–" if value is None else cents(value, money),
        f"<span{kind}>{'–' if gain is None else signed(gain, money)}</span>", close,
    )  # fmt: skip


def orders(s: Present, problem: str = "") -> str:
    """The blotter: open orders first, then the newest closed ones; open ones can be changed and cancelled."""
    working = sorted(s.view.live.values(), key=lambda o: o.time, reverse=True)
    closed = (o for o in reversed(s.view.orders.values()) if o.status in TERMINAL)
    shown = [*working[:OPEN], *islice(closed, ROWS)]
    rows = [_order(s, order) for order in shown]
    heads = (TIME, "Symbol", "Side", "Units", "Filled", "Type", "Price", "Status", "Why", "")
    told_ = f'<p class="aura-bad" role="alert">{escape(problem)}</p>' if problem else ""
    count = len(s.view.orders)
    note = f"{len(working):,} open; the newest {len(shown)} of {count:,} are here." if count > len(shown) else ""
    return section("Orders", told_ + table("Orders", heads, rows, "no orders yet"), note)


def _order(s: Present, o: Order) -> tuple[str, ...]:
    i = o.intent
    controls = ""
    if o.status in LIVE:
        name = escape(o.client_id)
        cancel = f'<button data-ask="cancel" value="{name}">Cancel</button>'
        controls = f'<div class="aura-controls">{cancel}{_change(o)}</div>'
    kind = "aura-bad" if o.status in (OrderStatus.REJECTED, OrderStatus.UNKNOWN) else ""
    why = o.reason or i.reason
    return (
        _moment(o.time), f"<b>{escape(i.symbol)}</b>", i.side.value, formats.quantity(i.quantity),
        formats.quantity(o.filled), TYPES.get(i.type, i.type.value), _levels(i),
        f'<span class="{kind}" title="{escape(WORDS[i.time_in_force])}">{o.status.value.replace("_", " ")}</span>',
        f'<span title="{escape(why)}">{escape(why[:48])}</span>', controls,
    )  # fmt: skip


def _moment(time: datetime) -> str:
    """A short moment; the whole one, with its zone, where the pointer rests."""
    return f'<span title="{escape(formats.moment(time))}">{escape(formats.clock(time))}</span>'


def _change(o: Order) -> str:
    """A form for the prices and the quantity an open order may be given instead."""
    names = [name for name in ("limit_price", "stop_price") if getattr(o.intent, name) is not None]
    fields = "".join(
        f'<label>{LABELS[name]}<input name="{name}" inputmode="decimal" value="{getattr(o.intent, name)}"></label>'
        for name in names
    )
    return (
        '<details class="aura-change"><summary>Change</summary>'
        f'<form data-ask="change"><input type="hidden" name="client_id" value="{escape(o.client_id)}">'
        f'<label>Units<input name="quantity" inputmode="decimal" value="{o.intent.quantity}"></label>{fields}'
        '<button type="submit">Change</button></form></details>'
    )


def _levels(intent: Intent) -> str:
    names = {"limit_price": "", "stop_price": "stop ", "trail_amount": "trail ", "trail_percent": "trail ",
             "take_profit": "target ", "stop_loss": "stop "}  # fmt: skip
    parts = [
        f"{word}{getattr(intent, name).normalize():f}{' %' if name == 'trail_percent' else ''}"
        for name, word in names.items()
        if getattr(intent, name) is not None
    ]
    return escape(", ".join(parts)) or "–"


def fills(s: Present) -> str:
    """The newest fills."""
    newest: list[Fill] = list(s.view.fills)[-ROWS:][::-1]
    rows = [
        (
            _moment(f.time), f"<b>{escape(f.symbol)}</b>", escape(f.book), f.side.value,
            formats.quantity(f.quantity), market.price(float(f.price), f.instrument.currency),
            cents(f.fee, f.instrument.currency),
        )
        for f in newest
    ]  # fmt: skip
    heads = (TIME, "Symbol", "Book", "Side", "Units", "Price", "Fee")
    return section("Fills", table("Fills", heads, rows, "no fills yet"))


def levels(s: Present, symbol: str) -> Mapping[str, float]:
    """Prices to mark in the chart of a symbol: what it cost, and where its open orders wait."""
    marks: dict[str, float] = {}
    held = s.view.account(as_of=s.as_of).positions.get(symbol)
    if held is not None and held.quantity:
        marks["cost"] = float(held.average_cost)
    for order in s.view.live_orders():
        if order.intent.symbol == symbol:
            for name, word in (
                ("limit_price", "limit"),
                ("stop_price", "stop"),
                ("take_profit", "target"),
                ("stop_loss", "stop loss"),
            ):
                if (price := getattr(order.intent, name)) is not None:
                    marks[f"{order.intent.side.value} {word}"] = float(price)
    return marks
