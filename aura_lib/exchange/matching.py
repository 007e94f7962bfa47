"""The matching engine: orders in, fills out, one account whose cash and holdings never go below zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from aura_lib.core import (
    Account,
    AssetClass,
    BrokerOrder,
    BrokerRejected,
    DataError,
    Fill,
    InputError,
    Instrument,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Side,
    TimeInForce,
    decode,
    encode,
    iso,
    utc,
)
from aura_lib.exchange.costs import Costs

ZERO = Decimal(0)
NO_CASH, NO_HOLDINGS, NO_PRICE = "insufficient cash", "insufficient holdings", "no price in its session"
SENDABLE = (OrderStatus.APPROVED, OrderStatus.SENDING, OrderStatus.UNKNOWN)
SUPPORTED = (TimeInForce.DAY, TimeInForce.GTC)


@dataclass(frozen=True, slots=True)
class Closed:
    """An order came to its end: filled, cancelled or expired, and why."""

    client_id: str
    status: OrderStatus
    reason: str = ""


Event = Fill | Closed


@dataclass(slots=True)
class _Working:
    """An open order: accepted when, and how many executions it has had."""

    order: Order
    since: datetime
    executions: int = 0


class Exchange:
    """A simulated venue for one cash account, long-only, in one currency. Everything is Decimal and deterministic.

    - A market order accepted at t fills at the first `match` later than t, at that bar's price moved by slippage.
    - In one match sells come before buys; within a side, the order of submission counts.
    - A buy that the cash cannot pay, fee included, is cut to the most lots it can pay; a sell above the holding
      is cut the same way. The rest is cancelled.
    - A DAY order whose first match has no price for it expires (one match is one session: daily bars);
      a GTC order waits for the next.
    - Limit, stop, trailing and bracket orders, and other times in force, are not supported yet.

    `state` and `restore` carry it whole across processes. Negative cash or holdings at the opening raise InputError.
    """

    def __init__(
        self,
        cash: Decimal,
        costs: Costs | None = None,
        name: str = "exchange",
        positions: Mapping[str, Position] | None = None,
        *,
        currency: str = "USD",
    ) -> None:
        held = MappingProxyType(dict(positions or {}))
        self._open(Account(name, cash, currency, held), costs or Costs())

    @staticmethod
    def of(account: Account, costs: Costs) -> Exchange:
        """A venue that opens with what an account holds."""
        exchange = object.__new__(Exchange)
        exchange._open(account, costs)
        return exchange

    def _open(self, account: Account, costs: Costs) -> None:
        short = {s: str(q) for s, q in account.holdings.items() if q < 0}
        if account.cash < 0 or short:
            raise InputError(f"a long-only cash account opens with nothing below zero: cash {account.cash}, {short}")
        self.costs = costs
        self._account = account
        self._working: dict[str, _Working] = {}
        self._closed: dict[str, BrokerOrder] = {}
        self._matched: datetime | None = None

    @property
    def account(self) -> Account:
        """Cash and positions now."""
        return self._account

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """Orders that are still working, in the order of submission."""
        return tuple(working.order for working in self._working.values())

    def submit(self, order: Order, at: datetime) -> BrokerOrder:
        """Accept an order at a moment; one that arrives behind the last match waits for the next.

        A client id that was used before, or an instrument that is only an index, raises BrokerRejected;
        an order type, time in force or currency this venue does not know raises InputError. Nothing changes then.
        """
        if order.client_id in self._working or order.client_id in self._closed:
            raise BrokerRejected(f"client id must be unique: {order.client_id} is known here, it was not placed again")
        self._check(order)
        self._working[order.client_id] = _Working(replace(order, status=OrderStatus.ACCEPTED), utc(at, "at"))
        return BrokerOrder(order.client_id, OrderStatus.ACCEPTED)

    def _check(self, order: Order) -> None:
        intent = order.intent
        if order.status not in SENDABLE or order.filled:
            raise InputError(f"order {order.client_id} is {order.status.value}: only a new order can be placed")
        if intent.instrument.asset_class is AssetClass.INDEX:
            raise BrokerRejected(f"{intent.symbol} is an index: it has a level, nobody trades it")
        if intent.type is not OrderType.MARKET:
            raise InputError(f"{intent.type.value} orders are not supported yet: send a market order")
        if intent.time_in_force not in SUPPORTED:
            known = " or ".join(t.value for t in SUPPORTED)
            raise InputError(f"time in force {intent.time_in_force.value} is not supported yet: use {known}")
        if intent.instrument.currency != self._account.currency:
            raise InputError(
                f"{intent.symbol} trades in {intent.instrument.currency}, this account is in {self._account.currency}"
            )

    def cancel(self, client_id: str) -> Closed:
        """Cancel an open order. One that is closed or unknown raises BrokerRejected."""
        if client_id not in self._working:
            known = self._closed.get(client_id)
            raise BrokerRejected(f"cannot cancel {client_id}: {f'it is {known.status.value}' if known else 'unknown'}")
        return self._close(self._working[client_id], OrderStatus.CANCELLED, "cancelled on request")

    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None when it was never accepted."""
        working = self._working.get(client_id)
        if working is None:
            return self._closed.get(client_id)
        return BrokerOrder(client_id, working.order.status, working.order.filled)

    def deposit(self, amount: Decimal) -> None:
        """Pay money in or, negative, out. More than the cash there is raises InputError."""
        if self._account.cash + amount < 0:
            raise InputError(f"cannot withdraw {-amount}: the cash is {self._account.cash}")
        self._account = self._account.with_cash(amount)

    def match(self, time: datetime, prices: Mapping[str, Decimal]) -> list[Event]:
        """Fill what is due at the close of a bar: fills, and a `Closed` for every order that came to its end.

        `prices` maps symbols to that bar's price; a symbol that did not trade is missing. Matching the same
        moment again does nothing; an earlier one raises InputError, a price that cannot be true DataError,
        and neither changes anything.
        """
        moment = utc(time)
        if self._matched is not None and moment < self._matched:
            raise InputError(f"matching does not go back: it stands at {iso(self._matched)}, asked for {iso(moment)}")
        if moment == self._matched:
            return []
        due = [(working, self._price(working.order, prices)) for working in self._due(moment)]
        self._matched = moment
        return [event for working, price in due for event in self._execute(working, price, moment)]

    def _due(self, moment: datetime) -> list[_Working]:
        due = [working for working in self._working.values() if working.since < moment]
        return sorted(due, key=lambda working: working.order.intent.side is Side.BUY)  # stable: sells, then buys

    def _price(self, order: Order, prices: Mapping[str, Decimal]) -> Decimal | None:
        symbol = order.intent.symbol
        reference = prices.get(symbol)
        if reference is None or reference.is_nan():
            return None
        if not reference.is_finite() or reference <= 0:
            raise DataError(f"{symbol} cannot trade at {reference}: a price is a positive number")
        return self.costs.price(reference, order.intent.side)

    def _execute(self, working: _Working, price: Decimal | None, moment: datetime) -> Iterator[Event]:
        order = working.order
        if price is None:
            if order.intent.time_in_force is TimeInForce.DAY:
                yield self._close(working, OrderStatus.EXPIRED, NO_PRICE)
            return
        wanted = order.remaining
        quantity, reason = self._payable(order.intent.instrument, order.intent.side, wanted, price)
        if quantity:
            yield self._fill(working, quantity, price, moment)
        if quantity == wanted:
            yield self._close(working, OrderStatus.FILLED, "", quantity)
        else:
            yield self._close(working, OrderStatus.CANCELLED, reason, quantity)

    def _payable(self, instrument: Instrument, side: Side, wanted: Decimal, price: Decimal) -> tuple[Decimal, str]:
        """The most of `wanted` that cash and holdings allow, in whole lots, and what stands in the way of the rest."""
        unit = price * instrument.multiplier
        if side is Side.SELL:
            held = self._account.quantity(instrument.symbol)
            quantity = min(wanted, held - held % instrument.lot)
            proceeds = quantity * unit - self.costs.commission(quantity * unit)
            return (quantity, NO_HOLDINGS) if self._account.cash + proceeds >= 0 else (ZERO, NO_CASH)

        def pays(lots: int) -> bool:
            value = lots * instrument.lot * unit
            return value + self.costs.commission(value) <= self._account.cash

        most = int(wanted / instrument.lot)
        return (wanted if pays(most) else _last(pays, most) * instrument.lot), NO_CASH

    def _fill(self, working: _Working, quantity: Decimal, price: Decimal, moment: datetime) -> Fill:
        order = working.order
        instrument = order.intent.instrument
        working.executions += 1
        fill = Fill(
            execution_id=f"{order.client_id}#{working.executions}",
            client_id=order.client_id,
            account=order.account,
            book=order.book,
            instrument=instrument,
            side=order.intent.side,
            quantity=quantity,
            price=price,
            fee=self.costs.commission(quantity * price * instrument.multiplier),
            time=moment,
        )
        self._account = self._account.after(fill)
        return fill

    def _close(self, working: _Working, status: OrderStatus, reason: str, filled: Decimal = ZERO) -> Closed:
        client_id = working.order.client_id
        del self._working[client_id]
        self._closed[client_id] = BrokerOrder(client_id, status, working.order.filled + filled, reason)
        return Closed(client_id, status, reason)

    def state(self) -> dict[str, Any]:
        """Everything it knows, as plain JSON values."""
        return {
            "account": encode(self._account),
            "costs": encode(self.costs),
            "matched": None if self._matched is None else iso(self._matched),
            "working": [
                {"order": encode(w.order), "since": iso(w.since), "executions": w.executions}
                for w in self._working.values()
            ],
            "closed": [encode(order) for order in self._closed.values()],
        }

    @staticmethod
    def restore(state: Mapping[str, Any]) -> Exchange:
        """The venue that `state` described. A state that is not one raises InputError."""
        missing = {"account", "costs", "matched", "working", "closed"} - set(state)
        if missing:
            raise InputError(f"this is no state of an exchange: {', '.join(sorted(missing))} is missing")
        exchange = Exchange.of(decode(Account, state["account"]), decode(Costs, state["costs"]))
        exchange._matched = None if state["matched"] is None else utc(state["matched"], "matched")
        for kept in state["working"]:
            order = decode(Order, kept["order"])
            exchange._working[order.client_id] = _Working(order, utc(kept["since"], "since"), kept["executions"])
        for kept in state["closed"]:
            closed = decode(BrokerOrder, kept)
            exchange._closed[closed.client_id] = closed
        return exchange


def _last(pays: Callable[[int], bool], most: int) -> int:
    """The largest number below `most` that still `pays`, by halving: what is paid grows with the number."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if pays(middle) else (low, middle)
    return low
