"""measures (VaR, drawdown, margin), sizing, limits, compliance rules: approve or reject an Intent"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aura_lib.risk.limits import NOT_TRADABLE, Limits, check

if TYPE_CHECKING:
    from aura_lib.risk import measures


def __getattr__(name: str) -> Any:
    if name == "measures":  # pandas loads with them; a desk that only checks limits does without
        from importlib import import_module

        return import_module("aura_lib.risk.measures")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["NOT_TRADABLE", "Limits", "check", "measures"]
