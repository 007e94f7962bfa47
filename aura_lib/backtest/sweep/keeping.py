"""A sweep as one Parquet file: its kept rows as a table anybody can read, and what all combinations said beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.identity import numbers_of
from aura_lib.backtest.sweep.chunk import Job
from aura_lib.backtest.sweep.kept import Kept
from aura_lib.backtest.sweep.result import Sweep
from aura_lib.backtest.sweep.windows import Windows
from aura_lib.core import DataError, InputError

if TYPE_CHECKING:
    from aura_lib.backtest.sweep.rule import Rule
    from aura_lib.core import Bars

KEY, VERSION = b"aura.sweep", 1
_ARRAYS = ("bounds", "first", "members", "sizes")


def save(sweep: Sweep, path: str | Path, bars: Bars) -> Path:
    """Write a sweep of these bars to one file; a file of that name is replaced whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sweep.kept.settle()
    job, kept, to = sweep.job, sweep.kept, Path(path)
    columns = dict(zip(job.rule.parameters, kept.parameters.T, strict=True))
    for w, label in enumerate(job.labels):
        columns |= {f"{metric} · {label}": kept.values[:, w, m] for m, metric in enumerate(job.metrics)}
    told = {
        "version": VERSION, "code": job.rule.code, "rule": job.rule.name, "bars": numbers_of(bars), "fill": job.fill,
        "fee": job.fee, "slippage": job.slippage, "metrics": job.metrics, "periods": job.periods, "labels": job.labels,
        "windows": {name: getattr(job.windows, name).tolist() for name in _ARRAYS},
        "interrupted": sweep.interrupted, "seconds": sweep.seconds, "kept": kept.told(),
    }  # fmt: skip
    table = pa.table(columns).replace_schema_metadata({KEY: json.dumps(told).encode()})
    aside = to.with_name(f".{to.name}.part")
    pq.write_table(table, aside)
    return aside.replace(to)


def load(path: str | Path, rule: Rule, bars: Bars) -> Sweep:
    """Read a sweep back: everything but the grid it was laid out from; combinations can be run in full again.

    Raises InputError when the rule or the bars are not those it was made with, DataError for a file that is no sweep.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        told: dict[str, Any] = json.loads((table.schema.metadata or {})[KEY])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise DataError(f"{Path(path).name} is no sweep that can be read: {error}") from error
    for what, ours, theirs in (("rule", rule.code, told["code"]), ("bars", numbers_of(bars), told["bars"])):
        if ours != theirs:
            raise InputError(f"{Path(path).name} was made of other {what} than given (rule {told['rule']!r})")
    arrays = {name: np.array(told["windows"][name]) for name in _ARRAYS}
    job = replace(
        Job.of(rule, bars, fill=told["fill"], metrics=told["metrics"], periods=told["periods"]),
        fee=told["fee"], slippage=told["slippage"], windows=Windows(tuple(told["labels"]), **arrays),
    )  # fmt: skip
    numbers = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
    count = len(rule.parameters)
    values = numbers[:, count:].reshape(len(numbers), len(job.labels), len(job.metrics))
    return Sweep(job, None, Kept.again(told["kept"], numbers[:, :count], values), told["interrupted"], told["seconds"])
