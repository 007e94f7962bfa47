"""Watched: the watchlist of the page, kept across sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aura_lib.core import AuraError, Settings
from aura_lib.data import watchlists
from aura_lib.ui.market.listing import Listing

NAME = "market"


class Watched:
    """What is watched, as `SYMBOL@SOURCE` (or, of a first list, `SYMBOL`), in the order it was added.

    `find` tells what an entry means. The list is read when the page opens and written with every change; another page
    that is open has its own.
    """

    def __init__(self, first: Sequence[str], settings: Settings, find: Callable[[str], Listing | None]) -> None:
        self._settings, self._find = settings, find
        self.problem = ""
        self.entries = list(first)
        try:
            if NAME in watchlists.names(settings):
                self.entries = [f"{kept.symbol}@{kept.source}" for kept in watchlists.get(NAME, settings)]
        except AuraError as error:
            self.problem = str(error)

    def of(self, source: str, plain: bool) -> tuple[str, ...]:
        """The symbols that are watched of a source; `plain`: also those that name none."""
        parts = [entry.partition("@") for entry in self.entries]
        return tuple(dict.fromkeys(symbol for symbol, _, named in parts if named == source or (plain and not named)))

    def listings(self) -> list[Listing]:
        """What of it is there, in order, each once."""
        found = [one for one in map(self._find, self.entries) if one is not None]
        return list(dict.fromkeys(found))

    def change(self, key: str, watch: bool) -> None:
        """Add a listing by its key, or take it away; keep the list."""
        named = {entry: one.key if (one := self._find(entry)) else entry for entry in self.entries}
        keys = [other for other in dict.fromkeys(named.values()) if other != key]
        self.entries = [*keys, key] if watch else keys
        pairs = [(symbol, source) for symbol, _, source in (entry.partition("@") for entry in self.entries) if source]
        watchlists.save(NAME, pairs, settings=self._settings)
