"""Small bars, and what tests of the store in PostgreSQL do with it from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import psycopg

from aura_lib.core import Bars

DAYS = pd.date_range("2021-01-04T21:00Z", periods=2000, freq="D", unit="us")


def days(first: int, last: int, price: float = 1.0, symbols: str = "AB") -> Bars:
    """Days from `first` to before `last`, every close the price."""
    close = pd.DataFrame(price, DAYS[first:last], list(symbols))
    return Bars({"close": close, "volume": close * 10}, "made up")


def sql(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that runs some code, from the repository's folder."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
