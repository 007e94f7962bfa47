"""Seeded panels that the suite `data` is measured on, kept as arrays so that a child reads them in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aura_lib.core import Bars

FIELDS = ("open", "high", "low", "close", "volume")
DAILY, MINUTES = (500, 5040), (50, 49_600)  # symbols × bars: 500 × 20 years, and minutes to make it 5 million rows


def make(folder: Path, seed: int = 0) -> None:
    """Write the arrays: prices with cents, whole volumes."""
    rng = np.random.default_rng(seed)
    for name, (symbols, bars) in (("1d", DAILY), ("1m", MINUTES)):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01 if name == "1d" else 0.0005, (symbols, bars)), axis=1))
        spread = np.abs(rng.normal(0, 0.005, (2, symbols, bars)))
        first = close * (1 + rng.normal(0, 0.002, (symbols, bars)))
        high, low = np.maximum(first, close) * (1 + spread[0]), np.minimum(first, close) * (1 - spread[1])
        prices = [np.maximum(np.round(values, 2), 0.01) for values in (first, high, low, close)]
        volume = np.round(rng.lognormal(12, 1, (symbols, bars)))
        np.save(folder / f"{name}.npy", np.stack([*prices, volume]))


def names(frequency: str) -> list[str]:
    """Its symbols."""
    return [f"{'D' if frequency == '1d' else 'M'}{i:04d}" for i in range((DAILY if frequency == "1d" else MINUTES)[0])]


def times(frequency: str) -> pd.DatetimeIndex:
    """Its moments."""
    if frequency == "1d":
        return pd.bdate_range("2005-01-03 21:00", periods=DAILY[1], tz="UTC", unit="us")
    return pd.date_range("2024-01-02 14:31", periods=MINUTES[1], freq="min", tz="UTC", unit="us")


def bars(folder: Path, frequency: str) -> Bars:
    """One of the panels."""
    values = np.load(folder / f"{frequency}.npy")
    frames = {
        n: pd.DataFrame(v.T, times(frequency), names(frequency), copy=False)
        for n, v in zip(FIELDS, values, strict=True)
    }
    return Bars(frames, source="bench", frequency=frequency, calendar="24/7")
