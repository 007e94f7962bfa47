"""The world of the corpus: made bars, the first cell of every notebook, and what a check says of a piece of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from aura_lib import data
from aura_lib.backtest import causality
from aura_lib.core import Bars, Calendar

FIRST = """
import numpy as np
import pandas as pd
import aura_lib as aura
bars = aura.data.load(as_of="2019-12-31")
names = list("ABCDEF")
mandate = aura.Mandate(names, max_weight=1.0)
params = {}
def hold(chosen, market):
    return aura.TargetWeights({s: 0.9 / len(chosen) for s in chosen}, market.as_of)
"""
LAST = """
aura.run(decide, bars, mandate, params=params, schedule="XNYS week-end close", as_of=bars.end, warmup=80)
"""


@cache
def made_bars(rows: int = 360) -> Bars:
    """Eight symbols with all fields; G is delisted at two thirds, H listed at a third."""
    rng = np.random.default_rng(11)
    closes = Calendar.of("XNYS").closes
    first = closes.searchsorted(pd.Timestamp("2017-06-01", tz="UTC"))
    times = closes[first : first + rows]
    close = 50 * np.exp(np.cumsum(rng.normal(0.0003, 0.014, (rows, 8)), axis=0))
    close[2 * rows // 3 :, 6] = np.nan
    close[: rows // 3, 7] = np.nan
    open_ = close * np.exp(rng.normal(0, 0.004, close.shape))
    wide = {
        "open": open_, "high": np.maximum(open_, close) * 1.004, "low": np.minimum(open_, close) * 0.996,
        "close": close, "volume": rng.lognormal(13, 0.4, close.shape) * np.where(np.isnan(close), np.nan, 1.0),
    }  # fmt: skip
    frames = {name: pd.DataFrame(values, times, list("ABCDEFGH")) for name, values in wide.items()}
    return Bars(frames, "made for the corpus")


def load(*args: Any, as_of: Any = None, **more: Any) -> Bars:
    """Stands for `aura.data.load`."""
    bars = made_bars()
    if as_of is None or isinstance(as_of, str):
        return bars
    return bars.until(as_of)


@dataclass(frozen=True)
class Verdict:
    """What was found, by whom."""

    dynamic: tuple[str, ...]
    static: tuple[str, ...]

    @property
    def found(self) -> bool:
        return bool(self.dynamic or self.static)


def of_strategy(source: str) -> Verdict:
    """Both checks of a notebook with these cells."""
    cells = [FIRST, source, LAST]
    with patch.object(data, "load", load):
        moved = causality.check_notebook(cells, cuts=30)
    read = causality.scan(cells)
    return Verdict(
        tuple(f"{f.kind}: {f}" for f in moved.findings), tuple(f"{f.kind}: {f}" for f in read if not f.warning)
    )


def of_indicator(source: str) -> Verdict:
    """Both checks of a function `f(frame)`."""
    scope: dict[str, Any] = {}
    exec(source, scope)
    function: Callable[[pd.DataFrame], Any] = scope["f"]
    moved = causality.check_indicator(function, made_bars().close[list("ABCDEF")])
    read = causality.scan(source)
    return Verdict(
        tuple(f"{f.kind}: {f}" for f in moved.findings), tuple(f"{f.kind}: {f}" for f in read if not f.warning)
    )
