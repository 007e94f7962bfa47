"""The sweep beside vectorbt and a hand-written loop; a million backtests; the second process. Equal results first.

The loop is what an able person writes for this one task: fused, compiled, parallel over combinations, moving averages
computed once, nothing stored a bar, no division inside. How time and memory grow is measured in `growth`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.folds import walk_forward  # noqa: F401 - for the million
from aura_lib.backtest.sweep import rules, sweep
from aura_lib.core import Bars
from aura_lib.exchange import Costs
from tests.benchmarks.rows import Row, seconds

FEES = Costs(commission_bps=Decimal(10), slippage_bps=Decimal(0))
WINDOWS = list(range(5, 5 + 4 * 48, 4))  # 1,128 pairs
CLOSE: dict[str, Any] = {"costs": FEES, "fill": "same close", "count": False}


def random_bars(count: int) -> Bars:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0002, 0.01, count)))
    times = pd.date_range("1990-01-01 21:00", periods=count, freq="D", tz="UTC")
    return Bars({"close": pd.DataFrame({"A": close}, index=times)}, source="random walk")


def written_by_hand() -> Callable[..., Any]:
    """The peer."""
    from numba import njit, prange

    @njit(cache=True)
    def means(close: Any, windows: Any) -> Any:
        made = np.full((len(windows), len(close)), np.nan)
        total = np.empty(len(close) + 1)
        total[0] = 0.0
        for t in range(len(close)):
            total[t + 1] = total[t] + (close[t] - close[0])
        for i in range(len(windows)):
            w = windows[i]
            for t in range(w - 1, len(close)):
                made[i, t] = (total[t + 1] - total[t + 1 - w]) / w + close[0]
        return made

    @njit(parallel=True, cache=True)
    def loop(close: Any, windows: Any, pairs: Any, fee: float, year: float) -> Any:
        rows, bars = means(close, windows), len(close)
        moves = np.ones(bars)
        moves[1:] = close[1:] / close[:-1]
        enter, leave = 1 / (1 + fee), 1 - fee
        out = np.empty((len(pairs), 3))
        for k in prange(len(pairs)):
            fast, slow = rows[pairs[k, 0]], rows[pairs[k, 1]]
            held, equity, under, worst, total, squares = False, 1.0, 1.0, 1.0, 0.0, 0.0
            for t in range(bars):
                change = moves[t] if held else 1.0
                want = fast[t] > slow[t]
                if want != held:
                    change *= enter if want else leave
                    held = want
                equity *= change
                r = change - 1.0
                total += r
                squares += r * r
                under = min(under * change, 1.0)
                worst = min(worst, under)
            mean = total / bars
            out[k, 0] = equity - 1
            out[k, 1] = mean / math.sqrt((squares - total * mean) / (bars - 1)) * math.sqrt(year)
            out[k, 2] = worst - 1
        return out

    return loop


def alternating(works: dict[str, Callable[[], Any]], times: int) -> dict[str, float]:
    """Median seconds of each, taken in turn, so that a busy machine is busy for all.

    In between both rest for a moment: the threads of a compiled loop go on spinning for a while after their work, and
    whoever comes next would have one core less.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(times):
        for name, work in works.items():
            sleep(0.01)
            began = perf_counter()
            work()
            taken[name].append(perf_counter() - began)
    return {name: median(each) for name, each in taken.items()}


def by_vectorbt(close: pd.Series, pairs: list[tuple[int, int]]) -> Any:
    import vectorbt as vbt

    means = {w: close.rolling(w).mean().to_numpy() for w in WINDOWS}
    long = np.column_stack([means[a] > means[b] for a, b in pairs])
    theirs = vbt.Portfolio.from_signals(
        close, pd.DataFrame(long, close.index), pd.DataFrame(~long, close.index), fees=0.001, freq="1D", engine="rust"
    )
    scale = math.sqrt(252 / 365)
    return np.column_stack([theirs.total_return(), theirs.sharpe_ratio() * scale, theirs.max_drawdown()])


def rows() -> Iterator[Row]:
    yield from _crossover()
    yield from _million()
    yield _second_process()


def _crossover() -> Iterator[Row]:
    bars = random_bars(5000)
    close, windows = bars.close["A"].to_numpy(), np.array(WINDOWS)
    places = np.array([(i, j) for i in range(48) for j in range(i + 1, 48)])
    pairs = [(WINDOWS[i], WINDOWS[j]) for i, j in places]
    hand = written_by_hand()

    def ours() -> Any:
        return sweep(rules.sma_crossover, bars, {"fast": WINDOWS, "slow": WINDOWS}, where="fast < slow", **CLOSE)

    mine, theirs = ours().kept, by_vectorbt(bars.close["A"], pairs)
    mine.settle()
    apart = np.abs(mine.values[:, 0] - theirs).max()
    assert apart < 1e-9, f"not vectorbt's numbers: {apart}"
    assert np.abs(mine.values[:, 0] - hand(close, windows, places, 0.001, 252.0)).max() < 1e-9
    took = alternating({"ours": ours, "hand": lambda: hand(close, windows, places, 0.001, 252.0)}, 41)
    yield Row(
        "sweep 1,128 pairs × 5,000 bars",
        1e3 * took["ours"],
        "ms",
        1e3 * took["hand"],
        "a loop by hand",
        1e3 * took["hand"],
    )
    vectorbt = seconds(lambda: by_vectorbt(bars.close["A"], pairs), 1)
    yield Row("… furthest from vectorbt", float(apart), "", 1e-9)
    yield Row("… beside vectorbt (Rust)", 1e3 * took["ours"], "ms", None, "vectorbt", 1e3 * vectorbt)
    counted = seconds(lambda: _counted(bars), 3)
    yield Row("… written into the trial ledger", 1e3 * counted, "ms")


def _counted(bars: Bars) -> Any:
    asked = {**CLOSE, "count": True}
    return sweep(rules.sma_crossover, bars, {"fast": WINDOWS, "slow": WINDOWS}, where="fast < slow", **asked)


MILLION = """
import json, time
from tests.benchmarks.rows import peak
from tests.benchmarks.proof_sweep import random_bars, CLOSE, rules, walk_forward, sweep
bars = random_bars(5040)
parts = walk_forward(5040, train=756, test=252)
def run(most):
    fast, slow = list(range(2, 2 + most)), list(range(1010, 1010 + most))
    return sweep(rules.sma_crossover, bars, {"fast": fast, "slow": slow}, folds=parts, keep=1000, **CLOSE)
run(8)
began = time.perf_counter(); cpu = time.process_time()
found = run(1000)
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu, found.count, peak() * 1024**2 / 1e9]))
"""


def _child(source: str, home: str) -> Any:
    told = subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, "AURA_HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(told.stdout)


def _million() -> Iterator[Row]:
    with TemporaryDirectory() as home:
        took, cpu, count, memory = _child(MILLION, home)
    assert count == 1_000_000
    yield Row("a million 20-year daily backtests, 17 folds", took, "s", 10)
    yield Row("… time of both cores together", cpu, "s")
    yield Row("… memory of the process", memory, "GB", 1)


FIRST = """
import json, time
from tests.benchmarks.proof_sweep import random_bars, CLOSE, WINDOWS, rules, sweep
bars = random_bars(5000)
import numba
began = time.perf_counter()
sweep(rules.sma_crossover, bars, {"fast": WINDOWS, "slow": WINDOWS}, where="fast < slow", **CLOSE)
print(json.dumps(time.perf_counter() - began))
"""


def _second_process() -> Row:
    with TemporaryDirectory() as home:
        first, second = _child(FIRST, home), _child(FIRST, home)
    return Row("first sweep of the second process", second, "s", 0.5, "of the first", first)


if __name__ == "__main__":
    for row in rows():
        print(row.id, f"{row.value:.4g}", row.unit, "goal", row.goal, row.peer or "", row.peer_value or "", row.ok)
