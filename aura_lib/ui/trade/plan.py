"""The rebalance plan, as HTML: targets, the orders they lead to with lots, cost, verdicts, and the step that sends."""

from __future__ import annotations

from html import escape

from aura_lib.core import InputError
from aura_lib.execution.present import Present
from aura_lib.execution.rebalance import Choice, Rebalance
from aura_lib.reports.rebalance import rebalance_sheet
from aura_lib.ui.table import rows_html
from aura_lib.ui.trade.pieces import section

LOTS = {
    Choice.LEAST_TAX: "least tax", Choice.HIGHEST_COST: "highest cost", Choice.LONG_FIRST: "long-term first",
    Choice.LOSS_FIRST: "losses first", Choice.FIFO: "first in, first out",
}  # fmt: skip
NOTE = "What is held and has no target is sold. Nothing is sent before you say so."


def plan(s: Present, found: Rebalance | None, problem: str, verdict: str, *, sending: str, number: int) -> str:
    """The form of the targets, and under it the plan that was asked for; the step that sends it."""
    told = f'<p class="aura-bad" role="alert">{escape(problem)}</p>' if problem else ""
    told += f'<p role="status">{escape(sending or verdict)}</p>' if sending or verdict else ""
    shown = "" if found is None else _shown(s, found, sending)
    opened = " open" if shown or told else ""
    inside = f"<details{opened}><summary>Bring a book to its target weights</summary>{_form(s, number)}{told}{shown}"
    return section("Rebalance", f"{inside}</details>", NOTE)


def _form(s: Present, number: int) -> str:
    books = "".join(
        f'<option value="{escape(b)}"{" selected" * (b == s.book)}>{escape(b)}</option>' for b in sorted(s.view.cash)
    )
    lots = "".join(f'<option value="{choice.value}">{label}</option>' for choice, label in LOTS.items())
    return (
        f'<form data-ask="plan" data-form="plan{number}" class="aura-ticket aura-plan-form">'
        '<label class="aura-wide">Targets<textarea name="targets" rows="3" spellcheck="false" '
        'placeholder="AAPL=30% MSFT=25%"></textarea></label>'
        f'<label>Book<select name="book">{books}</select></label>'
        f'<label>Tax lots of sales<select name="lots">{lots}</select></label>'
        '<label class="aura-check"><input type="checkbox" name="keep_others" value="1"> leave the rest alone</label>'
        '<button type="submit">Show the plan</button></form>'
    )


def _shown(s: Present, found: Rebalance, sending: str) -> str:
    sheet = rebalance_sheet(found)
    facts = "".join(f"<div><dt>{escape(k.capitalize())}</dt><dd>{escape(v)}</dd></div>" for k, v in sheet.figures())
    tables = f'<dl class="aura-facts">{facts}</dl>{_table("Orders of the plan", sheet.orders())}'
    if len(lots := sheet.lots()):
        tables += f"<details><summary>Lots that are sold</summary>{_table('Lots', lots)}</details>"
    if sending or not found.intents:
        return tables
    where = f"LIVE account {s.terms.name}: real money" if s.live else f"paper account {s.terms.name}"
    kind = "aura-main aura-danger" if s.live else "aura-main"
    button = f'<button class="{kind}" data-ask="propose" value="1">Propose to {"LIVE" if s.live else "paper"}</button>'
    count = len(found.intents)
    refused = sum(not d.approved for d in found.decisions)
    some = f" {refused} of them would be refused." if refused else ""
    return f'{tables}<p class="aura-confirm">Send {count} orders to {escape(where)}?{some}</p>{button}'


def _table(name: str, frame: object) -> str:
    import pandas as pd

    assert isinstance(frame, pd.DataFrame)
    frame = frame.rename(columns=lambda name: str(name).capitalize())
    return f'<div class="aura-scroll" role="region" aria-label="{name}">{rows_html(frame, name)}</div>'


def words(text: str) -> list[str]:
    """The targets of a text: parted by spaces, commas, semicolons or lines."""
    found = text.replace(",", " ").replace(";", " ").split()
    if not found:
        raise InputError("write targets such as AAPL=30% MSFT=25%")
    return found
