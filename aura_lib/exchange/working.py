"""An order that is working at the venue: what it still wants, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from aura_lib.core import (
    BrokerRejected,
    InputError,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    decode,
    encode,
    iso,
    utc,
)

ZERO = Decimal(0)
HUNDRED = Decimal(100)
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
LASTING = frozenset({TimeInForce.DAY, TimeInForce.GTC})
SIMPLE = frozenset({OrderType.MARKET, OrderType.LIMIT})
_PRICES = ("limit_price", "stop_price", "trail_amount", "take_profit", "stop_loss", "stop_loss_limit")


class Working:
    """An open order, in the form in which bars are held against it.

    It has up to three prices: a `limit`, a `stop`, and the `stop_limit` that holds once the stop was reached; a
    trailing stop has its `extreme`, the best price since it was accepted. `reduces`: it only ever closes a position;
    `plain`: a market order, day or good till cancelled.
    """

    __slots__ = (
        "bracket", "buys", "executions", "extreme", "filled", "force", "limit", "order", "plain", "quantity",
        "reduces", "sequence", "since", "stop", "stop_limit", "symbol", "trailing", "triggered",
    )  # fmt: skip

    def __init__(self, order: Order, since: datetime, sequence: int) -> None:
        intent = order.intent
        self.order, self.since, self.sequence = order, since, sequence
        self.symbol = intent.instrument.symbol
        self.buys = intent.side is Side.BUY
        self.quantity, self.filled, self.executions = intent.quantity, ZERO, 0
        self.force = intent.time_in_force
        self.limit, self.stop = intent.limit_price, intent.stop_price
        self.stop_limit: Decimal | None = None
        self.trailing = self.bracket = self.triggered = self.reduces = False
        self.extreme: Decimal | None = None
        self.plain = intent.type is OrderType.MARKET and self.force in LASTING
        if intent.type not in SIMPLE:
            self._take_prices(intent)

    def _take_prices(self, intent: Intent) -> None:
        kind = intent.type
        if kind is OrderType.STOP_LIMIT:
            self.limit, self.stop_limit = None, intent.limit_price
        elif kind is OrderType.OCO:
            self.limit, self.stop, self.stop_limit = intent.take_profit, intent.stop_loss, intent.stop_loss_limit
        self.trailing = kind is OrderType.TRAILING_STOP
        self.bracket = kind is OrderType.BRACKET

    @property
    def remaining(self) -> Decimal:
        """What is not filled yet."""
        return self.quantity - self.filled

    @property
    def status(self) -> OrderStatus:
        """Accepted, or filled in part."""
        return OrderStatus.PARTIALLY_FILLED if self.filled else OrderStatus.ACCEPTED

    @property
    def now(self) -> Order:
        """The order as it stands."""
        intent = self.order.intent
        if intent.quantity != self.quantity:
            intent = replace(intent, quantity=self.quantity)
        return replace(self.order, intent=intent, status=self.status, filled=self.filled)

    def level(self, extreme: Decimal) -> Decimal:
        """Where a trailing stop stands after a best price."""
        intent = self.order.intent
        if intent.trail_amount is not None:
            distance = intent.trail_amount
        else:
            distance = extreme * (intent.trail_percent or ZERO) / HUNDRED
        return extreme + distance if self.buys else extreme - distance

    def exit(self, quantity: Decimal, since: datetime, sequence: int) -> Working:
        """The order that closes what a bracket's entry brought: at its profit or its loss, whichever comes first."""
        intent = self.order.intent
        take, stop, limit = intent.take_profit, intent.stop_loss, intent.stop_loss_limit
        prices: dict[str, Any]
        if take is not None and stop is not None:
            prices = {"type": OrderType.OCO, "take_profit": take, "stop_loss": stop, "stop_loss_limit": limit}
        elif take is not None:
            prices = {"type": OrderType.LIMIT, "limit_price": take}
        elif limit is not None:
            prices = {"type": OrderType.STOP_LIMIT, "stop_price": stop, "limit_price": limit}
        else:
            prices = {"type": OrderType.STOP, "stop_price": stop}
        side = Side.SELL if self.buys else Side.BUY
        wish = Intent(
            intent.instrument,
            side,
            quantity,
            time_in_force=TimeInForce.GTC,
            reason=f"exit of {self.order.client_id}",
            **prices,
        )
        name = exit_id(self.order.client_id, self.executions)
        order = replace(self.order, client_id=name, intent=wish, status=OrderStatus.ACCEPTED)
        working = Working(order, since, sequence)
        working.reduces = True
        return working

    def came(self, filled: Decimal, executions: int) -> None:
        """Take note how far it had come before."""
        self.filled, self.executions = filled, executions

    def told(self) -> dict[str, Any]:
        """The order as plain JSON values."""
        return {
            "order": encode(self.now),
            "since": iso(self.since),
            "executions": self.executions,
            "triggered": self.triggered,
            "extreme": None if self.extreme is None else str(self.extreme),
            "reduces": self.reduces,
        }

    @staticmethod
    def of(kept: Any, sequence: int) -> Working:
        """The order that `told` told; `sequence` is its place in time, unless that was kept too."""
        order = decode(Order, kept["order"])
        working = at_work(order, utc(kept["since"], "since"), kept.get("sequence", sequence))
        working.came(order.filled, kept["executions"])
        working.triggered, working.reduces = kept.get("triggered", False), kept.get("reduces", False)
        extreme = kept.get("extreme")
        working.extreme = None if extreme is None else Decimal(extreme)
        return working


class Package(Working):
    """An open order for packages: its `legs` are orders of their own, that trade with it or not at all.

    Its quantities count packages, `net` is the limit of what one may cost; no price of its own reaches it.
    """

    __slots__ = ("legs", "net")

    def __init__(self, order: Order, since: datetime, sequence: int) -> None:
        Working.__init__(self, order, since, sequence)
        self.plain, self.limit, self.net = False, None, order.intent.limit_price
        self.legs = [Working(leg, since, sequence) for leg in leg_orders(order)]

    @property
    def ratios(self) -> list[int]:
        """How many contracts of each leg there are in one package."""
        return [leg.ratio for leg in self.order.intent.legs]

    def came(self, filled: Decimal, executions: int) -> None:
        """Take note how far it had come before, and its legs with it."""
        Working.came(self, filled, executions)
        for leg, ratio in zip(self.legs, self.ratios, strict=True):
            leg.came(filled * ratio, executions)


def at_work(order: Order, since: datetime, sequence: int) -> Working:
    """An order in the form in which it is worked."""
    return Package(order, since, sequence) if order.intent.legs else Working(order, since, sequence)


def leg_orders(order: Order) -> Iterator[Order]:
    """The orders of the legs of a package: market orders, since only the package has a price."""
    for number, leg in enumerate(order.intent.legs, 1):
        wish = Intent(leg.instrument, leg.side, leg.ratio * order.intent.quantity, reason=f"leg of {order.client_id}")
        yield replace(order, client_id=leg_id(order.client_id, number), intent=wish, parent=order.client_id)


def leg_id(client_id: str, number: int) -> str:
    """The client id of a leg of a package, counted from one."""
    return f"{client_id}/leg{number}"


def package_of(client_id: str) -> str:
    """The client id of the package that a leg belongs to; empty when it is none."""
    name, _, number = client_id.rpartition("/leg")
    return name if number.isdecimal() else ""


def exit_id(client_id: str, execution: int = 1) -> str:
    """The client id of the order that closes what a bracket bought from one of its executions on.

    A second one is there only where the first had closed before the entry was filled: no id is given twice.
    """
    return f"{client_id}/exit" if execution == 1 else f"{client_id}/exit{execution}"


def entry_of(client_id: str) -> str:
    """The client id of the bracket that an exit belongs to; empty when it is none."""
    return client_id.rpartition("/exit")[0]


def check(intent: Intent) -> None:
    """Refuse what no venue would take: prices between ticks (BrokerRejected), a time in force that its type has not."""
    if intent.type not in SIMPLE and intent.time_in_force not in LASTING:
        raise InputError(f"a {intent.type.value} order is day or gtc, not {intent.time_in_force.value}")
    if intent.type is OrderType.MARKET:
        return
    tick = intent.instrument.tick
    for name in _PRICES:
        price = getattr(intent, name)
        if price is not None and price % tick:
            raise BrokerRejected(f"{intent.symbol}: {name} {price} is no multiple of the tick {tick}")
