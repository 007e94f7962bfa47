"""Bars in plain Python, loop by loop: the grid of a calendar, bars joined to longer ones. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

Row = tuple[datetime, datetime | None, datetime | None, datetime]  # open, break from, break to, close


def grid(sessions: Sequence[Row], minutes: int) -> Iterator[datetime]:
    """Closes of the bars of some sessions, in order."""
    for opens, pause, goes_on, closes in sessions:
        parts = [(opens, closes)] if pause is None or goes_on is None else [(opens, pause), (goes_on, closes)]
        for begin, end in parts:
            moment = begin
            while moment < end:
                moment = min(moment + timedelta(minutes=minutes), end)
                yield moment
