"""Vendors' clients: what adapters reach for inside of them, and how they wait for them and can still be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from threading import Event
from typing import Any, TypeVar

from aura_lib.core.errors import AuraError

LOOK = 0.1  # seconds between two looks at whether it is to stop
T = TypeVar("T")


def inside(client: object, *names: str, package: str, knew: str, error: type[AuraError]) -> Any:
    """The first of these inner parts of a client.

    Raises `error`, naming the package and the version that had them (`knew`), when one is not there any more.
    """
    missing = [name for name in names if not hasattr(client, name)]
    if missing:
        kind = type(client).__name__
        raise error(f"this version of {package} has no {kind}.{missing[0]}, which {knew} had: install that one")
    return getattr(client, names[0])


async def unless(stopped: Event, what: Coroutine[Any, Any, T]) -> T | None:
    """The result of a coroutine, or None as soon as it is to stop."""
    task = asyncio.ensure_future(what)
    try:
        while not task.done() and not stopped.is_set():
            await asyncio.wait({task}, timeout=LOOK)
        return task.result() if task.done() else None
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
