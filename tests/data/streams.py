"""A stream on this machine that fails as real ones do, and what it should have told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

from aura_lib.core import Bar, DataError, InputError, Tick
from aura_lib.data.stream import Feed, Traits

Deliver = Callable[[Sequence[Tick | Bar]], None]
OPEN = datetime(2024, 3, 11, 13, 30, tzinfo=UTC)  # a Monday, XNYS opens
QUICK = (0.01, 0.05)  # seconds between attempts


@dataclass(frozen=True)
class Cut:
    """The connection is lost."""

    quiet: float = 0.0  # seconds before


@dataclass(frozen=True)
class Silence:
    """Nothing comes for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class WrongKey:
    """The vendor does not know us."""


Step = Sequence[Tick | Bar] | Cut | Silence | WrongKey


class Faulty:
    """Plays its steps, over as many connections as it takes. It remembers `history`, unless it is forgetful."""

    name = "faulty"

    def __init__(
        self,
        steps: Sequence[Step],
        history: Sequence[Tick | Bar] = (),
        traits: Traits | None = None,
        forgets: bool = False,
    ) -> None:
        self.traits = traits or Traits()
        self.connections = 0
        self.asked: list[tuple[datetime, datetime]] = []
        self._steps = iter(steps)
        self._history = history
        self._forgets = forgets

    def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Event) -> None:
        self.connections += 1
        for step in self._steps:
            if stopped.is_set():
                return
            if isinstance(step, Cut):
                stopped.wait(step.quiet)
                raise DataError("the connection was lost")
            if isinstance(step, WrongKey):
                raise InputError("FAULTY_API_KEY is not valid: set another one")
            if isinstance(step, Silence):
                stopped.wait(step.seconds)
            else:
                deliver(step)

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> Sequence[Tick | Bar]:
        self.asked.append((after, until))
        if self._forgets:
            raise DataError("no history is kept")
        return [e for e in self._history if e.symbol in symbols and after < e.time <= until]


def minutes(symbol: str, count: int, first: int = 1, numbered: bool = False) -> list[Bar]:
    """Bars of a minute from the open on; bar n closes at n and trades n."""
    return [
        Bar(symbol, OPEN + timedelta(minutes=n), n, n + 0.5, n - 0.5, n, n, "1m", n if numbered else None)
        for n in range(first, first + count)
    ]


def ticks(symbol: str, count: int, apart: float = 1.0, first: int = 1, numbered: bool = True) -> list[Tick]:
    """Trades so many seconds apart; tick n has price n and sequence n."""
    return [
        Tick(symbol, OPEN + timedelta(seconds=apart * n), float(n), 1.0, n if numbered else None)
        for n in range(first, first + count)
    ]


@contextmanager
def heard(
    stream: Faulty, symbols: Sequence[str] = ("AAA",), **options: object
) -> Iterator[tuple[Feed, list[Tick | Bar]]]:
    """A feed that has not started, and all that it tells. The clock is a minute after the last of the history."""
    told: list[Tick | Bar] = []
    options = {"waits": QUICK, "now": lambda: OPEN + timedelta(hours=2), **options}
    with Feed(stream, symbols, **options) as feed:  # type: ignore[arg-type]
        feed.listen(told.append)
        yield feed, told


def until(true: Callable[[], object], patience: float = 20.0) -> bool:
    """Wait for something to become true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.002)
    return bool(true())
