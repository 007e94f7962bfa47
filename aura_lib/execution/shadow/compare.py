"""Compare: withheld orders played through the exchange over what came after, beside what the account really did.

Each decision is played on a venue of its own that opens with what the account held when it was made, since that is
what the next one started from too. Its profit is that of its own trades against doing nothing, and runs until the same
job decided again (a ticket's: until the end); so do the trades that the account really made on decisions of that time.
What a job would have held on to over several decisions counts in each of them, and the sum counts nothing twice.

What this cannot tell: what the orders would have done to the market, where in the queue they would have stood, and how
the account's broker would have treated them. `costs` and `fills` say what is assumed of that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from aura_lib.core import (
    Account,
    Bars,
    Basket,
    BrokerRejected,
    Calendar,
    DataError,
    Decision,
    Fill,
    InputError,
    Order,
    OrderStatus,
    rate,
    utc,
)
from aura_lib.core.portfolio import pairs
from aura_lib.exchange import Costs, Exchange, FillModel, Terms
from aura_lib.execution.gate import user
from aura_lib.execution.shadow.tape import Close, Tape

ZERO, BPS = Decimal(0), Decimal(10_000)
EXIT = "/exit"  # what the exchange puts behind the client id of a bracket
HOUR, NEXT, WEEK = "1 h", "next close", "5 sessions"
HORIZONS = (HOUR, NEXT, WEEK)
SESSIONS = {NEXT: 1, WEEK: 5}
INTRADAY = frozenset({"1m", "5m", "15m", "30m", "1h"})  # frequencies that know what a price was an hour later
REVISED = Decimal("0.0005")  # a decision price that differs by more from today's bars was revised since
STALE = timedelta(days=7)  # a mark that is older than this is said to be


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision of a shadow: its basket, the verdicts, and the orders that were withheld.

    `before` is the account as it was seen (None: it could not be seen, and all was refused); `prices` are those of the
    decision, as they were known then.
    """

    basket: Basket
    decisions: tuple[Decision, ...]
    orders: tuple[Order, ...] = ()
    before: Account | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def decider(self) -> tuple[str, str]:
        """Who decided, for which book."""
        return self.basket.origin, self.basket.book


@dataclass(frozen=True, slots=True)
class Traded:
    """A fill that the account really had, and when the order that led to it was made."""

    decided: datetime
    fill: Fill


@dataclass(frozen=True, slots=True)
class OrderResult:
    """What would have become of one withheld order.

    `decision_price` is the last close when it was decided; `slippage_bps` how much better the average fill was than
    that (negative: worse); `markouts_bps` how far the price then went in the order's favour, from the average fill,
    by the horizons that have passed; `missed_bps` how far it went in its favour from the decision until the next
    close, where nothing was filled. `price`, of a bracket too, is that of the entry. `live_quantity` (signed) and
    `live_price` are what the account really traded of the symbol on decisions of the same time.
    """

    order: Order
    status: OrderStatus
    reason: str
    fills: tuple[Fill, ...]
    decision_price: Decimal | None
    price: Decimal | None
    slippage_bps: Decimal | None
    markouts_bps: Mapping[str, Decimal | None]
    missed_bps: Decimal | None
    live_quantity: Decimal
    live_price: Decimal | None
    note: str = ""

    @property
    def filled(self) -> Decimal:
        """How much of it would have been filled."""
        return sum((f.quantity for f in self.fills if EXIT not in f.client_id), ZERO)

    @property
    def fees(self) -> Decimal:
        """What its fills would have cost in commissions."""
        return sum((f.fee for f in self.fills), ZERO)


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What would have come of one decision until `until`, in the account's currency.

    `profit` is of its would-be fills, `live` of what the account really traded on decisions of the same time for the
    same book (None for a ticket: it stands beside no decision of the account); both against doing nothing, fees paid.
    None where something traded has no price any more.
    """

    judged: Judged
    until: datetime
    orders: tuple[OrderResult, ...]
    profit: Decimal | None
    live: Decimal | None
    live_fills: int
    notes: tuple[str, ...] = ()

    @property
    def ahead(self) -> Decimal | None:
        """How much better the shadow would have done than the account did."""
        return None if self.profit is None or self.live is None else self.profit - self.live


@dataclass(frozen=True, slots=True)
class Comparison:
    """All decisions of a shadow up to `as_of`, oldest first, and the assumptions they were played under."""

    decisions: tuple[DecisionResult, ...]
    as_of: datetime
    currency: str
    costs: Costs
    fills: FillModel

    @property
    def orders(self) -> tuple[OrderResult, ...]:
        """Every withheld order with what would have become of it."""
        return tuple(order for one in self.decisions for order in one.orders)

    @property
    def refusals(self) -> Mapping[str, int]:
        """Rule → how many wishes it refused, most first."""
        refused = Counter(d.rule for one in self.decisions for d in one.judged.decisions if not d.approved)
        return dict(sorted(refused.items(), key=lambda item: (-item[1], item[0])))

    @property
    def profit(self) -> Decimal:
        """What all would-be fills came to, of the decisions that can be valued."""
        return sum((one.profit for one in self.decisions if one.profit is not None), ZERO)

    def compared(self) -> tuple[Decimal, Decimal]:
        """What shadow and account came to, over the decisions where both can be told."""
        both = [one for one in self.decisions if one.ahead is not None]
        return sum((one.profit or ZERO for one in both), ZERO), sum((one.live or ZERO for one in both), ZERO)


def compare(
    judged: Sequence[Judged],
    bars: Bars,
    *,
    as_of: datetime,
    traded: Sequence[Traded] = (),
    costs: Costs | None = None,
    fills: FillModel | None = None,
    terms: Terms | None = None,
    whole: bool = True,
) -> Comparison:
    """What the market would have made of withheld orders, up to a moment; nothing later is looked at.

    Args:
        judged: the decisions, as they were written.
        bars: prices before and after them.
        as_of: up to when. Decisions and orders after it are left out.
        traded: what the account really did.
        costs: what trading is assumed to cost.
        fills: at which price of a bar a market order is assumed to fill.
        terms: what the account may do (shorts, borrowing).
        whole: whether the exchange is told of open, high and low too, where the bars have them.
    """
    moment = utc(as_of)
    tape = Tape(bars, moment, whole=whole)
    stage = _Stage(tape, tuple(traded), costs or Costs(), fills or FillModel(), terms or Terms())
    told = sorted((one for one in judged if one.basket.as_of <= moment), key=lambda one: one.basket.as_of)
    ends = _ends(told, moment)
    results = tuple(stage.decision(one, ends[one.basket.id]) for one in told)
    currency = next((one.before.currency for one in told if one.before is not None), "USD")
    return Comparison(results, moment, currency, stage.costs, stage.fills)


def _ends(judged: Iterable[Judged], last: datetime) -> dict[str, datetime]:
    """Basket → until when it counts: the next decision of the same job for the same book; a ticket's, the last."""
    ends, told = dict[str, datetime](), dict[tuple[str, str], list[Judged]]()
    for one in judged:
        ends[one.basket.id] = last
        told.setdefault(one.decider, []).append(one)
    for (origin, _), several in told.items():
        if not user(origin):
            ends |= {one.basket.id: following.basket.as_of for one, following in pairwise(several)}
    return ends


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all decisions are played on."""

    tape: Tape
    traded: tuple[Traded, ...]
    costs: Costs
    fills: FillModel
    terms: Terms

    def decision(self, judged: Judged, until: datetime) -> DecisionResult:
        basket, orders = judged.basket, [o for o in judged.orders if o.time <= self.tape.until]
        played, ends = self._play(judged.before, orders)
        own = [t.fill for t in self.traded if _beside(t, basket, until)]
        results = tuple(self._order(o, judged, played.get(o.client_id, ()), ends[o.client_id], own) for o in orders)
        mine = [fill for some in played.values() for fill in some if fill.time <= until]
        currency = judged.before.currency if judged.before is not None else "USD"
        profit, notes = self._profit(mine, until, currency)
        live, others = self._profit([f for f in own if f.time <= until], until, currency)
        if user(basket.origin) or judged.before is None:
            live, others = None, ()
        notes = tuple(dict.fromkeys((*notes, *others)))
        return DecisionResult(judged, until, results, profit, live, len(own), notes)

    # ---- the market ------------------------------------------------------------------------------------------------
    def _play(
        self, before: Account | None, orders: Sequence[Order]
    ) -> tuple[dict[str, tuple[Fill, ...]], dict[str, tuple[OrderStatus, str]]]:
        """Order → its fills, those of its exits too; and order → how it stands at the end."""
        if before is None or not orders:
            return {}, {}
        venue, refused = self._opened(before, orders), dict[str, tuple[OrderStatus, str]]()
        for order in orders:
            try:
                venue.submit(_sendable(order), order.time)
            except (BrokerRejected, InputError) as error:
                refused[order.client_id] = OrderStatus.REJECTED, str(error)
        symbols = sorted({o.intent.symbol for o in orders} | set(venue.account.positions))
        filled: dict[str, list[Fill]] = {}
        for row in self.tape.rows(min(order.time for order in orders)):
            if not venue.open_orders:
                break
            events = venue.match(
                self.tape.time(row), self.tape.prices(row, symbols), closing=self.tape.closes_session(row)
            )
            for event in events:
                if isinstance(event, Fill):
                    filled.setdefault(event.client_id.partition(EXIT)[0], []).append(event)
        ends = {o.client_id: refused.get(o.client_id) or _stands(venue, o.client_id) for o in orders}
        return {name: tuple(some) for name, some in filled.items()}, ends

    def _opened(self, before: Account, orders: Sequence[Order]) -> Exchange:
        """A venue with what the account had; on cash, of its holdings only those that are traded matter."""
        named = {o.intent.symbol for o in orders}
        held = {s: p for s, p in before.positions.items() if p.quantity and (s in named or self.terms.margin)}
        held = {s: p for s, p in held.items() if p.instrument.underlying is None or s in named}
        account = Account(before.name, before.cash, before.currency, held, balances=before.balances)
        return Exchange.of(account, self.costs, fills=self.fills, terms=self.terms)

    # ---- one order -------------------------------------------------------------------------------------------------
    def _order(
        self, order: Order, judged: Judged, fills: Sequence[Fill], end: tuple[OrderStatus, str], own: Sequence[Fill]
    ) -> OrderResult:
        symbol, sign, at = order.intent.symbol, order.intent.side.sign, judged.basket.as_of
        entry = [fill for fill in fills if EXIT not in fill.client_id]
        now, then = self.tape.at(symbol, at), judged.prices.get(symbol)
        decided = now.price if now is not None else then
        price = _average(entry)
        slipped = None if price is None or decided is None else sign * (decided - price) / decided * BPS
        markouts = {name: self._markout(symbol, sign, price, entry, name) for name in self._horizons()}
        missed = None if entry or decided is None else self._missed(symbol, sign, decided, order.time)
        same = [fill for fill in own if fill.symbol == symbol]
        return OrderResult(
            order, *end, tuple(fills), decided, price, slipped, markouts, missed,
            sum((fill.signed for fill in same), ZERO), _average(same), self._note(symbol, now, then),
        )  # fmt: skip

    def _horizons(self) -> tuple[str, ...]:
        return HORIZONS if self.tape.frequency in INTRADAY else HORIZONS[1:]

    def _markout(
        self, symbol: str, sign: int, price: Decimal | None, fills: Sequence[Fill], name: str
    ) -> Decimal | None:
        if price is None:
            return None
        last = fills[-1].time
        later = self._later(symbol, last, name)
        return None if later is None else sign * (later.price - price) / price * BPS

    def _missed(self, symbol: str, sign: int, decided: Decimal, time: datetime) -> Decimal | None:
        later = self._later(symbol, time, NEXT)
        return None if later is None else sign * (later.price - decided) / decided * BPS

    def _later(self, symbol: str, time: datetime, name: str) -> Close | None:
        """The price at a horizon after a moment; None while it has not come, or where nothing traded since."""
        due = time + timedelta(hours=1) if name == HOUR else _close_after(self.tape.calendar, time, SESSIONS[name])
        return None if due is None or due > self.tape.until else self.tape.at(symbol, due, after=time)

    def _note(self, symbol: str, now: Close | None, then: Decimal | None) -> str:
        if not self.tape.knows(symbol):
            return f"there are no prices of {symbol} any more"
        if now is not None and then is not None and abs(now.price - then) > REVISED * then:
            return f"its price at the decision was {then}, and was revised to {now.price} since"
        return ""

    # ---- money -----------------------------------------------------------------------------------------------------
    def _profit(self, fills: Sequence[Fill], until: datetime, currency: str) -> tuple[Decimal | None, tuple[str, ...]]:
        """What trades were worth against doing nothing: their cash, and what they left at the last prices."""
        total, notes, known = ZERO, list[str](), True
        for symbol in sorted({fill.symbol for fill in fills}):
            same = [fill for fill in fills if fill.symbol == symbol]
            left = sum((fill.signed for fill in same), ZERO) * same[0].instrument.multiplier
            mark = self.tape.at(symbol, until)
            if left and mark is None:
                known = False
                notes.append(f"{symbol} has no price by {until:%Y-%m-%d}: its trades cannot be valued")
                continue
            if left and mark is not None and until - mark.time > STALE:
                notes.append(f"{symbol} is valued at its last price, of {mark.time:%Y-%m-%d}")
            own = sum((fill.cash for fill in same), ZERO) + left * (mark.price if mark is not None else ZERO)
            rated = self._rate(same[0].instrument.currency, currency, until)
            if rated is None:
                known = False
                notes.append(f"there is no price of {same[0].instrument.currency} in {currency}: {symbol} is left out")
                continue
            total += own * rated
        return (total if known else None), tuple(notes)

    def _rate(self, currency: str, own: str, until: datetime) -> Decimal | None:
        names = (*pairs(currency, own), *pairs(own, currency))
        prices = {name: close.price for name in names if (close := self.tape.at(name, until)) is not None}
        try:
            return rate(prices, currency, own)
        except DataError:
            return None


def _beside(traded: Traded, basket: Basket, until: datetime) -> bool:
    """Whether a fill came of a decision of the account that stands beside a shadow's."""
    return traded.fill.book == basket.book and basket.as_of <= traded.decided < until


def _sendable(order: Order) -> Order:
    return Order(
        order.client_id, order.account, order.book, order.basket, order.leg, order.attempt, order.intent, order.time
    )


def _stands(venue: Exchange, client_id: str) -> tuple[OrderStatus, str]:
    told = venue.find(client_id)
    assert told is not None  # it was accepted
    return told.status, told.reason


def _average(fills: Sequence[Fill]) -> Decimal | None:
    """The average price of fills, by quantity."""
    units = sum((fill.quantity for fill in fills), ZERO)
    return sum((fill.quantity * fill.price for fill in fills), ZERO) / units if units else None


def _close_after(calendar: Calendar, moment: datetime, sessions: int) -> datetime | None:
    """The close of the n-th session after a moment; None where the calendar does not reach."""
    try:
        for _ in range(sessions):
            moment = calendar.next_close(moment)
    except InputError:
        return None
    return moment
