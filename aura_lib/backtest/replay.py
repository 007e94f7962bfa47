"""The loop: at every slot decide, check and submit; at every bar in between let the exchange fill what is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from time import perf_counter
from typing import Any

import pandas as pd

from aura_lib.backtest.curve import Changes, changes_of
from aura_lib.backtest.desk import Desk, SlotResult
from aura_lib.backtest.events import actions_of
from aura_lib.backtest.heap import patient
from aura_lib.backtest.trades import Trades
from aura_lib.backtest.watch import Stop
from aura_lib.core import (
    TERMINAL,
    Account,
    Bars,
    Booking,
    DataError,
    Fill,
    InputError,
    Mandate,
    Order,
    Progress,
    iso,
    utc,
)
from aura_lib.core.market import Shared
from aura_lib.exchange import Costs, Exchange, FillModel, Terms
from aura_lib.plan import Decide
from aura_lib.risk import Limits

__all__ = ["Progress", "Replay", "SlotResult", "replay"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A strategy replayed over history: every slot, order and fill, and the account before and after.

    `orders` hold their last status; those decided so late that no bar followed are still open. `stopped` is the
    last moment of a run that somebody ended early, `bankrupt` the bar at which nothing was left: what follows them
    was not played. `seconds` tells where the time went: "decide", and "loop" for all the rest. `seen` are the accounts
    that the strategy was shown at its first trade (without one, its first slot) and at its last slot.
    """

    slots: tuple[SlotResult, ...]
    fills: tuple[Fill, ...]
    orders: tuple[Order, ...]
    opening: Account
    account: Account
    costs: Costs
    limits: Limits
    fill_model: FillModel = field(default_factory=FillModel)
    terms: Terms = field(default_factory=Terms)
    bookings: tuple[Booking, ...] = ()
    stopped: datetime | None = None
    bankrupt: datetime | None = None
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    seen: Mapping[datetime, Account] = field(default_factory=dict, compare=False, repr=False)

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """Orders that no bar of these data could fill or end."""
        return tuple(order for order in self.orders if order.status not in TERMINAL)

    def touched(self) -> set[str]:
        """Every symbol that was held, traded or booked."""
        delivered = {b.delivered.symbol for b in self.bookings if b.delivered is not None}
        booked = {b.symbol for b in self.bookings if b.symbol}
        return {fill.symbol for fill in self.fills} | set(self.opening.holdings) | booked | delivered

    def trades(self, bars: Bars, symbols: Sequence[str]) -> Trades:
        """The fills as columns, over bars and symbols."""
        return Trades.of(self.fills, bars, symbols)

    def changes(self, bars: Bars, symbols: Sequence[str]) -> Changes:
        """All that was booked as columns, over bars and symbols."""
        return changes_of(self.fills, self.bookings, bars, symbols, self.opening)

    def counts(self) -> dict[str, int]:
        """How many slots, orders and fills; legs refused, orders that ended before they were whole, orders left."""
        still_open = len(self.open_orders)
        return {
            "n_slots": len(self.slots),
            "n_orders": len(self.orders),
            "n_fills": len(self.fills),
            "n_rejected": sum(not decision.approved for slot in self.slots for decision in slot.decisions),
            "n_unfilled": sum(order.remaining > 0 for order in self.orders) - still_open,
            "n_open": still_open,
        }


def replay(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    slots: Sequence[datetime] | pd.DatetimeIndex,
    params: Mapping[str, Any] | None = None,
    costs: Costs | None = None,
    fills: FillModel | None = None,
    terms: Terms | None = None,
    actions: pd.DataFrame | None = None,
    limits: Limits | None = None,
    features: Mapping[str, Any] | None = None,
    account: Account | None = None,
    delay: int = 0,
    name: str = "book",
    progress: Progress | None = None,
) -> Replay:
    """Replay `decide` at `slots` over `bars`; no arrays, no statistics, no heavy imports, and no trial counted.

    At a slot the strategy sees the bars closed by then and the account as it stands; its intents go through
    `plan.propose`, `risk.check` and the simulated exchange, and fill at the next bar, or `delay` bars after that: how
    and at what price is the business of `fills` and `costs`, what the account may do that of `terms` (by default what
    the mandate asks for, in all currencies of the bars). `actions` are splits and dividends (columns time, symbol,
    dividend, split) that are booked before their bar; bars adjusted for them must not be given them again.
    Time begins for the account with the first slot's bar; after the last slot the exchange runs on to the end of
    `bars`. `account` is the opening one (the mandate's
    capital in cash when not given); `features` maps names to frames or Series by time, which the strategy sees cut
    at each slot; `progress(done, total)` is called after every slot.

    Slots must be ascending and not before the first bar (InputError, DataError). What `decide` and `plan` raise
    is raised again with the slot and the history there was. An interrupt ends the run after its slot: what was
    done by then is returned, and says so.
    """
    shared = Shared(bars, features)
    return play(
        decide, shared, mandate, slots=slots, params=params, costs=costs, fills=fills, terms=terms, actions=actions,
        limits=limits, account=account, delay=delay, name=name, progress=progress,
    )  # fmt: skip


def play(
    decide: Decide,
    shared: Shared,
    mandate: Mandate,
    *,
    slots: Sequence[datetime] | pd.DatetimeIndex,
    params: Mapping[str, Any] | None,
    costs: Costs | None,
    fills: FillModel | None,
    terms: Terms | None,
    actions: pd.DataFrame | None,
    limits: Limits | None,
    account: Account | None,
    delay: int,
    name: str,
    progress: Progress | None,
) -> Replay:
    """`replay`, over bars that somebody goes on looking at."""
    bars = shared.bars
    began = perf_counter()
    moments = _ascending(slots)
    ends = bars.times.searchsorted(pd.DatetimeIndex(moments, tz="UTC").as_unit("us"), side="right").tolist()
    if moments and not ends[0]:
        raise DataError(f"no bar of {bars.source} had closed by {moments[0].isoformat()}")
    if isinstance(delay, bool) or not isinstance(delay, int) or delay < 0:
        raise InputError(f"delay={delay!r} must be a number of bars, zero or more")
    asked = account or Account(name, mandate.capital, mandate.currency)
    rules = terms or Terms.of(mandate, tuple(dict.fromkeys(i.currency for i in bars.instruments.values())))
    exchange = Exchange.of(asked, costs or Costs(), fills=fills, terms=rules, instruments=bars.instruments)
    opening = exchange.account  # with a balance in every currency it may trade in
    desk = Desk(shared, mandate, exchange, limits or Limits.of(mandate), name, actions_of(actions, bars), delay)
    desk.begin(ends[0] - 1 if ends else 0)
    given = dict(params or {})
    stopped = None
    with patient(), Stop() as stop:
        for done, (slot, end) in enumerate(zip(moments, ends, strict=True), start=1):
            if not desk.run_to(end):
                break
            desk.decide(decide, slot, end, given)
            if progress is not None:
                progress(done, len(moments))
            if stop.wished:
                stopped = slot
                break
        else:
            desk.run_to(len(bars))
    return Replay(
        slots=tuple(desk.slots),
        fills=tuple(desk.fills),
        orders=desk.orders,
        opening=opening,
        account=exchange.account,
        costs=exchange.costs,
        limits=desk.limits,
        fill_model=exchange.fills,
        terms=exchange.terms,
        bookings=tuple(desk.bookings),
        stopped=stopped,
        bankrupt=desk.bankrupt,
        seconds={"decide": desk.seconds, "loop": perf_counter() - began - desk.seconds},
        seen=dict(desk.seen),
    )


def _ascending(slots: Sequence[datetime] | pd.DatetimeIndex) -> list[datetime]:
    if isinstance(slots, pd.DatetimeIndex) and slots.tz is not None:
        moments = slots.tz_convert("UTC").to_pydatetime().tolist()
        if slots.is_monotonic_increasing and slots.is_unique:
            return moments
    else:
        moments = [utc(slot, "slot") for slot in slots]
    for before, after in pairwise(moments):
        if after <= before:
            raise InputError(f"slots must be ascending and unique: {iso(after)} follows {iso(before)}")
    return moments
