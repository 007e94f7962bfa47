"""SQL over a version: DuckDB in memory, cut off from files, network and settings before a question reaches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from aura_lib.core import InputError, Instrument, encode

__all__ = ["instruments_table", "later_wins", "select"]


def instruments_table(instruments: Mapping[str, Instrument]) -> Any:
    """The instruments as an Arrow table: symbol, asset_class, currency, venue, lot, tick, multiplier, …"""
    import pyarrow as pa

    rows = [encode(instrument) for instrument in instruments.values()]
    names = list(Instrument.__dataclass_fields__)
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})


def later_wins(runs: int, fields: Sequence[str], *, twice: bool = True) -> Callable[[Any], None]:
    """Makes the view `bars` over tables run_0, run_1, …: of rows of the same symbol and time that of the latest run.

    `twice` says whether there are such rows; without them nothing has to be compared.
    """

    def view(connection: Any) -> None:
        names = ", ".join(["symbol", "time", *fields])
        pieces = []
        for run in range(runs):
            later = " UNION ALL ".join(f"SELECT symbol, time FROM run_{other}" for other in range(run + 1, runs))
            but = f" ANTI JOIN ({later}) USING (symbol, time)" if twice and later else ""
            pieces.append(f"SELECT {names} FROM run_{run}{but}")
        none = ", ".join(["''::VARCHAR AS symbol", "now() AS time", *(f"0.0::DOUBLE AS {name}" for name in fields)])
        connection.execute(f"CREATE VIEW bars AS {' UNION ALL '.join(pieces) or f'SELECT {none} WHERE false'}")

    return view


def select(sql: str, tables: Mapping[str, Any], views: Callable[[Any], None] | None = None) -> pd.DataFrame:
    """What a question gives.

    Args:
        sql: one statement of DuckDB's dialect.
        tables: what can be asked, by name: Arrow tables or datasets, or pandas frames.
        views: makes further views on the connection, before it is cut off.

    Raises:
        InputError: the question cannot be answered, or wants more than to read.
    """
    import duckdb

    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in tables.items():
            connection.register(name, table)
        if views is not None:
            views(connection)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            answer = connection.sql(sql)
            frame: pd.DataFrame = pd.DataFrame() if answer is None else answer.to_arrow_table().to_pandas()
        except duckdb.Error as error:
            raise InputError(f"this SQL cannot be answered: {str(error).strip()}") from None
    return frame
