"""The ports: what a data source, a stream, a broker and a clock must be able to do. Adapters implement them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from aura_lib.core.drafts import quick
from aura_lib.core.orders import Fill, Order, OrderStatus
from aura_lib.core.ticks import Bar, Quote, Tick

if TYPE_CHECKING:
    from threading import Event

    from aura_lib.core.market_data import Bars


@runtime_checkable
class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """This moment, UTC."""
        ...


@runtime_checkable
class DataSource(Protocol):
    """Where bars come from."""

    name: str

    def symbols(self) -> tuple[str, ...]:
        """Every symbol it can serve."""
        ...

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols. Unknown symbols raise InputError, a failing source DataError."""
        ...


@runtime_checkable
class Quoter(Protocol):
    """A data source that knows what things are worth now."""

    def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """A quote of each symbol that has one, asked for in as few calls as the vendor allows."""
        ...


@runtime_checkable
class Stream(Protocol):
    """Where live prices come from."""

    name: str

    def run(self, symbols: Sequence[str], deliver: Callable[[Sequence[Tick | Bar]], None], stopped: Event) -> None:
        """Deliver what comes, in batches and in order, until `stopped` is set. Blocks; `deliver` may block too.

        Raises DataError when the connection is lost (whoever listens connects again), InputError when it makes no
        sense to try again (an unknown symbol, a missing or wrong key).
        """
        ...

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> Sequence[Tick | Bar]:
        """What came in (after, until], for filling a gap; in order of time."""
        ...


@quick
@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker tells it."""

    client_id: str
    status: OrderStatus
    filled: Decimal = Decimal(0)
    reason: str = ""


@runtime_checkable
class Broker(Protocol):
    """Where orders go. Every call may raise BrokerUnavailable; `submit` also BrokerRejected or OutcomeUnknown.

    A broker enforces the client id: a second `submit` with one it knows raises BrokerRejected and changes nothing.
    """

    name: str

    def submit(self, order: Order) -> BrokerOrder:
        """Place an order; the answer is what the broker made of it."""
        ...

    def cancel(self, client_id: str) -> None:
        """Ask to cancel; what became of it is told by `find`."""
        ...

    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None only when the broker proves it has none."""
        ...

    def fills(self, after: int = 0) -> Sequence[tuple[int, Fill]]:
        """Fills with the broker's running number, those above `after`, ascending."""
        ...

    def positions(self) -> Mapping[str, Decimal]:
        """Symbol → signed quantity, where not zero."""
        ...

    def cash(self) -> Decimal:
        """Cash in the account's currency."""
        ...
