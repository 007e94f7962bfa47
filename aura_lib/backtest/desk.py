"""The desk of a replay: what stands between the strategy and the exchange, and what it wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

from aura_lib.backtest.events import Action, play
from aura_lib.backtest.prices import Prices
from aura_lib.core import (
    Account,
    Booking,
    BrokerRejected,
    DataError,
    Decision,
    Fill,
    InputError,
    Intent,
    Mandate,
    Market,
    ModelError,
    Order,
    OrderStatus,
    iso,
)
from aura_lib.core.drafts import finishing
from aura_lib.core.market import Shared
from aura_lib.exchange import Event, Exchange, Standing
from aura_lib.exchange.working import leg_orders, package_of
from aura_lib.plan import Decide, propose
from aura_lib.risk import Limits, check

ZERO = Decimal(0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_finished = finishing(Order, "status", "filled", "reason")


@dataclass(frozen=True, slots=True)
class SlotResult:
    """What one slot led to: the intents that were proposed and the verdict on each."""

    slot: datetime
    intents: tuple[Intent, ...]
    decisions: tuple[Decision, ...]


class Desk:
    """Asks, plans, checks, submits; and lets the exchange run from bar to bar. It keeps all that happened."""

    def __init__(
        self,
        shared: Shared,
        mandate: Mandate,
        exchange: Exchange,
        limits: Limits,
        name: str,
        actions: tuple[Action, ...] = (),
        delay: int = 0,
    ) -> None:
        self.shared, self.mandate, self.exchange, self.limits = shared, mandate, exchange, limits
        self.name, self.delay = name, delay
        self.slots: list[SlotResult] = []
        self.fills: list[Fill] = []
        self.bookings: list[Booking] = []
        self.bankrupt: datetime | None = None
        self.seconds = 0.0  # in the strategy
        self.account = exchange.account
        self.seen: list[tuple[datetime, Account]] = []  # by the first trade, and by the last slot
        self._traded = False
        self._quiet = exchange.idle  # bars can pass without anything happening
        self._sent: dict[str, Order] = {}
        self._moments = shared.bars.times.as_unit("us").asi8
        self._prices = Prices(shared)
        self._actions = list(reversed(actions))  # the next one last
        self._row = 0  # the first bar that was not matched yet

    # ── time passes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, row: int) -> None:
        """The account opens at a bar: nothing before it happened to it."""
        self._row = row
        while self._actions and self._actions[-1].row < row:
            self._actions.pop()

    def run_to(self, end: int) -> bool:
        """Let the exchange play the bars before `end`; whether the account is still there to trade afterwards."""
        row = self._row
        while row < end:
            if self._quiet:
                row = min(end, self._actions[-1].row) if self._actions else end
                if row == end:
                    break
            self._bar(row)
            row += 1
            if self.exchange.standing is Standing.BANKRUPT and not self.account.holdings:
                self.bankrupt = self._time(row - 1)
                return False
        if end > self._row:
            self._row = end
        return True

    def _bar(self, row: int) -> None:
        time = self._time(row)
        while self._actions and self._actions[-1].row <= row:
            action = self._actions.pop()
            if action.row == row:  # older ones met an account that held nothing
                self._note(play(action, self.exchange, self._prices, time))
        self._note(self.exchange.match(time, self._prices.quotes(row)))
        self._quiet, self.account = self.exchange.idle, self.exchange.account

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Fill):
                self.fills.append(event)
            elif isinstance(event, Booking):
                self.bookings.append(event)

    # ── a decision ──────────────────────────────────────────────────────────────────────────────────────────────────

    def decide(self, decide: Decide, slot: datetime, end: int, params: Mapping[str, Any]) -> None:
        """One slot: ask, plan, check, submit what was approved."""
        market, account = self.shared.market(end, slot), self.account
        self._remember(slot, account)
        began = perf_counter()
        try:
            answer = decide(market, account, self.mandate, **params)
        except (InputError, DataError, ModelError) as error:
            raise self._with_slot(error, market) from error
        except TypeError:  # perhaps its arguments: then `propose` says so
            answer = decide
        except Exception as error:  # a strategy's own: its words stay as they are
            error.add_note(f"decide raised at the slot {iso(market.as_of)}, with {len(market)} bars of history")
            raise
        finally:
            self.seconds += perf_counter() - began
        if answer == [] or answer == ():
            self.slots.append(SlotResult(slot, (), ()))
        else:
            self._trade(answer, market, account, slot, end, params)

    def _remember(self, slot: datetime, account: Account) -> None:
        if self.seen:
            self.seen[1] = slot, account
        else:
            self.seen = [(slot, account)] * 2

    def _trade(
        self, answer: Any, market: Market, account: Account, slot: datetime, end: int, params: Mapping[str, Any]
    ) -> None:
        intents = self.propose(answer, market, account, params)
        if intents and not self._traded:
            self._traded, self.seen = True, [(slot, account)] * 2
        prices = self._prices.closes(end - 1)
        working, packages = self._working()
        decisions = tuple(check(intents, account, prices, self.limits, working=working, packages=packages))
        self.slots.append(SlotResult(slot, intents, decisions))
        stamp, at = iso(slot), self._accepted(slot, end)
        basket = f"{self.name}@{stamp}"
        for decision in decisions:
            if decision.approved:
                leg = decision.leg
                self._submit(Order(f"{stamp}/{leg}", self.name, self.name, basket, leg, 1, intents[leg], slot), at)

    def propose(self, answer: Any, market: Market, account: Account, params: Mapping[str, Any]) -> tuple[Intent, ...]:
        """What an answer (or the strategy itself, when it is to be asked) makes of the account, as intents."""
        wish, given = (answer, params) if callable(answer) else ((lambda market, account, mandate: answer), {})
        try:
            return propose(
                wish, market, account, self.mandate, given, costs=self.exchange.costs,
                prices=self._prices.closes(len(market) - 1),
            )  # fmt: skip
        except (InputError, DataError, ModelError) as error:
            raise self._with_slot(error, market) from error

    def _accepted(self, slot: datetime, end: int) -> datetime:
        """When the exchange gets an order: at its slot, or so many bars later."""
        if not self.delay:
            return slot
        return max(self._time(min(end - 1 + self.delay, len(self._moments) - 1)), slot)

    def _time(self, row: int) -> datetime:
        """The moment a bar closed; taken from the index one by one it would take ten times as long."""
        return EPOCH + timedelta(microseconds=int(self._moments[row]))

    def _submit(self, order: Order, at: datetime) -> None:
        try:
            self.exchange.submit(order, at)
        except BrokerRejected as refused:
            order = with_changes(order, status=OrderStatus.REJECTED, reason=str(refused))
        self._sent[order.client_id], self._quiet = order, False

    def _working(self) -> tuple[dict[str, Decimal], list[Intent]]:
        """Symbol → signed quantity on its way; packages apart, and the orders of their legs with them."""
        total: dict[str, Decimal] = {}
        packages: list[Intent] = []
        for order in self.exchange.open_orders:
            if order.intent.legs:
                packages.append(with_changes(order.intent, quantity=order.remaining))
            elif not package_of(order.client_id):
                symbol = order.intent.symbol
                total[symbol] = total.get(symbol, ZERO) + order.remaining * order.intent.side.sign
        return total, packages

    # ── what is left ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def orders(self) -> tuple[Order, ...]:
        """Every order sent, as it stands now, and those the exchange placed itself to protect a position."""
        return tuple(self._now(order) for order in (self._sent | self._exits()).values())

    def _exits(self) -> dict[str, Order]:
        """The exits of brackets: those that are open, and those that were filled; and the legs of packages."""
        found = {o.client_id: o for o in self.exchange.open_orders if o.client_id not in self._sent}
        for order in [o for o in self._sent.values() if o.intent.legs and o.status is not OrderStatus.REJECTED]:
            found |= {leg.client_id: leg for leg in leg_orders(order)}
        for fill in self.fills:
            entry = self._sent.get(fill.client_id.removesuffix("/exit"))
            if fill.client_id not in self._sent and fill.client_id not in found and entry is not None:
                wish = Intent(fill.instrument, fill.side, fill.quantity, reason=f"exit of {entry.client_id}")
                found[fill.client_id] = with_changes(entry, client_id=fill.client_id, intent=wish)
        return found

    def _now(self, order: Order) -> Order:
        known = self.exchange.find(order.client_id)
        if known is None:  # it was refused at the door
            return order
        return _finished(order, known.status, known.filled, known.reason)

    def _with_slot(self, error: Exception, market: Market) -> Exception:
        """The same error, telling the slot; at the first slot also what to do when the history is too short."""
        kind = next(k for k in (InputError, DataError, ModelError) if isinstance(error, k))
        told = f"{error} (slot {iso(market.as_of)}, {len(market)} bars of history)"
        if not self.slots:
            told += "; a strategy that needs more history takes warmup=<bars>, or a later start"
        return kind(told)
