"""Full evidence of a ten-year, hundred-symbol daily strategy: at most 30 s; nothing published to stand beside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from time import perf_counter
from unittest.mock import patch

import numpy as np
import pandas as pd

from tests.benchmarks.rows import Row


def rows() -> Iterator[Row]:
    """One examination: nine cells, walk-forward, cross-validation, causality, warm-up, robustness, statistics."""
    from aura_lib import backtest
    from aura_lib.core import Bars, Calendar, Mandate
    from aura_lib.strategies.momentum import decide

    random = np.random.default_rng(0)
    times = Calendar.of("XNYS").closes[-2800:-280]
    steps = random.normal(0.0003, 0.015, (len(times), 100)) + random.normal(0, 0.008, (len(times), 1))
    names = [f"S{n:03d}" for n in range(100)]
    bars = Bars({"close": pd.DataFrame(50 * np.exp(steps.cumsum(axis=0)), times, names)}, source="random walks")
    with TemporaryDirectory() as home, patch.dict(os.environ, AURA_HOME=home):
        began = perf_counter()
        found = backtest.evidence(
            decide, bars, Mandate(bars.symbols), schedule="XNYS month-end close",
            params={"lookback": 126, "top": 20, "window": 252},
            grid={"lookback": [63, 126, 252], "top": [10, 20, 30]}, warmup=260,
        )  # fmt: skip
        whole = perf_counter() - began
    assert all(finding.passed is not None for finding in found.findings), found.verdict
    yield Row("proof.evidence", whole, "s", goal=30)
