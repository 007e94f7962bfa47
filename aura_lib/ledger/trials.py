"""Trials: every backtest is counted, whoever ran it; the same one twice counts once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aura_lib.core import Bars, digest, iso
from aura_lib.ledger.journal import SYSTEM

if TYPE_CHECKING:
    from aura_lib.ledger.ledger import Ledger


def count(
    ledger: Ledger,
    decide: Callable[..., Any],
    bars: Bars,
    params: Mapping[str, Any],
    schedule: str,
    statistics: Mapping[str, float],
    *,
    code: str = "",
    family: str = "",
) -> None:
    """Write down that `decide` was tried on these bars with these parameters.

    `code` and `family` name the code and the notebook of a run; without them somebody tried by hand, and they
    are the function's own source and name.
    """
    parameters = {
        name: value if isinstance(value, int | float | str | bool) else repr(value) for name, value in params.items()
    }
    trial = {
        "code": code or digest(_source(decide)),
        "parameters": parameters,
        "snapshot": bars.snapshot,
        "window": [iso(bars.start), iso(bars.end)],
        "schedule": schedule,
    }
    name = family or f"{decide.__module__}.{getattr(decide, '__qualname__', 'decide')}"
    body = {**trial, "family": name, "statistics": dict(statistics), "interactive": not code}
    ledger.journal.append(SYSTEM, "trial", body, key=f"trial:{digest(trial)}")


def _source(decide: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(decide)
    except (OSError, TypeError):
        return repr(decide)
