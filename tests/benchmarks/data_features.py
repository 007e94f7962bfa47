"""Fourteen features on 800 symbols × 3,400 days, from a store that nobody has read yet, and once they are kept.

The size of the workload that Qlib publishes (Yang et al., Qlib: An AI-oriented Quantitative Investment Platform, 2020,
table 1: 7.4 s on one processor with its caches on). Its features are not published with it; these are of the same kind:
returns, averages, deviations, extremes, ranges, ratios to volume, over windows of 1 to 60 days.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from aura_lib import data, indicators
from aura_lib.core import Bars, Calendar, Settings
from tests.benchmarks.rows import Row

SYMBOLS, DAYS = 800, 3400


def features() -> dict[str, Callable[[Bars], pd.DataFrame]]:
    """By name, all of bars → time × symbol."""
    return {
        "return 1": lambda bars: bars.close / bars.close.shift(1) - 1,
        "momentum 20": lambda bars: indicators.momentum(bars.close, 20),
        "momentum 60": lambda bars: indicators.momentum(bars.close, 60),
        "gap": lambda bars: bars.open / bars.close.shift(1) - 1,
        "range": lambda bars: (bars.high - bars.low) / bars.open,
        "average 5": lambda bars: indicators.sma(bars.close, 5) / bars.close,
        "average 20": lambda bars: indicators.sma(bars.close, 20) / bars.close,
        "average 60": lambda bars: indicators.sma(bars.close, 60) / bars.close,
        "exponential 20": lambda bars: indicators.ema(bars.close, 20) / bars.close,
        "volatility 20": lambda bars: indicators.realised_volatility(bars.close, 20),
        "high 20": lambda bars: bars.high.rolling(20).max() / bars.close,
        "low 20": lambda bars: bars.low.rolling(20).min() / bars.close,
        "volume 20": lambda bars: bars.volume / indicators.sma(bars.volume, 20),
        "deviation of volume 20": lambda bars: bars.volume.rolling(20).std() / bars.volume,
    }


def made() -> Bars:
    """Bars of the size, with numbers of no meaning."""
    rng = np.random.default_rng(14)
    times = Calendar.of("XNYS").closes[9000 : 9000 + DAYS]
    names = [f"S{number:03}" for number in range(SYMBOLS)]
    steps = rng.normal(0, 0.01, (DAYS, SYMBOLS))
    close = pd.DataFrame((100 * np.exp(steps.cumsum(axis=0))).round(2), times, names)
    wide = 1 + np.abs(rng.normal(0, 0.005, (DAYS, SYMBOLS)))
    first = (close * np.exp(rng.normal(0, 0.003, (DAYS, SYMBOLS)))).round(2)
    high = (np.maximum(close, first) * wide).round(2)
    low = (np.minimum(close, first) / wide).round(2)
    volume = pd.DataFrame(rng.integers(1e5, 1e7, (DAYS, SYMBOLS)).astype("float64"), times, names)
    return Bars({"open": first, "high": high, "low": low, "close": close, "volume": volume}, "features")


def main(home: str, snapshot: str) -> None:
    """One process on one core: load, fourteen features; prints the seconds that it took, and its peak memory in MB."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    settings = Settings(Path(home), "")
    began = time.perf_counter()
    bars = data.fetching.kept(settings).get(snapshot)
    frames = [data.derived(function, bars, settings=settings) for function in features().values()]
    sums = [np.nansum(frame.to_numpy()) for frame in frames]  # every number is looked at
    taken = time.perf_counter() - began
    assert len(sums) == 14
    assert all(frame.shape == (DAYS, SYMBOLS) for frame in frames)
    status = Path("/proc/self/status").read_text()
    print(taken, int(status.partition("VmHWM:")[2].split()[0]) / 1e3)


def rows(folder: Path) -> Iterable[Row]:
    """Cold: a new process, its files out of the system's memory too. Cached: another process, after it."""
    home = folder / "features"
    snapshot = data.keep(made(), settings=Settings(home, "")).snapshot
    for path in home.rglob("*"):
        if path.is_file():
            _forget(path)
    cold, memory = _measured(home, snapshot)
    yield Row("data.features.cold", cold, "s", goal=7.4)
    yield Row("data.features.cold.memory", memory, "MB")
    cached, memory = sorted(_measured(home, snapshot) for _ in range(3))[1]
    yield Row("data.features.cached", cached, "s", goal=1.0)
    yield Row("data.features.cached.memory", memory, "MB")


def _forget(path: Path) -> None:
    """Have the system read a file from its disk again."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measured(home: Path, snapshot: str) -> tuple[float, float]:
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
    command = [sys.executable, "-m", __name__, str(home), snapshot]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **alone})
    taken, memory = done.stdout.split()[-2:]
    return float(taken), float(memory)


if __name__ == "__main__":
    main(*sys.argv[1:3])
