"""A run over arrays as it was recorded: columns, of which nouns are made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.curve import Changes
from aura_lib.core import Booking, DataError
from aura_lib.exchange import FillModel, Terms

if TYPE_CHECKING:
    from aura_lib.backtest.replay import Replay
    from aura_lib.backtest.trades import Trades
    from aura_lib.core import Account, Bars
    from aura_lib.exchange import Costs
    from aura_lib.risk import Limits

RELATIVE = 1e-9  # what floats may differ from their Decimals


@dataclass(frozen=True, eq=False)
class Tape:
    """What an array run did, as columns over its bars. `again` plays it through the event loop, for the nouns."""

    columns: Callable[[tuple[str, ...]], Trades]
    held: frozenset[str]
    counted: Mapping[str, int]
    opening: Account
    costs: Costs
    limits: Limits
    again: Callable[[], Replay]
    fill_model: FillModel = field(default_factory=FillModel)
    terms: Terms = field(default_factory=Terms)
    bookings: tuple[Booking, ...] = ()
    stopped: datetime | None = None
    bankrupt: datetime | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def replay(self) -> Replay:
        """Slots, orders and fills, from the event loop. Fills that are not these columns' raise DataError."""
        played = self.again()
        symbols = tuple(sorted({fill.symbol for fill in played.fills} | self.held))
        ours = self.columns(symbols)
        if len(ours) == len(played.fills):
            units = np.array([float(fill.quantity) * fill.side.sign for fill in played.fills])
            price = np.array([float(fill.price) for fill in played.fills])
            place = [symbols.index(fill.symbol) for fill in played.fills]
            near = np.allclose(ours.units, units, rtol=RELATIVE) and np.allclose(ours.price, price, rtol=RELATIVE)
            if near and ours.symbol.tolist() == place:
                return played
        raise DataError(f"the arrays made {len(ours)} trades, the event loop {len(played.fills)}, or others")

    def touched(self) -> set[str]:
        """Every symbol that was traded."""
        return set(self.held)

    def trades(self, bars: Bars, symbols: Sequence[str]) -> Trades:
        """The executions as columns."""
        return self.columns(tuple(symbols))

    def changes(self, bars: Bars, symbols: Sequence[str]) -> Changes:
        """The same as units and money that came and went."""
        done = self.columns(tuple(symbols))
        flow = -np.sign(done.units) * done.value - done.fee
        return Changes(
            tuple(symbols), done.row, done.symbol, done.units, done.row, done.symbol, self.opening.currency, flow
        )

    def counts(self) -> dict[str, int]:
        """How many slots, orders and fills; legs refused, orders that ended before they were whole, orders left."""
        return dict(self.counted)
