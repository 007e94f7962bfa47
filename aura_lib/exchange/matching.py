"""The matching engine: orders in, fills out, one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from aura_lib.core import (
    Account,
    AssetClass,
    Booking,
    BrokerOrder,
    BrokerRejected,
    InputError,
    Instrument,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    Position,
    TimeInForce,
    iso,
    utc,
)
from aura_lib.core.orders import PRICES
from aura_lib.exchange import actions, options, plain, state
from aura_lib.exchange.costs import Costs
from aura_lib.exchange.fills import FillModel
from aura_lib.exchange.floor import Closed, Event, Floor, Prices, answer
from aura_lib.exchange.session import Session
from aura_lib.exchange.terms import Standing, Terms
from aura_lib.exchange.working import Package, Working, at_work, check, entry_of, package_of

__all__ = ["Closed", "Event", "Exchange", "Prices"]

MARKET, DAY, INDEX, ACCEPTED = OrderType.MARKET, TimeInForce.DAY, AssetClass.INDEX, OrderStatus.ACCEPTED
SENDABLE = frozenset({OrderStatus.APPROVED, OrderStatus.SENDING, OrderStatus.UNKNOWN})


class Exchange:
    """A simulated venue for one account. Everything is Decimal and deterministic.

    - An order accepted at t meets the first `match` later than t. What a bar offers it, and in which order the events
      of a bar are taken, is told in `offers`; at which price a market order fills, and how much of the volume it may
      take, by the `FillModel`; what it costs, by `Costs`.
    - At one moment of a bar sells come before buys (on margin, what makes positions smaller before what makes them
      larger); market orders in the order of submission, others by symbol, price, and time.
    - What cash and holdings (or, on margin, the `Terms`) do not allow is cut to the most lots they do; the rest is
      cancelled.
    - A bar ends its session unless `match` is told otherwise: DAY orders that are left expire then.
    - A package trades at the first moment of a bar at which all its legs have a price that is known to be of one time:
      its open and its close. Its legs are orders of their own, `<client id>/leg1` and so on, and trade with it.
    - The exit of a bracket is an order of its own, `<client id>/exit`: good till cancelled, for what the entry filled,
      and never for more than the position.

    `state` and `restore` carry it whole across processes. An opening that the terms do not allow raises InputError.
    """

    __slots__ = ("_floor",)

    def __init__(
        self,
        cash: Decimal,
        costs: Costs | None = None,
        name: str = "exchange",
        positions: Mapping[str, Position] | None = None,
        *,
        currency: str = "USD",
        fills: FillModel | None = None,
        terms: Terms | None = None,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> None:
        account = Account(name, cash, currency, MappingProxyType(dict(positions or {})))
        self._floor = Floor(account, costs or Costs(), fills or FillModel(), terms or Terms(), instruments)

    @staticmethod
    def of(
        account: Account,
        costs: Costs | None = None,
        *,
        fills: FillModel | None = None,
        terms: Terms | None = None,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> Exchange:
        """A venue that opens with what an account holds.

        `instruments` (symbol → what it is) are all that it lists: an order for another is rejected, and what lies
        underneath an option is found there. None: it lists everything.
        """
        exchange = object.__new__(Exchange)
        exchange._floor = Floor(account, costs or Costs(), fills or FillModel(), terms or Terms(), instruments)
        return exchange

    @property
    def account(self) -> Account:
        """Cash and positions now."""
        return self._floor.books.account

    @property
    def costs(self) -> Costs:
        """What trading costs here."""
        return self._floor.costs

    @property
    def fills(self) -> FillModel:
        """How market orders are filled here."""
        return self._floor.fills

    @property
    def terms(self) -> Terms:
        """What the account may do."""
        return self._floor.terms

    @property
    def standing(self) -> Standing:
        """Whether the account may still trade."""
        return self._floor.standing

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """Orders that are still working, in the order of submission; after a package come those of its legs."""
        working = self._floor.working.values()
        return tuple(one.now for w in working for one in (w, *(w.legs if isinstance(w, Package) else ())))

    def open_exit(self, client_id: str) -> str:
        """The client id of the open order that closes what a bracket bought; empty when there is none."""
        return next((name for name in self._floor.working if entry_of(name) == client_id), "")

    def open_order(self, client_id: str) -> Order | None:
        """The open order with this client id."""
        working = self._open(client_id)
        return None if working is None else working.now

    def _open(self, client_id: str) -> Working | None:
        """An open order, or the leg of an open package."""
        working = self._floor.working.get(client_id)
        if working is None and isinstance(of := self._floor.working.get(package_of(client_id)), Package):
            return next((leg for leg in of.legs if leg.order.client_id == client_id), None)
        return working

    @property
    def idle(self) -> bool:
        """Whether bars can pass without anything happening, until an order comes."""
        return self._floor.calm and not self._floor.working

    def submit(self, order: Order, at: datetime) -> BrokerOrder:
        """Accept an order at a moment; one that arrives behind the last match waits for the next.

        A client id that was used before, an instrument that nobody trades here, a price off its tick or a bankrupt
        account raises BrokerRejected; an order that no venue could work raises InputError. Nothing changes then.
        """
        floor, client_id = self._floor, order.client_id
        if client_id in floor.working or client_id in floor.closed:
            raise BrokerRejected(f"client id must be unique: {client_id} is known here, it was not placed again")
        moment = at if type(at) is datetime and at.tzinfo is UTC else utc(at, "at")
        _accept(floor, order, moment)
        floor.add(at_work(order, moment, floor.next()))
        return answer(client_id, ACCEPTED)

    def cancel(self, client_id: str) -> Closed:
        """Cancel an open order. One that is closed or unknown raises BrokerRejected."""
        return self._floor.close(self._opened(client_id, "cancel"), OrderStatus.CANCELLED, "cancelled on request")

    def replace(
        self, client_id: str, at: datetime, *, quantity: Decimal | None = None, **prices: Decimal | None
    ) -> BrokerOrder:
        """Change the quantity (the whole of it, filled or not) or prices of an open order, from a moment on.

        `prices` are those of the `Intent`: `limit_price`, `stop_price`, `trail_amount`, … Less quantity alone keeps
        the order's place in time; any other change puts it behind those that wait. An order that is closed or
        unknown, or filled that far already, raises BrokerRejected; a change that makes no order raises InputError.
        """
        floor, working = self._floor, self._opened(client_id, "replace")
        if isinstance(working, Package):
            raise BrokerRejected(f"cannot change {client_id}: another order can take the place of a package")
        quantity = working.quantity if quantity is None else quantity
        wish = _changed(working.order.intent, quantity, prices)
        check(wish)
        if quantity <= working.filled:
            raise BrokerRejected(f"cannot replace {client_id}: {working.filled} of it are filled, and {quantity} asked")
        keeps = not prices and quantity <= working.quantity
        moment = working.since if keeps else utc(at, "at")
        fresh = Working(replace(working.order, intent=wish), moment, working.sequence if keeps else floor.next())
        fresh.filled, fresh.executions, fresh.reduces = working.filled, working.executions, working.reduces
        fresh.extreme, fresh.triggered = working.extreme, working.triggered and not prices
        if not keeps:
            del floor.working[client_id]
        floor.working[client_id] = fresh  # its type, and so whether it is plain, stays
        return BrokerOrder(client_id, fresh.status, fresh.filled)

    def succeed(self, client_id: str, order: Order, at: datetime) -> BrokerOrder:
        """Put another order, under its own client id, in the place of an open one, which is REPLACED from then on.

        It works the quantity it bears, whatever the old one had filled. Less quantity alone keeps the place in time.
        What `submit` or `cancel` would refuse is refused here too, and nothing changes; so is a change of an exit
        whose bracket still enters.
        """
        floor, old = self._floor, self._opened(client_id, "replace")
        if order.client_id in floor.working or order.client_id in floor.closed:
            raise BrokerRejected(f"client id must be unique: {order.client_id} is known here, it was not placed again")
        if old.reduces and entry_of(client_id) in floor.working:
            raise BrokerRejected(f"cannot replace {client_id}: its bracket is still entering")
        moment = utc(at, "at")
        _accept(floor, order, moment)
        was, wish = old.now.intent, order.intent
        same = replace(was, quantity=wish.quantity, reason=wish.reason) == wish
        keeps = same and wish.quantity <= old.remaining
        fresh = at_work(order, old.since if keeps else moment, old.sequence if keeps else floor.next())
        fresh.reduces, fresh.extreme, fresh.triggered = old.reduces, old.extreme, old.triggered and same
        floor.close(old, OrderStatus.REPLACED, f"replaced by {order.client_id}")
        floor.closed[client_id] = replace(floor.closed[client_id], replaced_by=order.client_id)
        floor.add(fresh)
        return answer(order.client_id, OrderStatus.ACCEPTED)

    def _opened(self, client_id: str, wish: str) -> Working:
        working = self._floor.working.get(client_id)
        if working is None and self._open(client_id) is not None:
            raise BrokerRejected(f"cannot {wish} {client_id}: it is a leg of {package_of(client_id)}, {wish} that")
        if working is None:
            known = self._floor.closed.get(client_id)
            raise BrokerRejected(f"cannot {wish} {client_id}: {f'it is {known.status.value}' if known else 'unknown'}")
        return working

    def find(self, client_id: str) -> BrokerOrder | None:
        """The order with this client id, open or closed; None when it was never accepted."""
        working = self._open(client_id)
        if working is None:
            return self._floor.closed.get(client_id)
        return BrokerOrder(client_id, working.status, working.filled)

    def deposit(self, amount: Decimal) -> None:
        """Pay money in or, negative, out. More than the cash there is raises InputError."""
        books = self._floor.books
        if books.cash + amount < 0 and amount < 0:
            raise InputError(f"cannot withdraw {-amount}: the cash is {books.cash}")
        books.pay(amount)
        self._floor.purse.forget()

    def bring(self, booking: Booking) -> None:
        """Book what is no trade, from outside: units brought along, a correction.

        What would leave the account with what its terms do not allow raises InputError, and changes nothing.
        """
        self._floor.bring(booking)

    def match(self, time: datetime, prices: Prices, *, closing: bool = True) -> list[Event]:
        """Fill what is due in a bar: fills, bookings, and a `Closed` for every order that came to its end.

        `prices` maps symbols to that bar: a `PriceBar`, or its close alone; a symbol that did not trade is missing.
        Only those of open orders and of holdings that need it are asked for. `closing` says that the bar is the last
        of its session (daily bars are). Matching the same moment again does nothing; an earlier one raises
        InputError, a price that cannot be true DataError, and neither changes anything.
        """
        floor = self._floor
        moment = time if type(time) is datetime and time.tzinfo is UTC else utc(time)
        before = floor.matched
        if before is not None and moment <= before:
            if moment == before:
                return []
            raise InputError(f"matching does not go back: it stands at {iso(before)}, asked for {iso(moment)}")
        if floor.calm:
            if not floor.working:
                floor.matched, floor.opening = moment, closing
                return []
            if floor.short and not floor.special:
                return plain.play(floor, moment, prices, closing)
            if floor.untouched(moment, prices, closing):
                floor.matched, floor.opening = moment, closing
                return []
        return Session(floor, moment, prices, closing=closing).play()

    def dividend(self, symbol: str, amount: Decimal, at: datetime) -> list[Booking]:
        """A cash dividend of so much a unit, on the first moment without it; nothing when none are held.

        Who is short pays it. An amount that is not positive raises InputError.
        """
        position = self._floor.books.positions.get(symbol)
        if position is None or not position.quantity:
            return []
        return [self._floor.book(actions.dividend(position, amount, utc(at, "at")))]

    def split(self, symbol: str, ratio: Decimal, at: datetime, price: Decimal | None = None) -> list[Event]:
        """A split: `ratio` new units for each old one (0.1: ten become one), in the position and in open orders.

        What it leaves of a lot is paid out at `price`, that of a new unit (`actions.split`). Orders of which less than
        a lot would be left are cancelled; options on the symbol stay as they are. A ratio or price that is not positive
        raises InputError, and nothing changes.
        """
        floor, moment = self._floor, utc(at, "at")
        position = floor.books.positions.get(symbol)
        actions.positive("the ratio of a split", ratio)
        events: list[Event] = []
        if position is not None and position.quantity:
            events += [floor.book(booking) for booking in list(actions.split(position, ratio, price, moment))]
        if symbol in floor.purse.marks:
            floor.purse.marks[symbol] /= ratio
            floor.purse.forget()
        for w in [w for w in floor.working.values() if w.symbol == symbol]:
            if not actions.adjust(w, ratio):
                events.append(floor.close(w, OrderStatus.CANCELLED, f"a split of {ratio} for 1 left less than a lot"))
        return events

    def exercise(self, symbol: str, contracts: Decimal, at: datetime) -> Booking:
        """Exercise options that are held, before they expire. What cannot be raises BrokerRejected and says why."""
        floor = self._floor
        moment = utc(at, "at")
        booked = floor.book(options.exercise(floor.purse, symbol, contracts, floor.instruments or {}, moment))
        floor.watch()
        return booked

    def state(self, *, orders: bool = True) -> dict[str, Any]:
        """Everything it knows, as plain JSON values; without its orders for who keeps them one by one."""
        return state.told(self._floor) if orders else state.without_orders(self._floor)

    def kept(self, client_id: str) -> dict[str, Any] | None:
        """An open order as `state` tells it among its "working", with its place in time; None when there is none."""
        working = self._floor.working.get(client_id)
        return None if working is None else {**working.told(), "sequence": working.sequence}

    def part(self) -> list[BrokerOrder]:
        """Hand over the closed orders and forget them: who keeps them refuses their ids from then on."""
        closed = list(self._floor.closed.values())
        self._floor.closed.clear()
        return closed

    @staticmethod
    def restore(kept: Mapping[str, Any]) -> Exchange:
        """The venue that `state` described. A state that is not one raises InputError."""
        exchange = object.__new__(Exchange)
        exchange._floor = state.restored(kept)
        return exchange


def _accept(floor: Floor, order: Order, moment: datetime) -> None:
    intent = order.intent
    instrument = intent.instrument
    if order.status not in SENDABLE or order.filled:
        raise InputError(f"order {order.client_id} is {order.status.value}: only a new order can be placed")
    if floor.standing is Standing.BANKRUPT:
        raise BrokerRejected(f"account {floor.books.name} is bankrupt: it does not trade any more")
    if instrument.asset_class is INDEX:
        raise BrokerRejected(f"{intent.symbol} is an index: it has a level, nobody trades it")
    traded = [leg.instrument.symbol for leg in intent.legs] or [instrument.symbol]
    if floor.instruments is not None and (strange := [name for name in traded if name not in floor.instruments]):
        raise BrokerRejected(f"{', '.join(strange)} is not listed here")
    if instrument.expiry is not None and instrument.expiry < moment.date():
        raise BrokerRejected(f"{intent.symbol} expired on {instrument.expiry}: it does not trade any more")
    books = floor.books
    if instrument.currency != books.currency and instrument.currency not in books.balances:
        raise InputError(
            f"{intent.symbol} trades in {instrument.currency}, this account is in {books.currency}: "
            f"its terms must allow {instrument.currency}"
        )
    if intent.type is not MARKET or intent.time_in_force is not DAY:
        check(intent)


def _changed(intent: Intent, quantity: Decimal, prices: Mapping[str, Decimal | None]) -> Intent:
    if strangers := sorted(set(prices) - set(PRICES)):
        raise InputError(f"an order has no {', '.join(strangers)} to replace; it may have {', '.join(PRICES)}")
    changes: dict[str, Any] = {"quantity": quantity, **prices}
    return replace(intent, **changes)
