"""The rehearsal broker: an Alpaca-compatible server over the matching engine, misbehaving on demand."""

from __future__ import annotations

from aura_lib.execution.brokers.rehearsal.assets import Asset, Listing
from aura_lib.execution.brokers.rehearsal.market import Market
from aura_lib.execution.brokers.rehearsal.venue import Venue

__all__ = ["Asset", "Listing", "Market", "Venue"]
