"""does a decision, or a row, know the future? truncation and other futures (dynamic), and a reading of the source"""

from __future__ import annotations

from aura_lib.backtest.causality.decisions import check
from aura_lib.backtest.causality.finding import Causality, Finding
from aura_lib.backtest.causality.indicator import check_indicator
from aura_lib.backtest.causality.notebook import Running, check_notebook
from aura_lib.backtest.causality.reading import scan

__all__ = ["Causality", "Finding", "Running", "check", "check_indicator", "check_notebook", "scan"]
