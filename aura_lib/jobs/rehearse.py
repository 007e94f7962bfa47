"""Rehearsing a job: its own decisions, sent by a real desk through the real client to a broker that misbehaves.

The notebook decides once for each slot. Every scenario then gets a scratch home with a ledger and a desk of its own,
and a rehearsal broker on loopback; what the desk holds to be true at the end is held against the broker's own books.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from aura_lib.core import (
    Account,
    Basket,
    Binding,
    Calendar,
    Fill,
    Instrument,
    Intent,
    Mode,
    OrderStatus,
    Promotion,
    SimulatedClock,
    decode,
    encode,
    fold,
    iso,
)
from aura_lib.execution import Terms, find_terms, open_account
from aura_lib.execution.feed import Feed
from aura_lib.jobs.context import Preview
from aura_lib.jobs.job import Job
from aura_lib.jobs.person import BOOK, Person, cheapest
from aura_lib.jobs.replay import slots_of, source_of
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Token

if TYPE_CHECKING:
    from aura_lib.execution.brokers.rehearsal.server import Rehearsal
    from aura_lib.execution.desk import Desk

FAIR = "fair weather"
TIMEOUT = (2.0, 1.0)  # seconds to connect, and between two bytes: what hangs shall not take long
GRACE = 0.5  # seconds in which an order may be on its way
PATIENCE = 30.0  # seconds without a request or an entry after which nothing more is expected
LONGEST = 600.0  # seconds for the orders of a slot to come to rest, whatever happens
HASTE = 20  # how much faster than the clock the broker's limits pass
STEP = timedelta(seconds=1)
UNSETTLED = (OrderStatus.APPROVED, OrderStatus.SENDING, OrderStatus.UNKNOWN)
OUTSIDE = "web-"  # what the client ids of orders placed elsewhere begin with
BINDING = Binding("rehearsal", "rehearsal", "rehearsal")
ZERO = Decimal(0)
OnScenario = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What the job wished at a slot, and the prices it could be traded at."""

    slot: datetime
    intents: tuple[Intent, ...]
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a rehearsal ended.

    `orders` are those of the job that reached the broker, `happened` how often something went wrong on the way;
    `duplicates` the wishes that the broker has more of than was wished; `lost` the orders whose end or fills the desk
    does not know. `position` is "right" when the desk holds what the broker says; `raised` what the desk itself says
    is wrong.
    """

    scenario: str
    orders: int
    happened: int
    duplicates: int
    lost: int
    position: str
    raised: str
    seconds: float

    @property
    def verdict(self) -> str:
        """Nothing doubled, nothing lost, and a position that is right or whose difference was raised.

        A scenario that had no occasion, as nothing was sent, is "not met".
        """
        if self.duplicates or self.lost or (self.position != "right" and not self.raised):
            return "WRONG"
        if self.raised:
            return "raised"
        return "passed" if self.happened or self.scenario == FAIR else "not met"


def decide(runner: Runner, job: Job, start: str, end: str) -> tuple[list[Decided], dict[str, Instrument]]:
    """What the job's notebook wishes at each slot, as if every wish before had been filled at its slot's price."""
    terms = _terms(runner, job)
    feed = _feed(runner, terms)
    account = Account(job.book, job.capital, terms.currency)
    found = []
    for slot in slots_of(runner, job, start, end):
        prices = feed.prices(slot)
        told = runner.preview(job, slot, Preview(account, prices, terms.costs, terms.limits))
        intents = tuple(decode(Intent, intent) for intent in told["intents"])
        found.append(Decided(slot, intents, prices))
        account = fold(account, (_filled(n, i, slot, prices) for n, i in enumerate(intents) if i.symbol in prices))
    return found, dict(feed.bars.instruments)


def _terms(runner: Runner, job: Job) -> Terms:
    return find_terms(runner.ledger, job.account) or Terms(job.account, source=source_of(runner, job) or "sample")


def _feed(runner: Runner, terms: Terms) -> Feed:
    from aura_lib import data

    return Feed(data.load(source=terms.source, calendar=terms.calendar, settings=runner.settings))


def _filled(number: int, wish: Intent, slot: datetime, prices: Mapping[str, Decimal]) -> Fill:
    name = f"{iso(slot)}:{number}"
    price = prices[wish.symbol]
    return Fill(name, name, "rehearsal", "rehearsal", wish.instrument, wish.side, wish.quantity, price, ZERO, slot)


def rehearse(
    runner: Runner, job: Job, start: str, end: str, scenarios: Sequence[str] = (), *,
    seed: int = 0, on_scenario: OnScenario | None = None,
) -> list[Outcome]:  # fmt: skip
    """Rehearse a job's slots in [start, end], in fair weather first and then under each scenario (none given: each).

    One may be a schedule: several with commas, each at once (NAME), with an order (NAME@3), or after a time (NAME@90s,
    NAME@5m). A person acts besides the job: places orders by hand, changes and cancels them. Nothing reaches the
    account of the job. Raises InputError for an unknown scenario or dates without a slot, RunFailed when the notebook
    does not reach its end.
    """
    from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS, entries

    scenarios = scenarios or list(SCENARIOS)
    for name in scenarios:
        entries(name)
    decided, _ = decide(runner, job, start, end)
    terms, feed = _terms(runner, job), None
    outcomes = []
    for number, name in enumerate((FAIR, *scenarios), start=1):
        feed = _feed(runner, terms)
        with TemporaryDirectory(prefix="aura-rehearsal-") as home:
            outcomes.append(Stage(Path(home), job, terms, feed, seed).play(name, decided))
        if on_scenario is not None:
            on_scenario(number, len(scenarios) + 1)
    return outcomes


class Stage:
    """A scratch home with a ledger, a desk and a broker that misbehaves."""

    def __init__(self, home: Path, job: Job, terms: Terms, feed: Feed, seed: int) -> None:
        self.home, self.job, self.feed, self.seed = home, job, feed, seed
        self.terms = replace(terms, broker="alpaca", clock="wall", account_class=Mode.PAPER)

    def play(self, name: str, decided: Sequence[Decided]) -> Outcome:
        """Send what was decided, under a scenario, and look at what came of it."""
        began = time.monotonic()
        with ExitStack() as stack:
            ledger = stack.enter_context(Ledger(f"sqlite:///{self.home / 'ledger.db'}"))
            person = self._person(ledger, decided[-1])
            rehearsal = stack.enter_context(self._broker(decided[0].slot, self.job.capital + person.money))
            clock = SimulatedClock(decided[0].slot)
            ledger.inbox.ask(self.terms.name, "cash", {"book": BOOK, "amount": person.money, "why": "rehearsal"}, BOOK)
            desk = self._desk(ledger, rehearsal, clock, stack)
            if name != FAIR:
                from aura_lib.execution.brokers.rehearsal.scenarios import entries, schedule

                schedule(entries(name), rehearsal.weather, rehearsal.venue, seed=self.seed)
            for one in decided:
                self._slot(ledger, rehearsal, desk, one)
            replace(person, rest=lambda: self._rest(ledger, rehearsal, desk, clock.now(), calm=2)).act(clock.now())
            rehearsal.weather.clear()
            self._rest(ledger, rehearsal, desk, decided[-1].slot + timedelta(minutes=30))
            return self._judge(name, ledger.account(self.terms.name), rehearsal, time.monotonic() - began)

    def _person(self, ledger: Ledger, last: Decided) -> Person:
        instrument, price = cheapest(last.prices, self.feed.bars.instruments)
        return Person(ledger, self.terms.name, instrument, price, lambda: ledger.account(self.terms.name))

    @contextmanager
    def _broker(self, now: datetime, cash: Decimal) -> Iterator[Rehearsal]:
        from aura_lib.execution.brokers.rehearsal import Asset, Listing, Market, Venue
        from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server

        whole = [i.symbol for i in self.feed.bars.instruments.values() if i.lot == 1]
        assets = [Asset(s, fractionable=s not in whole) for s in self.feed.bars.symbols]
        market = Market(Listing(assets), now - STEP, Calendar.of("24/7"))
        venue = Venue(market, cash=cash, seed=self.seed, file=self.home / "broker.db")
        with Server(Rehearsal(venue)) as rehearsal:
            yield rehearsal
        venue.close()

    def _desk(self, ledger: Ledger, rehearsal: Rehearsal, clock: SimulatedClock, stack: ExitStack) -> Desk:
        from aura_lib.access import Vault
        from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys
        from aura_lib.execution.brokers.alpaca.door import Door, Pace
        from aura_lib.execution.desk import Desk

        terms, vault = open_account(ledger, self.terms), Vault(self.home)
        keys = Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url, rehearsal.stream_url)
        pace = Pace(per_minute=1_000_000, now=lambda: time.monotonic() * HASTE)
        door = Door(keys, pace=pace, timeout=TIMEOUT)
        broker = AlpacaBroker(keys, terms.name, grace=GRACE, door=door, clock=clock)
        stack.callback(broker.close)
        promotion = Promotion(
            BINDING, Mode.PAPER, "rehearsal", "rehearsal", "rehearsal", datetime.now(UTC), vault.public_key
        )
        signed = replace(promotion, signature=vault.sign(promotion.message()))
        ledger.journal.append(SYSTEM, "promotion", encode(signed))
        body = {"book": self.job.book, "amount": self.job.capital, "why": "rehearsal"}
        ledger.inbox.ask(terms.name, "cash", body, "rehearsal:cash")
        ledger.control.set_clock(terms.name, clock.now())
        lease = ledger.control.acquire(terms.name, 3600)
        assert lease is not None  # nobody else knows this ledger
        desk = Desk(ledger, terms, lease, broker, self.feed, clock, vault.public_key, self.home)
        desk.start()
        stack.enter_context(_listening(broker, desk.woken.set))
        return desk

    def _slot(self, ledger: Ledger, rehearsal: Rehearsal, desk: Desk, decided: Decided) -> None:
        """The market comes to the slot, the basket to the desk, and all that follows comes to rest."""
        venue = rehearsal.venue
        with venue.turn():
            for symbol, price in decided.prices.items():
                if venue.market.listing.find(symbol) is not None:
                    venue.tick(symbol, price, at=max(decided.slot, venue.market.now))
        ledger.control.set_clock(self.terms.name, decided.slot)
        book = self.job.book
        token = Token("rehearsal", self.job.name, iso(decided.slot), self.terms.name, book, BINDING.id)
        secret = ledger.control.issue(token, 24 * 3600)
        basket = Basket(
            self.job.name, decided.slot, self.terms.name, book, decided.slot, decided.intents, "", "rehearsal"
        )
        ledger.inbox.put(basket, secret)
        self._rest(ledger, rehearsal, desk, decided.slot)

    def _rest(self, ledger: Ledger, rehearsal: Rehearsal, desk: Desk, moment: datetime, calm: int = 4) -> AccountView:
        """Let the desk work until nothing moves any more, and tell what it holds to be true.

        As long as it is at work its orders have their session.
        """
        end, last, seen, quiet = time.monotonic() + LONGEST, time.monotonic(), (0, 0), 0
        while quiet < calm and time.monotonic() < min(end, last + PATIENCE):
            moment += STEP
            ledger.control.set_clock(self.terms.name, moment)
            while desk.cycle() and time.monotonic() < end:
                pass
            view, asked = desk.seat.view, len(rehearsal.asked)
            if (asked, view.n) != seen:
                seen, last = (asked, view.n), time.monotonic()
            busy = [o for o in view.live.values() if o.status in UNSETTLED or o.intent.type.value == "market"]
            quiet = 0 if busy else quiet + 1
            time.sleep(0.02)
        return desk.seat.view

    def _judge(self, name: str, view: AccountView, rehearsal: Rehearsal, seconds: float) -> Outcome:
        venue = rehearsal.venue
        with venue.lock:
            there = {t.client_order_id: t for t in venue.tickets.values() if not t.client_order_id.startswith(OUTSIDE)}
            truth = {s: p.quantity for s, p in venue.exchange.account.positions.items() if p.quantity}
        ours = {o.client_id: o for o in view.orders.values() if o.book}  # those adopted from elsewhere have none
        wished: dict[Any, Decimal] = {}
        placed: dict[Any, Decimal] = {}
        for order in ours.values():
            ticket, leg = there.get(order.client_id), (order.basket, order.leg)
            wished[leg] = max(wished.get(leg, ZERO), order.intent.quantity)
            if ticket is not None:
                placed[leg] = placed.get(leg, ZERO) + (ticket.asked if ticket.open else ticket.filled)
        doubled = sum(1 for leg, quantity in placed.items() if quantity > wished[leg])
        unknown = [t for client_id, t in there.items() if client_id not in view.orders]
        doubled += sum(1 for t in unknown if t.open or t.filled or not t.parent)  # a leg that came to nothing is none
        lost = sum(1 for o in ours.values() if _lost(o, there.get(o.client_id)))
        held = {symbol: quantity for symbol, quantity in view.account().holdings.items() if quantity}
        raised = view.drift or "; ".join(f"{s}: {why}" for s, why in view.stopped.items())
        position = "right" if held == truth else "wrong"
        sent = sum(1 for o in ours.values() if o.client_id in there and o.book == self.job.book)
        return Outcome(name, sent, rehearsal.weather.happened, doubled, lost, position, raised, seconds)


def _lost(order: Any, ticket: Any) -> bool:
    """Whether the desk does not know how an order stands, or knows less of its fills than the broker."""
    if order.status in UNSETTLED:
        return True
    return bool(order.filled < (ZERO if ticket is None else ticket.filled))


@contextmanager
def _listening(broker: Any, wake: Callable[[], None]) -> Iterator[None]:
    stopped = Event()
    thread = Thread(target=broker.listen, args=(wake, stopped), name="rehearsal stream", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(PATIENCE)
