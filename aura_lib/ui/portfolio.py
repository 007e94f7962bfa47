"""The portfolio page: one account or book as the ledger has it, kept current while somebody looks."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from aura_lib.core import Settings
from aura_lib.execution import accounts
from aura_lib.ledger import Ledger
from aura_lib.reports import figures, formats
from aura_lib.reports.accounting import as_bytes, statement, to_the_cent
from aura_lib.reports.standing import Standing, books, standing
from aura_lib.ui.live import Empty, Page, request
from aura_lib.ui.table import table_html
from aura_lib.ui.tiles import tiles
from aura_lib.ui.widgets import Chart, Panel

ROWS = 100  # the newest orders and fills on the page; the ledger has them all
FILES = {
    "lots.csv": "Lots, CSV", "lots.parquet": "Lots, Parquet", "closed.csv": "Closed lots, CSV",
    "closed.parquet": "Closed lots, Parquet", "blotter.csv": "Blotter, CSV", "blotter.parquet": "Blotter, Parquet",
    "statement.html": "Statement of the month",
}  # fmt: skip
NOTHING = (
    "<h2>No account yet</h2><p>Nothing has been traded here. <code>aura demo</code> in a terminal trades one strategy "
    "on paper for twelve months in a minute or two; this page shows it by itself as soon as the first order is filled. "
    "To run a job of your own: <code>aura job run NAME</code>.</p>"
)


class Portfolio(Page[Standing]):
    """One account or book on a page. Each method gives one piece; all of them change when the ledger does.

    Which one is asked by the page's address (`?account=paper&book=momentum`) or by its selector, else it is the first.
    `benchmark` is a symbol of the account's data source.
    """

    def __init__(self, benchmark: str = "SP500", settings: Settings | None = None) -> None:
        asked = request()
        self.benchmark = benchmark
        self.books: list[tuple[str, str | None]] = []
        self._asked = (asked["account"], asked.get("book")) if "account" in asked else None
        super().__init__(settings)

    def read(self, ledger: Ledger | None) -> Standing:
        """The book asked for, as it stands."""
        self.books = books(ledger) if ledger is not None else []
        if ledger is None or not self.books:
            raise Empty(NOTHING)
        account, book = self._asked or self.books[0]
        return standing(ledger, account, book, benchmark=self.benchmark, settings=self.settings)

    def mark(self, ledger: Ledger) -> object:
        """The journal's last entry, and for each account its clock and whether it is halted."""
        return ledger.journal.last(), [(ledger.control.clock(a), ledger.control.halted(a)) for a in accounts(ledger)]

    # the pieces, from top to bottom ---------------------------------------------------------------------------------
    def heading(self, title: str = "Portfolio") -> Panel:
        """What the page is called, whose book it is, as of when, how old the prices are, and whether it may trade."""
        return self.panel(lambda s: self._heading(s, title), self._choose)

    def numbers(self) -> Panel:
        """The few numbers read first."""
        return self.panel(_tiles)

    def equity(self) -> Chart:
        """Equity against the benchmark."""
        return self.chart(lambda s: figures.equity(s.equity, s.benchmark, about=s.about))

    def drawdown(self) -> Chart:
        """The fall from the highest value so far."""
        return self.chart(lambda s: figures.drawdown(s.growth, s.benchmark, about=s.about))

    def monthly_returns(self) -> Chart:
        """Returns by calendar month."""
        return self.chart(lambda s: figures.monthly_returns(s.returns, about=s.about))

    def weights(self) -> Chart:
        """Where the money was over time."""
        return self.chart(lambda s: figures.weights(s.weights, about=s.about))

    def holdings(self) -> Panel:
        """What is held now: values, weights, profit and loss."""
        return self.panel(lambda s: _part(s, "Holdings", _value(s), s.holdings(), "nothing is held: all is cash"))

    def orders(self) -> Panel:
        """The newest orders, with their status."""
        return self.panel(lambda s: _part(s, "Orders", _newest(len(s.orders)), s.orders_table()[:ROWS]))

    def fills(self) -> Panel:
        """The newest fills, with what they cost."""
        return self.panel(lambda s: _part(s, "Fills", _newest(len(s.fills)), s.fills_table()[:ROWS]))

    def gains(self) -> Panel:
        """Profit and loss: realised and unrealised by the tax lots, income, fees."""
        return self.panel(_gains)

    def lots(self) -> Panel:
        """The tax lots that are held: what each unit cost, and since when."""
        return self.panel(_lots)

    def closed_lots(self) -> Panel:
        """The tax lots that were closed last, with their gains."""
        return self.panel(_closed)

    def income(self) -> Panel:
        """Dividends, interest and what borrowing cost, the newest first."""
        note = "What came without a trade; borrow cost is negative."
        return self.panel(lambda s: _part(s, "Income", note, s.income_table()[:ROWS]))

    def export(self) -> Panel:
        """Buttons that download lots, blotter and the statement of the month as files."""
        panel = self.panel(_exports, self._export)
        self._files = panel
        return panel

    def runs(self) -> Panel:
        """Every run of a notebook that traded for it, each with a link to its output."""
        note = "One execution of the strategy's notebook each; the link opens what it wrote."
        return self.panel(lambda s: _part(s, "Runs", note, s.runs_table()[:ROWS]))

    # ----------------------------------------------------------------------------------------------------------------
    def _choose(self, name: str, value: str) -> None:
        if name == "book" and value.isdecimal() and int(value) < len(self.books):
            self._asked = self.books[int(value)]
            self.refresh()

    def _export(self, name: str, value: str) -> None:
        if name != "export" or self.state is None or value not in FILES:
            return
        s, (what, _, kind) = self.state, value.partition(".")
        file = "-".join(filter(None, (s.account, s.book, what, f"{s.as_of:%Y-%m-%d}")))
        self._files.deliver(f"{file}.{kind}", _content(s, what, kind))

    def _heading(self, s: Standing, title: str) -> str:
        options = "".join(
            f'<option value="{number}"{" selected" if (account, book) == (s.account, s.book) else ""}>'
            f"{escape(f'{account} · {book}' if book else account)}</option>"
            for number, (account, book) in enumerate(self.books)
        )
        chosen = f'<label>Account <select data-ask="book">{options}</select></label>'
        prices = f'prices <time data-age datetime="{s.bars.end.isoformat()}"></time> old'
        return (
            f'<div class="aura-heading"><h1>{escape(title)}</h1>{chosen}<span class="aura-space"></span>'
            f"<p>As of {formats.moment(s.as_of)} · {prices}</p></div>"
            f'<ul class="aura-marks">{"".join(f"<li{kind}>{text}</li>" for kind, text in _marks(s))}</ul>'
        )


def _marks(s: Standing) -> Iterable[tuple[str, str]]:
    bad = ' class="aura-bad"'
    if s.view.owner:
        yield "", f"Owner {escape(s.view.owner)}"
    yield "", "<b>Simulated trading</b>: no real money" if s.simulated else "<b>Live trading</b>"
    if s.terms.clock == "replay":
        yield "", f"Simulated clock at {formats.day(s.as_of)}"
    yield (bad, f"<b>Halted</b>: {escape(s.halted)}") if s.halted else ("", "Trading is allowed")
    yield (bad, f"<b>Drift</b>: {escape(s.drift)}") if s.drift else ("", "Ledger and broker agree")
    waiting = sum(order.remaining > 0 for order in s.working)
    yield "", f"{waiting} open orders" if waiting else "No open orders"
    if s.apart:
        yield bad, escape(s.apart)
    last = s.runs[-1] if s.runs else None
    if last is not None and last.status.value not in ("succeeded", "running"):
        yield bad, f"<b>Last run {escape(last.status.value)}</b>: {escape(last.error[:120])}"


def _tiles(s: Standing) -> str:
    own, index, name = s.statistics, s.index, s.about.benchmark
    money = s.currency
    rows = [
        ("Equity", formats.money(float(s.equity.iloc[-1]), money, digits=0),
         f"{formats.count(s.change, sign=True)} last session"),
        *((formats.statistic(key).label, _value_of(key, own), f"{name} {_value_of(key, index)}" if index else "")
          for key in ("total_return", "max_drawdown", "volatility", "sharpe")),
        ("Below its peak", formats.percent(s.below_peak), "at the last close"),
        ("Cash", formats.money(float(s.cash.iloc[-1]), money, digits=0),
         f"{formats.percent(float(s.cash.iloc[-1] / s.equity.iloc[-1]), sign=False)} of equity"),
        ("Fees paid", formats.money(s.state.fees, money, digits=0), f"{len(s.fills)} fills"),
    ]  # fmt: skip
    return tiles(rows)


def _gains(s: Standing) -> str:
    gains = {**{name.capitalize(): value for name, value in s.gains.items()}, "In all": sum(s.gains.values())}
    words = pd.DataFrame({s.currency: [formats.amount(value) for value in gains.values()]}, index=list(gains))
    note = f"Realised and unrealised by tax lots ({s.view.method}), before fees. Wash sales are not treated."
    return _part(s, "Profit and loss", note, words)


def _lots(s: Standing) -> str:
    held = s.lots[0]
    note = f"{len(held):,} lots at the closes of {formats.day(s.bars.end)}, the longest held first; all in the export."
    return _part(s, "Tax lots", note, to_the_cent(held[:ROWS]), "nothing is held: all is cash")


def _closed(s: Standing) -> str:
    gone = s.lots[1]
    note = f"The newest {min(ROWS, len(gone))} of {len(gone):,}; gains before fees, net after them."
    return _part(s, "Closed lots", note, to_the_cent(gone[::-1][:ROWS].reset_index(drop=True)))


def _exports(s: Standing) -> str:
    buttons = "".join(
        f'<button type="button" data-ask="export" value="{value}">{escape(label)}</button>'
        for value, label in FILES.items()
    )
    note = "Amounts with every digit and their currency, times with their zone. The page opens anywhere, offline."
    return (
        f'<section class="aura-panel"><h2>Export</h2><div class="aura-buttons">{buttons}</div>'
        f'<p class="aura-note">{escape(note)}</p></section>'
    )


def _content(s: Standing, what: str, kind: str) -> bytes:
    month = f"{s.as_of.astimezone(formats.time_zone(s.about.zone)):%Y-%m}"
    if what == "statement":
        with TemporaryDirectory() as folder:
            page = statement(s.view, s.terms, month, s.bars, Path(folder) / "statement.html", book=s.book)
            return page.read_bytes()
    tables = {"lots": lambda: s.lots[0], "closed": lambda: s.lots[1], "blotter": s.blotter}
    return as_bytes(tables[what](), kind)


def _value_of(key: str, figures_of: dict[str, float]) -> str:
    return formats.value(figures_of.get(key), formats.statistic(key).kind)


def _signed(number: float) -> str:
    return formats.count(number, sign=True)


def _part(s: Standing, title: str, note: str, table: pd.DataFrame, empty: str = "nothing yet") -> str:
    told = table.loc[:, [name for name in table if not (table[name].astype(str) == "").all()]]
    return (
        f'<section class="aura-panel"><h2>{escape(title)}</h2>'
        f"{table_html(told, title, currency=s.currency, empty=empty)}"
        f'<p class="aura-note">{escape(note)}</p></section>'
    )


def _newest(count: int) -> str:
    return (
        f"The newest {ROWS} of {count:,}; `aura ledger export` writes them all." if count > ROWS else f"All {count:,}."
    )


def _value(s: Standing) -> str:
    held = float(s.equity.iloc[-1] - s.cash.iloc[-1])
    return f"{formats.money(held, s.currency)} at the closes of {formats.day(s.bars.end)}."
