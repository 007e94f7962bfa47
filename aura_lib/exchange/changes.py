"""Which open orders of a venue have changed: for who keeps them one by one."""

from __future__ import annotations

from typing import Any

from aura_lib.exchange.matching import Exchange


class Changes:
    """Remembers the open orders of an exchange as they were when it was last asked."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, ...]] = {}

    def since(self, exchange: Exchange) -> tuple[list[str], list[str]]:
        """The client ids of orders that are new or have changed since, and of those that are gone."""
        now = {
            name: (w, w.order, w.filled, w.quantity, w.executions, w.extreme, w.triggered, w.limit, w.stop)
            for name, w in exchange._floor.working.items()
        }
        seen, self._seen = self._seen, now
        changed = [name for name, told in now.items() if seen.get(name) != told]
        return changed, [name for name in seen if name not in now]
