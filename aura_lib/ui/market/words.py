"""The words of the market page, as HTML. What moves is in cells that are put anew without writing the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

import pandas as pd

from aura_lib.core import Calendar, Status
from aura_lib.data.quality import Quality
from aura_lib.reports import formats, market
from aura_lib.ui.market.board import Row
from aura_lib.ui.market.listing import Listing
from aura_lib.ui.market.picture import Wish
from aura_lib.ui.market.timeframes import TIMEFRAMES
from aura_lib.ui.market.wire import Wire
from aura_lib.ui.table import table_html

Cells = dict[str, tuple[str, str]]
WIDE, TALL = 84, 24  # pixels of a spark line
VERBS = {"open": "closes", "closed": "opens", "break": "resumes"}
WATCHED = (
    '<thead><tr><th scope="col">Symbol</th><th scope="col"><span class="aura-unseen">Sixty sessions</span></th>'
    '<th scope="col" class="aura-number">Price</th><th scope="col" class="aura-number">Change</th>'
    '<th scope="col"><span class="aura-unseen">Remove</span></th></tr></thead>'
)
UNWATCHED = '<p class="aura-quiet">Nothing is watched. Search a symbol (press /), then “Add to watchlist”.</p>'
NONE = '<tr><td class="aura-quiet" colspan="3">none</td></tr>'
TOLD = 8  # findings that are listed


# cells: text and class -----------------------------------------------------------------------------------------------
def sign(change: float) -> str:
    """The class of a change."""
    return "aura-gain" if change > 0 else "aura-loss" if change < 0 else ""


def points(values: Sequence[float]) -> str:
    """A spark line, as the points of a polyline."""
    known = [value for value in values if value == value]
    if len(known) < 2:
        return f"0,{TALL / 2} {WIDE},{TALL / 2}"
    low, spread = min(known), (max(known) - min(known)) or 1.0
    step = WIDE / (len(known) - 1)
    return " ".join(f"{n * step:.1f},{1 + (TALL - 2) * (1 - (v - low) / spread):.1f}" for n, v in enumerate(known))


def row_cells(one: Listing, row: Row) -> Cells:
    """What moves in a row of a list."""
    kind = sign(row.change)
    return {
        f"{one.key} price": (market.price(row.price, one.money), ""),
        f"{one.key} change": (formats.percent(row.change, digits=2), kind),
        f"{one.key} spark": (points(row.spark), ""),
    }


def quote_cells(one: Listing, row: Row) -> Cells:
    """What moves in the quote."""
    moved = row.price - row.previous
    places = market.digits(row.price)
    by = formats.NOTHING if moved != moved else f"{moved:+,.{places}f}".replace("-", formats.MINUS)
    money = {name: market.price(getattr(row, name), one.money) for name in
             ("price", "open", "high", "low", "previous", "top", "bottom", "bid", "ask")}  # fmt: skip
    texts = {name: (text, "") for name, text in money.items()}
    return {
        **texts,
        "volume": (market.short(row.volume), ""),
        "change": (f"{by} ({formats.percent(row.change, digits=2)})", sign(row.change)),
    }


def status_cells(calendar: Calendar, now: datetime) -> Cells:
    """How a market stands, and the time it is there."""
    status = calendar.status(now)
    there = now.astimezone(ZoneInfo(status.zone))
    return {
        f"{calendar.name} state": (state_words(status, now), ""),
        f"{calendar.name} clock": (f"{there:%H:%M:%S} {formats.zone_name(status.zone)}", ""),
    }


def state_words(status: Status, now: datetime) -> str:
    """open, closes 16:00."""
    if status.until is None:
        return status.state
    zone = ZoneInfo(status.zone)
    until, here = status.until.astimezone(zone), now.astimezone(zone)
    day = "" if until.date() == here.date() else f"{until:%a} " if (until - here).days < 6 else f"{until:%-d %b} "
    return f"{status.state}, {VERBS[status.state]} {day}{until:%H:%M}"


# pieces --------------------------------------------------------------------------------------------------------------
def heading(title: str, calendars: Iterable[Calendar], now: datetime, wrong: str = "") -> str:
    """The page's name, how each market stands by the clock on the wall, and what could not be done."""
    marks = "".join(
        f"<li><b>{escape(c.name)}</b> {_cell(f'{c.name} state', cells)} · {_cell(f'{c.name} clock', cells)}</li>"
        for c in calendars
        for cells in [status_cells(c, now)]
    )
    return (
        f'<div class="aura-heading"><h1>{escape(title)}</h1></div>'
        f'<ul class="aura-marks" aria-label="Markets">{marks or "<li>No market yet</li>"}</ul>'
        + (f'<p class="aura-bad" role="alert">{escape(wrong)}</p>' if wrong else "")
    )


def _cell(
    name: str, cells: Mapping[str, tuple[str, str]], tag: str = "span", flash: bool = False, kind: str = ""
) -> str:
    text, own = cells.get(name, (formats.NOTHING, ""))
    classes = " ".join(filter(None, (kind, own)))
    marked = f' class="{classes}"' if classes else ""
    return f'<{tag} data-cell="{escape(name)}"{" data-flash" if flash else ""}{marked}>{escape(text)}</{tag}>'


def quote(one: Listing, row: Row | None, wire: Wire, watched: bool) -> str:
    """The symbol, its price and the session so far."""
    cells = quote_cells(one, row) if row else {}
    do, words = ("unwatch", "Remove from watchlist") if watched else ("watch", "Add to watchlist")
    tiles = [("Open", "open"), ("High", "high"), ("Low", "low"), ("Previous close", "previous"), ("Volume", "volume"),
             ("52-week high", "top"), ("52-week low", "bottom")]  # fmt: skip
    if row is not None and row.bid == row.bid:
        tiles += [("Bid", "bid"), ("Ask", "ask")]
    inside = "".join(
        f"<div><dt>{label}</dt>{_cell(name, cells, 'dd', kind='aura-small')}</div>" for label, name in tiles
    )
    name = f" <span>{escape(one.name)}</span>" if one.name and one.name != one.symbol else ""
    return (
        f'<section class="aura-panel aura-quote" aria-label="Quote"><div class="aura-quote-top">'
        f'<div><h2>{escape(one.symbol)}{name}</h2><p class="aura-note">{escape(one.told)}</p></div>'
        f'<p class="aura-price">{_cell("price", cells, "b", flash=True)} {_cell("change", cells)}</p>'
        f'<span class="aura-space"></span><button data-ask="{do}" value="{escape(one.key)}">{words}</button></div>'
        f'<p class="aura-note">{provenance(wire, one)}</p>'
        f'<dl class="aura-tiles">{inside}</dl></section>'
    )


def provenance(wire: Wire, one: Listing) -> str:
    """Whether what moves is a market, a replay of one, or none that ever was."""
    kind = f"<b>Replay</b> of {escape(wire.source)}" if wire.replayed else "<b>Live</b>"
    if wire.synthetic:
        kind = "<b>Synthetic</b>: a market that never was, replayed"
    cells = wire_cells(wire, one)
    return f"{kind} at {_cell('clock', cells)} · {_cell('state', cells)}"


def wire_cells(wire: Wire, one: Listing) -> Cells:
    """What moves in what is told of a source."""
    state = wire.state[0]
    return {
        "clock": (clock_words(wire, one), ""),
        "state": (state, "" if state in ("live", "running", "starting", "idle", "ended") else "aura-bad"),
    }


def changes(rows: Mapping[str, tuple[Listing, Row]]) -> pd.Series:
    """Key → change, of what has one."""
    return pd.Series({key: row.change for key, (_, row) in rows.items()}, dtype="float64")


def clock_words(wire: Wire, one: Listing) -> str:
    """The moment the prices of a source have come to."""
    return formats.moment(wire.clock, wire.calendar(one.symbol).zone)


def toggles(wish: Wish, why_not: Mapping[str, str]) -> str:
    """The buttons above a chart: how much of the past, which studies."""
    frames = "".join(
        _toggle("timeframe", name, name, name == wish.timeframe, why_not.get(name, "")) for name in TIMEFRAMES
    )
    studies = "".join(
        _toggle("study", name, study.label, name in wish.studies) for name, study in market.STUDIES.items()
    )
    log = _toggle("log", "log", "Log", wish.log)
    return (
        f'<div class="aura-toggles"><div role="group" aria-label="Timeframe">{frames}</div>'
        f'<div role="group" aria-label="Axis">{log}</div><div role="group" aria-label="Studies">{studies}</div></div>'
    )


def _toggle(ask: str, value: str, words: str, pressed: bool, why_not: str = "") -> str:
    off = f' aria-disabled="true" title="{escape(why_not)}" aria-description="{escape(why_not)}"' if why_not else ""
    return (
        f'<button data-ask="{ask}" value="{value}" aria-pressed="{"true" if pressed else "false"}"{off}>'
        f"{escape(words)}</button>"
    )


def watchlist(rows: Sequence[tuple[Listing, Row | None]], chosen: str) -> str:
    """The symbols that are watched, each in its currency."""
    body = "".join(_watched(one, row, one.key == chosen) for one, row in rows)
    inside = f'<table aria-label="Watchlist">{WATCHED}<tbody>{body}</tbody></table>' if rows else UNWATCHED
    note = "Change since the close before; the line is the last 60 sessions."
    return (
        f'<section class="aura-panel aura-list"><h2>Watchlist</h2><div class="aura-scroll" role="region" '
        f'aria-label="Watchlist">{inside}</div><p class="aura-note">{note}</p></section>'
    )


def _watched(one: Listing, row: Row | None, chosen: bool) -> str:
    cells = row_cells(one, row) if row else {}
    line = cells.get(f"{one.key} spark", (points([]), ""))[0]
    kind = sign(row.spark[-1] - row.spark[0]) if row else ""
    marked = ' aria-current="true"' if chosen else ""
    return (
        f'<tr{marked}><th scope="row">{_open(one)} <small>{escape(one.exchange)}</small></th>'
        f'<td><svg class="aura-spark {kind}" viewBox="0 0 {WIDE} {TALL}" width="{WIDE}" height="{TALL}" '
        f'aria-hidden="true">'
        f'<polyline data-cell="{escape(one.key)} spark" points="{line}"/></svg></td>'
        f"{_cell(f'{one.key} price', cells, 'td', flash=True, kind='aura-number')}"
        f"{_cell(f'{one.key} change', cells, 'td', kind='aura-number')}"
        f'<td class="aura-number"><button class="aura-plain" data-ask="unwatch" value="{escape(one.key)}" '
        f'aria-label="Remove {escape(one.symbol)} from the watchlist" title="Remove">×</button></td></tr>'
    )


def _open(one: Listing) -> str:
    return (
        f'<button class="aura-plain aura-link" data-ask="open" value="{escape(one.key)}" '
        f'title="{escape(one.told)}">{escape(one.symbol)}</button>'
    )


def movers(gained: Sequence[tuple[Listing, Row]], lost: Sequence[tuple[Listing, Row]], count: int) -> str:
    """What moved most, of everything that is listed."""
    sides = "".join(_side(words, rows) for words, rows in (("Gainers", gained), ("Losers", lost)))
    note = f"Of {count} symbols with a price, since the close before."
    return (
        f'<section class="aura-panel aura-list"><h2>Top movers</h2><div class="aura-sides">{sides}</div>'
        f'<p class="aura-note">{note}</p></section>'
    )


def _side(words: str, rows: Sequence[tuple[Listing, Row]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{_open(one)}</th><td class="aura-number">{market.price(row.price, one.money)}</td>'
        f'<td class="aura-number {sign(row.change)}">{formats.percent(row.change, digits=2)}</td></tr>'
        for one, row in rows
    )
    return (
        f'<table aria-label="{words}"><thead><tr><th scope="col">{words}</th><th scope="col" class="aura-number">Price'
        f'</th><th scope="col" class="aura-number">Change</th></tr></thead><tbody>'
        f"{body or NONE}</tbody></table>"
    )


def provided(wire: Wire, one: Listing, report: Quality | None, wires: Sequence[Wire]) -> str:
    """Where the numbers come from, how old they are, what is odd about them; and how every source is."""
    bars = wire.bars.get(one.symbol)
    facts: list[tuple[str, str]] = [("Source", escape(wire.source))]
    if bars is not None and len(bars):
        age = f'<time data-age datetime="{bars.end.isoformat()}"></time> old'
        zone = wire.calendar(one.symbol).zone
        facts += [
            ("Stored", f"{len(bars):,} daily bars, {formats.day(bars.start, zone)} to {formats.day(bars.end, zone)}"),
            ("Newest bar", f"{formats.moment(bars.end, zone)}, {age}"),
            ("Adjusted for", escape(bars.adjustment or "nothing: as traded")),
            ("Snapshot", f"<code>{escape(bars.snapshot[:16] or 'not kept')}</code>"),
        ]
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return (
        f'<section class="aura-panel"><h2>Data of {escape(one.symbol)}</h2><dl class="aura-facts">{listed}</dl>'
        f"{_quality(report, one)}{_sources(wires)}</section>"
    )


def states(wires: Sequence[Wire]) -> str:
    """How every source is, while there is no symbol to tell of."""
    return f'<section class="aura-panel">{_sources(wires)}</section>'


def _sources(wires: Sequence[Wire]) -> str:
    return f'<h2 class="aura-second">Sources</h2><ul class="aura-states">{"".join(map(_state, wires))}</ul>'


def _quality(report: Quality | None, one: Listing) -> str:
    if report is None:
        return '<p class="aura-note">Not checked yet.</p>'
    if not report.findings:
        return f'<p class="aura-note">Checked: nothing odd in {report.bars:,} bars.</p>'
    counts = f"{len(report.errors)} errors, {len(report.findings) - len(report.errors)} warnings"
    counts += f", {len(report.quarantine)} rows set aside" if len(report.quarantine) else ""
    table = report.table()[["severity", "check", "count", "first", "detail"]].head(TOLD)
    more = (
        f'<p class="aura-note">{len(report.findings)} in all: aura data verify.</p>'
        if len(report.findings) > TOLD
        else ""
    )
    return (
        f"<details><summary>Quality: {counts}</summary>{table_html(table, f'Findings in {one.symbol}')}{more}</details>"
    )


def _state(wire: Wire) -> str:
    state, detail = wire.state
    if state == "failed":
        return (
            f'<li class="aura-bad" role="alert"><b>{escape(wire.source)}</b> failed: {escape(detail)} '
            f'<button data-ask="again" value="{escape(wire.source)}">Try again</button></li>'
        )
    note = f": {escape(wire.note)}" if wire.note else ""
    return f"<li><b>{escape(wire.source)}</b> {escape(state)}{note}</li>"


def empty(wires: Sequence[Wire]) -> str:
    """Before there is a symbol to show."""
    if any(wire.state[0] == "starting" for wire in wires):
        return '<section class="aura-panel aura-empty" aria-label="Quote"><h2>Asking the sources …</h2></section>'
    if wires and all(wire.problem for wire in wires):
        words = "<h2>No source answers</h2><p>Each says below why. The rest of the page waits.</p>"
    else:
        words = "<h2>No symbol yet</h2><p>Search one: press /, type, Enter.</p>"
    return f'<section class="aura-panel aura-empty" aria-label="Quote">{words}</section>'
