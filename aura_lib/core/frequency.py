"""How often a bar comes: 1m, 5m, 15m, 1h, 1d, 1w."""

from __future__ import annotations

from datetime import timedelta

from aura_lib.core.errors import InputError

__all__ = ["FREQUENCIES", "INTRADAY", "step"]

INTRADAY = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
}
FREQUENCIES = (*INTRADAY, "1d", "1w")  # from fine to coarse


def step(frequency: str) -> timedelta:
    """How much time a bar spans; of 1d and 1w the calendar's days. Another word raises InputError.

    Example:
        >>> step("15m")
        datetime.timedelta(seconds=900)
    """
    if frequency not in FREQUENCIES:
        raise InputError(f"unknown frequency {frequency!r}: there is {', '.join(FREQUENCIES)}")
    return INTRADAY.get(frequency, timedelta(days=7 if frequency == "1w" else 1))
