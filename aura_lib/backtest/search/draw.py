"""Where a search looks next: in order, at random, evenly spread (Sobol), each allowed point once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aura_lib.backtest.search.space import FLAT, Points, Space, key
from aura_lib.core import InputError

BLOCK = 1024  # points drawn at once
DRY = 400_000  # points in a row that are known or ruled out after which a space counts as exhausted


class Sampler(Protocol):
    """What says which points come next, and may learn from what they were worth."""

    def ask(self, count: int) -> Points:
        """Up to `count` points that were never given before; none when the space is exhausted."""
        ...

    def tell(self, points: Points, scores: NDArray[np.float64]) -> None:
        """What points were worth, more is better; NaN where they were worth nothing that has a number."""
        ...


class Drawn:
    """Points of a stream, each once, those that the space's `where` rules out left away."""

    def __init__(self, space: Space, stream: Iterator[Points]) -> None:
        self.space, self.seen = space, set[bytes]()
        self._points = (pair for block in stream for pair in zip(block, space.allowed(block), strict=True))

    def ask(self, count: int) -> Points:
        """See Sampler."""
        found: list[Points] = []
        misses = 0
        while len(found) < count and misses < DRY:
            point, allowed = next(self._points, (None, False))
            if point is None:
                break
            if allowed and (name := key(point)) not in self.seen:
                self.seen.add(name)
                found.append(point)
                misses = 0
            else:
                misses += 1
        return np.array(found).reshape(len(found), len(self.space.names))

    def tell(self, points: Points, scores: NDArray[np.float64]) -> None:
        """Nothing is learnt."""


def sampler(method: str, space: Space, seed: int) -> Sampler:
    """The sampler of that name: grid, random, sobol or bayes. Another name raises InputError."""
    if method == "bayes":
        from aura_lib.backtest.search.bayes import Bayes

        return Bayes(space, seed)
    streams = {"grid": in_order, "random": at_random, "sobol": spread}
    if method not in streams:
        raise InputError(f"method={method!r}: give 'random', 'sobol', 'bayes' or 'grid'")
    return Drawn(space, streams[method](space, np.random.default_rng(seed)))


def in_order(space: Space, random: np.random.Generator) -> Iterator[Points]:
    """Every combination of a finite space, the last parameter changing fastest."""
    if math.isinf(space.size):
        raise InputError("method='grid' needs a list of values for every parameter: Between has no end")
    for first in range(0, int(space.size), BLOCK):
        yield space.flat(np.arange(first, min(first + BLOCK, int(space.size))))


def at_random(space: Space, random: np.random.Generator) -> Iterator[Points]:
    """Points at random, all alike; of a space small enough to be numbered, each once and to the last."""
    if space.size <= FLAT:
        order = random.permutation(int(space.size))
        for first in range(0, len(order), BLOCK):
            yield space.flat(order[first : first + BLOCK])
        return
    while True:
        yield space.at(random.random((BLOCK, len(space.names))))


def spread(space: Space, random: np.random.Generator) -> Iterator[Points]:
    """Points of a scrambled Sobol sequence (Sobol 1967, Owen 1998); what it leaves of a small space, at random."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(space.names), rng=random)
    drawn = 0
    while space.size > FLAT or drawn < 4 * space.size:
        yield space.at(sequence.random(BLOCK))
        drawn += BLOCK
    yield from at_random(space, random)
