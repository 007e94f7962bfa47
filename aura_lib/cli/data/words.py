"""What the commands of `aura data` share: which source is meant, ages, facts in columns, warnings as remarks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer

from aura_lib.core import InputError

SOURCE = Annotated[
    str | None,
    typer.Argument(help="Where the data comes from: sample, yfinance, alpaca …, or a file.", metavar="SOURCE"),
]
OPTION = Annotated[str | None, typer.Option("--source", help="The same as SOURCE.", metavar="SOURCE")]
FREQUENCY = Annotated[str | None, typer.Option(help="1m, 5m, 15m, 1h, 1d or 1w; 1d when left out.")]


def chosen(source: str | None, option: str | None, usual: str | None = None) -> str | None:
    """The source that is meant, by its place or by its option."""
    if source and option and source != option:
        raise InputError(f"two sources are named, {source!r} and {option!r}: name one")
    return source or option or usual


def listed(symbols: str | None) -> list[str] | None:
    """AAPL,MSFT as a list; None when nothing was given."""
    return None if symbols is None else [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]


def age(then: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    seconds = max((now - then).total_seconds(), 0.0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(count: int) -> str:
    """Bytes for people."""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"


def facts(found: dict[str, object]) -> str:
    """One fact a line."""
    return "\n".join(f"{name:>10}  {value}" for name, value in found.items())


@contextmanager
def remarked() -> Iterator[list[str]]:
    """Warnings as sentences: a terminal shows them after the answer, not in the middle of it."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield told
    told += [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
