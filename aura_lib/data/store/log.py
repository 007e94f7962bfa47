"""The log of a series: numbered entries, each made by whoever was first; it tells what was known when."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aura_lib.core import DataError, InputError, canonical, digest, iso, utc
from aura_lib.data.store.blobs import Blobs
from aura_lib.data.store.cache import Cache
from aura_lib.data.store.part import MEND
from aura_lib.data.store.port import Series

__all__ = ["Logged", "all_series", "append", "entries", "folder", "head", "mend", "newest", "problems", "snapshots"]

SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Logged:
    """One entry: the version that the series became. A lost one was damaged, and nobody knows any more what it said."""

    series: Series
    number: int
    snapshot: str
    recorded: datetime
    notes: Mapping[str, Any]
    lost: bool = False


_entries: Cache[Logged] = Cache(20_000, lambda entry: 1.0)


def folder(series: Series) -> str:
    """Where the log of a series lies: readable as far as file names go, unique by a hash."""
    words = [series.source, series.frequency, series.calendar, series.adjustment]
    readable = re.sub(r"[^A-Za-z0-9._=-]+", "_", "-".join(words[:2])).strip("._")[:60]
    return f"log/{readable}-{hashlib.blake2b(canonical(words).encode(), digest_size=8).hexdigest()}"


def head(blobs: Blobs, series: Series) -> Logged | None:
    """The newest entry of a series, None when there is none. A damaged one raises DataError."""
    numbers = _numbers(blobs, folder(series))
    return _entry(blobs, folder(series), numbers[-1]) if numbers else None


def newest(blobs: Blobs, series_folder: str) -> Logged | None:
    """The newest entry of a log that is not lost."""
    for number in reversed(_numbers(blobs, series_folder)):
        found = _entry(blobs, series_folder, number)
        if not found.lost:
            return found
    return None


def append(
    blobs: Blobs, series: Series, last: Logged | None, snapshot: str, now: datetime, notes: Mapping[str, Any]
) -> Logged | None:
    """The next entry after `last`; None when somebody else made it first."""
    recorded = now if last is None else max(now, last.recorded)  # a clock that was set back does not turn the order
    number = last.number + 1 if last else 1
    made = blobs.create(_name(folder(series), number), _to_bytes(series, number, snapshot, recorded, notes))
    return Logged(series, number, snapshot, recorded, dict(notes)) if made else None


def entries(blobs: Blobs, series_folder: str) -> Iterator[Logged]:
    """Every entry of a log in its order, without lost ones. A damaged one raises DataError."""
    for number in _numbers(blobs, series_folder):
        found = _entry(blobs, series_folder, number)
        if not found.lost:
            yield found


def all_series(blobs: Blobs) -> list[str]:
    """The folders of every log."""
    return [f"log/{name}" for name in blobs.folders("log")]


def mend(blobs: Blobs, series: Series) -> None:
    """Replace damaged entries by ones that say that they are lost."""
    last: Logged | None = None
    for number in _numbers(blobs, folder(series)):
        try:
            last = _entry(blobs, folder(series), number)
        except DataError:
            recorded = last.recorded if last else datetime.fromisoformat("1970-01-01T00:00:00+00:00")
            blobs.put(_name(folder(series), number), _to_bytes(series, number, "", recorded, {}))


def snapshots(blobs: Blobs, series_folder: str) -> list[str]:
    """The versions of a series, each once, without damaged entries."""
    found: dict[str, None] = {}
    for number in _numbers(blobs, series_folder):
        with suppress(DataError):
            found |= {snapshot: None for snapshot in [_entry(blobs, series_folder, number).snapshot] if snapshot}
    return list(found)


def problems(blobs: Blobs, series_folder: str) -> Iterator[str]:
    """Damaged entries."""
    for number in _numbers(blobs, series_folder):
        try:
            _entry(blobs, series_folder, number)
        except DataError as error:
            yield str(error)


def _name(series_folder: str, number: int) -> str:
    return f"{series_folder}/{number:08d}{SUFFIX}"


def _numbers(blobs: Blobs, series_folder: str) -> list[int]:
    stems = [name.removesuffix(SUFFIX) for name in blobs.names(series_folder) if name.endswith(SUFFIX)]
    return sorted(int(stem) for stem in stems if re.fullmatch(r"\d{8,}", stem))


def _to_bytes(series: Series, number: int, snapshot: str, recorded: datetime, notes: Mapping[str, Any]) -> bytes:
    content = {
        "series": [series.source, series.frequency, series.calendar, series.adjustment],
        "number": number,
        "snapshot": snapshot,
        "recorded": iso(recorded),
        "notes": dict(notes),
    }
    return canonical({**content, "check": digest(content)}).encode()


def _entry(blobs: Blobs, series_folder: str, number: int) -> Logged:
    name = _name(series_folder, number)
    where = blobs.where(name)

    def read() -> Logged:
        try:
            content = json.loads(blobs.read(name))
            if content.pop("check") != digest(content) or content["number"] != number:
                raise ValueError("its content is not what its checksum says")
            recorded, snapshot = utc(content["recorded"], "recorded"), content["snapshot"]
            return Logged(Series(*content["series"]), number, snapshot, recorded, content["notes"], not snapshot)
        except FileNotFoundError:
            raise DataError(f"{where} is missing: {MEND}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise DataError(f"{where} is damaged ({error}): {MEND}") from error

    try:
        return _entries.get(where, blobs.stamp(name), read)
    except FileNotFoundError:
        raise DataError(f"{where} is missing: {MEND}") from None
