"""The ticket and its check, as HTML: the form of an order, what it would cost, the step that sends it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from aura_lib.core import OrderType, Side, TimeInForce
from aura_lib.execution import Preview
from aura_lib.execution.form import FIELDS, LABELS, told
from aura_lib.execution.present import Present
from aura_lib.reports import formats, market
from aura_lib.ui.trade.pieces import TYPES, cents, section

OFFERED = frozenset(TYPES) - {OrderType.OCO}  # a pair of exits comes with a bracket
FORCES = {
    TimeInForce.DAY: "Day", TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK",
    TimeInForce.OPG: "Opening auction", TimeInForce.CLS: "Closing auction",
}  # fmt: skip


def ticket(s: Present, symbol: str, number: int) -> str:
    """The form of an order. It stays as somebody filled it in while the rest of the page moves, until the next one."""
    listed = "".join(f'<option value="{escape(name)}">' for name in sorted(s.instruments))
    types = "".join(
        f'<option value="{kind.value}">{label}</option>' for kind, label in TYPES.items() if kind in OFFERED
    )
    forces = "".join(f'<option value="{force.value}">{label}</option>' for force, label in FORCES.items())
    books = "".join(
        f'<option value="{escape(book)}"{" selected" * (book == s.book)}>{escape(book)}</option>'
        for book in sorted({*s.view.cash, s.book})
    )
    prices = "".join(_price(name, label) for name, label in LABELS.items())
    live = " aura-live-form" if s.live else ""
    inside = (
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
        f'<label>Book<select name="book">{books}</select></label><label class="aura-check">'
        '<input type="checkbox" name="extended_hours" value="1"> also outside regular hours</label>'
        '<label class="aura-wide">Why (kept with the order)<input name="reason" autocomplete="off"></label>'
        '<button class="aura-main" type="submit">Review order</button>'
    )
    form = f'<form data-ask="review" data-form="{number}" class="aura-ticket{live}">{inside}</form>'
    return f'<section class="aura-panel" aria-label="Ticket"><h2>Ticket</h2>{form}</section>'


def _price(name: str, label: str) -> str:
    """The field of a price; the style sheet shows it with the types that have it."""
    kinds = " ".join(f"aura-of-{kind.value}" for kind, names in FIELDS.items() if name in names)
    optional = " (optional)" if name == "stop_loss_limit" else ""
    field = f'<input name="{name}" inputmode="decimal" autocomplete="off">'
    return f'<label class="aura-of {kinds}">{escape(label)}{optional}{field}</label>'


def review(s: Present, preview: Preview | None, problem: str, verdict: str, *, sending: str, asked: bool) -> str:
    """What the order would cost and what the desk would say; when it was asked for, the step that sends it.

    `verdict` is what the desk said of the ticket before, `problem` what is wrong with this one.
    """
    if problem:
        return section("Check", f'<p class="aura-bad" role="alert">{escape(problem)}</p>')
    if preview is None:
        empty = "Fill in the ticket: its cost and the risk decision appear here."
        return section("Check", f'<p class="aura-quiet" role="status">{escape(verdict or empty)}</p>')
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
            f'<p class="aura-confirm">Send this to {escape(where)}?</p>'
            f'<button class="{kind}" data-ask="send" value="1">Send to {"LIVE" if s.live else "paper"}</button> '
            '<button data-ask="back" value="1">Back</button>'
        )
    return section(
        "Check", f'<p class="aura-verdict">{escape(said)}.</p>{decision}<dl class="aura-facts">{facts}</dl>{confirm}'
    )


def _reason(preview: Preview) -> str:
    d = preview.decision
    against = f": {d.value} against {d.limit}" if d.limit else f": {d.value}" if d.value else ""
    return f"{d.rule.replace('_', ' ')}{against}"


def _facts(s: Present, p: Preview) -> Iterable[tuple[str, str]]:
    money = p.intent.instrument.currency
    yield "Last price", market.price(float(p.price), money) if p.price is not None else "none now"
    if p.value is not None:
        yield ("Cost, about" if p.intent.side is Side.BUY else "Proceeds, about"), cents(p.value, money)
        yield "Fees, at most", cents(p.fee, money)
    yield "Buying power", f"{cents(s.buying_power(p.book), s.terms.currency)} in book {p.book}"
    after = f" → {cents(p.cash_after, money)}" if p.cash_after is not None else ""
    yield "Cash of the book", f"{cents(p.cash, money)}{after}"
    yield "Holding", f"{formats.quantity(p.held)} → {formats.quantity(p.held_after)}"
