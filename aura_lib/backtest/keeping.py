"""A backtest on disk: a folder of Parquet files that people and other programs read, and that gives it back whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from aura_lib.backtest.desk import SlotResult
from aura_lib.backtest.replay import Replay
from aura_lib.backtest.result import Backtest
from aura_lib.core import (
    Account,
    Bars,
    Booking,
    DataError,
    Fill,
    InputError,
    Instrument,
    Mandate,
    Order,
    canonical,
    decode,
    encode,
    iso,
    utc,
)
from aura_lib.exchange import Costs, FillModel, Terms
from aura_lib.risk import Limits

VERSION = 1
NOUN = "noun"  # the column that holds a row's noun as JSON, to the last digit


def save(result: Backtest, folder: Path) -> Path:
    """Write a backtest: its paths and tables for reading, and beside each row of a table the noun it came from."""
    folder.mkdir(parents=True, exist_ok=True)
    replay = result.replay
    paths = pd.DataFrame({"equity": result.equity, "cash": result.cash}).join(result.exposures)
    tables = {
        "equity": paths,
        "positions": result.positions,
        "profit": result.attribution("day"),
        "orders": _with_nouns(result.orders_table(), replay.orders),
        "fills": _with_nouns(result.fills_table(), replay.fills),
        "bookings": _with_nouns(result.bookings_table(), replay.bookings),
        "slots": _with_nouns(pd.DataFrame({"slot": [s.slot for s in replay.slots]}), replay.slots),
        **{f"bars_{name}": frame for name, frame in result.bars.fields.items()},
    }
    if isinstance(tables["profit"].index, pd.PeriodIndex):
        tables["profit"].index = tables["profit"].index.to_timestamp()
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
    (folder / "backtest.json").write_text(canonical(_about(result)) + "\n", "utf-8")
    return folder


def _with_nouns(table: pd.DataFrame, nouns: Sequence[Any]) -> pd.DataFrame:
    return table.assign(**{NOUN: pd.Series([canonical(encode(noun)) for noun in nouns], dtype="str")})


def _about(result: Backtest) -> dict[str, Any]:
    replay, bars = result.replay, result.bars
    return {
        "version": VERSION,
        "schedule": result.schedule,
        "params": dict(result.params),
        "repeats": list(result.repeats),
        "mandate": encode(result.mandate),
        "opening": encode(replay.opening),
        "account": encode(replay.account),
        "costs": encode(replay.costs),
        "limits": encode(replay.limits),
        "fills": encode(replay.fill_model),
        "terms": encode(replay.terms),
        "stopped": _moment(replay.stopped),
        "bankrupt": _moment(replay.bankrupt),
        "bars": {
            "fields": list(bars.fields),
            "source": bars.source,
            "frequency": bars.frequency,
            "calendar": bars.calendar,
            "adjustment": bars.adjustment,
            "snapshot": bars.snapshot,
            "instruments": [encode(instrument) for instrument in bars.instruments.values()],
        },
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def load(folder: str | Path) -> Backtest:
    """Read a backtest that `Backtest.save` wrote: the same curve, orders, fills and figures.

    A folder that holds none raises InputError; one that misses a part or was written by a later version, DataError.
    """
    folder = Path(folder)
    about = folder / "backtest.json"
    if not about.is_file():
        raise InputError(f"{folder.name} holds no backtest: there is no backtest.json. Write one with .save(folder)")
    try:
        known = json.loads(about.read_text("utf-8"))
        if known["version"] > VERSION:
            raise DataError(f"{folder.name} was written by a later version ({known['version']}, not {VERSION})")
        bars = _bars(folder, known["bars"])
        replay = _replay(folder, known)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{folder.name} is not a whole backtest: {error}") from error
    mandate = decode(Mandate, known["mandate"])
    return Backtest(replay, bars, mandate, known["schedule"], known["params"], {}, tuple(known["repeats"]))


def _bars(folder: Path, known: dict[str, Any]) -> Bars:
    fields = {name: pd.read_parquet(folder / f"bars_{name}.parquet") for name in known["fields"]}
    instruments = [decode(Instrument, given) for given in known["instruments"]]
    about = {name: known[name] for name in ("source", "frequency", "calendar", "adjustment", "snapshot")}
    return Bars(fields, **about, instruments={i.symbol: i for i in instruments})


def _replay(folder: Path, known: dict[str, Any]) -> Replay:
    def nouns(name: str, kind: type) -> tuple[Any, ...]:
        column = pd.read_parquet(folder / f"{name}.parquet", columns=[NOUN])[NOUN]
        return tuple(decode(kind, json.loads(text)) for text in column)

    return Replay(
        slots=nouns("slots", SlotResult),
        fills=nouns("fills", Fill),
        orders=nouns("orders", Order),
        opening=decode(Account, known["opening"]),
        account=decode(Account, known["account"]),
        costs=decode(Costs, known["costs"]),
        limits=decode(Limits, known["limits"]),
        fill_model=decode(FillModel, known["fills"]),
        terms=decode(Terms, known["terms"]),
        bookings=nouns("bookings", Booking),
        stopped=None if known["stopped"] is None else utc(known["stopped"]),
        bankrupt=None if known["bankrupt"] is None else utc(known["bankrupt"]),
    )
