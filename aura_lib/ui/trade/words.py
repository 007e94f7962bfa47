"""The words of the trading page, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape

from aura_lib.core import LIVE, TERMINAL, Fill, Order, OrderStatus, OrderType, Side, TimeInForce
from aura_lib.execution import Preview
from aura_lib.reports import formats, market
from aura_lib.ui.trade.form import FIELDS, LABELS, WORDS, told
from aura_lib.ui.trade.state import Trading

TIME = f"Time, {formats.zone_name(formats.ZONE)}"
ROWS = 100  # the newest orders and fills on the page; the ledger has them all
TYPES = {
    OrderType.MARKET: "Market", OrderType.LIMIT: "Limit", OrderType.STOP: "Stop", OrderType.STOP_LIMIT: "Stop limit",
    OrderType.TRAILING_STOP: "Trailing stop", OrderType.BRACKET: "Bracket",
}  # fmt: skip
FORCES = {
    TimeInForce.DAY: "Day", TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK",
    TimeInForce.OPG: "Opening auction", TimeInForce.CLS: "Closing auction",
}  # fmt: skip


def heading(s: Trading, accounts: Sequence[str], title: str) -> str:
    """The name of the page, whose account it is, of when its prices are, and whether money is real."""
    options = "".join(
        f'<option value="{escape(name)}"{" selected" * (name == s.terms.name)}>{escape(name)}</option>'
        for name in accounts
    )
    kind = (
        '<p class="aura-band aura-live" role="status"><b>LIVE</b> Orders on this page trade real money.</p>'
        if s.live
        else '<p class="aura-band aura-paper" role="status"><b>PAPER</b> Simulated trading: no real money.</p>'
    )
    return (
        f'<div class="aura-heading"><h1>{escape(title)}</h1>'
        f'<label>Account <select data-ask="account">{options}</select></label><span class="aura-space"></span>'
        f'<p>As of {formats.moment(s.as_of)} · prices of {escape(s.terms.source)}</p></div>{kind}{_marks(s)}'
    )


def _marks(s: Trading) -> str:
    marks = [
        ("aura-bad", f"<b>Halted</b>: {escape(s.halted)}") if s.halted else ("", "Trading is allowed"),
        ("aura-bad", f"<b>Drift</b>: {escape(s.view.drift)}") if s.view.drift else ("", "Ledger and broker agree"),
        ("", "Its desk is at work") if s.served else ("aura-bad", "<b>No desk is at work</b>: orders wait in the inbox"),
    ]
    if s.terms.clock == "replay":
        buttons = ""
        if s.practice and s.next_bar is not None:
            buttons = ' <button data-ask="clock" value="1">Next bar</button> <button data-ask="clock" value="5">5 bars</button>'
        marks.append(("", f"Simulated clock{buttons}"))
    return f'<ul class="aura-marks">{"".join(f"<li class={kind!r}>{text}</li>" for kind, text in marks)}</ul>'


def numbers(s: Trading) -> str:
    """What the account is worth, and what of it is free."""
    account, money = s.view.account(as_of=s.as_of), s.terms.currency
    worth = [(p, s.prices.get(symbol)) for symbol, p in account.positions.items() if p.quantity]
    values = [p.value(price) for p, price in worth if price is not None]
    held = sum(values, Decimal(0))
    gain = sum((p.value(price) - p.value(p.average_cost) for p, price in worth if price is not None), Decimal(0))
    realised = sum((p.realised for p in account.positions.values()), Decimal(0))
    equity = account.cash + held
    reserved = sum((_reserved(s, o) for o in s.view.live_orders()), Decimal(0))
    share = f"{formats.percent(float(held / equity), sign=False)} of equity" if equity else ""
    tiles = [
        ("Equity", market.price(float(equity), money), f"{len(values)} holdings"),
        ("Cash", market.price(float(account.cash), money), f"{market.price(float(reserved), money)} in open orders"),
        ("Invested", market.price(float(held), money), share),
        ("Unrealised", _signed(gain, money), "since bought"),
        ("Realised", _signed(realised, money), "before fees"),
        ("Fees paid", market.price(float(account.fees), money), f"{len(s.view.fills):,} fills"),
    ]
    inside = "".join(
        f'<div><dt>{escape(label)}</dt><dd class="aura-value">{escape(value)}</dd>'
        f'<dd class="aura-beside">{escape(beside)}</dd></div>'
        for label, value, beside in tiles
    )
    return f'<dl class="aura-tiles">{inside}</dl>'


def _signed(amount: Decimal, money: str) -> str:
    """An amount of money with its sign; nothing has none."""
    sign = "+" if amount > 0 else formats.MINUS if amount < 0 else ""
    return f"{sign}{market.price(float(abs(amount)), money)}"


def _reserved(s: Trading, order: Order) -> Decimal:
    price = order.intent.limit_price or s.prices.get(order.intent.symbol) or Decimal(0)
    buys = order.intent.side is Side.BUY and order.status is not OrderStatus.HELD
    return order.remaining * price * order.intent.instrument.multiplier if buys else Decimal(0)


# the ticket ----------------------------------------------------------------------------------------------------------
def ticket(s: Trading, symbol: str, number: int) -> str:
    """The form of an order. It stays as somebody filled it in while the rest of the page moves, until the next one."""
    listed = "".join(f'<option value="{escape(name)}">' for name in sorted(s.instruments))
    types = "".join(f'<option value="{kind.value}">{label}</option>' for kind, label in TYPES.items())
    forces = "".join(f'<option value="{force.value}">{label}</option>' for force, label in FORCES.items())
    books = "".join(
        f'<option value="{escape(book)}"{" selected" * (book == s.book)}>{escape(book)}</option>'
        for book in sorted({*s.view.cash, s.book})
    )
    prices = "".join(
        f'<label class="aura-of {" ".join(f"aura-of-{kind.value}" for kind, names in FIELDS.items() if name in names)}">'
        f'{escape(label)}{" (optional)" if name in ("limit_price", "stop_loss_limit") else ""}'
        f'<input name="{name}" inputmode="decimal" autocomplete="off"></label>'
        for name, label in LABELS.items()
    )
    live = " aura-live-form" if s.live else ""
    return (
        f'<section class="aura-panel" aria-label="Ticket"><h2>Ticket</h2><form data-ask="review" data-form="{number}" class="aura-ticket{live}">'
        f'<label>Symbol<input name="symbol" list="aura-symbols" value="{escape(symbol)}" autocomplete="off" '
        f'spellcheck="false"></label><datalist id="aura-symbols">{listed}</datalist>'
        '<fieldset class="aura-sides-of"><legend class="aura-unseen">Side</legend>'
        '<label><input type="radio" name="side" value="buy" checked> Buy</label>'
        '<label><input type="radio" name="side" value="sell"> Sell</label></fieldset>'
        '<label>How much<input name="size" inputmode="decimal" autocomplete="off"></label>'
        f'<label>of<select name="by"><option value="quantity">units</option>'
        f'<option value="notional">{escape(s.terms.currency)}</option></select></label>'
        f'<label>Type<select name="type">{types}</select></label>'
        f'<label>In force<select name="time_in_force">{forces}</select></label>{prices}'
        f'<label>Book<select name="book">{books}</select></label>'
        '<label class="aura-check"><input type="checkbox" name="extended_hours" value="1"> also outside regular hours</label>'
        '<label class="aura-wide">Why (kept with the order)<input name="reason" autocomplete="off"></label>'
        '<button class="aura-main" type="submit">Review order</button></form></section>'
    )


def review(s: Trading, preview: Preview | None, problem: str, verdict: str, *, sending: str, asked: bool) -> str:
    """What the order would cost and what the desk would say; when it was asked for, the step that sends it.

    `verdict` is what the desk said of the ticket before, `problem` what is wrong with this one.
    """
    if problem:
        return _section("Check", f'<p class="aura-bad" role="alert">{escape(problem)}</p>')
    if preview is None:
        empty = "Fill in the ticket: its cost and the risk decision appear here."
        return _section("Check", f'<p class="aura-quiet" role="status">{escape(verdict or empty)}</p>')
    said = told(preview.intent)
    decision = (
        '<p class="aura-good"><b>Would be approved</b> by every check.</p>'
        if preview.decision.approved
        else f'<p class="aura-bad"><b>Would be refused</b>: {escape(_reason(preview))}</p>'
    )
    facts = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in _facts(s, preview))
    confirm = ""
    if sending:
        confirm = f'<p role="status">{escape(sending)}</p>'
    elif asked:
        where = f"LIVE account {s.terms.name}: real money" if s.live else f"paper account {s.terms.name}"
        kind = "aura-main aura-danger" if s.live else "aura-main"
        confirm = (
            f'<p class="aura-confirm">{escape(said)}, on {escape(where)}?</p>'
            f'<button class="{kind}" data-ask="send" value="1">Send to {escape("LIVE" if s.live else "paper")}</button> '
            '<button data-ask="back" value="1">Back</button>'
        )
    return _section("Check", f'<p class="aura-verdict">{escape(said)}.</p>{decision}<dl class="aura-facts">{facts}</dl>{confirm}')


def _reason(preview: Preview) -> str:
    d = preview.decision
    against = f": {d.value} against {d.limit}" if d.limit else f": {d.value}" if d.value else ""
    return f"{d.rule.replace('_', ' ')}{against}"


def _facts(s: Trading, p: Preview) -> Iterable[tuple[str, str]]:
    money = p.intent.instrument.currency
    yield "Last price", market.price(float(p.price), money) if p.price is not None else "none now"
    if p.value is not None:
        yield ("Cost, about" if p.intent.side is Side.BUY else "Proceeds, about"), market.price(float(p.value), money)
        yield "Fees, at most", market.price(float(p.fee), money)
    yield "Cash of the book", f"{market.price(float(p.cash), money)}" + (
        f" → {market.price(float(p.cash_after), money)}" if p.cash_after is not None else ""
    )
    yield "Holding", f"{formats.quantity(p.held)} → {formats.quantity(p.held_after)}"


# what there is -------------------------------------------------------------------------------------------------------
def positions(s: Trading) -> str:
    """What is held, with a button that fills the ticket with the way out."""
    rows = []
    for book in sorted(s.view.cash):
        for symbol, p in sorted(s.view.account(book, s.as_of).positions.items()):
            if p.quantity:
                rows.append(_position(s, book, symbol, p.quantity, p.average_cost, s.prices.get(symbol)))
    heads = ("Symbol", "Book", "Units", "Cost", "Price", "Value", "Unrealised", "")
    return _section("Positions", _table("Positions", heads, rows, "nothing is held: all is cash"))


def _position(
    s: Trading, book: str, symbol: str, units: Decimal, cost: Decimal, price: Decimal | None
) -> tuple[str, ...]:
    instrument = s.instruments.get(symbol)
    money, scale = (instrument.currency, instrument.multiplier) if instrument else (s.terms.currency, Decimal(1))
    value = None if price is None else units * price * scale
    gain = None if value is None else value - units * cost * scale
    kind = "" if not gain else ' class="aura-gain"' if gain > 0 else ' class="aura-loss"'
    close = f'<button class="aura-plain" data-ask="close" value="{escape(f"{book}|{symbol}")}">Close…</button>'
    return (
        f"<b>{escape(symbol)}</b>", escape(book), formats.quantity(units), market.price(float(cost), money),
        "–" if price is None else market.price(float(price), money),
        "–" if value is None else market.price(float(value), money),
        f"<span{kind}>{'–' if gain is None else _signed(gain, money)}</span>", close,
    )  # fmt: skip


def orders(s: Trading, problem: str = "") -> str:
    """The blotter: open orders first, then the newest closed ones; open ones can be changed and cancelled."""
    every = sorted(s.view.orders.values(), key=lambda o: (o.status in TERMINAL, -o.time.timestamp()))
    rows = [_order(s, order) for order in every[:ROWS]]
    heads = (TIME, "Symbol", "Side", "Units", "Filled", "Type", "Price", "Status", "Why", "")
    told_ = f'<p class="aura-bad" role="alert">{escape(problem)}</p>' if problem else ""
    note = f"The newest {ROWS} of {len(every):,}." if len(every) > ROWS else ""
    return _section("Orders", told_ + _table("Orders", heads, rows, "no orders yet"), note)


def _order(s: Trading, o: Order) -> tuple[str, ...]:
    i = o.intent
    controls = ""
    if o.status in LIVE:
        name = escape(o.client_id)
        controls = f'<button class="aura-plain" data-ask="cancel" value="{name}">Cancel</button>' + _change(o)
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
    return f"<span title=\"{escape(formats.moment(time))}\">{escape(formats.clock(time))}</span>"


def _change(o: Order) -> str:
    """A form for the prices and the quantity an open order may be given instead."""
    names = [name for name in ("limit_price", "stop_price") if getattr(o.intent, name) is not None]
    fields = "".join(
        f'<label>{LABELS[name]}<input name="{name}" inputmode="decimal" value="{getattr(o.intent, name)}"></label>'
        for name in names
    )
    return (
        '<details class="aura-change"><summary>Change</summary>'
        f'<form data-ask="replace"><input type="hidden" name="client_id" value="{escape(o.client_id)}">'
        f'<label>Units<input name="quantity" inputmode="decimal" value="{o.intent.quantity}"></label>{fields}'
        '<button type="submit">Change</button></form></details>'
    )


def _levels(intent: object) -> str:
    names = {"limit_price": "", "stop_price": "stop ", "trail_amount": "trail ", "trail_percent": "trail ",
             "take_profit": "target ", "stop_loss": "stop "}  # fmt: skip
    parts = [
        f"{word}{getattr(intent, name).normalize():f}{' %' if name == 'trail_percent' else ''}"
        for name, word in names.items()
        if getattr(intent, name) is not None
    ]
    return escape(", ".join(parts)) or "–"


def fills(s: Trading) -> str:
    """The newest fills."""
    newest: list[Fill] = list(s.view.fills)[-ROWS:][::-1]
    rows = [
        (
            _moment(f.time), f"<b>{escape(f.symbol)}</b>", escape(f.book), f.side.value,
            formats.quantity(f.quantity), market.price(float(f.price), f.instrument.currency),
            market.price(float(f.fee), f.instrument.currency),
        )
        for f in newest
    ]  # fmt: skip
    heads = (TIME, "Symbol", "Book", "Side", "Units", "Price", "Fee")
    return _section("Fills", _table("Fills", heads, rows, "no fills yet"))


def switch(s: Trading, problem: str = "") -> str:
    """The kill switch of the account: one press and a reason stop it, a reason lets it go on."""
    told_ = f'<p class="aura-bad" role="alert">{escape(problem)}</p>' if problem else ""
    if s.halted:
        inside = (
            f'<p class="aura-bad"><b>{escape(s.halted)}</b></p><form data-ask="resume" data-fresh>'
            '<label>Why it may trade again<input name="reason" required autocomplete="off"></label>'
            '<button type="submit">Resume</button></form>'
        )
    else:
        inside = (
            '<form data-ask="halt" data-fresh><label>Why<input name="reason" autocomplete="off"></label>'
            '<label class="aura-check"><input type="checkbox" name="cancel" value="1" checked> cancel open orders</label>'
            '<label class="aura-check"><input type="checkbox" name="flatten" value="1"> close all positions</label>'
            f'<button class="aura-main aura-danger" type="submit">Halt {escape(s.terms.name)}</button></form>'
        )
    return _section("Kill switch", told_ + inside, "No order leaves for the broker a second after it.")


def limits(rows: Sequence[tuple[str, str, str, float | None]]) -> str:
    """Each limit with its use: name, used, limit, and the share of it (None where there is none)."""
    lines = []
    for name, used, limit, share in rows:
        full = "aura-bad" if share is not None and share >= 1 else ""
        bar = "" if share is None else (
            f'<meter min="0" max="1" high="0.8" value="{min(share, 1):.3f}" aria-label="{escape(name)}">{share:.0%}</meter>'
        )
        lines.append((escape(name), f'<span class="{full}">{escape(used)}</span>', escape(limit), bar))
    return _section("Limits", _table("Limits", ("Limit", "Used", "Allowed", ""), lines, "none"))


def _table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> str:
    numeric = {"Units", "Filled", "Cost", "Price", "Value", "Unrealised", "Fee", "Used", "Allowed"}
    sides = ["aura-number" if head in numeric else "" for head in heads]
    head = "".join(f'<th scope="col" class="{side}">{text}</th>' for text, side in zip(heads, sides, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td class={side!r}>{cell}</td>' for cell, side in zip(row, sides, strict=True))}</tr>"
        for row in rows
    ) or f'<tr><td class="aura-quiet" colspan="{len(heads)}">{escape(empty)}</td></tr>'
    return (
        f'<div class="aura-scroll" role="region" aria-label="{escape(name)}"><table aria-label="{escape(name)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _section(title: str, inside: str, note: str = "") -> str:
    words = f'<p class="aura-note">{escape(note)}</p>' if note else ""
    return f'<section class="aura-panel"><h2>{escape(title)}</h2>{inside}{words}</section>'


def levels(s: Trading, symbol: str) -> Mapping[str, float]:
    """Prices to mark in the chart of a symbol: what it cost, and where its open orders wait."""
    marks: dict[str, float] = {}
    held = s.view.account(as_of=s.as_of).positions.get(symbol)
    if held is not None and held.quantity:
        marks["cost"] = float(held.average_cost)
    for order in s.view.live_orders():
        if order.intent.symbol == symbol:
            for name, word in (("limit_price", "limit"), ("stop_price", "stop"), ("take_profit", "target"), ("stop_loss", "stop loss")):
                if (price := getattr(order.intent, name)) is not None:
                    marks[f"{order.intent.side.value} {word}"] = float(price)
    return marks
