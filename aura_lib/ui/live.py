"""Page: pieces that are read together and change when the ledger does."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import parse_qsl

from aura_lib.core import AuraError, Settings
from aura_lib.ledger import Ledger
from aura_lib.ui.widgets import Chart, Panel

if TYPE_CHECKING:
    import plotly.graph_objects as go

LOOK = 1.0  # seconds between two looks at the ledger
State = TypeVar("State")


def request() -> dict[str, str]:
    """What the page's address asks for (`?account=paper`); nothing outside of a dashboard."""
    return dict(parse_qsl(os.environ.get("QUERY_STRING", "")))


class Empty(AuraError):
    """There is nothing to show yet; the message is HTML that says what to do."""


class Page(ABC, Generic[State]):
    """Pieces of one state, each a widget, all shown anew together.

    A page says in `read` what it reads from the ledger (raising Empty when there is nothing yet), in `mark` what
    changes when there is something new. Where reading fails the first piece says why, and the others step back.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.load()
        self.state: State | None = None
        self.trouble = ""
        self._ledger: Ledger | None = None
        self._shown: list[Callable[[], None]] = []
        self._pulse: Panel | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._mark: object = None
        self._read()

    @abstractmethod
    def read(self, ledger: Ledger | None) -> State:
        """What the pieces are made of; `ledger` is None as long as there is none."""

    def mark(self, ledger: Ledger) -> object:
        """A value that changes when there is something new to show."""
        return ledger.journal.last()

    # pieces ---------------------------------------------------------------------------------------------------------
    def panel(self, write: Callable[[State], str], on_ask: Callable[[str, str], None] | None = None) -> Panel:
        """A piece of HTML made from the state. The first piece of a page is where trouble is told."""
        first = not self._shown
        panel = Panel("", on_ask, styled=first)

        def show() -> None:
            panel.show(self._html(write) if self.state is not None else self.trouble if first else "")

        self._add(panel, show)
        return panel

    def chart(self, draw: Callable[[State], go.Figure]) -> Chart:
        """A figure made from the state."""
        chart = Chart(None, styled=not self._shown)

        def show() -> None:
            try:
                chart.show(draw(self.state) if self.state is not None else None)
            except AuraError as error:
                chart.fail(str(error))

        self._add(chart, show)
        return chart

    def _add(self, piece: Chart | Panel, show: Callable[[], None]) -> None:
        self._shown.append(show)
        show()
        if self._pulse is None and isinstance(piece, Panel):
            self._pulse = piece
            self._watch()

    def _html(self, write: Callable[[State], str]) -> str:
        assert self.state is not None
        try:
            return write(self.state)
        except AuraError as error:
            return trouble(error)

    # keeping current ------------------------------------------------------------------------------------------------
    def refresh(self) -> None:
        """Read everything again and show it."""
        self._read()
        for show in self._shown:
            show()

    def look(self) -> bool:
        """Refresh if there is something new; whether there was."""
        try:
            mark = self._marked()
        except AuraError as error:
            mark = str(error)
        if mark == self._mark:
            return False
        self.refresh()
        return True

    def close(self) -> None:
        """Stop watching, and let go of the ledger."""
        if self._watcher is not None:
            self._watcher.cancel()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _marked(self) -> object:
        if self._ledger is None:
            self._ledger = Ledger.find(self.settings)
        return None if self._ledger is None else self.mark(self._ledger)

    def _read(self) -> None:
        try:
            self._mark = self._marked()  # before reading: what comes in between is read twice, never missed
            self.state, self.trouble = self.read(self._ledger), ""
        except Empty as empty:
            self.state, self.trouble = None, f'<div class="aura-panel aura-empty">{empty}</div>'
        except AuraError as error:
            self.state, self.trouble = None, trouble(error)
            self._mark = str(error)

    def _watch(self) -> None:
        """Look each second from now on, where a kernel's loop runs; a plain script has nobody to look for."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._watcher = loop.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            self.look()
            if self._pulse is not None:
                self._pulse.beat()
            await asyncio.sleep(LOOK)


def trouble(error: AuraError) -> str:
    """What went wrong, where the piece would be."""
    return (
        f'<div class="aura-panel aura-empty aura-error" role="alert"><h2>This cannot be shown</h2>'
        f"<p>{escape(str(error))}</p></div>"
    )
