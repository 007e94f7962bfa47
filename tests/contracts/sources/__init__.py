"""Facts for `test_sources.py`: a module here for each source, with its name and a `standing` like this one's.

    @contextmanager
    def standing(scene: Scene) -> Iterator[Facts]: ...

It has the source's server at work on loopback (if it has one) and tells what the source then serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_lib.core import SimulatedClock
from aura_lib.data.polite import Polite


@dataclass
class Scene:
    """What a source is set up with. `waits` is what was slept, without sleeping."""

    name: str
    folder: Path  # the same for all tests of a process
    patch: pytest.MonkeyPatch
    rng: np.random.Generator
    patience: float = 10.0  # seconds for one answer
    waits: list[float] = field(default_factory=list)

    def words(self, now: datetime) -> dict[str, Any]:
        """What each adapter of a vendor takes: how to ask, by which clock, for how long."""
        polite = Polite(self.name, per_second=1e9, attempts=3, sleep=self.waits.append, rng=self.rng)
        return {"polite": polite, "clock": SimulatedClock(now), "timeout": self.patience}


@dataclass(frozen=True)
class Server:
    """A vendor's server. `fail` says what the next answers about prices are: "429" (wait 7 s), "500", "slow", "cut",
    "malformed". `asked` counts the questions about prices. `hang_up` takes the server off the network. `wait` 3600 s.
    """

    fail: Callable[[list[str]], None]
    asked: Callable[[], int]
    hang_up: Callable[[], None]
    silent: str  # a symbol that it knows and has no bars of


@dataclass(frozen=True)
class Facts:
    """What a source serves. `make` gives a fresh adapter; of a vendor by another clock, if told."""

    make: Callable[..., Any]
    symbols: tuple[str, ...]  # two or more that trade on one calendar, each with a bar at `until`
    currencies: Mapping[str, str]
    until: datetime  # the close of the last bar by the clock of `make()`
    frequencies: tuple[str, ...] = ("1d",)  # that `symbols` are served in
    unknown: str = "NO-SUCH"
    package: str = ""  # without it there is nothing; "": it needs none
    called: str = ""  # where its name is another than its module's
    page: int = 0  # symbols in one question for quotes; 0: it has none
    server: Server | None = None
