"""The market page: search, watchlist, quote, candles, movers; live or replayed, and each source fails alone."""

from __future__ import annotations

from aura_lib.ui.market.page import Market

__all__ = ["Market"]
