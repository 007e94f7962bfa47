"""One server for one AURA_HOME: who holds it, and where it is found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aura_lib.core import InputError


def folder(home: Path) -> Path:
    """Where the server keeps its log and its cookie secret; only this user can enter."""
    own = home / "server"
    own.mkdir(mode=0o700, exist_ok=True)
    return own


@contextmanager
def only_one(home: Path) -> Iterator[Path]:
    """Hold the home's server place; the file to tell in where it is found. The lock ends with the process.

    Raises InputError with the address of the one that runs.
    """
    import fcntl

    place = folder(home) / "running.json"
    with (folder(home) / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(_where(place, home)) from None
        try:
            yield place
        finally:
            place.unlink(missing_ok=True)


def tell(place: Path, about: dict[str, Any]) -> None:
    """Write where the server is found."""
    write_private(place, json.dumps(about))


def write_private(path: Path, text: str) -> None:
    """Write what holds the token: only this user may read it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def running(home: Path) -> dict[str, Any] | None:
    """What the server of a home told about itself; None when none is at work. Looks, and makes no files."""
    import fcntl

    with suppress(OSError, ValueError), (home / "server" / "lock").open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            told: dict[str, Any] = json.loads((home / "server" / "running.json").read_text(encoding="utf-8"))
            return told
    return None


def _where(place: Path, home: Path) -> str:
    with suppress(OSError, ValueError, KeyError):
        known = json.loads(place.read_text(encoding="utf-8"))
        return (
            f"Aura is already up for {home}: open {known['url']} (process {known['pid']}). "
            "Stop that one with Ctrl-C, or set another AURA_HOME"
        )
    return f"another `aura up` is just starting for {home}: wait for it, or set another AURA_HOME"
