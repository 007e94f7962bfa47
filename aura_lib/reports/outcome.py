"""What `aura.run` returned, as a table and a figure, whichever mode it ran in."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.backtest import Backtest, Replay
from aura_lib.core import InputError
from aura_lib.execution import Proposal
from aura_lib.reports import figures, tables
from aura_lib.reports.about import About

if TYPE_CHECKING:
    import plotly.graph_objects as go


@singledispatch
def outcome_table(outcome: Any, benchmark: pd.Series | None = None) -> pd.DataFrame:
    """A Backtest against a benchmark (prices, indexed by time), or a Proposal with the desk's verdict on each leg."""
    raise InputError(f"outcome_table shows what aura.run returned, not {type(outcome).__name__}")


@outcome_table.register(Backtest)
def _(outcome: Backtest, benchmark: pd.Series | None = None) -> pd.DataFrame:
    subjects = {"strategy": outcome.stats}
    if benchmark is not None:
        subjects[str(benchmark.name)] = outcome.benchmark(benchmark)
    return tables.against(tables.summary(subjects), outcome.mandate.currency)


@outcome_table.register(Proposal)
def _(outcome: Proposal, benchmark: pd.Series | None = None) -> pd.DataFrame:
    rows = [
        {
            "symbol": intent.symbol, "side": intent.side.value, "quantity": float(intent.quantity),
            "decision": "approved" if decision.approved else "rejected", "rule": decision.rule, "why": intent.reason,
        }
        for intent, decision in zip(outcome.basket.intents, outcome.decisions, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["symbol", "side", "quantity", "decision", "rule", "why"])


@outcome_table.register(Replay)
def _(outcome: Replay, benchmark: pd.Series | None = None) -> pd.DataFrame:
    rows = [
        {"slot": s.slot, "orders": len(s.intents), "approved": sum(d.approved for d in s.decisions)}
        for s in outcome.slots
    ]
    return pd.DataFrame(rows, columns=["slot", "orders", "approved"])


@singledispatch
def outcome_figure(outcome: Any, benchmark: pd.Series | None = None) -> go.Figure | None:
    """The equity of a Backtest against a benchmark, on a log scale; None where there is no curve yet."""
    return None


@outcome_figure.register(Backtest)
def _(outcome: Backtest, benchmark: pd.Series | None = None) -> go.Figure:
    about = About(subject="the strategy", source=outcome.bars.source, currency=outcome.mandate.currency)
    return figures.equity(outcome.equity, benchmark, about=about, log=True)
