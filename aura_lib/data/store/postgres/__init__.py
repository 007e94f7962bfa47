"""Bars in PostgreSQL, for a team: one server that everybody's notebooks and jobs read and write."""

from __future__ import annotations

from aura_lib.data.store.postgres.keeper import Store

__all__ = ["Store"]
