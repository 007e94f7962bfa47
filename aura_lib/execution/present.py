"""Present: an account as its ledger has it now, with the prices its desk decides by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd

from aura_lib.core import Bars, Instrument, Mode, Order, OrderStatus, Settings, Side
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.connect import feed_of
from aura_lib.execution.feed import Feed
from aura_lib.ledger import AccountView, Ledger

MANUAL = "manual"  # the book of what people trade by hand
SILENT = 15.0  # seconds without a sign of life after which a desk counts as away


@dataclass(frozen=True, eq=False)
class Present:
    """An account at the moment its clock shows. `book` is whose money a ticket spends."""

    terms: Terms
    view: AccountView
    book: str
    feed: Feed
    as_of: datetime
    prices: Mapping[str, Decimal]
    halted: str
    desk_silent: float | None  # seconds since its last sign of life; None: never seen

    @property
    def live(self) -> bool:
        """Whether real money is at stake."""
        return self.terms.account_class is Mode.LIVE

    @property
    def served(self) -> bool:
        """Whether a desk is at work."""
        return self.desk_silent is not None and self.desk_silent < SILENT

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Symbol → instrument, of all that the account's prices know."""
        return self.feed.bars.instruments

    def reserved(self, book: str | None = None) -> Decimal:
        """What the open buys of a book (or of all) may still take, at their limit or the last price."""
        return sum((self._takes(order) for order in self.view.live_orders(book)), Decimal(0))

    def buying_power(self, book: str) -> Decimal:
        """The cash of a book, less what its open buys may take."""
        return self.view.account(book, self.as_of).cash - self.reserved(book)

    def _takes(self, order: Order) -> Decimal:
        price = order.intent.limit_price or self.prices.get(order.intent.symbol) or Decimal(0)
        buys = order.intent.side is Side.BUY and order.status is not OrderStatus.HELD
        return order.remaining * price * order.intent.instrument.multiplier if buys else Decimal(0)

    @property
    def practice(self) -> bool:
        """Whether a person may move the clock: a simulated one, and no job of anybody's lives by it."""
        jobs = any(not basket.startswith("ticket:") for basket in self.view.verdicts)
        return self.terms.clock == "replay" and not jobs

    @property
    def later(self) -> pd.DatetimeIndex:
        """The bars after `as_of`, as far as the history goes."""
        times = self.feed.bars.times
        return times[times.searchsorted(pd.Timestamp(self.as_of), side="right") :]


class Reader:
    """Reads an account again and again; bars stay in memory, and the view takes in only what is new."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._views: dict[str, AccountView] = {}

    def read(self, ledger: Ledger, account: str, book: str) -> Present:
        """The account as it stands now."""
        terms = account_terms(ledger, account)
        view = self._views[account] = ledger.account(account, self._views.get(account))
        feed = self._feed(terms)
        as_of = self._moment(ledger, terms, feed.bars)
        feed.reach(as_of)
        age = ledger.control.age(f"desk:{account}")
        chosen = book or next(iter(sorted(view.cash)), MANUAL)
        halted = ledger.control.halted(account, chosen)
        return Present(terms, view, chosen, feed, as_of, feed.prices(as_of), halted, age)

    def _feed(self, terms: Terms) -> Feed:
        key = (terms.source, terms.calendar)
        if key not in self._feeds:
            self._feeds[key] = feed_of(terms, self._settings)
        return self._feeds[key]

    @staticmethod
    def _moment(ledger: Ledger, terms: Terms, bars: Bars) -> datetime:
        """Where the account's time stands: its simulated clock, or the one on the wall."""
        clock = ledger.control.clock(terms.name)
        if clock is None and terms.clock == "wall":
            return datetime.now(UTC)
        return (clock[1] if clock else None) or bars.start
