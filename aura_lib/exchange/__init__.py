"""the simulated exchange: one matching engine (fees, slippage, partial fills, halts, faults) that the backtest, the paper broker and the rehearsal broker all use"""  # noqa: E501

from __future__ import annotations

from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.costs import (
    FEE_QUANTUM,
    PRICE_QUANTUM,
    AlmgrenImpact,
    Borrow,
    Ceiling,
    Costs,
    FixedSlippage,
    HalfSpread,
    Interest,
    LinearImpact,
    MakerTaker,
    PerShare,
    PerValue,
    SquareRootImpact,
    VolatilitySlippage,
)
from aura_lib.exchange.fills import FillModel
from aura_lib.exchange.matching import Closed, Event, Exchange, Prices
from aura_lib.exchange.terms import Standing, Terms

__all__ = [
    "FEE_QUANTUM",
    "PRICE_QUANTUM",
    "AlmgrenImpact",
    "Borrow",
    "Ceiling",
    "Closed",
    "Costs",
    "Event",
    "Exchange",
    "FillModel",
    "FixedSlippage",
    "HalfSpread",
    "Interest",
    "LinearImpact",
    "MakerTaker",
    "PerShare",
    "PerValue",
    "PriceBar",
    "Prices",
    "SquareRootImpact",
    "Standing",
    "Terms",
    "VolatilitySlippage",
]
