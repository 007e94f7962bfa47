"""How a vendor is asked: no faster than it likes, and again, later and later, when it stumbles."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TypeVar

import numpy as np

from aura_lib.core import DataError

__all__ = ["Again", "Polite", "retry_after"]

T = TypeVar("T")


class Again(Exception):
    """This attempt failed, another one may not. `after` is how many seconds the vendor asks to wait, if it says so."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass
class Polite:
    """Asks one vendor. Safe to share between threads.

    The wait after attempt n is drawn from [½, 1] × `first_wait` × 2ⁿ⁻¹ seconds, at most `longest_wait`, so that many
    callers who failed together do not come back together. A vendor that says how long to wait is obeyed; one that asks
    for more than `longest_wait` is not waited for.

    Args:
        vendor: its name, for messages.
        per_second: calls a second at most.
        attempts: how often one thing is asked for, at most.
        first_wait: longest wait after the first failure, seconds.
        longest_wait: longest wait of all, seconds.
        now: a clock that counts seconds.
        sleep: waits that many seconds.
        rng: where the jitter comes from.
    """

    vendor: str
    per_second: float = 2.0
    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)
    _free: float = field(default=float("-inf"), init=False, repr=False)

    def take_turn(self) -> None:
        """Wait until the next call is allowed."""
        with self._lock:
            moment = self.now()
            turn = max(moment, self._free)
            self._free = turn + 1 / self.per_second
        if turn > moment:
            self.sleep(turn - moment)

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """The answer of `call`, which raises Again when it is worth another attempt; DataError when none is left."""
        for attempt in range(1, self.attempts + 1):
            self.take_turn()
            try:
                return call()
            except Again as failure:
                self._wait(what, attempt, failure)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait(self, what: str, attempt: int, failure: Again) -> None:
        if attempt == self.attempts:
            raise DataError(
                f"{self.vendor} did not give {what} in {attempt} attempt(s), the last time: {failure}. Try again later"
            ) from failure
        longest = min(self.first_wait * 2 ** (attempt - 1), self.longest_wait)
        wait = longest * (1 + self.rng.random()) / 2
        if failure.after is not None:
            if failure.after > self.longest_wait:
                raise DataError(
                    f"{self.vendor} did not give {what}: {failure}, and it asks to wait {failure.after:.0f} s. "
                    "Try again then"
                ) from failure
            wait = max(wait, failure.after)
        self.sleep(wait)


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number, or a date; RFC 9110 §10.2.3); None if it says nothing.

    Example:
        >>> retry_after("120")
        120.0
        >>> retry_after("Fri, 02 Jan 2026 00:00:30 GMT", datetime(2026, 1, 2, tzinfo=UTC))
        30.0
    """
    text = (header or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
