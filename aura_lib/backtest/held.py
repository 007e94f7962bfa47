"""The ledger, held open from one count to the next: opening it and closing it take longer than an entry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock

from aura_lib.core import Settings
from aura_lib.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Held:
    """An open ledger, and which file it is: another process may put another one in its place (a restore)."""

    ledger: Ledger
    place: tuple[str, int, int]


_lock = Lock()
_held: list[_Held] = []
_inherited: list[_Held] = []  # in a child that was forked: not its own to use, nor to close


@contextmanager
def ledger() -> Iterator[Ledger]:
    """The ledger of the environment. After an error it is opened anew."""
    with _lock:
        settings = Settings.load()
        if not _held or _held[0].place != _place(settings):
            forget()
            opened = Ledger.open(settings)
            _held.append(_Held(opened, _place(settings)))
        try:
            yield _held[0].ledger
        except BaseException:
            forget()
            raise


def forget() -> None:
    """Close what is held."""
    while _held:
        _held.pop().ledger.close()


def _place(settings: Settings) -> tuple[str, int, int]:
    url, found = settings.database_url, (0, 0)
    if url.startswith("sqlite:///"):
        with suppress(OSError):
            status = os.stat(url.removeprefix("sqlite:///"))
            found = status.st_dev, status.st_ino
    return url, *found


def _after_fork() -> None:
    global _lock
    _lock = Lock()
    _inherited.extend(_held)
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)
