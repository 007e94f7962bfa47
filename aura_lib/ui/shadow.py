"""The shadow page: what orders that were never sent would have come to, beside what the account really did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape

import pandas as pd

from aura_lib.core import Settings
from aura_lib.execution import Terms, account_terms
from aura_lib.execution.accounts import accounts
from aura_lib.execution.connect import feed_of
from aura_lib.execution.shadow import Comparison, compared
from aura_lib.ledger import Ledger
from aura_lib.reports import formats
from aura_lib.reports.about import About
from aura_lib.reports.shadow import (
    assumptions,
    decisions_table,
    markout_figure,
    orders_table,
    profit_figure,
    refusals_table,
    summary,
)
from aura_lib.ui.live import Empty, Page, request
from aura_lib.ui.table import rows_html, table_html
from aura_lib.ui.tiles import tiles
from aura_lib.ui.widgets import Chart, Panel

ROWS = 200  # the newest on the page; `aura shadow --json` has them all
NOTHING = (
    "<h2>No shadow yet</h2><p>A shadow lets a job run beside an account: it sees what the account holds, and nothing "
    "it decides is sent. Open one of an account that trades: <code>aura account open ghost --shadow-of paper</code>, "
    "name it in a copy of a job file (<code>account: ghost</code>), and run that job. This page shows by itself what "
    "the market then made of its orders.</p>"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One shadow as the page shows it: its terms, what it is compared to, and why it or its account is halted."""

    terms: Terms
    found: Comparison
    bars_end: datetime
    source: str
    halted: str
    drift: str

    @property
    def about(self) -> About:
        """What its figures share."""
        return About(self.terms.name, self.terms.shadow_of, self.source, self.found.as_of, self.found.currency)


class Shadow(Page[Shown]):
    """One shadow on a page. Each method gives one piece; all of them change when the ledger does.

    Which one is asked by the page's address (`?account=ghost`) or by its selector, else it is the first.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.shadows: list[str] = []
        self._asked = request().get("account", "")
        super().__init__(settings)

    def read(self, ledger: Ledger | None) -> Shown:
        """The shadow asked for, compared as far as prices go."""
        self.shadows = shadows(ledger) if ledger is not None else []
        if ledger is None or not (self.shadows or self._asked):
            raise Empty(NOTHING)
        terms = account_terms(ledger, self._asked or self.shadows[0])
        bars = feed_of(terms, self.settings).bars
        found = compared(ledger, terms.name, bars=bars)
        halted = ledger.control.halted(terms.name) or ledger.control.halted(terms.shadow_of)
        source = f"{bars.source}, snapshot {bars.snapshot}" if bars.snapshot else bars.source
        return Shown(terms, found, bars.end, source, halted, ledger.account(terms.shadow_of).drift)

    def mark(self, ledger: Ledger) -> object:
        """The journal's last entry, and how far the shadows and what they look at have come."""
        named = [name for shadow in shadows(ledger) for name in (shadow, account_terms(ledger, shadow).shadow_of)]
        return ledger.journal.last(), [(ledger.control.clock(name), ledger.control.halted(name)) for name in named]

    # the pieces, from top to bottom ---------------------------------------------------------------------------------
    def heading(self, title: str = "Shadow") -> Panel:
        """What the page is called, whose shadow it is, as of when, and that nothing of it was sent."""
        return self.panel(lambda s: self._heading(s, title), self._choose)

    def numbers(self) -> Panel:
        """The few numbers read first."""
        return self.panel(_tiles)

    def profit(self) -> Chart:
        """What the withheld orders would have made, beside what the account made."""
        return self.chart(lambda s: profit_figure(s.found, s.about))

    def markouts(self) -> Chart:
        """What prices did after the fills that would have been."""
        return self.chart(lambda s: markout_figure(s.found, s.about))

    def decisions(self) -> Panel:
        """A row a decision: what was decided, and what it would have made."""
        return self.panel(_decisions)

    def orders(self) -> Panel:
        """A row a withheld order: would it have filled, at what price, and what came after."""
        return self.panel(_orders)

    def refusals(self) -> Panel:
        """What was refused, by rule."""
        return self.panel(_refusals)

    # ----------------------------------------------------------------------------------------------------------------
    def _choose(self, name: str, value: str) -> None:
        if name == "shadow" and value in self.shadows:
            self._asked = value
            self.refresh()

    def _heading(self, s: Shown, title: str) -> str:
        options = "".join(
            f'<option value="{escape(name)}"{" selected" if name == s.terms.name else ""}>{escape(name)}</option>'
            for name in self.shadows
        )
        chosen = f'<label>Account <select data-ask="shadow">{options}</select></label>'
        prices = f'prices <time data-age datetime="{s.bars_end.isoformat()}"></time> old'
        return (
            f'<div class="aura-heading"><h1>{escape(title)}</h1>{chosen}<span class="aura-space"></span>'
            f"<p>As of {formats.moment(s.found.as_of)} · {prices}</p></div>"
            f'<ul class="aura-marks">{"".join(f"<li{kind}>{text}</li>" for kind, text in _marks(s))}</ul>'
        )


def shadows(ledger: Ledger) -> list[str]:
    """The names of all shadows, first opened first."""
    return [name for name in accounts(ledger) if account_terms(ledger, name).shadow_of]


def _marks(s: Shown) -> Iterable[tuple[str, str]]:
    bad = ' class="aura-bad"'
    yield "", "<b>Shadow</b>: nothing was sent"
    yield "", f"Sees {escape(s.terms.shadow_of)}, and is judged by its rules"
    if s.halted:
        yield bad, f"<b>Halted</b>: {escape(s.halted)}"
    if s.drift:
        yield bad, f"<b>Drift of {escape(s.terms.shadow_of)}</b>: {escape(s.drift)}"
    notes = dict.fromkeys(note for one in s.found.decisions for note in one.notes)
    if notes:
        yield bad, f"{len(notes)} values are in doubt: see the notes below"


def _tiles(s: Shown) -> str:
    told, money = summary(s.found), s.found.currency
    slip = told["slippage_bps"]
    return tiles(
        [
            ("Shadow", formats.money(told["compared_profit"], money, digits=0), "profit, never sent"),
            (s.terms.shadow_of, formats.money(told["live_profit"], money, digits=0), "profit, as it traded"),
            ("Ahead", formats.money(told["ahead"], money, digits=0), "of the account, after costs"),
            ("Decisions", formats.count(told["decided"]), f"{told['wishes']:,} wishes"),
            ("Withheld", formats.count(told["withheld"]), f"{told['would_fill']:,} would have filled"),
            ("Refused", formats.count(told["refused"]), f"by {len(s.found.refusals)} rules"),
            ("Slippage", formats.NOTHING if slip is None else f"{slip:+.1f}".replace("-", formats.MINUS),
             "bps from decision to fill; − is worse"),
        ]
    )  # fmt: skip


def _part(title: str, table: str, note: str) -> str:
    return (
        f'<section class="aura-panel"><h2>{escape(title)}</h2>{table}<p class="aura-note">{escape(note)}</p></section>'
    )


def _scrolled(table: pd.DataFrame, title: str, empty: str) -> str:
    newest = table.iloc[::-1][:ROWS]
    inside = rows_html(newest.set_axis(pd.RangeIndex(len(newest))), title, names=list(table.columns), empty=empty)
    return f'<div class="aura-scroll" role="region" tabindex="0" aria-label="{escape(title)}">{inside}</div>'


def _decisions(s: Shown) -> str:
    table = decisions_table(s.found)
    note = f"{_newest(len(table))} Profit against doing nothing. {assumptions(s.found)}"
    return _part("Decisions", _scrolled(table, "Decisions", "nothing was decided yet"), note)


def _orders(s: Shown) -> str:
    table = orders_table(s.found)
    note = (
        f"{_newest(len(table))} Slippage: how much better (−: worse) the fill than the price at the decision. After "
        "it: how far the price then went in the order's favour. Missed: the same, from the decision to the next close, "
        "where nothing would have filled."
    )
    return _part("Withheld orders", _scrolled(table, "Withheld orders", "no order was written"), note)


def _refusals(s: Shown) -> str:
    note = f"By the rules and limits of {s.terms.shadow_of}, as it would have been there."
    return _part("Refused, by rule", table_html(refusals_table(s.found), "Refused, by rule", empty="nothing"), note)


def _newest(count: int) -> str:
    return f"The newest {ROWS} of {count:,}; `aura shadow --json` has all." if count > ROWS else f"All {count:,}."
