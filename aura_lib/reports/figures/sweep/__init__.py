"""Figures of a search: where the good combinations lie, what surrounds the chosen one, what luck alone would give.

Each takes a sweep, or its table: a row for each combination, or for each combination, fold and part (`train`, `test`).
What was optimised is the train part; the test part of the same combinations stands beside it and decides nothing.
"""

from __future__ import annotations

from aura_lib.reports.figures.sweep.growth import growth
from aura_lib.reports.figures.sweep.heat import heat_map
from aura_lib.reports.figures.sweep.lines import convergence, profile
from aura_lib.reports.figures.sweep.parallel import parallel_coordinates
from aura_lib.reports.figures.sweep.trials import trials

__all__ = ["convergence", "growth", "heat_map", "parallel_coordinates", "profile", "trials"]
