"""The HTML report: one offline file with its figures, tables, proofs and doubts."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.core.times import utc
from aura_lib.reports import formats, tables, themes

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEADLINES = ("total_return", "annual_return", "volatility", "sharpe", "max_drawdown", "turnover", "costs")
LIST = 8  # terms; more stand in two columns over the whole width
LONG = 1000  # a picture of more points than this keeps seven digits of each
HEIGHT = 340  # pixels, of a figure that does not say
OUTSIDE = 108  # pixels above and below a figure that the page saves by setting its words itself
CHART = ("title", "annotations", "height", "meta")  # what the page says or sizes itself


@dataclass(frozen=True, slots=True)
class Check:
    """One line of proof: what was checked, whether it holds (None: not checked), and the evidence."""

    name: str
    holds: bool | None
    evidence: str

    @property
    def verdict(self) -> str:
        """The verdict as a word: holds, fails or not checked."""
        return {True: "holds", False: "fails", None: "not checked"}[self.holds]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a report: a table, a paragraph, a list of sentences, or terms with their meaning.

    A table takes the whole width of the page unless `wide` is False: then it shares a line with what follows.
    """

    title: str
    body: pd.DataFrame | Mapping[str, object] | Sequence[str] | str
    note: str = ""
    wide: bool = True


def report(
    title: str,
    *,
    summary: pd.DataFrame,
    as_of: datetime,
    path: Path | str,
    figures: Sequence[go.Figure] = (),
    sections: Sequence[Section] = (),
    checks: Sequence[Check] = (),
    assumptions: Mapping[str, object] | Sequence[str] = (),
    notices: Sequence[str] = (),
    currency: str = "USD",
    zone: str = formats.ZONE,
) -> Path:
    """Write a report that opens anywhere, offline, light and dark, on a desk and on a phone; return its path.

    `summary` comes from `tables.summary`: its first row is the subject, the second what it is held against.
    The headline numbers and the table are made of it; the first figure stands beside the table. `checks` are
    the proofs (parity, ledger), `assumptions` what the numbers rest on, `notices` what a reader must not miss.
    A table's `Link` cells point from the report to files near it. All text is escaped; the file is written
    whole or not at all, and loads nothing from anywhere. A path that cannot be written raises InputError.
    """
    target = Path(path).absolute()
    parts = [*sections, Section("Assumptions", assumptions)] if assumptions else sections
    page = _template().render(
        title=title,
        as_of=utc(as_of, "as_of"),
        as_of_text=formats.moment(as_of, zone),
        headlines=_headlines(summary, currency),
        comparison=_section(_versus(summary, currency), target.parent, currency, zone),
        charts=[caption(figure) for figure in figures],
        figures=packed(figures),
        sections=[_section(section, target.parent, currency, zone) for section in parts],
        checks=checks,
        notices=notices,
        themes={name: _look(name) for name in ("light", "dark")},
        font=themes.FONT,
        plotly=_plotly(),
    )
    return write_whole(target, page)


def _template() -> Any:
    import jinja2

    source = resources.files("aura_lib.reports").joinpath("report.html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


def _look(name: str) -> dict[str, Any]:
    look = themes.theme(name)
    colours = {key: value for key, value in asdict(look).items() if key != "series"}
    return {"colours": colours, "swap": themes.swap(look)}


def _headlines(summary: pd.DataFrame, currency: str) -> list[dict[str, str]]:
    """The few numbers read first, each with the same number of the second subject."""
    tiles = []
    for name in (n for n in HEADLINES if n in summary.columns and len(summary)):
        one = formats.statistic(name)
        number, *others = (float(value) for value in summary[name])
        digits = formats.money(number, currency, digits=0) if one.kind is formats.Kind.MONEY else ""
        beside = formats.value(others[0], one.kind, currency) if others else formats.NOTHING
        tiles.append(
            {
                "label": one.label,
                "value": digits or formats.value(number, one.kind, currency),
                "beside": "" if beside == formats.NOTHING else f"{summary.index[1]} {beside}",
            }
        )
    return tiles


def _versus(summary: pd.DataFrame, currency: str) -> Section:
    title = f"Against {summary.index[1]}" if len(summary) > 1 else "Statistics"
    return Section(title, tables.against(summary, currency))


def _table(table: pd.DataFrame, folder: Path, currency: str, zone: str, caption: str) -> dict[str, Any]:
    words = tables.readable(table, currency=currency, zone=zone)
    columns = [words[name].tolist() for name in words.columns]
    sides = ["number" if tables.is_numeric(cells) else "word" for cells in columns]
    labels = [None] * len(words) if tables.counts_rows(table) else list(words.index)
    rows = [
        {"label": label, "cells": [_cell(cell, side, folder) for cell, side in zip(cells, sides, strict=True)]}
        for label, cells in zip(labels, zip(*columns, strict=True), strict=True)
    ]
    headings = [{"text": str(name), "side": side} for name, side in zip(words.columns, sides, strict=True)]
    return {"caption": caption, "headings": headings, "labelled": not tables.counts_rows(table), "rows": rows}


def _cell(cell: Any, side: str, folder: Path) -> dict[str, str]:
    address = _address(cell.target, folder) if isinstance(cell, tables.Link) else ""
    sign = "loss" if side == "number" and str(cell).startswith(formats.MINUS) else ""
    return {"text": str(cell), "side": side, "address": address, "sign": sign}


def _address(target: Path | str, folder: Path) -> str:
    """A reference from the report to a file, so that both can be moved together."""
    if not isinstance(target, Path):
        return quote(target)
    try:
        return quote(Path(os.path.relpath(target.absolute(), folder)).as_posix())
    except ValueError:  # another drive
        return target.absolute().as_uri()


def _section(section: Section, folder: Path, currency: str, zone: str) -> dict[str, Any]:
    body: dict[str, Any] = {"title": section.title, "note": section.note, "kind": "text", "text": "", "wide": False}
    match section.body:
        case pd.DataFrame():
            table = _table(section.body, folder, currency, zone, caption=section.title)
            return {**body, "kind": "table", "table": table, "wide": section.wide}
        case str():
            return {**body, "text": section.body}
        case Mapping():
            terms = [(formats.label(name), str(value)) for name, value in section.body.items()]
            return {**body, "kind": "terms", "terms": terms, "wide": len(terms) > LIST}
        case _:
            return {**body, "kind": "list", "lines": [str(line) for line in section.body]}


def caption(figure: go.Figure) -> dict[str, Any]:
    """The words a page sets around a figure in its own type, and the room the figure needs (pixels)."""
    said = figure.layout.meta if isinstance(figure.layout.meta, dict) else {}
    return {
        "title": said.get("title", ""),
        "subtitle": said.get("subtitle", ""),
        "source": said.get("source", ""),
        "height": (figure.layout.height or HEIGHT) - (OUTSIDE if said else 0),
        "min_width": said.get("min_width", 0),
        "right": said.get("right", 0),
    }


def packed(figures: Sequence[go.Figure]) -> str:
    """Figures as JSON for a page: `{"arrays": [...], "figures": [...]}`, without the words of their `caption`.

    Every array of numbers is written once, however many traces share it, and stands in the figures as
    `{"array": its place}`; times are milliseconds. What could end a <script> is escaped.
    """
    from plotly.io.json import to_json_plotly

    pool = _Pool()
    drawn = [pool.taken(_untitled(figure)) for figure in figures]
    arrays = [{"dtype": kind, "bdata": text} for kind, text in pool.arrays]
    text: str = to_json_plotly({"arrays": arrays, "figures": drawn})
    return text


class _Pool:
    """The arrays that the figures of one page share."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, str], int] = {}

    def taken(self, part: Any) -> Any:
        """A part of a figure, its arrays replaced by their places in the pool."""
        match part:
            case dict() if "bdata" in part and "shape" not in part:
                return self._number(np.frombuffer(base64.b64decode(part["bdata"]), dtype=part["dtype"]))
            case np.ndarray() if part.dtype.kind == "M":
                return self._number(part.astype("datetime64[ms]").astype("float64"))
            case dict():
                return {key: self.taken(value) for key, value in part.items()}
            case list() | tuple():
                return [self.taken(value) for value in part]
            case _:
                return part

    def _number(self, values: np.ndarray[Any, Any]) -> dict[str, int]:
        small = values.dtype == "float64" and len(values) > LONG and float(np.nanmax(np.abs(values), initial=0)) < 1e9
        kind = "f4" if small else values.dtype.str[1:]
        text = base64.b64encode(values.astype(f"<{kind}").tobytes()).decode("ascii")
        return {"array": self.arrays.setdefault((kind, text), len(self.arrays))}


def _untitled(figure: go.Figure) -> dict[str, Any]:
    """A figure without the words that the page sets in its own type."""
    drawn: dict[str, Any] = figure.to_plotly_json()
    if not isinstance(figure.layout.meta, dict):
        return drawn
    layout = {key: value for key, value in drawn["layout"].items() if key not in CHART}
    layout["annotations"] = [a for a in drawn["layout"].get("annotations", ()) if a.get("name") != "source"]
    return {"data": drawn["data"], "layout": layout}


def write_whole(target: Path, page: str) -> Path:
    """A page in its file: whole, or not at all. Raises InputError when it cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(page)
            os.replace(draft, target)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"the report cannot be written to {target}: {why}; choose another path") from None
    return target
