"""Chart, Panel and Search: a figure, a piece of HTML and a box to type in, that change while somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from aura_lib.core import InputError
from aura_lib.reports import themes
from aura_lib.reports.html import caption, packed
from aura_lib.ui import style

if TYPE_CHECKING:
    import plotly.graph_objects as go


def _script(name: str) -> str:
    return resources.files("aura_lib.ui").joinpath("static", name).read_text("utf-8")


_CSS = {True: style.sheet(), False: ""}


class Chart(anywidget.AnyWidget):
    """A plotly figure in a notebook or on a dashboard. `show` replaces it; zoom is kept.

    It sends the numbers only (a FigureWidget sends five megabytes of script each time): the page loads plotly.js
    once, from the server that serves the page. Figures come from `reports.figures`; any other plotly figure will do.
    `grow` sends only what changed at its end since it was last shown, for figures that move each second.
    `styled` is False where another piece of the same page brings the style sheet already.
    """

    _esm = _script("chart.js")
    _css = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    drawn = traitlets.Unicode().tag(sync=True)
    tail = traitlets.Dict().tag(sync=True)
    dark = traitlets.Dict().tag(sync=True)

    def __init__(self, figure: go.Figure | None, *, styled: bool = True) -> None:
        super().__init__(_css=_CSS[styled], dark=themes.swap(themes.DARK), **_parts(figure))
        self.on_msg(_send_plotly)

    def show(self, figure: go.Figure | None) -> None:
        """Show another figure in its place; None hides it."""
        with self.hold_sync():
            self.tail = {}
            for name, value in _parts(figure).items():
                setattr(self, name, value)

    def grow(self, tail: dict[str, Any]) -> None:
        """Bring its end up to date: all that changed since it was shown, as `reports.market_chart.tail` makes it."""
        self.tail = tail

    def fail(self, why: str) -> None:
        """Say in its place why there is no figure."""
        with self.hold_sync():
            self.words, self.drawn, self.tail = {"problem": why}, "", {}


class Panel(anywidget.AnyWidget):
    """A piece of trusted HTML. `show` replaces it; what a reader has scrolled to stays where it was.

    `put` changes single texts of it: those of elements with `data-cell="name"` (of a polyline, its points).
    A `<select data-ask="name">` or `<button data-ask="name" value="…">` in it calls `on_ask` with name and value;
    `<time data-age datetime="…">` shows how long ago that was, and ticks. `beat` tells the page that the kernel lives:
    after the first one, a page that hears none for fifteen seconds says so.
    """

    _esm = _script("panel.js")
    _css = traitlets.Unicode().tag(sync=True)
    html = traitlets.Unicode().tag(sync=True)
    cells = traitlets.Dict().tag(sync=True)
    beats = traitlets.Int(0).tag(sync=True)

    def __init__(self, html: str, on_ask: Callable[[str, str], None] | None = None, *, styled: bool = True) -> None:
        super().__init__(_css=_CSS[styled], html=html)
        self._on_ask = on_ask
        self.on_msg(_hear)

    def show(self, html: str) -> None:
        """Show other HTML in its place."""
        with self.hold_sync():
            self.html, self.cells = html, {}

    def put(self, cells: dict[str, tuple[str, str]]) -> None:
        """Show other texts in the cells of that name, each with a class of the style sheet ("" for none)."""
        self.cells = {**self.cells, **cells}

    def beat(self) -> None:
        """Tell the page that somebody is there."""
        self.beats += 1

    def deliver(self, name: str, content: bytes) -> None:
        """Hand the reader a file: the browser downloads it under that name."""
        self.send({"file": name}, buffers=[content])

    def ask(self, name: str, value: str) -> None:
        """What a control of the panel does."""
        if self._on_ask:
            self._on_ask(name, value)


class Search(anywidget.AnyWidget):
    """A box with a list of what was found: type, arrows, Enter; `/` puts the cursor in it.

    `find` answers a text with rows (value, symbol, name, note); `choose` is told the value of the one that was chosen.
    """

    _esm = _script("search.js")
    label = traitlets.Unicode("Search").tag(sync=True)
    hint = traitlets.Unicode("symbol or name").tag(sync=True)
    found = traitlets.Dict({"text": "", "rows": []}).tag(sync=True)

    def __init__(self, find: Callable[[str], list[tuple[str, str, str, str]]], choose: Callable[[str], None]) -> None:
        super().__init__()
        self._find, self._choose = find, choose
        self.on_msg(_sought)

    def seek(self, text: str) -> None:
        """Show what there is of a text."""
        rows: list[Any] = [list(row) for row in self._find(text)]
        self.found = {"text": text, "rows": rows}

    def choose(self, value: str) -> None:
        """Take what was chosen."""
        self._choose(value)


def _parts(figure: go.Figure | None) -> dict[str, Any]:
    if figure is None:
        return {"words": {}, "drawn": ""}
    try:
        return {"words": caption(figure), "drawn": packed([figure])}
    except AttributeError:
        raise InputError(f"a Chart shows a plotly figure, not {type(figure).__name__}") from None


@cache
def _plotly() -> bytes:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs()).encode()


def _send_plotly(chart: Chart, said: Any, buffers: list[bytes]) -> None:
    """A page without an Aura server asks for plotly.js."""
    if isinstance(said, dict) and said.get("ask") == "plotly":
        chart.send({"plotly": True}, buffers=[_plotly()])


def _hear(panel: Panel, said: Any, buffers: list[bytes]) -> None:
    if isinstance(said, dict) and isinstance(said.get("ask"), str):
        panel.ask(said["ask"], str(said.get("value", "")))


def _sought(search: Search, said: Any, buffers: list[bytes]) -> None:
    if not isinstance(said, dict):
        return
    if isinstance(said.get("search"), str):
        search.seek(said["search"].strip())
    elif isinstance(said.get("choose"), str):
        search.choose(said["choose"])
