"""A tax lot, and what was closed of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aura_lib.core import Instrument
from aura_lib.ledger.accounting.pile import EXACT, ZERO


def long_term(opened: datetime, moment: datetime, tacked: int = 0) -> bool:
    """Whether what is sold at a moment was held for more than a year, counted from the day after (IRS Pub. 550)."""
    start, day = opened.date() - timedelta(days=tacked), moment.date()
    leap = (start.month, start.day) == (2, 29)
    return day > start.replace(year=start.year + 1, day=28 if leap else start.day)


@dataclass(frozen=True, slots=True)
class Lot:
    """Units held since one moment. `cost` is of all of them, without `fee`; both are negative units' for a short.

    `deferred` is the loss of a wash sale that its cost contains, `tacked` the days for which what was sold in it was
    held: they count for these units too.
    """

    id: str
    book: str
    instrument: Instrument
    quantity: Decimal
    cost: Decimal
    fee: Decimal
    opened: datetime
    deferred: Decimal = ZERO
    tacked: int = 0

    def unrealised(self, price: Decimal) -> Decimal:
        """What would be gained at a price, before fees, in the instrument's currency."""
        worth = EXACT.multiply(EXACT.multiply(self.quantity, price), self.instrument.multiplier)
        return EXACT.subtract(worth, self.cost)

    def days(self, moment: datetime) -> int:
        """Days held until a moment, from date to date (UTC)."""
        return (moment.date() - self.opened.date()).days + self.tacked

    def term(self, moment: datetime) -> str:
        """`long` for what would be a long-term gain if it were sold at a moment, else `short`."""
        return "long" if self.quantity > 0 and long_term(self.opened, moment, self.tacked) else "short"


@dataclass(frozen=True, slots=True)
class Closed:
    """Units of a lot that went: what they cost, what they brought, and how long they were held.

    For a short, `quantity` is negative, `cost` what buying back took and `proceeds` what selling brought. `fee` is that
    of both trades; `how` is what closed them: trade, expiry, merger…; `by` its id. `washed` is the part of a loss that
    a wash sale deferred, `tacked` as that of a `Lot`.
    """

    id: str
    book: str
    instrument: Instrument
    quantity: Decimal
    opened: datetime
    closed: datetime
    cost: Decimal
    proceeds: Decimal
    fee: Decimal
    how: str
    by: str
    washed: Decimal = ZERO
    tacked: int = 0

    @property
    def realised(self) -> Decimal:
        """The gain before fees, without the loss that was deferred."""
        return EXACT.add(EXACT.subtract(self.proceeds, self.cost), self.washed)

    @property
    def net(self) -> Decimal:
        """The gain after fees."""
        return EXACT.subtract(self.realised, self.fee)

    @property
    def days(self) -> int:
        """Days held, from date to date (UTC)."""
        return (self.closed.date() - self.opened.date()).days + self.tacked

    @property
    def term(self) -> str:
        """`long` for units held for more than a year, else `short`, as is all that closes a short sale."""
        return "long" if self.quantity > 0 and long_term(self.opened, self.closed, self.tacked) else "short"
