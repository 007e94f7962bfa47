"""The frames of a synthetic market: days or minutes, and what was asked to be missing or bad in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Calendar, InputError
from aura_lib.data.synthesis.blemishes import spoil
from aura_lib.data.synthesis.chance import Values, stream
from aura_lib.data.synthesis.daily import YEAR, Days, days, sessions
from aura_lib.data.synthesis.minutes import FIELDS, grouped, minutes, spans
from aura_lib.data.synthesis.options import Options

STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}  # minutes
FREQUENCIES = (*STEPS, "1d")
MOST_MINUTES = 10_000_000  # symbols × minutes: 0.4 GB


def frames(options: Options, numbers: Sequence[int], frequency: str = "1d") -> dict[str, pd.DataFrame]:
    """Field → float64 frame (time × symbol), not checked: with `bad` rows they may not be fit for Bars.

    Raises InputError when the frequency is unknown, or when there would be more than 10 million minutes.
    """
    if frequency not in FREQUENCIES:
        raise InputError(f"synthetic has bars of {', '.join(FREQUENCIES)}, not {frequency!r}")
    if frequency != "1d":
        _affordable(options, len(numbers))
    found = days(options, numbers)
    if frequency == "1d":
        fields, times, session = found.fields, found.closes, np.arange(len(found.closes))
    else:
        fields, times, session = _intraday(options, numbers, found, STEPS[frequency])
    kept = _kept(options.seed, options.missing, len(found.sessions))[session]
    gone = _gone(options, numbers, len(found.sessions))[:, session]
    names = [name_of(number) for number in numbers]
    made = {
        name: pd.DataFrame(np.where(gone, np.nan, values).T[kept], times[kept], names)
        for name, values in fields.items()
    }
    return spoil(made, options.kinds, options.seed, numbers) if options.kinds else made


def name_of(number: int) -> str:
    """Symbol of a number."""
    return f"SYN{number + 1:04d}"


def _affordable(options: Options, symbols: int) -> None:
    calendar = Calendar.of(options.calendar)
    if calendar.has_breaks:
        raise InputError(
            f"synthetic has no minutes of {options.calendar}, which closes at noon: frequency='1d' is there"
        )
    _, opens, closes = sessions(options)
    count = symbols * int(spans(opens, closes).sum())
    if count > MOST_MINUTES:
        raise InputError(
            f"{symbols} symbol(s) over {options.years} year(s) are {count:,} minutes, {MOST_MINUTES:,} is the most: "
            "ask for fewer, such as source='synthetic:symbols=5,years=1'"
        )


def _intraday(
    options: Options, numbers: Sequence[int], found: Days, step: int
) -> tuple[dict[str, Values], pd.DatetimeIndex, npt.NDArray[np.int64]]:
    """Fields (symbol × bar), the moment each bar closed, and the place of its session."""
    counts = spans(found.opens, found.closes)
    session = np.repeat(np.arange(len(counts)), counts)
    minute = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = np.flatnonzero(minute % step == 0)
    ends = np.append(begins[1:], len(session)) - 1
    times = found.opens[session[ends]] + pd.to_timedelta(minute[ends] + 1, unit="min")
    each = [grouped(minutes(options.seed, n, found, row), begins) for row, n in enumerate(numbers)]
    return {name: np.array([one[name] for one in each]) for name in FIELDS}, times, session[ends]


def _kept(seed: int, missing: float, size: int) -> npt.NDArray[np.bool_]:
    """Which sessions have bars; the first always has."""
    kept: npt.NDArray[np.bool_] = stream(seed, "missing").random(size) >= missing / YEAR
    kept[0] = True
    return kept


def _gone(options: Options, numbers: Sequence[int], size: int) -> npt.NDArray[np.bool_]:
    """Symbol × session: whether it was delisted by then; never on its first."""
    hit = np.array([stream(options.seed, "delisting", n).random(size) < options.delistings / YEAR for n in numbers])
    hit[:, 0] = False
    gone: npt.NDArray[np.bool_] = np.logical_or.accumulate(hit, axis=1)
    return gone
