"""validation: choose on some rows, trade on others; walk-forward and combinatorial purged cross-validation"""

from __future__ import annotations

from aura_lib.backtest.validation.crossing import CrossValidation, cross_validate
from aura_lib.backtest.validation.grid import cells
from aura_lib.backtest.validation.walking import WalkForward, walk_forward

__all__ = ["CrossValidation", "WalkForward", "cells", "cross_validate", "walk_forward"]
