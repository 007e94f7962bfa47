"""Tables of splits and dividends: brought into one form, laid over each other."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aura_lib.core import InputError
from aura_lib.data.store.port import ACTIONS, no_actions

__all__ = ["from_parquet", "of", "over", "plain", "to_parquet"]


def plain(actions: pd.DataFrame | None) -> pd.DataFrame:
    """A table of actions in the form of `no_actions`, by time then symbol.

    Raises InputError when a column is missing, a time has no zone, or a symbol has two rows at one time.
    """
    if actions is None:
        return no_actions()
    missing = [name for name in ACTIONS if name not in actions.columns]
    if missing:
        raise InputError(f"a table of actions needs the columns {', '.join(ACTIONS)}; {', '.join(missing)} missing")
    if not len(actions):
        return no_actions()
    times = pd.DatetimeIndex(actions["time"])
    if times.tz is None:
        raise InputError("the times of actions need a zone: the close of the first session with it, UTC")
    if times.hasnans:
        raise InputError("an action without a time: the close of the first session with it, UTC")
    table = pd.DataFrame(
        {
            "time": times.tz_convert("UTC").as_unit("us"),
            "symbol": actions["symbol"].astype("str").to_numpy(),
            "dividend": actions["dividend"].to_numpy("float64"),
            "split": actions["split"].to_numpy("float64"),
        }
    ).astype({"symbol": "str"})
    table = table.sort_values(["time", "symbol"], ignore_index=True)
    twice = table[table.duplicated(["time", "symbol"])]
    if len(twice):
        raise InputError(f"{twice['symbol'].iloc[0]} has two rows of actions at {twice['time'].iloc[0]}: make them one")
    return table


def over(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Old actions and new ones over them: one of the same time and symbol is replaced. Both in plain form."""
    if not len(new) or not len(old):
        return new if len(new) else old
    both = pd.concat([old, new], ignore_index=True).drop_duplicates(["time", "symbol"], keep="last")
    return both.sort_values(["time", "symbol"], ignore_index=True)


def of(actions: pd.DataFrame, symbols: Sequence[str] | None) -> pd.DataFrame:
    """The actions of some symbols."""
    return actions if symbols is None else actions[actions["symbol"].isin(list(symbols))].reset_index(drop=True)


def to_parquet(actions: pd.DataFrame) -> bytes:
    """A table of actions as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(actions, preserve_index=False), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_parquet(content: bytes) -> pd.DataFrame:
    """The table of a file. ValueError or KeyError when it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table: pd.DataFrame = pq.read_table(pa.BufferReader(content), columns=list(ACTIONS)).to_pandas()
    return plain(table)
