"""Trade: the pieces of the page, and what its controls do. It writes intents; the desk decides."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from time import time
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib import execution
from aura_lib.access import who
from aura_lib.core import AuraError, InputError, Intent, Settings
from aura_lib.execution import Preview, accounts
from aura_lib.execution.context import in_use
from aura_lib.execution.form import intent_of
from aura_lib.execution.limits import Rulebook
from aura_lib.execution.present import SILENT, Present, Reader
from aura_lib.ledger import Ledger
from aura_lib.reports.about import About
from aura_lib.risk.pretrade import Use
from aura_lib.ui.live import Empty, Page, request
from aura_lib.ui.trade import asking, blotter, ticket, words
from aura_lib.ui.trade.planning import Planning
from aura_lib.ui.widgets import Chart, Panel

if TYPE_CHECKING:
    import plotly.graph_objects as go

BARS = 120  # candles in the picture
NOTHING = (
    "<h2>No account yet</h2><p>Practise first: an account of simulated money on sample prices, with a clock that you "
    f'move.</p><p><button class="aura-main" data-ask="practise" value="1">Open a practice account with '
    f"{asking.CAPITAL:,} USD</button></p>"
)


class Trade(Page[Present]):
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
        self._told = self._sending = ""
        self._ticket = ""  # the name of an order that was reviewed: what makes a second press the same ticket
        self._troubles: dict[str, str] = {}
        self._form = 0  # which form it is: a sent one is followed by an empty one
        self._plan = Planning()
        self._tasks: set[asyncio.Future[Any]] = set()
        super().__init__(settings)

    def read(self, ledger: Ledger | None) -> Present:
        """The account asked for, as it stands."""
        names = accounts(ledger) if ledger is not None else []
        if ledger is None or not names:
            raise Empty(NOTHING)
        name = self._account or (asking.PRACTICE if asking.PRACTICE in names else names[0])
        return self._reader.read(ledger, name, self._book)

    def mark(self, ledger: Ledger) -> object:
        """The journal's last entry, clocks, switches, whether desks are there; on the wall clock also each minute."""
        names = accounts(ledger)
        ages = [ledger.control.age(f"desk:{name}") for name in names]
        away = [age is None or age > SILENT for age in ages]
        minute = int(time() // 60) if self.state is not None and self.state.terms.clock == "wall" else 0
        stands = [(ledger.control.clock(n), ledger.control.halted(n)) for n in names]
        return ledger.journal.last(), stands, away, minute

    # the pieces, from top to bottom ---------------------------------------------------------------------------------
    def heading(self, title: str = "Trade") -> Panel:
        """What the page is called, whose account it is, paper or live, and whether it may trade."""
        return self.panel(lambda s: words.heading(s, self._names(), title), self._heard)

    def numbers(self) -> Panel:
        """The few numbers read first."""
        return self.panel(words.numbers)

    def ticket(self) -> Panel:
        """The form of an order."""
        return self.panel(lambda s: ticket.ticket(s, self.symbol, self._form), self._heard)

    def review(self) -> Panel:
        """What it would cost and what the desk would decide; then the step that sends it."""
        return self.panel(self._reviewed, self._heard)

    def picture(self) -> Chart:
        """Candles of the ticket's symbol, with the prices at which its orders wait."""
        return self.chart(self._picture)

    def positions(self) -> Panel:
        """What is held."""
        return self.panel(blotter.positions, self._heard)

    def orders(self) -> Panel:
        """Open orders, to be changed or cancelled, and the newest closed ones."""
        return self.panel(lambda s: blotter.orders(s, self._troubles.get("orders", "")), self._heard)

    def fills(self) -> Panel:
        """The newest fills."""
        return self.panel(blotter.fills)

    def limits(self) -> Panel:
        """The limits with their use."""
        return self.panel(lambda s: words.limits(s, self._limits(s)))

    def switch(self) -> Panel:
        """The kill switch."""
        return self.panel(lambda s: words.switch(s, self._troubles.get("switch", "")), self._heard)

    def plan(self) -> Panel:
        """From target weights to orders: inspected first, then proposed."""
        return self.panel(self._planned, self._heard)

    # what is shown --------------------------------------------------------------------------------------------------
    def _names(self) -> list[str]:
        return accounts(self._ledger) if self._ledger is not None else []

    def _reviewed(self, s: Present) -> str:
        if self._preview is not None and not self._sending:  # what was true of it may not be any more
            self._preview = self._previewed(s, self._preview.intent, self._preview.book)
        problem = self._troubles.get("ticket", "")
        return ticket.review(s, self._preview, problem, self._told, sending=self._sending, asked=bool(self._ticket))

    def _planned(self, s: Present) -> str:
        if self._ledger is not None:
            self._plan.again(self._ledger, s)
        return self._plan.html(s)

    def _picture(self, s: Present) -> go.Figure:
        from aura_lib.reports import figures

        symbol = self._fields.get("symbol", "").strip().upper()
        if symbol not in s.instruments:
            raise InputError(f"no prices of {symbol or 'nothing'} on this account")
        bars = s.feed.bars.until(s.as_of).select([symbol])
        frame = pd.DataFrame({name: table[symbol] for name, table in bars.fields.items()}).dropna(how="all").tail(BARS)
        about = About(symbol, "", f"prices of {s.terms.source}", s.as_of, s.instruments[symbol].currency)
        return figures.candles(frame, about=about, levels=blotter.levels(s, symbol))

    # what its controls do -------------------------------------------------------------------------------------------
    def _heard(self, name: str, value: str) -> None:
        """A control was used. What cannot be done is told where it was asked for."""
        place = asking.PLACES.get(name, "ticket")
        try:
            self._troubles.pop(place, None)
            self._ask(name, value)
        except AuraError as error:
            self._troubles[place] = str(error)
        self.refresh()

    def _ask(self, name: str, value: str) -> None:
        match name:
            case "practise":
                asking.practise(self.settings)
                self._account = asking.PRACTICE
            case "account":
                self._account, self._book, self._preview, self._ticket = value, "", None, ""
                self._plan = Planning(number=self._plan.number + 1)
            case "review:typed":
                self._typed(asking.fields(value))
            case "review":
                self._typed(asking.fields(value))
                self._ticket = secrets.token_hex(8) if self._preview else ""
            case "back":
                self._ticket = ""
            case "send" if self._preview is not None and self._ticket and not self._sending:
                self._sending = "Sent to the desk; waiting for its verdict …"
                self._later(self._sent(self._preview, self._ticket))
            case "plan":
                self._plan.ask(self._open(), self._shown_now(), asking.fields(value))
            case "propose" if self._plan.found is not None and not self._plan.sending:
                self._plan.sending = "Sent to the desk; waiting for its verdict …"
                self._later(self._proposed())
            case "close":
                self._close_out(*value.rpartition("|")[::2])
            case "clock" if self._shown_now().practice:
                self._move(self._shown_now(), int(value))
            case _ if name in asking.PLACES:
                self._later(self._asked(name, value))

    def _typed(self, fields: dict[str, str]) -> None:
        """Look at what the form says by now: its sentence, its cost, and the decision the desk would take."""
        s = self._shown_now()
        self._fields, self._ticket, self._preview, self._told = fields, "", None, ""
        if fields.get("size", "").strip():
            intent, book = intent_of(fields, s.instruments, s.prices), fields.get("book") or s.book
            self._preview = self._previewed(s, intent, book)

    def _previewed(self, s: Present, intent: Intent, book: str) -> Preview:
        return execution.preview(self._open(), s.terms, s.view, s.feed, intent, book=book, who=who(), at=s.as_of)

    def _close_out(self, book: str, symbol: str) -> None:
        held = self._shown_now().view.account(book).quantity(symbol)
        if held:
            side = "sell" if held > 0 else "buy"
            self._typed({"symbol": symbol, "side": side, "size": f"{abs(held):f}", "book": book, "reason": "way out"})
            self._ticket = secrets.token_hex(8)

    async def _sent(self, preview: Preview, key: str) -> None:
        """Write the ticket, beside the loop: the desk's verdict is waited for. Pressed twice it is written once."""
        try:
            account = self._shown_now().terms.name
            refused = await asyncio.to_thread(asking.send, self.settings, account, preview, key)
            self._told = refused or "Approved and on its way: see Orders."
            self._form, self.symbol, self._ticket, self._preview = self._form + 1, preview.intent.symbol, "", None
        except AuraError as error:
            self._troubles["ticket"] = str(error)
        finally:
            self._sending = ""
        self.refresh()

    async def _proposed(self) -> None:
        """The plan, beside the loop."""
        try:
            self._plan.sent(await asyncio.to_thread(self._plan.send, self.settings))
        except AuraError as error:
            self._plan.sent(str(error))
        finally:
            self._plan.sending = ""
        self.refresh()

    async def _asked(self, name: str, value: str) -> None:
        """A cancel, a change, a halt, a resume: beside the loop, the desk answers when it has taken it."""
        try:
            await asyncio.to_thread(asking.ask, self.settings, self._shown_now().terms.name, name, value)
        except AuraError as error:
            self._troubles[asking.PLACES[name]] = str(error)
        self.refresh()

    def _move(self, s: Present, bars: int) -> None:
        later = s.later[:bars]
        if len(later):
            self._open().control.set_clock(s.terms.name, later[-1].to_pydatetime())

    def _limits(self, s: Present) -> list[Use]:
        return in_use(Rulebook(self._open(), s.terms), s.view, s.feed, book=s.book, user=who(), at=s.as_of)

    def _open(self) -> Ledger:
        if self._ledger is None:
            raise InputError("there is no ledger here yet: open an account first")
        return self._ledger

    def _shown_now(self) -> Present:
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
