"""Watched: the watchlist of the page, kept across sessions."""

from __future__ import annotations

from collections.abc import Sequence

from aura_lib.core import Settings

NAME = "market"


class Watched:
    """What is watched, as `SYMBOL` or `SYMBOL@SOURCE`, in the order it was added."""

    def __init__(self, first: Sequence[str], settings: Settings) -> None:
        self._settings = settings
        self.entries = list(first)

    def of(self, source: str) -> tuple[str, ...]:
        """The symbols that may be of a source."""
        parts = [entry.partition("@") for entry in self.entries]
        return tuple(dict.fromkeys(symbol for symbol, _, named in parts if named in ("", source)))

    def change(self, entry: str, watch: bool) -> None:
        """Add an entry, or take it away with what else names the same symbol; keep the list."""
        symbol = entry.partition("@")[0]
        self.entries = [kept for kept in self.entries if kept not in (entry, symbol)]
        if watch:
            self.entries.append(entry)
