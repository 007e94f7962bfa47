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


def joined(
    rows: Sequence[dict[str, float]], closes: Sequence[datetime], ends: Sequence[datetime]
) -> list[dict[str, float]]:
    """One symbol's bars (field → value, closed at `closes`) joined to those that close at `ends`; NaN is unknown."""
    made = []
    for number, end in enumerate(ends):
        after = ends[number - 1] if number else datetime.min.replace(tzinfo=end.tzinfo)
        part = [row for row, close in zip(rows, closes, strict=True) if after < close <= end]
        if part and closes[-1] >= end:
            made.append({"time": end} | {name: _one(name, [row[name] for row in part]) for name in part[0]})
    return made


def _one(name: str, values: Sequence[float]) -> float:
    known = [value for value in values if value == value]
    if not known:
        return float("nan")
    return {"open": known[0], "high": max(known), "low": min(known), "close": known[-1], "volume": sum(known)}[name]
