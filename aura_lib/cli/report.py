"""The report of a book: its curve against the index, its runs, the proofs and the doubts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.backtest import Backtest, Parity
    from aura_lib.core import Run, Settings
    from aura_lib.jobs.audit import Audit

INDEX = "SP500"
SHOWN = ("n_runs", "n_orders", "turnover", "costs", "total_return", "volatility", "max_drawdown", "sharpe")
DOUBTS = (
    "The sample holds twenty companies that were large in 2022: survivors. It flatters every strategy tried on it.",
    "The sample prices are for trying only, not for research that anybody acts on.",
    "Simulated fills at the next session's close with constant slippage; size does not move the market.",
)


def _index_prices(traded: Backtest, settings: Settings) -> pd.Series:
    from aura_lib import data

    return data.load([INDEX], source=traded.bars.source, as_of=traded.bars.end, settings=settings).close[INDEX]


def comparison(traded: Backtest, settings: Settings, runs: Sequence[Run]) -> pd.DataFrame:
    """The few numbers everybody asks for, of the book and of the index over the same sessions."""
    from aura_lib.reports import tables

    book = {**traded.stats, "n_runs": float(len(runs))}
    index = traded.benchmark(_index_prices(traded, settings))
    chosen = {"Momentum": book, "S&P 500": index}
    return tables.summary({who: {n: figures[n] for n in SHOWN if n in figures} for who, figures in chosen.items()})


def book_report(traded: Backtest, runs: Sequence[Run], parity: Parity, audit: Audit, settings: Settings) -> Path:
    """Write `reports/momentum_paper.html` in AURA_HOME and return its path."""
    from aura_lib import reports

    index = _index_prices(traded, settings)
    about = reports.About("Momentum", "S&P 500", "Aura sample data", traded.bars.end, traded.mandate.currency)
    draw = reports.figures
    file = settings.home / "reports" / "momentum_paper.html"
    return reports.report(
        "Momentum on paper",
        summary=comparison(traded, settings, runs),
        as_of=traded.bars.end,
        path=file,
        figures=[
            draw.equity(traded.equity, index, about=about),
            draw.drawdown(traded.equity, index, about=about),
            draw.monthly_returns(traded.returns, about=about),
            draw.weights(traded.weights, about=about),
            draw.costs(traded.fills_table(), about=about),
        ],
        sections=[
            reports.Section(
                "Runs", _runs(runs, file), "One execution of the same notebook each; the link opens its output."
            )
        ],
        checks=[
            reports.Check("Parity", parity.holds, f"{parity}"),
            reports.Check("Ledger", audit.ok, audit.line().removeprefix("Ledger: ")),
        ],
        assumptions=traded.assumptions,
        notices=DOUBTS,
        currency=traded.mandate.currency,
    )


def _runs(runs: Sequence[Run], file: Path) -> pd.DataFrame:
    import pandas as pd

    from aura_lib.reports import Link

    rows = [
        {
            "slot": pd.Timestamp(run.slot),
            "run": Link(run.id, os.path.relpath(run.output, file.parent)),
            "approved": run.results.get("approved"),
            "rejected": run.results.get("rejected"),
            "status": run.status.value,
            "seconds": round((run.ended - run.started).total_seconds(), 1) if run.ended else None,
        }
        for run in runs
    ]
    return pd.DataFrame(rows)
