"""Lists of symbols that somebody watches, each with the source of its prices: small files in AURA_HOME/watchlists."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aura_lib.core import DataError, InputError, Settings
from aura_lib.data.universe.table import rows

__all__ = ["Watched", "delete", "get", "names", "save"]

NAME = re.compile(r"\w(?:[\w .-]{0,62}\w)?")  # a file name everywhere: no slash, no leading dot, no space at its ends
COLUMNS = ("symbol", "source")


class Watched(NamedTuple):
    """A symbol and the source of its prices; both are its identity: BTC-USD of two vendors are two lines."""

    symbol: str
    source: str


def names(settings: Settings | None = None) -> tuple[str, ...]:
    """The watchlists that there are."""
    return tuple(sorted(path.stem for path in _folder(settings).glob("*.csv") if NAME.fullmatch(path.stem)))


def get(name: str, settings: Settings | None = None) -> tuple[Watched, ...]:
    """What is on a watchlist, in its order.

    Raises InputError when there is none of this name, DataError when its file is damaged.
    """
    path = _path(name, settings)
    if not path.exists():
        raise InputError(_unknown(name, settings))
    found = tuple(Watched(*(row.get(column) for column in COLUMNS)) for row in rows(path, COLUMNS))
    if not all(map(all, found)):
        raise DataError(f"{path.name} has a line without a symbol or a source: mend it, or save the watchlist anew")
    return found


def save(
    name: str,
    symbols: Iterable[str | tuple[str, str]],
    *,
    source: str = "sample",
    settings: Settings | None = None,
) -> tuple[Watched, ...]:
    """Keep a watchlist; one of this name is replaced as a whole, and readers see the old or the new one.

    Args:
        name: letters, digits, spaces, dots, - and _; at most 64.
        symbols: symbols of `source`, or pairs (symbol, source).
        source: where the prices of plain symbols come from.
        settings: where AURA_HOME is; from the environment when not given.

    Raises InputError for a bad name, a symbol that is no text, one that is on the list twice, a full disk.
    """
    path = _path(name, settings)
    watched = _checked(symbols, source)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *watched])
    (settings or Settings.load()).ensure_home()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text.getvalue())
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): what was kept before is there"
        ) from error
    return watched


def delete(name: str, settings: Settings | None = None) -> None:
    """Forget a watchlist. InputError: there is none of this name."""
    try:
        _path(name, settings).unlink()
    except FileNotFoundError:
        raise InputError(_unknown(name, settings)) from None


def _folder(settings: Settings | None) -> Path:
    return (settings or Settings.load()).home / "watchlists"


def _path(name: str, settings: Settings | None) -> Path:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot name a watchlist: use letters, digits, spaces, dots, - and _, at most 64")
    return _folder(settings) / f"{name}.csv"


def _unknown(name: str, settings: Settings | None) -> str:
    there = names(settings)
    near = difflib.get_close_matches(name, there, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(there) or 'none yet'}"
    return f"no watchlist {name!r}: {hint}"


def _checked(symbols: Iterable[str | tuple[str, str]], source: str) -> tuple[Watched, ...]:
    if isinstance(symbols, str):
        raise InputError(f"symbols must be a list such as ['AAPL', 'MSFT'], not the text {symbols!r}")
    given = [(item, source) if isinstance(item, str) else item for item in symbols]
    odd = [item for item in given if not isinstance(item, tuple | list) or len(item) != len(COLUMNS)]
    if odd:
        raise InputError(f"{odd[0]!r} is no symbol: give texts, or pairs (symbol, source)")
    found = [Watched(*item) for item in given]
    for item in found:
        if not all(isinstance(part, str) and part and part == " ".join(part.split()) for part in item):
            raise InputError(f"{tuple(item)} is no symbol with its source: both must be texts without spaces around")
    twice = sorted({item.symbol for item in found if found.count(item) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)}: on the list twice")
    return tuple(found)


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of the old or all of the new one, also after a crash."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
