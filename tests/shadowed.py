"""A home in which a job has traded for a year, and another one ran beside it as a shadow: for pages and commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from aura_lib import data
from aura_lib.access import Vault
from aura_lib.core import (
    Basket,
    Binding,
    Calendar,
    Intent,
    Mode,
    OrderType,
    Promotion,
    Schedule,
    Settings,
    Side,
    SimulatedClock,
    TimeInForce,
    encode,
    iso,
    utc,
)
from aura_lib.execution import Terms, open_account, open_shadow
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import Desk
from aura_lib.execution.feed import Feed
from aura_lib.execution.shadow.desk import ShadowDesk
from aura_lib.execution.shadow.onlooker import Onlooker
from aura_lib.ledger import SYSTEM, Ledger, Token

BINDING = Binding("cells", "parameters", "sources")
NAMES = ("AAPL", "KO", "MSFT", "XOM", "JPM")
SLOTS = Schedule.parse("XNYS month-end close").slots(
    datetime(2021, 1, 29, 21, tzinfo=UTC), datetime(2021, 11, 30, 21, tzinfo=UTC)
)
END = Calendar.of("XNYS").close(date(2021, 12, 31))


def seed(settings: Settings) -> None:
    """Write it. The job turns its book over each month; its shadow turns to other names, some of them at a limit."""
    settings.ensure_home()
    bars = data.load(source="sample", settings=settings)
    with Ledger.open(settings) as ledger:
        terms, ghost = open_account(ledger, Terms("paper")), open_shadow(ledger, "ghost", "paper")
        vault = Vault(settings.home)
        promotion = Promotion(BINDING, Mode.PAPER, "n.ipynb", "run", "me", datetime.now(UTC), vault.public_key)
        signed = replace(promotion, signature=vault.sign(promotion.message()))
        ledger.journal.append(SYSTEM, "promotion", encode(signed))
        body = {"book": "m", "amount": Decimal(100_000), "why": "opening"}
        clock, other = (SimulatedClock(utc(SLOTS[0])) for _ in range(2))
        ledger.control.set_clock("paper", clock.now())
        ledger.inbox.ask("paper", "cash", body, "cash:m")
        broker = PaperBroker(settings.home / "brokers" / "paper.db", Feed(bars), clock, terms.costs)
        desks = (
            Desk(ledger, terms, _lease(ledger, "paper"), broker, Feed(bars), clock, vault.public_key, settings.home),
            ShadowDesk(
                ledger, ghost, _lease(ledger, "ghost"), Onlooker("paper", PaperBroker.capabilities), Feed(bars), other,
                vault.public_key, settings.home,
            ),
        )  # fmt: skip
        for desk in desks:
            desk.start()
        for number, slot in enumerate(map(utc, SLOTS)):
            held = _moved(ledger, desks, slot)
            prices = Feed(bars).prices(slot)
            for account, shift in (("paper", 0), ("ghost", 2)):
                wanted = {NAMES[(number + shift) % 5], NAMES[(number + shift + 1) % 5]}
                intents = _wishes(bars.instruments, prices, held, wanted, at_limit=account == "ghost")
                _put(ledger, account, slot, intents)
        _moved(ledger, desks, END)
        broker.close()


def _lease(ledger: Ledger, account: str) -> Any:
    lease = ledger.control.acquire(account, 600)
    assert lease is not None
    return lease


def _moved(ledger: Ledger, desks: Sequence[Any], to: datetime) -> dict[str, Decimal]:
    """Let both desks do what is due up to a moment; what the real book then holds."""
    for name, desk in zip(("paper", "ghost"), desks, strict=True):
        while desk.cycle():
            pass
        ledger.control.set_clock(name, to)
        while desk.cycle():
            pass
    return ledger.account("paper").account("m").holdings


def _wishes(
    instruments: Any, prices: Any, held: dict[str, Decimal], wanted: set[str], *, at_limit: bool
) -> tuple[Intent, ...]:
    """Sell what is not wanted, buy what is: for 20,000 each, and once more than the book may hold."""
    sells = [Intent(instruments[s], Side.SELL, q) for s, q in sorted(held.items()) if s not in wanted]
    buys = []
    for place, symbol in enumerate(sorted(wanted - held.keys())):
        units = Decimal(int(20_000 / prices[symbol]))
        limit = (prices[symbol] * Decimal("0.985")).quantize(Decimal("0.01"))
        if at_limit and place:
            buys.append(
                Intent(instruments[symbol], Side.BUY, units, OrderType.LIMIT, limit, time_in_force=TimeInForce.DAY)
            )
        else:
            buys.append(Intent(instruments[symbol], Side.BUY, units))
    if at_limit:
        buys.append(Intent(instruments["KO"], Side.BUY, Decimal(100_000)))
    return (*sells, *buys)


def _put(ledger: Ledger, account: str, slot: datetime, intents: tuple[Intent, ...]) -> None:
    job = f"{account}_job"
    token = Token("r1", job, iso(slot), account, "m", BINDING.id)
    ledger.inbox.put(Basket(job, slot, account, "m", slot, intents, "snap", "r1"), ledger.control.issue(token, 600))
