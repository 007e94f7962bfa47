"""Retention of return paths: which sampled paths may go; the counts, the figures and the cells of trials stay."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_lib.ledger.journal import SYSTEM
from aura_lib.ledger.trials import files
from aura_lib.ledger.trials.writing import SWEEP, TRIAL

if TYPE_CHECKING:
    from aura_lib.core import Settings
    from aura_lib.ledger.ledger import Ledger

DAY = 86_400.0  # seconds


def unkept(settings: Settings, ledger: Ledger) -> Iterator[tuple[Path, float]]:
    """The files of return paths that need not be kept any longer, with the days since they were last written.

    Paths stay for `keep_days`, those of the latest `keep_latest` trials and sweeps of each family however old they
    are. What no entry of the journal names (its process was killed before it was counted) goes after
    `keep_aside_days`, unless a note of `trials/open` still owes the entry. Cells stay for ever: without them sweeps
    that overlap would count twice.
    """
    folder = files.folder(settings.home)
    least = min(settings.keep_days, settings.keep_aside_days)
    old = {path: days for path, days in _untouched(folder) if days > least}
    if not old:  # most of the time: nothing is read then
        return
    kept = _kept(ledger, settings, folder)
    for path, days in sorted(old.items()):
        if days > kept.get(path.name, settings.keep_aside_days):
            yield path, days


def _untouched(folder: Path) -> Iterator[tuple[Path, float]]:
    for path in (*folder.glob("*.parquet"), *folder.glob("*.tmp")) if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # somebody else removed it
            yield path, (time.time() - path.stat().st_mtime) / DAY


def _kept(ledger: Ledger, settings: Settings, folder: Path) -> dict[str, float]:
    """File → for how many days it is kept."""
    kept: dict[str, float] = {}
    for_ever: set[str] = set(_owed(folder))
    latest: dict[str, list[str]] = defaultdict(list)
    for entry in ledger.journal.entries(SYSTEM, kinds=(TRIAL, SWEEP)):
        if paths := entry.body.get("paths"):
            kept[_file(paths)] = settings.keep_days
            latest[str(entry.body["family"])].append(_file(paths))
        if cells := entry.body.get("cells"):
            for_ever.add(_file(cells))
    for names in latest.values():
        for_ever |= set(names[-settings.keep_latest :] if settings.keep_latest else ())
    return {**kept, **dict.fromkeys(for_ever, float("inf"))}


def _owed(folder: Path) -> Iterator[str]:
    """The files that notes speak of: their entry is not written yet."""
    text = ""
    for note in (folder / "open").glob("*.json"):
        with suppress(OSError):
            text += note.read_text("utf-8")
    yield from (path.name for path in folder.glob("*.parquet") if path.stem in text)


def _file(noted: Any) -> str:
    return f"{noted['hash']}.parquet"
