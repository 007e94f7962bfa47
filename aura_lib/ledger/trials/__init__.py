"""Trials: every backtest and every cell of a sweep is counted, whoever ran it; the same one twice counts once.

A trial is code + parameters + snapshot + universe + window + schedule + costs. A sweep is one entry with its count.
Trials belong to a family, the notebook or the function they came from; whatever is tried in a notebook is its own too,
and a family that shares a function of the project with another (a notebook and the module its strategy is in) shares
its trials. Functions that Aura ships are everybody's: of them, only what was tried in no notebook is shared.

Sampled return paths lie in files beside the journal and are kept as outputs of runs are (`retention`); what is counted
does not depend on them.

What counts once: the same trial again, under whatever name; the same sweep again; and the cells that two sweeps of
the same code, snapshot, universe, window, schedule and costs have in common, where both say which cells they tried (a
product grid, or the parameters of each; up to a million cells). Where that cannot be known a sweep counts in full:
the larger number is the honest one.
"""

from __future__ import annotations

from aura_lib.ledger.trials.files import keep_paths
from aura_lib.ledger.trials.history import Trials, families, history
from aura_lib.ledger.trials.retention import unkept
from aura_lib.ledger.trials.writing import COMPLETED, count, count_sweep, keep_cells

__all__ = ["COMPLETED", "Trials", "count", "count_sweep", "families", "history", "keep_cells", "keep_paths", "unkept"]
