"""Bars kept for good: versions of them, what they were made of, what was known when. One port, several places."""

from __future__ import annotations

from importlib import import_module

from aura_lib.core import InputError, Settings
from aura_lib.data.store.diff import Diff, diff
from aura_lib.data.store.local import Store
from aura_lib.data.store.port import ACTIONS, Held, Keeper, Series, Version, no_actions

__all__ = ["ACTIONS", "Diff", "Held", "Keeper", "Series", "Store", "Version", "at", "diff", "no_actions"]


def at(settings: Settings) -> Keeper:
    """The store that AURA_DATA_URL names: empty the home's own folder, s3://bucket/folder, or postgresql://…

    Raises InputError for another kind of address, or when what it needs is not installed.
    """
    url = settings.data_url
    if not url:
        return Store(settings.home)
    if url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://")):
        keeper: Keeper = import_module("aura_lib.data.store.postgres").Store(url)
        return keeper
    if url.startswith("s3://"):
        from aura_lib.data.store.bucket import Bucket
        from aura_lib.data.store.parquet import ParquetKeeper

        return ParquetKeeper(Bucket(url))
    scheme = url.partition(":")[0][:20]  # what follows may hold a password
    raise InputError(
        f"AURA_DATA_URL is {scheme}:…, and a store is at s3://bucket/folder or postgresql://…; empty: AURA_HOME"
    )
