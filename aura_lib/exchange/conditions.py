"""What stands between an order and its fill at a real venue: the way there, and a refusal now and then.

Both are functions of a seed and the order's client id, not of the order in which they are asked: two runs agree.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from aura_lib.core import InputError

WHOLE = 1 << 64
NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an order is on its way: at least `least`, and evenly spread up to `jitter` more.

    Raises InputError for what would be there before it was sent.
    """

    least: timedelta
    jitter: timedelta = NOTHING
    seed: int = 0

    def __post_init__(self) -> None:
        if self.least < NOTHING or self.jitter < NOTHING:
            raise InputError(f"latency must not be negative: {self.least} and up to {self.jitter} more")

    def of(self, client_id: str) -> timedelta:
        """That of an order."""
        return self.least + self.jitter * drawn(self.seed, "latency", client_id)


@dataclass(frozen=True, slots=True)
class Rejects:
    """How likely a venue rejects an order that was in order. Raises InputError for what is no probability."""

    probability: float
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(f"a probability is between 0 and 1, not {self.probability}")

    def refuses(self, client_id: str) -> bool:
        """Whether an order is rejected."""
        return drawn(self.seed, "reject", client_id) < self.probability


def drawn(seed: int, what: str, name: str) -> float:
    """A number in [0, 1) that belongs to a name."""
    told = hashlib.sha256(f"{seed}:{what}:{name}".encode()).digest()
    return int.from_bytes(told[:8], "big") / WHOLE
