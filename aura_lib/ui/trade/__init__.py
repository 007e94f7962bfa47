"""The trading page: a ticket, its risk decision before it is sent, the blotter, the limits, and the kill switch."""

from __future__ import annotations

from aura_lib.ui.trade.page import Trade

__all__ = ["Trade"]
