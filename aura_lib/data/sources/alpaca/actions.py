"""Splits and dividends from Alpaca's corporate actions, as paid, by the close of the first session with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from aura_lib.core import Calendar, DataError
from aura_lib.data.sources.alpaca.door import Door
from aura_lib.data.store.port import no_actions

MANY = 100  # symbols a request
# Alpaca finds actions by the day they are processed: of a dividend that is about when it is paid, weeks after prices
# are without it; of a large one with a due bill some days before.
EARLIER, LATER = timedelta(days=30), timedelta(days=180)
# What no split or dividend can tell: kind → the key that names the share it happened to.
OTHERS = {"spin_offs": "source_symbol", "unit_splits": "old_symbol", "rights_distributions": "source_symbol"}


def actions(
    door: Door, symbols: Sequence[str], calendar: Calendar, start: datetime, until: datetime
) -> tuple[pd.DataFrame, list[str]]:
    """Columns time, symbol, dividend (per share as paid, 0: none), split (new for one old, 0: none); and remarks.

    Only what had happened by `until`: an announced split is none yet.
    """
    tables, remarks = [], []
    first, last = (start - EARLIER).date(), (until + LATER).date()
    for place in range(0, len(symbols), MANY):
        some = list(symbols[place : place + MANY])
        answer = _asked(door, some, first, last)
        tables.append(_table(answer, set(some), calendar))
        remarks += _remarks(answer, set(some), start.date(), until.date())
    table = pd.concat(tables, ignore_index=True) if tables else no_actions()
    known = (table["time"] >= pd.Timestamp(start)) & (table["time"] <= pd.Timestamp(until))
    return table[known].sort_values(["time", "symbol"], ignore_index=True), remarks


def _asked(door: Door, symbols: list[str], first: date, last: date) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    from alpaca.data.enums import CorporateActionsType as Type
    from alpaca.data.requests import CorporateActionsRequest

    types = [Type.FORWARD_SPLIT, Type.REVERSE_SPLIT, Type.STOCK_DIVIDEND, Type.CASH_DIVIDEND]
    types += [Type.SPIN_OFF, Type.UNIT_SPLIT, Type.RIGHTS_DISTRIBUTION]
    # Without limit=None alpaca-py stops at 1,000 actions, and does not say so.
    request = CorporateActionsRequest(symbols=symbols, types=types, start=first, end=last, limit=None)
    answer: Any = door.ask("corporate actions", lambda: door.actions.get_corporate_actions(request))
    return dict(answer)


def _table(answer: Mapping[str, Sequence[Mapping[str, Any]]], wanted: set[str], calendar: Calendar) -> pd.DataFrame:
    try:
        rows = [
            (pd.Timestamp(row["ex_date"]), row["symbol"], *effect)
            for kind, some in answer.items()
            if kind not in OTHERS
            for row in some
            if row["symbol"] in wanted and (effect := _effect(kind, row))
        ]
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise DataError(f"alpaca: a corporate action that cannot be read ({type(error).__name__}: {error})") from None
    if not rows:
        return no_actions()
    table = pd.DataFrame(rows, columns=["time", "symbol", "dividend", "split"])
    places = calendar.sessions.searchsorted(pd.DatetimeIndex(table["time"]).as_unit("us"))
    table = table[places < len(calendar.sessions)]
    table["time"] = calendar.closes[places[places < len(calendar.sessions)]]
    # Two on one day: dividends add up, splits multiply.
    joined = table.groupby(["time", "symbol"], as_index=False).agg({"dividend": "sum", "split": "prod"})
    splits = joined["split"]
    return joined.assign(split=splits.where(splits != 1.0, 0.0)).astype({"symbol": "str"})


def _effect(kind: str, row: Mapping[str, Any]) -> tuple[float, float] | None:
    """The dividend and the split (1: none) that an action is."""
    if kind == "cash_dividends":
        return float(row["rate"]), 1.0
    if kind in ("forward_splits", "reverse_splits"):
        return 0.0, float(row["new_rate"]) / float(row["old_rate"])
    if kind == "stock_dividends":
        return 0.0, 1.0 + float(row["rate"])
    return None


def _remarks(
    answer: Mapping[str, Sequence[Mapping[str, Any]]], wanted: set[str], start: date, until: date
) -> list[str]:
    found = [
        (kind, row[key], str(row.get("ex_date") or row.get("effective_date") or row.get("process_date")))
        for kind, key in OTHERS.items()
        for row in answer.get(kind, ())
        if row.get(key) in wanted
    ]
    return [
        f"{symbol}: {kind.removesuffix('s').replace('_', ' ')} of {day} is neither split nor dividend: prices are not "
        "adjusted for it"
        for kind, symbol, day in found
        if str(start) <= day <= str(until)
    ]
