"""Tables for people: numbers in frames, words at the edge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats
from aura_lib.reports.formats import Kind

if TYPE_CHECKING:
    from rich.table import Table

    from aura_lib.core.orders import Fill

FILL_COLUMNS = ("time", "symbol", "side", "quantity", "price", "value", "fee")

_NUMBER = re.compile(rf"(?:[A-Z]{{3}} )?[+{formats.MINUS}]?\d[\d,]*(?:\.\d+)?(?:%| pp)?")

WRITTEN = "written by aura"  # mark of a table that is text already
# How a column of an ordinary table is written, by its name.
COLUMNS: Mapping[str, Kind] = {
    **{name: one.kind for name, one in formats.STATISTICS.items()},
    "orders": Kind.COUNT,
    "fills": Kind.COUNT,
    "approved": Kind.COUNT,
    "rejected": Kind.COUNT,
    "weight": Kind.PERCENT,
    "return": Kind.RETURN,
    "drawdown": Kind.RETURN,
    "depth": Kind.RETURN,
    "cash": Kind.MONEY,
    "cost": Kind.MONEY,
    "equity": Kind.MONEY,
    "unrealised": Kind.MONEY,
    "realised": Kind.MONEY,
    "change": Kind.RETURN,
    "fee": Kind.MONEY,
    "fees": Kind.MONEY,
    "pnl": Kind.MONEY,
    "value": Kind.MONEY,
    "slippage": Kind.MONEY,
}


@dataclass(frozen=True, slots=True)
class Link:
    """A word in a table that opens a local file: a Path, or a relative reference. Other addresses raise InputError."""

    text: str
    target: Path | str

    def __post_init__(self) -> None:
        reference = str(self.target)
        if not isinstance(self.target, Path) and (":" in reference.split("/")[0] or reference.startswith(("/", "\\"))):
            raise InputError(f"a report links to local files: give a Path or a relative name, not {reference!r}")

    def __str__(self) -> str:
        return self.text


def summary(rows: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Statistics of several books or indices side by side: subject × statistic, float64.

    `rows` maps a subject's name to its statistics, the subject of the page first. Known statistics come in
    the order of `formats.STATISTICS`, others after them; NaN where a subject has no such statistic.

    Example:
        >>> summary({"momentum": {"sharpe": 1.1, "total_return": 0.2}, "index": {"total_return": 0.1}})
                  total_return  sharpe
        momentum           0.2     1.1
        index              0.1     NaN
    """
    given = dict.fromkeys(name for stats in rows.values() for name in stats)
    order = [name for name in formats.STATISTICS if name in given]
    order += [name for name in given if name not in formats.STATISTICS]
    values = [[_float(stats.get(name), subject, name) for name in order] for subject, stats in rows.items()]
    return pd.DataFrame(values, index=list(rows), columns=order, dtype="float64")


def _float(value: Any, subject: str, name: str) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"statistic {name} of {subject} must be a number, not {value!r}") from None


def against(table: pd.DataFrame, currency: str = "USD") -> pd.DataFrame:
    """A `summary` as people read it: statistic × subject, as text, with the first against the second.

    The column "Difference" is there when there are two subjects or more; it is in percentage points for
    returns and volatilities, and a dash where one side has no number.
    """
    columns: dict[str, list[str]] = {str(s): [] for s in table.index}
    gaps: list[str] = []
    for name in table.columns:
        kind = formats.statistic(str(name)).kind
        values = [float(value) for value in table[name]]
        for subject, value in zip(columns, values, strict=True):
            columns[subject].append(formats.value(value, kind, currency))
        gaps.append(formats.difference(values[0] - values[1], kind, currency) if len(values) > 1 else "")
    labels = [formats.statistic(str(name)).label for name in table.columns]
    if len(table) > 1:
        columns["Difference"] = gaps
    return written(columns, labels)


def fills(filled: Iterable[Fill]) -> pd.DataFrame:
    """Fills as a table for figures and people, in time order; amounts as float64, in the instrument's currency."""
    ordered = sorted(filled, key=lambda fill: fill.time)
    numbers = {name: [float(getattr(fill, name)) for fill in ordered] for name in FILL_COLUMNS[3:]}
    words = {
        "time": pd.to_datetime([fill.time for fill in ordered], utc=True),
        "symbol": [fill.symbol for fill in ordered],
        "side": [fill.side.value for fill in ordered],
    }
    return pd.DataFrame({**words, **numbers}, columns=list(FILL_COLUMNS))


def readable(table: pd.DataFrame, *, currency: str = "USD", zone: str = formats.ZONE) -> pd.DataFrame:
    """Any table as people read it: every cell as text (a Link stays a Link), columns by their unit.

    A column is written by its name (`COLUMNS`); a money column carries its currency in its heading, times are
    shown in `zone`, named in the heading; NaN and None are a dash.
    """
    if table.attrs.get(WRITTEN):
        return table
    columns = {}
    for name in table.columns:
        cells = table[name].tolist()
        timed = any(isinstance(cell, datetime) for cell in cells)
        columns[_heading(name, timed, currency, zone)] = [_cell(cell, COLUMNS.get(str(name)), zone) for cell in cells]
    return written(columns, table.index if counts_rows(table) else [str(label) for label in table.index])


def written(columns: Mapping[str, list[Any]], labels: pd.Index | list[str]) -> pd.DataFrame:
    """A table that is text already: heading → cells, a label a row."""
    table = pd.DataFrame(columns, index=labels, dtype="object")
    table.attrs[WRITTEN] = True
    return table


def _heading(name: object, timed: bool, currency: str, zone: str) -> str:
    unit = formats.zone_name(zone) if timed else currency if COLUMNS.get(str(name)) is Kind.MONEY else ""
    return f"{formats.label(name)}, {unit}" if unit else formats.label(name)


def _cell(cell: Any, kind: Kind | None, zone: str) -> Any:
    if isinstance(cell, Link):
        return cell
    if cell is None or cell is pd.NaT or cell != cell:
        return formats.NOTHING
    if isinstance(cell, datetime):
        return formats.clock(cell, zone)
    if isinstance(cell, bool) or not isinstance(cell, (Real, Decimal)):
        return str(cell)
    number = cell if isinstance(cell, Decimal) else float(cell)
    if kind is Kind.MONEY:
        return formats.amount(number)
    return formats.quantity(number) if kind is None else formats.value(number, kind)


def is_numeric(cells: Iterable[Any]) -> bool:
    """Whether the cells of a column, as written by `formats`, are numbers: those stand at the right."""
    written = [text for text in map(str, cells) if text not in ("", formats.NOTHING)]
    return bool(written) and all(_NUMBER.fullmatch(text) for text in written)


def as_text(table: pd.DataFrame, *, title: str = "", currency: str = "USD", zone: str = formats.ZONE) -> str:
    """A table for a terminal: numbers at the right, plain hyphens for minus signs so that they can be pasted.

    A table of text (from `against`) is printed as it is, any other is made `readable` first. The index is the
    first column unless it only counts rows. An empty table says "nothing yet".

    Example:
        >>> print(as_text(against(summary({"momentum": {"sharpe": 1.1}, "index": {"sharpe": 0.6}}))))
                        momentum   index   Difference
        ──────────────────────────────────────────────
         Sharpe ratio       1.10    0.60        +0.50
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    words = readable(table, currency=currency, zone=zone)
    if words.empty:
        return f"{title}: nothing yet" if title else "nothing yet"
    labels = [] if counts_rows(table) else [("", list(words.index))]
    columns = [*labels, *((str(name), words[name].tolist()) for name in words.columns)]
    grid = Table(
        box=SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", title_style="", show_edge=False
    )
    for heading, cells in columns:
        side: Literal["left", "right"] = "right" if is_numeric(cells) else "left"
        grid.add_column(Text(heading), justify=side, no_wrap=True)
    for row in zip(*(cells for _, cells in columns), strict=True):
        grid.add_row(*(Text(str(cell).replace(formats.MINUS, "-")) for cell in row))
    return _plain(grid)


def counts_rows(table: pd.DataFrame) -> bool:
    """Whether the index of a table is only the number of the row, which nobody reads."""
    return isinstance(table.index, pd.RangeIndex)


def _plain(grid: Table) -> str:
    from rich.console import Console

    console = Console(
        width=1000, color_system=None, force_terminal=False, force_jupyter=False
    )  # or it shows itself there
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip())
