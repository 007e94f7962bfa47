"""What bars cost to keep and to read: Aura's store beside a plain Parquet file and a DuckDB file.

Each number is taken in a process of its own, which also tells its peak memory; of several times it is the least: what
neighbours on the machine cost is not what is measured. To add a number: a function here that
`rows` calls by `child`, or a module beside this one with `rows(folder) -> Iterable[Row]`, named in MORE.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pandas as pd

from tests.benchmarks import data_panels as panels
from tests.benchmarks.rows import Row, peak

ROOT = Path(__file__).parents[2]
MORE = ("data_features", "data_stream")
SYMBOLS = [f"D{i:04d}" for i in range(7, 500, 8)]
Told = dict[str, float]


def rows() -> Iterator[Row]:
    """The suite `data`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        panels.make(folder)
        yield from _store(folder)
        for more in MORE:
            yield from import_module(f"tests.benchmarks.{more}").rows(folder)


def _store(folder: Path) -> Iterator[Row]:
    idle = child("nothing", folder)
    yield Row("data.memory.idle", idle["MB"], "MB")
    kept, plain, duck = _least(["write_ours", "write_parquet", "write_duckdb"], folder)
    yield Row("data.write", kept["s"], "s", 1.5 * plain["s"], "pyarrow, same panel", plain["s"])
    yield Row("data.write.table", kept["s"], "s", None, "pyarrow, ready table", plain["ready"])
    yield Row("data.write.duckdb", kept["s"], "s", None, "DuckDB file", duck["s"])
    yield Row("data.write.size", kept["disk"], "MB", None, "pyarrow", plain["disk"])
    for peer, what in ((plain, "pyarrow"), (duck, "DuckDB file")):
        yield Row(f"data.write.memory.{what.split()[0].lower()}", kept["MB"], "MB", None, what, peer["MB"])
    yield from _reading(folder)
    ours, theirs = _least(["query_ours", "query_duckdb"], folder)
    yield Row("data.query", ours["warm"], "s", None, "DuckDB file", theirs["warm"])
    ours, theirs = child("append_ours", folder), child("append_duckdb", folder)
    yield Row("data.append", ours["s"], "s", None, "DuckDB file", theirs["s"])
    yield Row("data.append.memory", ours["MB"], "MB", None, "DuckDB file", theirs["MB"])
    after = child("symbol_ours", folder)
    yield Row("data.symbol.after_appends", after["warm"] * 1e3, "ms", 2.0)


def _reading(folder: Path) -> Iterator[Row]:
    for what, goal, unit, scale in (("symbol", 2.0, "ms", 1e3), ("panel", 0.35, "s", 1.0)):
        ours, plain, duck = _least([f"{what}_{where}" for where in ("ours", "parquet", "duckdb")], folder)
        for name, peer in (("pandas", plain), ("duckdb", duck)):
            who = "pandas.read_parquet" if name == "pandas" else "DuckDB file"
            yield Row(f"data.{what}.{name}", ours["warm"] * scale, unit, goal, who, peer["warm"] * scale)
            yield Row(f"data.{what}.cold.{name}", ours["cold"] * scale, unit, None, who, peer["cold"] * scale)
            yield Row(f"data.{what}.memory.{name}", ours["MB"], "MB", None, who, peer["MB"])


def _least(names: list[str], folder: Path, rounds: int = 3) -> list[Told]:
    """Children in turn; of each the least of what they told."""
    told = [[child(name, folder) for name in names] for _ in range(rounds)]
    return [{key: min(of[key] for of in every) for key in every[0]} for every in zip(*told, strict=True)]


# ── what a child does ───────────────────────────────────────────────────────────────────────────────────────────────


def child(name: str, folder: Path, module: str = "tests.benchmarks.bench_data") -> Told:
    """Run a function `name(folder) -> dict` in a process of its own; what it tells, and its peak memory as `MB`."""
    code = f"from tests.benchmarks.bench_data import tell; from {module} import {name}; tell({name}, {str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: Told = json.loads(done.stdout.splitlines()[-1])
    return told


def tell(work: Callable[[Path], Told], folder: str) -> None:
    """Print what a function tells, with the peak memory of this process."""
    told = work(Path(folder))
    print(json.dumps({**told, "MB": peak()}))


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = perf_counter()
    work()
    return perf_counter() - began


def _twice(work: Callable[[str], object], names: list[str]) -> Told:
    """The first time, and the least of the others, each of them for another name."""
    cold = timed(lambda: work(names[0]))
    return {"cold": cold, "warm": min(timed(lambda name=name: work(name)) for name in names[1:])}


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def nothing(folder: Path) -> Told:
    import duckdb  # noqa: F401
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    from aura_lib.data.store import Store  # noqa: F401

    return {}


def _ours(folder: Path) -> Any:
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    from aura_lib.data.store import Store

    return Store(folder / "home")


def write_ours(folder: Path) -> Told:
    import shutil

    shutil.rmtree(folder / "home", ignore_errors=True)
    store = _ours(folder)
    seconds = 0.0
    for frequency in ("1d", "1m"):
        bars = panels.bars(folder, frequency)
        seconds += timed(lambda bars=bars: store.put(bars))
    return {"s": seconds, "disk": _size(folder / "home")}


def write_parquet(folder: Path) -> Told:
    import pyarrow.parquet as pq

    seconds, ready = 0.0, 0.0
    for frequency in ("1d", "1m"):
        bars = panels.bars(folder, frequency)
        made: list[Any] = []
        seconds += timed(lambda bars=bars, made=made: made.append(_table(bars)))
        write = lambda: pq.write_table(made[0], folder / f"plain-{frequency}.parquet", compression="zstd")  # noqa: B023, E731
        ready += timed(write)
    return {"s": seconds + ready, "ready": ready, "disk": sum(p.stat().st_size for p in folder.glob("plain-*")) / 1e6}


def _table(bars: Any) -> Any:
    """A panel as a long table, the quickest way."""
    import numpy as np
    import pyarrow as pa

    symbols = pa.array(bars.symbols)
    places = pa.array(np.repeat(np.arange(len(symbols), dtype="i4"), len(bars)))
    columns = {
        "symbol": pa.DictionaryArray.from_arrays(places, symbols).cast(pa.string()),
        "time": pa.array(np.tile(bars.times.asi8, len(symbols))).cast(pa.timestamp("us", tz="UTC")),
    }
    return pa.table(columns | {n: pa.array(f.to_numpy().T.ravel(), from_pandas=True) for n, f in bars.fields.items()})


def write_duckdb(folder: Path) -> Told:
    import duckdb

    seconds = 0.0
    (folder / "bars.duckdb").unlink(missing_ok=True)
    with duckdb.connect(str(folder / "bars.duckdb")) as connection:
        for frequency in ("1d", "1m"):
            bars = panels.bars(folder, frequency)

            def write(bars: Any = bars, name: str = f"bars_{frequency}") -> None:
                connection.register("given", _table(bars))
                connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
                connection.execute("CHECKPOINT")

            seconds += timed(write)
    return {"s": seconds}


def symbol_ours(folder: Path) -> Told:
    store = _ours(folder)
    return _twice(lambda name: store.get(store.latest("bench", "1d"), [name]), SYMBOLS)


def symbol_parquet(folder: Path) -> Told:
    import pyarrow.dataset
    import pyarrow.parquet  # noqa: F401

    path = folder / "plain-1d.parquet"
    return _twice(lambda name: pd.read_parquet(path, filters=[("symbol", "==", name)]), SYMBOLS)


def symbol_duckdb(folder: Path) -> Told:
    import duckdb

    with duckdb.connect(str(folder / "bars.duckdb"), read_only=True) as connection:
        ask = "SELECT * FROM bars_1d WHERE symbol = $name"
        return _twice(lambda name: connection.sql(ask, params={"name": name}).to_arrow_table().to_pandas(), SYMBOLS)


def panel_ours(folder: Path) -> Told:
    store = _ours(folder)
    return _twice(lambda _: store.get(store.latest("bench", "1d"), fields=["close"]).close, SYMBOLS[:6])


def panel_parquet(folder: Path) -> Told:
    path, columns = folder / "plain-1d.parquet", ["symbol", "time", "close"]

    def read(_: str) -> pd.DataFrame:
        return pd.read_parquet(path, columns=columns).pivot(index="time", columns="symbol", values="close")

    return _twice(read, SYMBOLS[:4])


def panel_duckdb(folder: Path) -> Told:
    import duckdb

    with duckdb.connect(str(folder / "bars.duckdb"), read_only=True) as connection:

        def read(_: str) -> pd.DataFrame:
            found = connection.sql("SELECT symbol, time, close FROM bars_1d").to_arrow_table().to_pandas()
            return found.pivot(index="time", columns="symbol", values="close")

        return _twice(read, SYMBOLS[:4])


QUESTION = "SELECT symbol, max(close) FROM {} WHERE time >= TIMESTAMPTZ '2010-01-01' AND time < '2011-01-01' GROUP BY 1"


def query_ours(folder: Path) -> Told:
    store = _ours(folder)
    snapshot = store.latest("bench", "1d")
    return _twice(lambda _: store.query(QUESTION.format("bars"), snapshot), SYMBOLS[:6])


def query_duckdb(folder: Path) -> Told:
    import duckdb

    with duckdb.connect(str(folder / "bars.duckdb"), read_only=True) as connection:
        ask = QUESTION.format("bars_1d")
        return _twice(lambda _: connection.sql(ask).to_arrow_table().to_pandas(), SYMBOLS[:6])


def _next_days() -> list[Any]:
    from aura_lib.core import Bars

    days = pd.bdate_range(panels.times("1d")[-1] + pd.Timedelta(days=1), periods=5, unit="us")
    frames = [pd.DataFrame(100.0, days[place : place + 1], panels.names("1d")) for place in range(len(days))]
    return [Bars(dict.fromkeys(panels.FIELDS, f), source="bench", frequency="1d", calendar="24/7") for f in frames]


def append_ours(folder: Path) -> Told:
    store = _ours(folder)
    return {"s": min(timed(lambda day=day: store.add(day)) for day in _next_days())}


def append_duckdb(folder: Path) -> Told:
    import duckdb

    with duckdb.connect(str(folder / "bars.duckdb")) as connection:

        def write(day: Any) -> None:
            connection.register("given", _table(day))
            connection.execute("INSERT INTO bars_1d SELECT * FROM given")
            connection.execute("CHECKPOINT")

        return {"s": min(timed(lambda day=day: write(day)) for day in _next_days())}
