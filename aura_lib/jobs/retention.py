"""Retention: which outputs of runs are kept, and for how long. What the journal says of a run stays for ever.

A run's folder in `runs` goes when nothing in it was touched for

    AURA_KEEP_DAYS (90)        a run of a job, or a test that became evidence; the latest AURA_KEEP_LATEST (20) of
                               each job stay however old they are
    AURA_KEEP_ASIDE_DAYS (7)   a preview, a parity, a research run that came to nothing
    never                      a live run, a run that a promotion stands on, a run that is at work

The sampled return paths of trials (files in `trials`) go by the same days: `ledger.trials.retention`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aura_lib.core import Mode, Promotion, Run, RunStatus, Settings, decode
from aura_lib.ledger import SYSTEM, Ledger, trials

DAY = 86_400.0  # seconds
LEAVING = ".removing"  # a folder moved here belongs to nobody else any more


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was (in a dry run: would be) removed: a run's folder by its id, or a file of return paths by its name; its
    size in bytes, and the days since it was touched.
    """  # noqa: D205

    run: str
    size: int
    days: float


def output_of(settings: Settings, run: Run) -> Path | None:
    """Where the output notebook of a run is now; None when it is gone. A home may have moved since it was written."""
    file = settings.home / "runs" / run.id / "output.ipynb"
    return file if file.is_file() else None


def prune(settings: Settings, ledger: Ledger, *, dry_run: bool = False) -> tuple[Pruned, ...]:
    """Remove the outputs that are not kept any longer. Any number of these may be at work at once."""
    return (*_prune_runs(settings, ledger, dry_run), *_prune_paths(settings, ledger, dry_run))


def _prune_paths(settings: Settings, ledger: Ledger, dry_run: bool) -> Iterator[Pruned]:
    """Return paths of trials; that they were taken away is written down before they are."""
    for path, days in trials.unkept(settings, ledger):
        name = f"{path.parent.name}/{path.name}"
        with suppress(FileNotFoundError):  # somebody else removed it
            gone = Pruned(name, path.stat().st_size, days)
            if not dry_run:
                ledger.control.note_removed(name, datetime.now(UTC))
                path.unlink()
            yield gone


def _prune_runs(settings: Settings, ledger: Ledger, dry_run: bool) -> tuple[Pruned, ...]:
    folder = settings.home / "runs"
    if not dry_run:
        shutil.rmtree(folder / LEAVING, ignore_errors=True)  # what one that was killed left
    least = min(settings.keep_days, settings.keep_aside_days)
    old = {path.name: days for path, days in _untouched(folder) if days > least}
    if not old:  # most of the time: nothing is read then
        return ()
    runs = ledger.runs()
    kept = _kept(settings, ledger, runs)
    doomed = [
        Pruned(name, _size(folder / name), days)
        for name, days in sorted(old.items())
        if days > kept.get(name, settings.keep_aside_days)
    ]
    recorded = {run.id for run in runs}
    return tuple(one for one in doomed if dry_run or _remove(folder, one.run, ledger if one.run in recorded else None))


def _untouched(folder: Path) -> Iterator[tuple[Path, float]]:
    """Every run's folder, with the days since anything in it was touched: a run at work writes every few seconds."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # somebody else removed it
            if path.is_dir() and path.name != LEAVING:
                newest = max(p.stat().st_mtime for p in (path, *path.rglob("*")))
                yield path, (time.time() - newest) / DAY


def _kept(settings: Settings, ledger: Ledger, runs: list[Run]) -> dict[str, float]:
    """Run → for how many days its output is kept; what is not named is kept aside for the shorter time."""
    vouching = {evidence.run for evidence in ledger.evidence()}
    promotions = ledger.journal.entries(SYSTEM, kinds=("promotion",))
    for_ever = {decode(Promotion, entry.body).evidence for entry in promotions}
    for_ever |= {run.id for run in runs if run.mode is Mode.LIVE}
    for job in {run.job for run in runs if run.job}:
        mine = [run.id for run in runs if run.job == job and run.status is not RunStatus.MISSED]
        for_ever |= set(mine[-settings.keep_latest :] if settings.keep_latest else ())
        slots = ledger.control.slots(job)
        for_ever |= {s.run for s in slots if s.status == RunStatus.RUNNING and not ledger.control.claimable(s)}
    counting = {run.id for run in runs if run.job or run.id in vouching}
    return {**dict.fromkeys(counting, settings.keep_days), **dict.fromkeys(for_ever, float("inf"))}


def _size(folder: Path) -> int:
    with suppress(FileNotFoundError):
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return 0


def _remove(folder: Path, name: str, ledger: Ledger | None) -> bool:
    """Write it down, move the folder out of sight in one step, delete it; False when somebody else did."""
    if ledger is not None:
        ledger.control.note_removed(name, datetime.now(UTC))
    leaving = folder / LEAVING
    leaving.mkdir(exist_ok=True)
    try:
        (folder / name).rename(leaving / name)
    except OSError:
        return False
    shutil.rmtree(leaving / name, ignore_errors=True)
    return True
