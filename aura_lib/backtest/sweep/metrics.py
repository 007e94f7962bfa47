"""Metrics of a sweep: what each adds up bar by bar, and the formula at the end of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aura_lib.core import InputError


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a window: the sums it is made of, and its formula over them.

    In a formula `n` is the window's bars and `year` the bars of a year.
    """

    sums: tuple[str, ...]
    formula: str
    best: float = 1.0  # −1 where less is better


_DEVIATION = "math.sqrt(variance)"

# total, squares: of the returns; losses: of the squares of those below zero; growth: their product;
# worst: lowest equity over its running maximum.
METRICS: dict[str, Metric] = {
    "total_return": Metric(("growth",), "growth - 1.0"),
    "annual_return": Metric(("growth",), "growth ** (year / n) - 1.0"),
    "volatility": Metric(("total", "squares"), f"{_DEVIATION} * math.sqrt(year)", -1.0),
    "sharpe": Metric(("total", "squares"), f"mean / {_DEVIATION} * math.sqrt(year) if variance > 0.0 else math.nan"),
    "sortino": Metric(
        ("total", "losses"), "mean * math.sqrt(year) / math.sqrt(losses / n) if losses > 0.0 else math.nan"
    ),
    "max_drawdown": Metric(("growth", "worst"), "worst - 1.0"),
    "calmar": Metric(("growth", "worst"), "(growth ** (year / n) - 1.0) / (1.0 - worst) if worst < 1.0 else math.nan"),
    "turnover": Metric(("turnover",), "turnover / n * year", -1.0),  # traded value over equity, a year
    "orders": Metric(("orders",), "orders", -1.0),
    "exposure": Metric(("exposure",), "exposure / n"),  # mean of |positions| over equity at the close
}
DEFAULT = ("total_return", "sharpe", "max_drawdown")


def checked(metrics: Sequence[str]) -> tuple[str, ...]:
    """Names of metrics without repeats, `sharpe` always among them: the ledger needs it."""
    if isinstance(metrics, str) or not len(metrics):
        raise InputError(f"metrics={metrics!r} must be a list of names among {', '.join(METRICS)}")
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise InputError(f"unknown metrics {unknown}; there are {', '.join(METRICS)}")
    return tuple(dict.fromkeys([*metrics, "sharpe"]))


def needed(metrics: Sequence[str]) -> tuple[str, ...]:
    """The sums that these metrics are made of, in a fixed order."""
    wanted = {name for metric in metrics for name in METRICS[metric].sums}
    order = ("growth", "total", "squares", "losses", "worst", "turnover", "orders", "exposure")
    return tuple(name for name in order if name in wanted)
