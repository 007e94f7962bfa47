"""Files beside the trials: sampled return paths, and the cells of a sweep; the journal holds the hash of each."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import DataError, InputError, Settings

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FOLDER = "trials"
SAMPLED = 1_000  # return paths kept of a sweep


def folder(home: Path | None = None) -> Path:
    """Where the files are: AURA_HOME/trials."""
    return (home or Settings.load().home) / FOLDER


def name_of(noted: Mapping[str, Any]) -> str:
    """The name of a noted file below AURA_HOME."""
    return f"{FOLDER}/{noted['hash']}.parquet"


def keep_paths(home: Path | None, paths: NDArray[Any], times: pd.DatetimeIndex) -> dict[str, Any]:
    """Keep return paths (bars × n, simple returns, NaN where there is none) as float32 Parquet.

    Bars within a day are compounded to one return a day (UTC): the paths are for the correlation of trials, and a
    day of it is enough. More than 1,000 columns are thinned out evenly. Returns what the journal notes of the file.
    """
    import pyarrow as pa

    values = np.asarray(paths, "float32")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(times) or not values.size:
        raise InputError(f"paths must be bars × n with {len(times)} bars, not {np.shape(paths)}")
    bars = len(times)
    if values.shape[1] > SAMPLED:
        values = values[:, thinned(values.shape[1], SAMPLED)]
    values, times = _daily(values, times)
    width = values.shape[1]
    rows = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), width)
    stamps = pa.array(times.as_unit("us").asi8, pa.timestamp("us", tz="UTC"))
    found = _keep(home, pa.table({"time": stamps, "returns": rows}))
    return {**found, "paths": width, "rows": len(times), "daily": len(times) < bars}


def read_paths(home: Path | None, noted: Mapping[str, Any]) -> tuple[pd.DatetimeIndex, NDArray[np.float32]]:
    """The times and return paths (bars × n) of a noted file. Missing or changed raises DataError."""
    import pandas as pd

    table = _read(home, noted)
    values = table["returns"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    times = pd.DatetimeIndex(table["time"].to_numpy(), tz="UTC")
    return times, values.reshape(len(times), -1)


def keep_cells(home: Path | None, cells: NDArray[np.uint64]) -> dict[str, Any]:
    """Keep which cells a sweep tried, as hashes of their parameters."""
    import pyarrow as pa

    return {**_keep(home, pa.table({"cell": distinct(cells)})), "cells": len(cells)}


def read_cells(home: Path | None, noted: Mapping[str, Any]) -> NDArray[np.uint64]:
    """The cells of a noted file. Missing or changed raises DataError."""
    values: NDArray[np.uint64] = _read(home, noted)["cell"].to_numpy()
    return values


def distinct(cells: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each cell once, ascending. (`numpy.unique` hashes 64-bit numbers: seconds for a million that are random.)"""
    ordered = np.sort(cells)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def thinned(count: int, most: int) -> NDArray[np.int64]:
    """Which of `count` to take so that at most `most` are left, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype("int64"))


def _daily(values: NDArray[np.float32], times: pd.DatetimeIndex) -> tuple[NDArray[np.float32], pd.DatetimeIndex]:
    days = times.floor("D")
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]]) if len(days) else np.array([], "int64")
    if len(starts) == len(times):
        return values, times
    growth = np.multiply.reduceat(1 + values.astype("float64"), starts, axis=0) - 1
    return growth.astype("float32"), times[np.r_[starts[1:] - 1, len(times) - 1]]


def _keep(home: Path | None, table: Any) -> dict[str, Any]:
    """Write a table under the name of its own hash; the file is whole or not there."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none", use_dictionary=False, write_statistics=False)  # noise stays noise
    data = buffer.getbuffer()
    name = hashlib.sha256(data).hexdigest()
    place = folder(home) / f"{name}.parquet"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f"{name}.{os.getpid()}.tmp")
        aside.write_bytes(data)
        aside.replace(place)
    os.utime(place)  # retention goes by when it was last asked for
    return {"hash": name}


def _read(home: Path | None, noted: Mapping[str, Any]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = f"{noted['hash']}.parquet"
    try:
        data = (folder(home) / name).read_bytes()
    except OSError:
        raise DataError(f"{FOLDER}/{name} is missing: these return paths cannot be looked at any more") from None
    if hashlib.sha256(data).hexdigest() != noted["hash"]:
        raise DataError(f"{FOLDER}/{name} was changed after it was written: it is left out")
    return pq.read_table(pa.BufferReader(data))
