"""Trade: the pieces of the page, and what its controls do. It writes intents; the desk decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib import execution
from aura_lib.access import who
from aura_lib.core import AuraError, InputError, Settings
from aura_lib.execution import Preview
from aura_lib.ledger import Ledger
from aura_lib.reports.about import About
from aura_lib.ui.live import Empty, Page, request
from aura_lib.ui.trade import words
from aura_lib.ui.trade.form import intent_of, number
from aura_lib.ui.trade.state import MANUAL, Reader, Trading, accounts, practice_account
from aura_lib.ui.widgets import Chart, Panel

if TYPE_CHECKING:
    import plotly.graph_objects as go

PRACTICE, CAPITAL = "practice", Decimal(100_000)
BARS = 120  # candles in the picture
PRACTISED = 500  # bars of the history that practice starts before the end of
NOTHING = (
    "<h2>No account yet</h2><p>Practise first: an account of simulated money on sample prices, with a clock that you "
    f'move.</p><p><button class="aura-main" data-ask="practise" value="1">Open a practice account with '
    f"{CAPITAL:,} USD</button></p>"
)


class Trade(Page[Trading]):
    """One account to trade by hand. Each method gives one piece; all of them change when the ledger does.

    Which account is asked by the page's address (`?account=practice&symbol=AAPL`) or by its selector, else it is the
    practice account, else the first. Nothing here can trade: a ticket is an intent in the inbox, and the account's
    desk decides on it, as on any notebook's.
    """

    def __init__(self, symbol: str = "AAPL", settings: Settings | None = None) -> None:
        asked = request()
        self.symbol = asked.get("symbol", symbol).upper()
        self._account, self._book = asked.get("account", ""), asked.get("book", "")
        self._reader = Reader(settings or Settings.load())
        self._fields: dict[str, str] = {"symbol": self.symbol}
        self._preview: Preview | None = None
        self._problem = self._told = self._sending = ""
        self._ticket: datetime | None = None  # when the order was reviewed: what makes a second press the same ticket
        self._troubles: dict[str, str] = {}
        self._form = 0  # which form it is: a sent one is followed by an empty one
        self._tasks: set[asyncio.Future[Any]] = set()
        super().__init__(settings)

    def read(self, ledger: Ledger | None) -> Trading:
        """The account asked for, as it stands."""
        names = accounts(ledger) if ledger is not None else []
        if ledger is None or not names:
            raise Empty(NOTHING)
        name = self._account or (PRACTICE if PRACTICE in names else names[0])
        return self._reader.read(ledger, name, self._book)

    def mark(self, ledger: Ledger) -> object:
        """The journal's last entry, the clock, the switch, and whether a desk is there."""
        names = accounts(ledger)
        ages = [ledger.control.age(f"desk:{name}") for name in names]
        away = [age is None or age > 15 for age in ages]
        return ledger.journal.last(), [(ledger.control.clock(n), ledger.control.halted(n)) for n in names], away

    # the pieces, from top to bottom ---------------------------------------------------------------------------------
    def heading(self, title: str = "Trade") -> Panel:
        """What the page is called, whose account it is, paper or live, and whether it may trade."""
        return self.panel(lambda s: words.heading(s, self._names(), title), self._heard)

    def numbers(self) -> Panel:
        """The few numbers read first."""
        return self.panel(words.numbers)

    def ticket(self) -> Panel:
        """The form of an order."""
        return self.panel(lambda s: words.ticket(s, self.symbol, self._form), self._heard)

    def review(self) -> Panel:
        """What it would cost and what the desk would decide; then the step that sends it."""
        return self.panel(self._reviewed, self._heard)

    def picture(self) -> Chart:
        """Candles of the ticket's symbol, with the prices at which its orders wait."""
        return self.chart(self._picture)

    def positions(self) -> Panel:
        """What is held."""
        return self.panel(words.positions, self._heard)

    def orders(self) -> Panel:
        """Open orders, to be changed or cancelled, and the newest closed ones."""
        return self.panel(lambda s: words.orders(s, self._troubles.get("orders", "")), self._heard)

    def fills(self) -> Panel:
        """The newest fills."""
        return self.panel(words.fills)

    def limits(self) -> Panel:
        """The limits with their use."""
        return self.panel(lambda s: words.limits(self._limits(s)))

    def switch(self) -> Panel:
        """The kill switch."""
        return self.panel(lambda s: words.switch(s, self._troubles.get("switch", "")), self._heard)

    # what is shown --------------------------------------------------------------------------------------------------
    def _names(self) -> list[str]:
        return accounts(self._ledger) if self._ledger is not None else []

    def _reviewed(self, s: Trading) -> str:
        asked = self._ticket is not None
        return words.review(s, self._preview, self._problem, self._told, sending=self._sending, asked=asked)

    def _picture(self, s: Trading) -> go.Figure:
        from aura_lib.reports import figures

        symbol = self._fields.get("symbol", "").strip().upper()
        if symbol not in s.instruments:
            raise InputError(f"no prices of {symbol or 'nothing'} on this account")
        bars = s.feed.bars.until(s.as_of).select([symbol])
        frame = pd.DataFrame({name: table[symbol] for name, table in bars.fields.items()}).dropna(how="all").tail(BARS)
        about = About(symbol, "", f"prices of {s.terms.source}", s.as_of, s.instruments[symbol].currency)
        return figures.candles(frame, about=about, levels=words.levels(s, symbol))

    # what its controls do -------------------------------------------------------------------------------------------
    def _heard(self, name: str, value: str) -> None:
        """A control was used. What cannot be done is told where it was asked for."""
        place = {"replace": "orders", "cancel": "orders", "halt": "switch", "resume": "switch"}.get(name, "")
        try:
            self._troubles.pop(place, None)
            self._ask(name, value)
        except AuraError as error:
            if place:
                self._troubles[place] = str(error)
            else:
                self._problem = str(error)
        self.refresh()

    def _ask(self, name: str, value: str) -> None:
        match name:
            case "practise":
                self._practise()
            case "account":
                self._account, self._book, self._preview, self._ticket = value, "", None, None
            case "review:typed":
                self._typed(_fields(value))
            case "review":
                self._typed(_fields(value))
                self._ticket = datetime.now(UTC) if self._preview and not self._problem else None
            case "back":
                self._ticket = None
            case "send":
                self._send()
            case "close":
                self._close_out(*value.rpartition("|")[::2])
            case _:
                self._command(name, value)

    def _command(self, name: str, value: str) -> None:
        """What is asked of the desk, or of its clock."""
        ledger, s = self._open(), self._shown_now()
        match name:
            case "clock" if s.practice:
                self._move(s, int(value))
            case "cancel":
                execution.cancel(ledger, s.terms.name, value, who=who(), reason="asked for on the trading page")
            case "replace":
                asked = _fields(value)
                changed = {key: number(key.replace("_", " "), text) for key, text in asked.items() if key != "client_id"}
                execution.replace(ledger, s.terms.name, asked["client_id"], who=who(), **changed)
            case "halt":
                asked = _fields(value)
                reason = asked.get("reason", "").strip() or "asked for on the trading page"
                execution.halt(
                    ledger, s.terms.name, reason, who(), cancel="cancel" in asked, flatten="flatten" in asked
                )
            case "resume":
                execution.resume(ledger, s.terms.name, _fields(value).get("reason", ""), who(), home=self.settings.home)

    def _typed(self, fields: dict[str, str]) -> None:
        """Look at what the form says by now: its sentence, its cost, and the decision the desk would take."""
        s = self._shown_now()
        self._fields, self._ticket, self._preview, self._told = fields, None, None, ""
        if not fields.get("size", "").strip():
            self._problem = ""
            return
        intent = intent_of(fields, s.instruments, s.prices)
        book = fields.get("book") or s.book
        self._preview = execution.preview(self._open(), s.terms, s.view, s.feed, intent, book=book, who=who(), at=s.as_of)
        self._problem = ""

    def _close_out(self, book: str, symbol: str) -> None:
        held = self._shown_now().view.account(book).quantity(symbol)
        if held:
            side = "sell" if held > 0 else "buy"
            self._typed({"symbol": symbol, "side": side, "size": f"{abs(held):f}", "book": book, "reason": "way out"})
            self._ticket = datetime.now(UTC)

    def _send(self) -> None:
        """Write the ticket; the desk's verdict is waited for beside the loop."""
        if self._preview is None or self._ticket is None or self._sending:
            return
        self._sending = "Sent to the desk; waiting for its verdict …"
        self._later(self._sent(self._preview, self._ticket))

    async def _sent(self, preview: Preview, ticket: datetime) -> None:
        account, settings = self._shown_now().terms.name, self.settings

        def write() -> execution.Proposal:
            with Ledger.open(settings) as ledger:
                return execution.ticket(
                    ledger, [preview.intent], account=account, book=preview.book, who=who(), at=ticket, settings=settings
                )

        try:
            proposal = await asyncio.to_thread(write)
            refused = proposal.rejected
            self._told = str(refused[0]) if refused else "Approved and on its way: see Orders."
            self._problem, self._form, self.symbol = "", self._form + 1, preview.intent.symbol
        except AuraError as error:
            self._problem = str(error)
        self._sending, self._ticket, self._preview = "", None, None
        self.refresh()

    def _practise(self) -> None:
        """Open the practice account, with its money in the manual book, and its clock at a first bar."""
        ledger = Ledger.open(self.settings)
        practice_account(ledger, PRACTICE, "sample:ohlcv")
        body = {"book": MANUAL, "amount": CAPITAL, "why": "practice"}
        ledger.inbox.ask(PRACTICE, "cash", body, f"practice:{PRACTICE}")
        self._account, self._ledger = PRACTICE, self._ledger or ledger
        trading = self._reader.read(ledger, PRACTICE, MANUAL)
        times = trading.feed.bars.times
        ledger.control.set_clock(PRACTICE, times[max(-PRACTISED, -len(times))].to_pydatetime())

    def _move(self, s: Trading, bars: int) -> None:
        later = s.feed.bars.times[s.feed.bars.times > s.as_of][:bars]
        if len(later):
            self._open().control.set_clock(s.terms.name, later[-1].to_pydatetime())

    def _limits(self, s: Trading) -> list[tuple[str, str, str, float | None]]:
        return []

    def _open(self) -> Ledger:
        if self._ledger is None:
            raise InputError("there is no ledger here yet: open an account first")
        return self._ledger

    def _shown_now(self) -> Trading:
        if self.state is None:
            raise InputError("no account is shown: open one first")
        return self.state

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:  # a plain script has no loop: do it now
            asyncio.run(work)
            return
        self._tasks.add(task)  # the loop itself would forget it
        task.add_done_callback(self._tasks.discard)


def _fields(value: str) -> dict[str, str]:
    """The fields of a form, as its page sent them."""
    try:
        told = json.loads(value)
    except json.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise InputError("the page sent no form: reload it")
    return {str(name): str(text)[:400] for name, text in told.items()}
