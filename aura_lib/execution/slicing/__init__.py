"""Sliced orders: one wish sent as many children over a time (TWAP, VWAP), each under the rules of every order."""

from __future__ import annotations

from aura_lib.execution.slicing.schedule import Schedule, quantity, twap, twap_every, volume_curve, vwap
from aura_lib.execution.slicing.wish import Sliced, answer, cancel_sliced, slice_order

__all__ = [
    "Schedule",
    "Sliced",
    "answer",
    "cancel_sliced",
    "quantity",
    "slice_order",
    "twap",
    "twap_every",
    "volume_curve",
    "vwap",
]
