"""Bars kept for good: versions of them, what they were made of, what was known when. One port, several places."""

from __future__ import annotations

from aura_lib.data.store.parquet import Store

__all__ = ["Store"]
