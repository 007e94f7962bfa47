"""Signals: in, out, or nothing, symbol by symbol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from aura_lib.core.errors import InputError
from aura_lib.core.times import utc


@dataclass(frozen=True, slots=True)
class Signals:
    """Which symbols to enter and which to leave, as of a time; all others stay as they are.

    `entries` are symbols, or symbol → fraction of equity (negative: a short); without a fraction each gets an equal
    share of what the mandate's universe has symbols. An entry into what is held on that side already changes nothing.
    `exits` are sold, or bought back, whole. A symbol among both, or a fraction that is zero or not finite, raises
    InputError.
    """

    entries: Mapping[str, float | None] | Iterable[str] = ()
    exits: Iterable[str] = ()
    as_of: datetime = field(kw_only=True)

    def __post_init__(self) -> None:
        for name in ("entries", "exits"):
            if isinstance(getattr(self, name), str):
                raise InputError(f"{name} must be several symbols, not the text {getattr(self, name)!r}")
        given = self.entries if isinstance(self.entries, Mapping) else dict.fromkeys(self.entries)
        entries = {str(s): None if w is None else float(w) for s, w in given.items()}
        bad = {s: w for s, w in entries.items() if w is not None and (not math.isfinite(w) or not w)}
        exits = tuple(dict.fromkeys(map(str, self.exits)))
        if bad or (both := sorted(set(entries) & set(exits))):
            raise InputError(f"entries of {bad} are no fractions of equity" if bad else f"both in and out: {both}")
        object.__setattr__(self, "entries", MappingProxyType(entries))
        object.__setattr__(self, "exits", exits)
        object.__setattr__(self, "as_of", utc(self.as_of, "as_of"))

    @property
    def entered(self) -> Mapping[str, float | None]:
        """Symbol → fraction of equity to enter with; None for an equal share."""
        assert isinstance(self.entries, Mapping)  # since it was made
        return self.entries
