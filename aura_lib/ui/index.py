"""The landing page: a card for each dashboard that lies in the folder, and how the ledger stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from aura_lib.core import AuraError, Settings, project_root
from aura_lib.ledger import Ledger
from aura_lib.reports import formats, picture
from aura_lib.reports.standing import Standing, books, standing
from aura_lib.ui.live import Page
from aura_lib.ui.table import table_html
from aura_lib.ui.widgets import Panel

if TYPE_CHECKING:
    from aura_lib.core import Run

OWN = "index"  # this page, which needs no card
RUNS = 12  # the newest on the page
NOTHING = (
    "Nothing has been traded yet: <code>aura demo</code> in a terminal trades one strategy on paper for twelve months, "
    "in a minute or two. This page changes by itself."
)


@dataclass(frozen=True)
class Dashboard:
    """A notebook of the dashboards folder: its title and first sentence, or what is wrong with it."""

    name: str
    title: str
    about: str
    wrong: str = ""


@dataclass(frozen=True, eq=False)
class Overview:
    """What the landing page shows: the dashboards, and each book with the money in it."""

    dashboards: tuple[Dashboard, ...]
    standings: tuple[Standing, ...]
    runs: tuple[Run, ...]


def discover(folder: Path) -> list[Dashboard]:
    """The dashboards of a folder, by name; one that cannot be read is among them and says so."""
    return [
        _dashboard(file) for file in sorted(folder.glob("*.ipynb")) if file.stem != OWN and file.stem[0] not in "._"
    ]


def _dashboard(file: Path) -> Dashboard:
    named = file.stem.replace("_", " ").replace("-", " ").capitalize()
    try:
        cells = json.loads(file.read_text("utf-8"))["cells"]
        texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    except OSError as error:
        return Dashboard(file.stem, named, "", f"cannot be read: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        return Dashboard(file.stem, named, "", "is no notebook")
    lines = [line.strip() for line in texts[0].splitlines() if line.strip()] if texts else []
    title = lines[0].lstrip("# ") if lines and lines[0].startswith("#") else named
    about = next((line for line in lines if not line.startswith("#")), "")
    return Dashboard(file.stem, title, about)


class Index(Page[Overview]):
    """The landing page of the dashboards: `heading`, `cards`, `accounts`, `runs`."""

    def __init__(self, folder: Path | None = None, settings: Settings | None = None) -> None:
        self.folder = folder or (project_root() or Path.cwd()) / "dashboards"
        super().__init__(settings)

    def read(self, ledger: Ledger | None) -> Overview:
        """The folder, and every book that has traded."""
        found = tuple(discover(self.folder))
        if ledger is None:
            return Overview(found, (), ())
        stand = []
        for account, book in books(ledger):
            try:
                stand.append(standing(ledger, account, book, settings=self.settings))
            except AuraError:  # opened, and nothing traded yet
                continue
        return Overview(found, tuple(stand), tuple(ledger.runs()[-RUNS:]))

    def heading(self) -> Panel:
        """The name of the place, and whether anything is wrong."""
        return self.panel(self._heading)

    def cards(self) -> Panel:
        """One card a dashboard."""
        return self.panel(self._cards)

    def accounts(self) -> Panel:
        """Each book with its equity."""
        return self.panel(lambda o: _section("Accounts", _accounts(o), "Money as each account's own clock has it."))

    def runs(self) -> Panel:
        """The newest runs of all jobs."""
        return self.panel(lambda o: _section("Newest runs", _runs(o), "The link opens what the notebook wrote."))

    def _heading(self, o: Overview) -> str:
        halted = [s.name for s in o.standings if s.halted]
        adrift = [s.name for s in o.standings if s.drift]
        marks = [f'<li class="aura-bad"><b>{what}</b>: {escape(", ".join(names))}</li>'
                 for what, names in (("Halted", halted), ("Drift", adrift)) if names]  # fmt: skip
        if o.standings:
            marks.insert(0, f"<li>{len(o.standings)} book{'s' * (len(o.standings) != 1)}, all simulated</li>"
                         if all(s.simulated for s in o.standings) else "<li><b>Live trading</b></li>")  # fmt: skip
        else:
            marks.insert(0, f"<li>{NOTHING}</li>")
        return (
            '<div class="aura-heading"><h1>Dashboards</h1><span class="aura-space"></span>'
            f'<p>{escape(str(self.settings.home))}</p></div><ul class="aura-marks">{"".join(marks)}</ul>'
        )

    def _cards(self, o: Overview) -> str:
        if not o.dashboards:
            return (
                '<div class="aura-panel aura-empty"><h2>No dashboards</h2><p>None lie in '
                f"<code>{escape(str(self.folder))}</code>; <code>aura new dashboard NAME</code> makes one.</p></div>"
            )
        return f'<ul class="aura-cards">{"".join(self._card(one, o) for one in o.dashboards)}</ul>'

    def _card(self, one: Dashboard, o: Overview) -> str:
        own = self._own(one).is_file()  # one with a picture of its own is about something else than the books
        state = f"This notebook {one.wrong}" if one.wrong else "" if own else self._state(o)
        kind = ' class="aura-state aura-bad"' if one.wrong else ' class="aura-state"'
        words = f"<p{kind}>{escape(state)}</p>" if state else ""
        return (
            f'<li><a data-dashboard="{escape(one.name)}" href="{quote(one.name)}">{self._picture(one, o)}<div>'
            f"<h2>{escape(one.title)}</h2><p>{escape(one.about)}</p>{words}</div></a></li>"
        )

    def _state(self, o: Overview) -> str:
        return "; ".join(f"{s.name} as of {formats.day(s.as_of)}" for s in o.standings[:3]) or "waits for the first run"

    def _own(self, one: Dashboard) -> Path:
        return self.folder / f"{one.name}.svg"

    def _picture(self, one: Dashboard, o: Overview) -> str:
        """The picture that lies beside the notebook, or the curve of the first book."""
        file = self._own(one)
        if file.is_file():
            return f'<img alt="" src="files/{quote(file.name)}">'
        return picture.spark(o.standings[0].equity if o.standings and not one.wrong else None)


def _section(title: str, table: pd.DataFrame, note: str) -> str:
    return (
        f'<section class="aura-panel"><h2>{escape(title)}</h2>{table_html(table, title)}'
        f'<p class="aura-note">{escape(note)}</p></section>'
    )


def _accounts(o: Overview) -> pd.DataFrame:
    rows = [
        {"account": s.name, "worth": formats.money(float(s.equity.iloc[-1]), s.currency, digits=0),
         "return": s.statistics["total_return"], "as of": s.as_of, "holdings": len(s.state.holdings),
         "trading": s.halted or "allowed"}
        for s in o.standings
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["account", "worth", "return", "as of", "holdings", "trading"])


def _runs(o: Overview) -> pd.DataFrame:
    rows = [
        {"slot": pd.Timestamp(r.slot) if r.slot else None, "run": r.id, "mode": r.mode.value,
         "status": r.status.value}
        for r in o.runs[::-1]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["slot", "run", "mode", "status"])
