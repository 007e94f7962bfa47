"""Bad rows set aside: what stays can be used, what goes is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars, DataError
from aura_lib.core.market_data import FIELDS
from aura_lib.data.quality.panel import Flags, Panel, Values, frames
from aura_lib.data.quality.report import stamps
from aura_lib.data.quality.sessions import unexpected
from aura_lib.data.quality.set_aside import Quarantine
from aura_lib.data.quality.thresholds import STANDARD, Thresholds
from aura_lib.data.quality.values import flaws

__all__ = ["quarantine", "quarantine_panel"]

COPY = "a copy of another row of that time"
CONFLICT = "two rows of that time with different values: nobody can say which is true"
Why = dict[tuple[int, int], tuple[str, str]]  # (row, column) → check, detail


def quarantine(
    bars: Bars | Mapping[str, pd.DataFrame],
    *,
    source: str = "this frame",
    frequency: str = "1d",
    calendar: str = "XNYS",
    limits: Thresholds = STANDARD,
) -> tuple[dict[str, pd.DataFrame], Quarantine]:
    """Set aside every row that fails an error check: the frames without them (time × symbol, in order), and the rows.

    A row is one symbol at one time. It goes when a price is not positive, volume is negative, the high is below the
    low, it is no bar of the calendar, or when another row of that time contradicts it (a copy of a row goes too, the
    row stays). In the frames it is NaN; a time that is no bar of the calendar is not in them any more. Of Bars the
    words are their own.

    Raises:
        DataError: no close, or so many rows of a symbol that the whole load is unfit. InputError: frames that are none.
    """
    if isinstance(bars, Bars):
        panel = Panel.of(bars, limits=limits)
    else:
        panel = Panel(frames(bars, source), source, frequency, calendar, limits=limits)
    return quarantine_panel(panel)


def quarantine_panel(panel: Panel) -> tuple[dict[str, pd.DataFrame], Quarantine]:
    """`quarantine` of a panel."""
    given = _known(panel)
    extra = unexpected(panel)
    why: Why = {}
    for row, column, check, detail in (*_duplicates(panel), *_flawed(panel), *_unexpected(panel, extra, given)):
        if given[row, column]:
            why.setdefault((row, column), (check, detail))
    if not why and not extra.any() and panel.times is panel.given_times:
        return dict(panel.fields), Quarantine()
    _refuse(panel, why, given)
    return _without(panel, why, extra), Quarantine.of(_rows(panel, why))


def _known(panel: Panel) -> Flags:
    """Which cells have a value in some field."""
    return np.asarray(np.logical_or.reduce([~np.isnan(f.to_numpy()) for f in panel.fields.values()]))


# ---- what goes, and why --------------------------------------------------------------------------------------------
def _duplicates(panel: Panel) -> Iterator[tuple[int, int, str, str]]:
    """Of several rows of one time: copies but the first, and all that contradict each other."""
    times = panel.given_times
    for moment in times[times.duplicated()].unique():
        places = np.flatnonzero(times == moment)
        cells = np.stack([frame.to_numpy()[places] for frame in panel.fields.values()])  # field × row × symbol
        for column in range(cells.shape[2]):
            told = [i for i in range(len(places)) if not np.isnan(cells[:, i, column]).all()]
            same = all(_equal(cells[:, told[0], column], cells[:, i, column]) for i in told[1:])
            for i in told[1:] if same else told:
                yield int(places[i]), column, "duplicate", COPY if same else CONFLICT


def _equal(one: Values, other: Values) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))


def _flawed(panel: Panel) -> Iterator[tuple[int, int, str, str]]:
    for flaw in flaws(panel):
        if flaw.severity == "error":
            values = panel.fields[flaw.field].to_numpy()
            for row, column in np.argwhere(flaw.wrong):
                yield int(row), int(column), flaw.check, f"{flaw.what} ({flaw.field} is {values[row, column]:g})"


def _unexpected(panel: Panel, extra: Flags, given: Flags) -> Iterator[tuple[int, int, str, str]]:
    detail = f"no close of an {panel.calendar} bar"
    for row in np.flatnonzero(extra):
        for column in np.flatnonzero(given[row]):
            yield int(row), int(column), "unexpected bar", detail


def _refuse(panel: Panel, why: Why, given: Flags) -> None:
    """More than a share of a symbol's rows is no accident: nothing of such a load is to be trusted."""
    for column in {column for _, column in why}:
        bad = [row for row, of in why if of == column]
        rows = int(given[:, column].sum())
        if len(bad) > max(panel.limits.unfit * rows, panel.limits.few):
            row = min(bad)
            check, detail = why[row, column]
            raise DataError(
                f"{panel.source}: {len(bad)} of {rows} rows of {panel.symbols[column]} are bad, more than "
                f"{panel.limits.unfit:.0%}: the load as a whole is unfit for use. The first: {panel.given_times[row]}, "
                f"{check}: {detail}. Is it the right source, calendar ({panel.calendar}) and zone?"
            )


# ---- what stays ----------------------------------------------------------------------------------------------------
def _without(panel: Panel, why: Why, extra: Flags) -> dict[str, pd.DataFrame]:
    """The frames with bad cells NaN, without times that are no bar, rows of one time joined, in order."""
    bad = np.zeros(panel.close.shape, dtype=np.bool_)
    if why:
        rows, columns = zip(*why, strict=True)
        bad[list(rows), list(columns)] = True
    kept = {}
    for name, frame in panel.fields.items():
        clean = frame.mask(bad)[~extra]
        if clean.index.has_duplicates:
            clean = clean.groupby(level=0).first()  # the only value that was left, per symbol
        kept[name] = clean.sort_index().set_axis(stamps(clean.sort_index().index), axis=0)
    return kept


def _rows(panel: Panel, why: Why) -> Iterator[list[Any]]:
    values = {name: frame.to_numpy() for name, frame in panel.fields.items()}
    for (row, column), (check, detail) in why.items():
        told = [float(values[name][row, column]) if name in values else np.nan for name in FIELDS]
        words = [panel.source, panel.frequency, panel.symbols[column], panel.given_times[row], check, detail]
        yield [*words, *told]
