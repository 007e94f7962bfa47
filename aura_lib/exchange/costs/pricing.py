"""The price of one execution: its reference, moved by spread, slippage and impact, and how much each of them took."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from aura_lib.core import DataError
from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.costs import BPS, PRICE_QUANTUM, ZERO, Costs, moved
from aura_lib.exchange.costs.slippage import FixedSlippage

ONE = Decimal(1)
Parts = tuple[Decimal, Decimal, Decimal]  # spread, slippage, impact


class Priced(NamedTuple):
    """A price, and what of it were spread, slippage and impact, as fractions of the reference."""

    price: Decimal
    reference: Decimal
    moves: Parts


class Pricing:
    """The costs of a venue in the form in which it uses them many thousand times."""

    __slots__ = ("buy", "costs", "moves", "needs_volume", "sell", "simple")

    def __init__(self, costs: Costs) -> None:
        fixed = costs.slippage is None or isinstance(costs.slippage, FixedSlippage)
        self.costs = costs
        self.simple = fixed and costs.impact is None  # the same for every bar and size
        self.needs_volume = costs.impact is not None
        move = costs.fixed()
        self.buy, self.sell = 1 + move, 1 - move  # what a price is multiplied by when the costs are simple
        self.moves = (ZERO if costs.spread is None else costs.spread.fraction(), *self._slippage(None), ZERO)

    def _slippage(self, bar: PriceBar | None) -> tuple[Decimal]:
        costs = self.costs
        return (costs.slippage_bps / BPS if costs.slippage is None else costs.slippage.fraction(bar),)

    def small(self, reference: Decimal, buys: bool) -> Decimal:
        """The price a small trade gets (`Costs.price`)."""
        return moved(reference, self.buy if buys else self.sell)

    def taker(self, buys: bool, reference: Decimal, quantity: Decimal, bar: PriceBar, cap: Decimal | None) -> Priced:
        """The price of an order that takes what is there; `cap` is its limit, if it has one."""
        if self.simple:
            moves, factor = self.moves, self.buy if buys else self.sell
        else:
            moves = self._moved(quantity, bar)
            factor = ONE + sum(moves) if buys else ONE - sum(moves)
        price = (reference * factor).quantize(PRICE_QUANTUM, rounding=ROUND_HALF_EVEN)
        if price <= 0:  # so large an order, or so small a price, that nothing is left for the seller
            price = PRICE_QUANTUM
        if cap is not None and (price > cap if buys else price < cap):
            price = cap
        return Priced(price, reference, moves)

    def _moved(self, quantity: Decimal, bar: PriceBar) -> Parts:
        impact = self.costs.impact
        return self.moves[0], *self._slippage(bar), ZERO if impact is None else impact.fraction(quantity, bar)

    def check(self, symbol: str, bar: PriceBar) -> None:
        """Raise DataError for a bar at which these costs have no answer."""
        if bar.low < ONE:
            least = (bar.low * self.sell).quantize(PRICE_QUANTUM, rounding=ROUND_HALF_EVEN)
            if least <= 0:
                raise DataError(f"{symbol}: a price of {bar.low} rounds to nothing at steps of {PRICE_QUANTUM}")
        if self.needs_volume and bar.volume is None:
            raise DataError(
                f"{symbol}: market impact needs the bar's volume, which is not known: give bars with volume"
            )


def amounts(priced: Priced, units: Decimal) -> Parts:
    """What spread, slippage and impact took of a trade of so many units, in money; together the whole difference."""
    lost = abs(priced.price - priced.reference) * units
    spread, slippage, impact = priced.moves
    if not spread and not impact:
        return ZERO, lost, ZERO
    total = spread + slippage + impact
    first, second = lost * spread / total, lost * slippage / total
    return first, second, lost - first - second
