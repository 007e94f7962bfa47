"""The garbage collector while a run lasts: it looks for cycles less often, since a run makes much and drops nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 5_000  # new objects between two looks; Python's own figure is 700


@contextmanager
def patient() -> Iterator[None]:
    """Let more objects come together before Python looks through them for cycles.

    A run makes objects by the hundred thousand and keeps them. At Python's own pace every 70,000 of them may have all
    there is in memory looked through, imported libraries included: a fifth of the time of a run, in which nothing is
    found. What a strategy leaves behind in cycles is still found all along. Who has turned the collector off, or made
    it more patient, is left alone.
    """
    before = gc.get_threshold()
    if 0 < before[0] < YOUNG:
        gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
