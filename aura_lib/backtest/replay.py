"""The loop: at every slot decide, check and submit; at every bar in between let the exchange fill what is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from time import perf_counter
from typing import Any

from aura_lib.core import (
    TERMINAL,
    Account,
    Bars,
    DataError,
    Decision,
    Fill,
    InputError,
    Intent,
    Mandate,
    Market,
    ModelError,
    Order,
    iso,
    utc,
)
from aura_lib.exchange import Costs, Exchange
from aura_lib.plan import Decide, decimal_prices, propose
from aura_lib.risk import Limits, check

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SlotResult:
    """What one slot led to: the intents that were proposed and the verdict on each."""

    slot: datetime
    intents: tuple[Intent, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A strategy replayed over history: every slot, order and fill, and the account before and after.

    `orders` hold their last status; those decided so late that no bar followed are still open.
    `seconds` tells where the time went: "decide", and "loop" for all the rest.
    """

    slots: tuple[SlotResult, ...]
    fills: tuple[Fill, ...]
    orders: tuple[Order, ...]
    opening: Account
    account: Account
    costs: Costs
    limits: Limits
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """Orders that no bar of these data could fill or end."""
        return tuple(order for order in self.orders if order.status not in TERMINAL)


def replay(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    slots: Sequence[datetime],
    params: Mapping[str, Any] | None = None,
    costs: Costs | None = None,
    limits: Limits | None = None,
    account: Account | None = None,
    name: str = "book",
    progress: Progress | None = None,
) -> Replay:
    """Replay `decide` at `slots` over `bars`; no arrays, no statistics, no heavy imports.

    At a slot the strategy sees the bars closed by then and the account as it stands; its intents go through
    `plan.propose`, `risk.check` and the simulated exchange, and fill at the next bar. After the last slot the
    exchange runs on to the end of `bars`. `account` is the opening one (the mandate's capital in cash when not
    given); `progress(done, total)` is called after every slot.

    Slots must be ascending and not before the first bar (InputError, DataError). What `decide` and `plan` raise
    is raised again with the slot and the history there was.
    """
    began = perf_counter()
    moments = _ascending(slots)
    opening = account or Account(name, mandate.capital, mandate.currency)
    desk = _Desk(bars, mandate, Exchange.of(opening, costs or Costs()), limits or Limits(), name)
    asked = _Timed(decide)
    for done, slot in enumerate(moments, start=1):
        desk.run_to(slot)
        desk.decide(asked, slot, params or {})
        if progress is not None:
            progress(done, len(moments))
    desk.run_to(None)
    return Replay(
        slots=tuple(desk.slots),
        fills=tuple(desk.fills),
        orders=desk.orders,
        opening=opening,
        account=desk.exchange.account,
        costs=desk.exchange.costs,
        limits=desk.limits,
        seconds={"decide": asked.seconds, "loop": perf_counter() - began - asked.seconds},
    )


class _Timed:
    """A strategy with a stopwatch."""

    def __init__(self, decide: Decide) -> None:
        self.__wrapped__ = decide
        self.__name__ = getattr(decide, "__name__", repr(decide))
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began = perf_counter()
        try:
            return self.__wrapped__(*args, **kwargs)
        finally:
            self.seconds += perf_counter() - began


class _Desk:
    """What stands between the strategy and the exchange in a replay, and what it wrote down."""

    def __init__(self, bars: Bars, mandate: Mandate, exchange: Exchange, limits: Limits, name: str) -> None:
        self.bars, self.mandate, self.exchange, self.limits, self.name = bars, mandate, exchange, limits, name
        self.slots: list[SlotResult] = []
        self.fills: list[Fill] = []
        self._sent: dict[str, Order] = {}
        self._close = bars.close.to_numpy()
        self._row = 0  # the first bar that was not matched yet

    def _prices(self, row: int) -> dict[str, Decimal]:
        return decimal_prices(self.bars.instruments, self._close[row].tolist())

    def run_to(self, moment: datetime | None) -> None:
        """Let the exchange fill what is due at the bars up to a moment (None: all). Orders come only at slots."""
        times = self.bars.times
        last = len(times) if moment is None else int(times.searchsorted(moment, side="right"))
        for row in range(self._row, last):
            if not self.exchange.open_orders:
                break
            events = self.exchange.match(utc(times[row]), self._prices(row))
            self.fills.extend(event for event in events if isinstance(event, Fill))
        self._row = max(last, self._row)

    def decide(self, decide: Decide, slot: datetime, params: Mapping[str, Any]) -> None:
        """One slot: propose, check, submit what was approved."""
        market, account = Market.at(self.bars, slot), self.exchange.account
        try:
            intents = propose(decide, market, account, self.mandate, params, costs=self.exchange.costs)
        except (InputError, DataError, ModelError) as error:
            raise self._with_slot(error, market) from error
        prices = self._prices(len(market.bars) - 1)
        decisions = tuple(check(intents, account, prices, self.limits, working=self._working()))
        self.slots.append(SlotResult(slot, intents, decisions))
        stamp = iso(slot)
        for decision in decisions:
            if decision.approved:
                self._submit(intents[decision.leg], decision.leg, slot, stamp)

    def _submit(self, intent: Intent, leg: int, slot: datetime, stamp: str) -> None:
        order = Order(f"{stamp}/{leg}", self.name, self.name, f"{self.name}@{stamp}", leg, 1, intent, slot)
        self.exchange.submit(order, slot)
        self._sent[order.client_id] = order

    def _working(self) -> dict[str, Decimal]:
        total: dict[str, Decimal] = {}
        for order in self.exchange.open_orders:
            symbol = order.intent.symbol
            total[symbol] = total.get(symbol, Decimal(0)) + order.remaining * order.intent.side.sign
        return total

    @property
    def orders(self) -> tuple[Order, ...]:
        """Every order sent, as it stands now."""
        return tuple(self._now(order) for order in self._sent.values())

    def _now(self, order: Order) -> Order:
        known = self.exchange.find(order.client_id)
        assert known is not None  # the exchange forgets nothing it accepted
        return with_changes(order, status=known.status, filled=known.filled, reason=known.reason)

    def _with_slot(self, error: Exception, market: Market) -> Exception:
        """The same error, telling the slot; at the first slot also what to do when the history is too short."""
        kind = next(k for k in (InputError, DataError, ModelError) if isinstance(error, k))
        told = f"{error} (slot {iso(market.as_of)}, {len(market.bars)} bars of history)"
        if not self.slots:
            told += "; a strategy that needs more history takes warmup=<bars>, or a later start"
        return kind(told)


def _ascending(slots: Sequence[datetime]) -> list[datetime]:
    moments = [utc(slot, "slot") for slot in slots]
    for before, after in pairwise(moments):
        if after <= before:
            raise InputError(f"slots must be ascending and unique: {iso(after)} follows {iso(before)}")
    return moments
