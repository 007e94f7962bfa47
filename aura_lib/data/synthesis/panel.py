"""The frames of a synthetic market: days or minutes, and what was asked to be missing or bad in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Calendar, InputError, utc
from aura_lib.core.frequency import INTRADAY
from aura_lib.data.synthesis.blemishes import spoil
from aura_lib.data.synthesis.chance import Values, stream
from aura_lib.data.synthesis.daily import YEAR, Days, days, sessions
from aura_lib.data.synthesis.minutes import FIELDS, Counts, grouped, minutes
from aura_lib.data.synthesis.options import Options

FREQUENCIES = (*INTRADAY, "1d")
MOST_MINUTES = 10_000_000  # symbols × minutes: 0.4 GB


def frames(options: Options, numbers: Sequence[int], frequency: str = "1d") -> dict[str, pd.DataFrame]:
    """Field → float64 frame (time × symbol), not checked: with `bad` rows they may not be fit for Bars.

    Raises InputError when the frequency is unknown, or when there would be more than 10 million minutes.
    """
    if frequency not in FREQUENCIES:
        raise InputError(f"synthetic has bars of {', '.join(FREQUENCIES)}, not {frequency!r}")
    if frequency == "1d":
        found = days(options, numbers)
        fields, times, session = found.fields, found.closes, np.arange(len(found.closes))
    else:
        clock = _clock(options, "1m")
        _affordable(options, len(numbers), len(clock))
        found = days(options, numbers)
        times = clock if frequency == "1m" else _clock(options, frequency)
        fields, session = _intraday(options, numbers, found, clock, times)
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


def _clock(options: Options, frequency: str) -> pd.DatetimeIndex:
    """When every bar within a session closes."""
    _, opens, closes = sessions(options)
    first = opens[0] + pd.Timedelta(minutes=1)  # around the clock, a day closes as this one opens
    return Calendar.of(options.calendar).bar_closes(frequency, utc(first), utc(closes[-1]))


def _affordable(options: Options, symbols: int, length: int) -> None:
    if symbols * length > MOST_MINUTES:
        raise InputError(
            f"{symbols} symbol(s) over {options.years} year(s) are {symbols * length:,} minutes, {MOST_MINUTES:,} is "
            "the most: ask for fewer, such as source='synthetic:symbols=5,years=1'"
        )


def _intraday(
    options: Options, numbers: Sequence[int], found: Days, clock: pd.DatetimeIndex, times: pd.DatetimeIndex
) -> tuple[dict[str, Values], Counts]:
    """Fields (symbol × bar) of the bars that close at `times`, made of the minutes of `clock`; their sessions."""
    counts = np.bincount(found.closes.searchsorted(clock), minlength=len(found.closes))
    begins = np.searchsorted(times.searchsorted(clock), np.arange(len(times)))
    each = [grouped(minutes(options.seed, n, found, row, counts), begins) for row, n in enumerate(numbers)]
    session = np.asarray(found.closes.searchsorted(times), dtype=np.int64)
    return {name: np.array([one[name] for one in each]) for name in FIELDS}, session


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
