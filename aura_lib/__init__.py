"""Aura: a trading idea from a notebook to a scheduled job, without rewriting it.

Everything loads on first use: `import aura_lib as aura` costs nothing until a name is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aura_lib._version import __version__

if TYPE_CHECKING:
    from aura_lib import (
        backtest,
        data,
        exchange,
        indicators,
        jobs,
        ledger,
        optimizers,
        plan,
        reports,
        risk,
        strategies,
        ui,
    )
    from aura_lib.core import (
        Account,
        AuraError,
        Bars,
        Instrument,
        Intent,
        Mandate,
        Market,
        Schedule,
        Settings,
        Side,
        TargetWeights,
    )
    from aura_lib.jobs.run import run


def __getattr__(name: str) -> Any:
    if name == "run":
        return import_module("aura_lib.jobs.run").run
    if name not in __all__:
        raise AttributeError(f"module 'aura_lib' has no attribute {name!r}")
    if name[0].isupper():  # a noun
        return getattr(import_module("aura_lib.core"), name)
    return import_module(f"aura_lib.{name}")


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext aura_lib`: Aura's nouns show themselves as tables and pictures, and `%aura` answers."""
    import_module("aura_lib.ui.extension").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext aura_lib`."""
    import_module("aura_lib.ui.extension").unload(ipython)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Account",
    "AuraError",
    "Bars",
    "Instrument",
    "Intent",
    "Mandate",
    "Market",
    "Schedule",
    "Settings",
    "Side",
    "TargetWeights",
    "__version__",
    "backtest",
    "data",
    "exchange",
    "indicators",
    "jobs",
    "ledger",
    "optimizers",
    "plan",
    "reports",
    "risk",
    "run",
    "strategies",
    "ui",
]
