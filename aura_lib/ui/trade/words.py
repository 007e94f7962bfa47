"""The heading of the trading page, its numbers, its limits and the kill switch, as HTML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from html import escape

from aura_lib.execution.present import Present
from aura_lib.reports import formats
from aura_lib.risk.pretrade import Use
from aura_lib.ui.tiles import tiles
from aura_lib.ui.trade.pieces import cents, counted, section, signed, table

WHY = "asked for on the trading page"
SHARES = ("max_gross", "max_net", "max_daily_loss", "max_account_daily_loss", "collar")


def heading(s: Present, accounts: Sequence[str], title: str) -> str:
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
        f"<p>As of {formats.moment(s.as_of)} · prices of {escape(s.terms.source)}</p></div>{kind}{_marks(s)}"
    )


def _marks(s: Present) -> str:
    marks = [
        ("aura-bad", f"<b>Halted</b>: {escape(s.halted)}") if s.halted else ("", "Trading is allowed"),
        ("aura-bad", f"<b>Drift</b>: {escape(s.view.drift)}") if s.view.drift else ("", "Ledger and broker agree"),
        ("", "Its desk is at work")
        if s.served
        else ("aura-bad", "<b>No desk is at work</b>: orders wait in the inbox"),
    ]
    if s.terms.clock == "replay":
        steps = {1: "Next bar", 5: "5 bars"} if s.practice and len(s.later) else {}
        buttons = "".join(f' <button data-ask="clock" value="{n}">{told}</button>' for n, told in steps.items())
        marks.append(("", f"Simulated clock{buttons}"))
    return f'<ul class="aura-marks">{"".join(f"<li class={kind!r}>{text}</li>" for kind, text in marks)}</ul>'


def numbers(s: Present) -> str:
    """What the account is worth, and what of it is free."""
    account, money = s.view.account(as_of=s.as_of), s.terms.currency
    worth = [(p, s.prices.get(symbol)) for symbol, p in account.positions.items() if p.quantity]
    values = [p.value(price) for p, price in worth if price is not None]
    held = sum(values, Decimal(0))
    gain = sum((p.value(price) - p.value(p.average_cost) for p, price in worth if price is not None), Decimal(0))
    realised = sum((p.realised for p in account.positions.values()), Decimal(0))
    equity = account.cash + held
    share = f"{formats.percent(float(held / equity), sign=False)} of equity" if equity else ""
    free = sum((s.buying_power(book) for book in s.view.cash), Decimal(0))
    rows = [
        ("Equity", cents(equity, money), counted(len(values), "holding")),
        ("Cash", cents(account.cash, money), f"{cents(free, money)} buying power"),
        ("Invested", cents(held, money), share),
        ("Unrealised", signed(gain, money), "since bought"),
        ("Realised", signed(realised, money), "before fees"),
        ("Fees paid", cents(account.fees, money), counted(len(s.view.fills), "fill")),
    ]
    return tiles(rows)


def switch(s: Present, problem: str = "") -> str:
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
            f'<form data-ask="halt" data-fresh data-post="api/halt" data-done="Halted: no new order leaves." '
            f'data-body="{_halt(s)}"><label>Why<input name="reason" autocomplete="off"></label>'
            f"{_check('cancel', 'cancel open orders', ticked=True)}{_check('flatten', 'close all positions')}"
            f'<button class="aura-main aura-danger" type="submit">Halt {escape(s.terms.name)}</button></form>'
        )
    return section(
        "Kill switch", told_ + inside, "From one second after it no order leaves for the broker, whatever hangs."
    )


def _halt(s: Present) -> str:
    """What the page asks of the server itself: a kernel that hangs keeps nobody from halting."""
    return escape(json.dumps({"scope": s.terms.name, "reason": WHY}))


def _check(name: str, told: str, *, ticked: bool = False) -> str:
    box = f'<input type="checkbox" name="{name}" value="1"{" checked" * ticked}>'
    return f'<label class="aura-check">{box} {told}</label>'


def limits(s: Present, uses: Sequence[Use]) -> str:
    """Each limit of the book with its use."""
    rows = [_limit(use) for use in uses if use.limit is not None]
    inside = table("Limits", ("Limit", "Used", "Allowed", ""), rows, "none")
    note = f"Of book {s.book}: the tightest of account, book and user. The command aura limits sets them."
    return section("Limits", inside, note)


def _limit(use: Use) -> tuple[str, ...]:
    assert use.limit is not None
    share = "_weight" in use.name or use.name in SHARES or use.name.startswith("sector ")
    allowed = formats.percent(use.limit, sign=False) if share else f"{use.limit:,g}"
    if use.used is None:
        return _limit_name(use), f'<span class="aura-quiet">{escape(use.by) or "each order"}</span>', allowed, ""
    part = float(use.used) / use.limit if use.limit else float(use.used > 0)
    used = formats.percent(float(use.used), sign=False) if share else f"{use.used:,g}"
    kind = "aura-bad" if part >= 1 else ""
    bar = f'<meter min="0" max="1" high="0.8" value="{min(part, 1):.3f}" aria-label="{escape(use.name)}"></meter>'
    return _limit_name(use), f'<span class="{kind}">{used}</span>', allowed, bar


def _limit_name(use: Use) -> str:
    by = f" <small>({escape(use.by)})</small>" if use.by and use.used is not None else ""
    return f"{escape(use.name.replace('_', ' '))}{by}"
