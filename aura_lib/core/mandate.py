"""Whose money and what is allowed; and the weights that a strategy wishes for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from aura_lib.core.errors import InputError
from aura_lib.core.times import utc

MAX_LEVERAGE = 100.0  # of equity; more is a slip of the keyboard
TOLERANCE = 1e-6  # on a sum of weights: what an optimiser's arithmetic leaves over


def _fraction(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name} must be a number between {low} and {high}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Mandate:
    """The universe, the constraints and the capital of one book.

    `capital` is the opening cash in `currency`. `max_weight` caps one holding as a fraction of equity;
    `cash_buffer` is the fraction of equity that is never invested; `min_trade` is the smallest order value
    worth sending; `restricted` symbols are never bought. `short` allows targets and positions below zero;
    `max_gross` caps the sum of all absolute weights: above 1 the book borrows.
    """

    universe: tuple[str, ...]
    capital: Decimal = Decimal(1_000_000)
    currency: str = "USD"
    max_weight: float = 1.0
    cash_buffer: float = 0.02
    min_trade: Decimal = Decimal(100)
    restricted: tuple[str, ...] = ()
    benchmark: str = ""
    short: bool = False
    max_gross: float = 1.0

    def __post_init__(self) -> None:
        for name in ("universe", "restricted"):
            symbols = getattr(self, name)
            if isinstance(symbols, str):
                raise InputError(f"{name} must be a tuple of symbols, not the text {symbols!r}")
            object.__setattr__(self, name, tuple(symbols))
        if not self.universe:
            raise InputError("the universe is empty: name at least one symbol")
        twice = sorted({s for s in self.universe if self.universe.count(s) > 1})
        if twice:
            raise InputError(f"the universe names {twice} more than once")
        for name in ("capital", "min_trade"):
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool):
                value = Decimal(value)
                object.__setattr__(self, name, value)
            if (
                not isinstance(value, Decimal)
                or not value.is_finite()
                or value < 0
                or (name == "capital" and not value)
            ):
                raise InputError(f"{name} must be a positive Decimal in {self.currency}, not {value!r}")
        if not isinstance(self.short, bool):
            raise InputError(f"short must be True or False, not {self.short!r}")
        _fraction("max_gross", self.max_gross, 0.0, MAX_LEVERAGE)
        _fraction("max_weight", self.max_weight, 0.0, max(1.0, float(self.max_gross)))
        _fraction("cash_buffer", self.cash_buffer, 0.0, 0.9999)


@dataclass(frozen=True, slots=True)
class TargetWeights:
    """Symbol → fraction of equity, as of a time; what the weights leave is cash. The last float before Decimal.

    What is held and not named is sold; with `keep_others` it stays as it is.
    Raises InputError for NaN or infinite weights, short weights when `long_only`, or a sum of absolute weights above
    `max_gross` (1: nothing is borrowed).
    """

    weights: Mapping[str, float]
    as_of: datetime
    long_only: bool = field(default=True, kw_only=True)
    max_gross: float = field(default=1.0, kw_only=True)
    keep_others: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "as_of", utc(self.as_of, "as_of"))
        weights = {str(s): float(w) for s, w in dict(self.weights).items()}
        bad = {s: w for s, w in weights.items() if not math.isfinite(w)}
        if bad:
            raise InputError(f"weights must be finite numbers; given {bad}")
        if self.long_only and (short := {s: w for s, w in weights.items() if w < -TOLERANCE}):
            raise InputError(f"a long-only portfolio has no negative weights; given {short}")
        gross = sum(abs(w) for w in weights.values())
        _fraction("max_gross", self.max_gross, 0.0, MAX_LEVERAGE)
        if gross > self.max_gross + TOLERANCE:
            raise InputError(f"weights sum to {gross:.6f}; they may use at most {self.max_gross:g} (the rest is cash)")
        object.__setattr__(self, "weights", MappingProxyType(weights))
