"""Importing this draws every figure once, of made-up numbers: what libraries do the first time is done by then.

For the warm parent that dashboards' kernels are forked from (half a second less for each page). It opens no file.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aura_lib.backtest.statistics import statistics
from aura_lib.core import Basket, Calendar, Decision, Fill, Order, Run
from aura_lib.core.codec import prepare
from aura_lib.execution import Terms
from aura_lib.reports import figures
from aura_lib.reports.about import About
from aura_lib.reports.html import caption, packed
from aura_lib.ui.table import table_html


def rehearse() -> None:
    """Everything that is slow only once."""
    prepare(Basket, Decision, Fill, Order, Run, Terms)
    times = Calendar.of("XNYS").closes[-80:]
    curve = pd.Series(100 + np.sin(np.arange(len(times)) / 7), times, name="made up")
    held = pd.DataFrame({"AAA": 0.4, "BBB": 0.5}, times)
    about = About("nothing", "made up", "a rehearsal")
    drawn = [
        figures.equity(curve, curve, about=about),
        figures.drawdown(curve, curve, about=about),
        figures.monthly_returns(curve.pct_change().dropna(), about=about),
        figures.weights(held, about=about),
    ]
    packed(drawn)
    caption(drawn[0])
    statistics(curve)
    table_html(held.reset_index(names="time").tail(3), "nothing")


rehearse()
