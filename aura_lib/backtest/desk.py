"""The desk of a replay: what stands between the strategy and the exchange, and what it wrote down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any

from aura_lib.core import (
    Account,
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
)
from aura_lib.core.market import Shared
from aura_lib.exchange import Exchange
from aura_lib.plan import Decide, decimal_price, propose
from aura_lib.risk import Limits, check

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class SlotResult:
    """What one slot led to: the intents that were proposed and the verdict on each."""

    slot: datetime
    intents: tuple[Intent, ...]
    decisions: tuple[Decision, ...]


class Desk:
    """Asks, plans, checks, submits; and lets the exchange run from bar to bar. It keeps every slot, order and fill."""

    def __init__(
        self, shared: Shared, mandate: Mandate, exchange: Exchange, limits: Limits, name: str, delay: int = 0
    ) -> None:
        self.shared, self.mandate, self.exchange, self.limits = shared, mandate, exchange, limits
        self.name, self.delay = name, delay
        self.slots: list[SlotResult] = []
        self.fills: list[Fill] = []
        self.seconds = 0.0  # in the strategy
        self._sent: dict[str, Order] = {}
        self._times = shared.bars.times
        self._close = shared.array("close")
        self._row = 0  # the first bar that was not matched yet

    def _prices(self, row: int) -> Mapping[str, Decimal]:
        return BarPrices(self.shared.bars.symbols, self._close[row].tolist())

    def run_to(self, end: int) -> None:
        """Let the exchange fill what is due at the bars before `end`. Orders come only at slots."""
        exchange, row = self.exchange, self._row
        while row < end and exchange.open_orders:
            events = exchange.match(self._times[row].to_pydatetime(), self._prices(row))
            self.fills.extend(event for event in events if isinstance(event, Fill))
            row += 1
        self._row = max(end, self._row)

    def decide(self, decide: Decide, slot: datetime, end: int, params: Mapping[str, Any]) -> None:
        """One slot: ask, plan, check, submit what was approved."""
        market, account = self.shared.market(end, slot), self.exchange.account
        began = perf_counter()
        try:
            answer = decide(market, account, self.mandate, **params)
        except (InputError, DataError, ModelError) as error:
            raise self._with_slot(error, market) from error
        except TypeError:  # perhaps its arguments: then `propose` says so
            answer = decide
        finally:
            self.seconds += perf_counter() - began
        if answer == [] or answer == ():
            self.slots.append(SlotResult(slot, (), ()))
        else:
            self._trade(answer, market, account, slot, end, params)

    def _trade(
        self, answer: Any, market: Market, account: Account, slot: datetime, end: int, params: Mapping[str, Any]
    ) -> None:
        wish, given = (answer, params) if callable(answer) else ((lambda market, account, mandate: answer), {})
        try:
            intents = propose(wish, market, account, self.mandate, given, costs=self.exchange.costs)
        except (InputError, DataError, ModelError) as error:
            raise self._with_slot(error, market) from error
        prices = self._prices(end - 1)
        decisions = tuple(check(intents, account, prices, self.limits, working=self._working()))
        self.slots.append(SlotResult(slot, intents, decisions))
        stamp, at = iso(slot), self._accepted(slot, end)
        for decision in decisions:
            if decision.approved:
                self._submit(intents[decision.leg], decision.leg, slot, stamp, at)

    def _accepted(self, slot: datetime, end: int) -> datetime:
        """When the exchange gets an order: at its slot, or so many bars later."""
        if not self.delay:
            return slot
        late: datetime = self._times[min(end - 1 + self.delay, len(self._times) - 1)].to_pydatetime()
        return max(late, slot)

    def _submit(self, intent: Intent, leg: int, slot: datetime, stamp: str, at: datetime) -> None:
        order = Order(f"{stamp}/{leg}", self.name, self.name, f"{self.name}@{stamp}", leg, 1, intent, slot)
        self.exchange.submit(order, at)
        self._sent[order.client_id] = order

    def _working(self) -> dict[str, Decimal]:
        total: dict[str, Decimal] = {}
        for order in self.exchange.open_orders:
            symbol = order.intent.symbol
            total[symbol] = total.get(symbol, ZERO) + order.remaining * order.intent.side.sign
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
        told = f"{error} (slot {iso(market.as_of)}, {len(market)} bars of history)"
        if not self.slots:
            told += "; a strategy that needs more history takes warmup=<bars>, or a later start"
        return kind(told)


class BarPrices(Mapping[str, Decimal]):
    """Symbol → price of one bar, each made a Decimal when it is asked for; what did not trade is not in it."""

    __slots__ = ("_known", "_raw")

    def __init__(self, symbols: tuple[str, ...], prices: list[float]) -> None:
        self._raw = {s: p for s, p in zip(symbols, prices, strict=True) if p == p}
        self._known: dict[str, Decimal] = {}

    def __getitem__(self, symbol: str) -> Decimal:
        price = self._known.get(symbol)
        if price is None:
            price = self._known[symbol] = decimal_price(self._raw[symbol])
        return price

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)
