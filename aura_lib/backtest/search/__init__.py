"""random, Sobol and Bayesian search over a rule or a `decide`; sweeps on a Dask cluster"""

from __future__ import annotations

from aura_lib.backtest.search.result import Search
from aura_lib.backtest.search.run import search
from aura_lib.backtest.search.space import Between, Space

__all__ = ["Between", "Search", "Space", "search"]
