"""ipywidgets/anywidget pieces that the dashboards are made of"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aura_lib.ui.evidence import Evidence
    from aura_lib.ui.index import Index
    from aura_lib.ui.live import Page
    from aura_lib.ui.market import Market
    from aura_lib.ui.portfolio import Portfolio
    from aura_lib.ui.shadow import Shadow
    from aura_lib.ui.trade import Trade
    from aura_lib.ui.widgets import Chart, Panel, Search

_HOMES = {
    "Chart": "widgets", "Panel": "widgets", "Search": "widgets", "Page": "live", "Portfolio": "portfolio",
    "Evidence": "evidence", "Index": "index", "Market": "market", "Trade": "trade", "Shadow": "shadow",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"aura_lib.ui.{_HOMES[name]}"), name)


__all__ = ["Chart", "Evidence", "Index", "Market", "Page", "Panel", "Portfolio", "Search", "Shadow", "Trade"]
