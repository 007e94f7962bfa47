"""Market: the pieces of the page, and what moves them each second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from aura_lib.core import AuraError, Calendar, Settings, WallClock
from aura_lib.data.quality import Quality
from aura_lib.reports import market
from aura_lib.ui.live import request, trouble
from aura_lib.ui.market import words
from aura_lib.ui.market.board import Row
from aura_lib.ui.market.listing import Listing, found
from aura_lib.ui.market.picture import History, Picture, Wish
from aura_lib.ui.market.timeframes import TIMEFRAMES
from aura_lib.ui.market.watched import Watched
from aura_lib.ui.market.wire import Wire
from aura_lib.ui.widgets import Chart, Panel, Search

Result = TypeVar("Result")
LOOK = 1.0  # seconds between two looks at what came in
QUOTES = 20  # looks between two questions for bid and ask
SELDOM = 5  # looks between two at what moved most
SOURCES = ("sample:ohlcv",)
WATCH = ("AAPL",)


class Market:
    """Live or replayed markets on a page. Each method gives one piece; all of them move as prices come in.

    Which symbol is asked by the page's address (`?symbol=AAPL`) or by its search, else it is the first of the
    watchlist. What a source cannot give is told where it would be, and the other sources go on.

    Args:
        sources: where symbols come from: names of data sources. What has no live prices is replayed.
        watch: the first watchlist; from then on the one that was kept. `SYMBOL`, or `SYMBOL@SOURCE`.
        pace: bars a second of a replay.
        settings: where AURA_HOME is; from the environment when not given.
    """

    def __init__(
        self,
        sources: Sequence[str] = SOURCES,
        watch: Sequence[str] = WATCH,
        *,
        pace: float = 1.0,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings.load()
        self.wires: list[Wire] = []
        self._watched = Watched(watch, self.settings, self._find)
        for name in dict.fromkeys(sources):
            self.wires.append(Wire(name, self._watched.of(name, plain=not self.wires), pace, self.settings))
        self.wish: Wish | None = None
        self._asked = request().get("symbol", "")
        self._pictures: dict[str, Picture] = {}  # by the key they always show, "" for the one that is chosen
        self._panels: list[Panel] = []
        self._shown: list[Callable[[], None]] = []  # writes a panel anew
        self._moving: list[Callable[[], None]] = []  # puts what moves in it
        self._seldom: list[Callable[[], None]] = []  # writes anew what moves less
        self._report: tuple[tuple[str, str, int], Quality | None] | None = None
        self._trouble = self._watched.problem
        self._looks = 0
        self._tasks: set[asyncio.Future[Any]] = set()
        self._go()

    # the pieces, from top to bottom ---------------------------------------------------------------------------------
    def heading(self, title: str = "Market") -> Panel:
        """What the page is called, and how each market stands, in its own time."""
        return self._panel(
            lambda: words.heading(title, self._calendars(), WallClock().now(), self._trouble), self._heading_cells
        )

    def search(self) -> Search:
        """A box that finds a symbol by symbol or name."""
        return Search(self._search, self.open)

    def quote(self) -> Panel:
        """The symbol that is chosen: its price, the session so far, whether it is live or a replay."""
        return self._panel(self._quote, self._quote_cells)

    def toggles(self) -> Panel:
        """How much of the past is shown, and which studies."""
        return self._panel(self._toggles)

    def chart(self, key: str = "") -> Chart:
        """Candles of the symbol that is chosen, or always of the one that is named."""
        chart = Chart(None, styled=False)
        self._pictures[key] = Picture(chart)
        self._draw(key)
        return chart

    def watchlist(self) -> Panel:
        """The symbols that are watched, with price, change and a small line."""
        return self._panel(self._watchlist, self._list_cells)

    def movers(self) -> Panel:
        """What moved most of all that is listed."""
        return self._panel(self._movers, seldom=True)

    def data(self) -> Panel:
        """Where the numbers come from, how old they are, what is odd about them."""
        return self._panel(self._data, seldom=True)

    def _panel(
        self, write: Callable[[], str], cells: Callable[[], words.Cells] | None = None, seldom: bool = False
    ) -> Panel:
        """A panel; `cells` tells what moves in it each second, or it is written anew now and then."""

        def written() -> str:
            try:
                return write()
            except AuraError as error:
                return trouble(error)

        panel = Panel(written(), self._heard, styled=not self._panels)
        self._panels.append(panel)
        self._shown.append(lambda: panel.show(written()))
        if cells is not None:
            self._moving.append(lambda: panel.put(cells()))
        if seldom:
            self._seldom.append(lambda: panel.show(written()))
        return panel

    # what is asked of it --------------------------------------------------------------------------------------------
    def open(self, key: str) -> None:
        """Show a symbol."""
        one = self._find(key)
        if one is not None:
            self._asked = ""
            self._want(replace(self.wish or Wish(one), listing=one))

    def _want(self, wish: Wish) -> None:
        wire = self._wire(wish.listing)
        why_not = TIMEFRAMES[wish.timeframe].why_not(wire.source, wire.frequencies)
        self.wish = replace(wish, timeframe="3M") if why_not else wish
        self.refresh()
        self._draw("")

    def _heard(self, name: str, value: str) -> None:
        """A control was used; what cannot be done is told below the page's name."""
        try:
            self._trouble = ""
            self._ask(name, value)
        except AuraError as error:
            self._trouble = str(error)
            self.refresh()

    def _ask(self, name: str, value: str) -> None:
        match name:
            case "open":
                self.open(value)
            case "watch" | "unwatch":
                self._watched.change(value, name == "watch")
                self.refresh()
            case "timeframe" if self.wish and value in TIMEFRAMES:
                self._want(replace(self.wish, timeframe=value))
            case "study" if self.wish and value in market.STUDIES:
                kept = tuple(s for s in market.STUDIES if (s in self.wish.studies) != (s == value))
                self._want(replace(self.wish, studies=kept))
            case "log" if self.wish:
                self._want(replace(self.wish, log=not self.wish.log))
            case "again":
                self._later(self._prepare([wire for wire in self.wires if wire.source == value]))

    def _search(self, text: str) -> list[tuple[str, str, str, str]]:
        every = [one for wire in self.wires for one in wire.listings.values()]
        return [(one.key, one.symbol, one.name, one.told) for one in found(text, every)]

    # what is written ------------------------------------------------------------------------------------------------
    def _calendars(self) -> list[Calendar]:
        return list({calendar.name: calendar for wire in self.wires for calendar in wire.calendars}.values())

    def _quote(self) -> str:
        if self.wish is None:
            return words.empty(self.wires)
        one, wire = self.wish.listing, self._wire(self.wish.listing)
        return words.quote(one, self._row(one), wire, one.key in self._keys())

    def _toggles(self) -> str:
        if self.wish is None:
            return ""
        wire = self._wire(self.wish.listing)
        reasons = {name: frame.why_not(wire.source, wire.frequencies) for name, frame in TIMEFRAMES.items()}
        return words.toggles(self.wish, reasons)

    def _watchlist(self) -> str:
        chosen = self.wish.listing.key if self.wish else ""
        return words.watchlist([(one, self._row(one)) for one in self._watched.listings()], chosen)

    def _movers(self) -> str:
        boards = [(wire, row) for wire in self.wires for row in wire.board or ()]
        rows = {(one := wire.listings[row.symbol]).key: (one, row) for wire, row in boards}
        if not rows:
            return ""
        gained, lost = market.movers(words.changes(rows))
        return words.movers([rows[key] for key in gained.index], [rows[key] for key in lost.index], len(rows))

    def _data(self) -> str:
        if self.wish is None:
            return words.states(self.wires)
        one, wire = self.wish.listing, self._wire(self.wish.listing)
        return words.provided(wire, one, self._checked(wire, one.symbol), self.wires)

    def _checked(self, wire: Wire, symbol: str) -> Quality | None:
        """The quality report of a symbol, made once for the bars there are."""
        asked = (wire.source, symbol, wire.starts)
        if self._report is None or self._report[0] != asked:
            self._report = asked, wire.check(symbol)
        return self._report[1]

    # finding things -------------------------------------------------------------------------------------------------
    def _find(self, entry: str) -> Listing | None:
        """The listing of `SYMBOL@SOURCE`, or of a symbol in the first source that has it."""
        symbol, _, source = entry.partition("@")
        lists = (wire.listings for wire in self.wires if source in ("", wire.source))
        return next((listings[symbol] for listings in lists if symbol in listings), None)

    def _keys(self) -> set[str]:
        return {one.key for one in self._watched.listings()}

    def _wire(self, one: Listing) -> Wire:
        return next(wire for wire in self.wires if wire.source == one.source)

    def _row(self, one: Listing) -> Row | None:
        board = self._wire(one).board
        return board[one.symbol] if board is not None and one.symbol in board else None

    # what moves -----------------------------------------------------------------------------------------------------
    def refresh(self) -> None:
        """Write every panel anew."""
        for show in self._shown:
            show()

    def look(self) -> None:
        """Take what came in since the last look, and show what it changed."""
        for wire in self.wires:
            for event in wire.drain():
                for picture in self._pictures.values():
                    if picture.shows and picture.shows.listing.source == wire.source:
                        picture.add(event)
            if wire.over:
                self._later(self._anew(wire))
        for picture in self._pictures.values():
            picture.update()
        for put in self._moving:
            put()
        self._looks += 1
        if self._looks % SELDOM == 0:
            for show in self._seldom:
                show()
        if self._looks % QUOTES == 0:
            for wire in self.wires:
                if not wire.replayed:
                    self._later(self._requoted(wire))
        if self._panels:
            self._panels[0].beat()

    def _heading_cells(self) -> words.Cells:
        now = WallClock().now()
        return {name: cell for c in self._calendars() for name, cell in words.status_cells(c, now).items()}

    def _quote_cells(self) -> words.Cells:
        row = self._row(self.wish.listing) if self.wish else None
        if self.wish is None or row is None:
            return {}
        wire = self._wire(self.wish.listing)
        return {**words.quote_cells(self.wish.listing, row), **words.wire_cells(wire, self.wish.listing)}

    def _list_cells(self) -> words.Cells:
        rows = [(one, self._row(one)) for one in self._watched.listings()]
        return {name: cell for one, row in rows if row for name, cell in words.row_cells(one, row).items()}

    # what takes long ------------------------------------------------------------------------------------------------
    def _draw(self, key: str) -> None:
        """Get the bars of a picture, and show them. What is asked for meanwhile comes after it."""
        picture = self._pictures.get(key)
        one = self._find(key) if key else self.wish.listing if self.wish else None
        if picture is None or one is None:
            return
        wish = self.wish if not key and self.wish else Wish(one)
        self._later(self._drawn(picture, wish))

    async def _drawn(self, picture: Picture, wish: Wish) -> None:
        wire = self._wire(wish.listing)
        frequency = TIMEFRAMES[wish.timeframe].frequency(wire.frequencies) or "1d"
        picture.wants = wish
        try:
            await _in_thread(wire.follow, wish.listing.symbol)
            frame = await _in_thread(wire.history, wish.listing.symbol, frequency)
        except AuraError as error:
            if picture.wants is wish:
                picture.fail(str(error))
            return
        if picture.wants is wish:  # nothing else was asked for meanwhile
            told = f"{wire.source}{', replayed' if wire.replayed else ''}"
            symbol = wish.listing.symbol
            picture.show(History(wish, frame, frequency, wire.calendar(symbol), told), wire.recent[symbol])

    async def _prepare(self, wires: Sequence[Wire]) -> None:
        """Ask the sources one after the other; each shows when it is there."""
        for wire in wires:
            await _in_thread(wire.prepare)
            self._arrived(wire)

    async def _requoted(self, wire: Wire) -> None:
        with suppress(AuraError):  # its stream tells how it is
            await _in_thread(wire.requote)

    async def _anew(self, wire: Wire) -> None:
        await _in_thread(wire.begin_anew)
        self._arrived(wire)

    def _arrived(self, wire: Wire) -> None:
        asked = self._find(self._asked) if self._asked else None
        entries = self._watched.listings()
        if asked is not None:
            self._asked = ""
            self._want(Wish(asked))
        elif self.wish is None and (entries or wire is self.wires[-1]) and (entries or wire.listings):
            self._want(Wish(next(iter([*entries, *wire.listings.values()]))))
        self.refresh()
        for key, picture in self._pictures.items():
            one = self._find(key) if key else None
            if (one and one.source == wire.source) or (picture.shows and picture.shows.listing.source == wire.source):
                self._draw(key)

    def _go(self) -> None:
        """Ask the sources, and look each second where a kernel's loop runs; a plain script is shown what there is."""
        self._later(self._prepare(self.wires))
        if _looping():
            self._later(self._keep())

    async def _keep(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            self.look()
            await asyncio.sleep(max(LOOK - (asyncio.get_running_loop().time() - began), LOOK / 4))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        if not _looping():
            asyncio.run(work)
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop itself would forget it
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Stop looking, and listen no more."""
        for task in list(self._tasks):
            task.cancel()
        for wire in self.wires:
            wire.close()


def _looping() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _in_thread(work: Callable[..., Result], *given: Any) -> Result:
    """What takes long, beside the loop; where no page is kept current there is no need."""
    return await asyncio.to_thread(work, *given)
