"""The ports: what a data source, a stream, a broker and a clock must be able to do. Adapters implement them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from aura_lib.core.booking import Booking
from aura_lib.core.drafts import quick
from aura_lib.core.instrument import AssetClass, Instrument
from aura_lib.core.orders import Fill, Intent, Order, OrderStatus, OrderType, TimeInForce
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
    """An order as the broker tells it.

    `intent` is what the broker works (the desk needs it of legs, and of orders placed outside Aura); `parent` is the
    client id of the order it is a leg of or takes the place of, `replaced_by` that of the one that took its place.
    """

    client_id: str
    status: OrderStatus
    filled: Decimal = Decimal(0)
    reason: str = ""
    broker_id: str = ""
    parent: str = ""
    replaced_by: str = ""
    intent: Intent | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bust:
    """A trade that was taken back: as if it had never been made.

    `execution_id` is its name among `Broker.fills`, `by` that of the execution which a correction put in its place.
    """

    execution_id: str
    time: datetime
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker can take. Asked before the wire: what it cannot is refused without a call."""

    types: frozenset[OrderType] = frozenset(OrderType)
    times_in_force: frozenset[TimeInForce] = frozenset(TimeInForce)
    asset_classes: frozenset[AssetClass] = frozenset(AssetClass)
    fractional: bool = True
    short: bool = True
    extended_hours: bool = False
    replace: bool = True

    def refusal(self, intent: Intent) -> str:
        """Why the broker cannot take an intent; empty when it can."""
        instrument = intent.instrument
        if intent.type not in self.types:
            return f"{intent.type.value} orders are not among {_listed(self.types)}"
        if intent.time_in_force not in self.times_in_force:
            return f"time in force {intent.time_in_force.value} is not among {_listed(self.times_in_force)}"
        if instrument.asset_class not in self.asset_classes:
            return f"{instrument.asset_class.value} is not among {_listed(self.asset_classes)}"
        if not self.fractional and intent.quantity % 1:
            return f"{intent.quantity} of {intent.symbol} is no whole number"
        if intent.extended_hours and not self.extended_hours:
            return "it has no extended hours"
        return ""


def _listed(names: frozenset[OrderType] | frozenset[TimeInForce] | frozenset[AssetClass]) -> str:
    return ", ".join(sorted(name.value for name in names))


@dataclass(frozen=True, slots=True)
class Holding:
    """What a broker says that it holds: signed quantity, and the average cost where it tells one."""

    instrument: Instrument
    quantity: Decimal
    average_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An account as its broker tells it at a moment, all of it.

    `cash` is in `currency`, `balances` what there is in others; `holdings` are those that are not zero. `blocked` says
    why the broker lets it trade nothing; empty when it may.
    """

    taken: datetime
    cash: Decimal
    currency: str
    holdings: Mapping[str, Holding]
    balances: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    equity: Decimal | None = None
    buying_power: Decimal | None = None
    blocked: str = ""


@runtime_checkable
class Broker(Protocol):
    """Where orders go.

    A command ends in one of three ways: it returns (accepted), raises BrokerRejected (refused, final), or raises
    OutcomeUnknown (it may have arrived). BrokerUnavailable says that it provably never arrived; every question may
    raise it, and never answers with less than all instead.
    A broker enforces the client id: a second `submit` with one it knows raises BrokerRejected and changes nothing.
    """

    name: str
    capabilities: Capabilities

    def submit(self, order: Order) -> BrokerOrder:
        """Place an order; the answer is what the broker made of it."""
        ...

    def replace(self, old: Order, new: Order) -> BrokerOrder:
        """Put `new`, under its own client id and for the quantity it bears, in the place of an open order.

        Refused when `old` is closed, or has more filled than it bears.
        """
        ...

    def cancel(self, client_id: str) -> None:
        """Ask to cancel; what became of it is told by `find`. One that is closed or unknown raises BrokerRejected."""
        ...

    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None only when the broker proves it never had it."""
        ...

    def orders(self) -> Sequence[BrokerOrder]:
        """Every open order at the venue: legs, held ones and those placed outside Aura too."""
        ...

    def fills(self, after: str = "") -> Sequence[tuple[str, Fill]]:
        """Fills with an opaque cursor each, those after the cursor, in order. They may repeat."""
        ...

    def bookings(self, after: str = "") -> Sequence[tuple[str, Booking]]:
        """What happened other than trades, with an opaque cursor each, after the cursor, in order. May repeat.

        Dividends, splits, exercise, assignment, expiry, interest, fees, money in and out.
        """
        ...

    def busts(self) -> Sequence[Bust]:
        """Trades that were taken back, in any order; they repeat, and one may come before its fill was told.

        What a correction put in the place of one comes with `fills`, under a name of its own.
        """
        ...

    def snapshot(self) -> Snapshot:
        """Cash and holdings now."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


@runtime_checkable
class Listener(Protocol):
    """A broker that has a stream. The stream books nothing: it wakes who then asks."""

    def listen(self, wake: Callable[[], None], stopped: Event) -> None:
        """Block until `stopped`; call `wake` on any sign, and after every reconnect (with backoff and jitter)."""
        ...
