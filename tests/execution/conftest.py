"""A desk over a small made-up market, all in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.access import Vault
from aura_lib.core import Bars, Basket, Binding, Calendar, Intent, Mode, Promotion, Side, SimulatedClock, encode, iso
from aura_lib.execution.accounts import Terms, open_account
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import Desk
from aura_lib.execution.feed import Feed
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Token

BINDING = Binding("cells", "parameters", "sources")
SYMBOLS = ("AAA", "BBB", "CCC")


def made_up_bars(sessions: int = 30) -> Bars:
    """Three names with cent prices from a fixed random walk, from 2021-01-04 on."""
    closes = Calendar.of("XNYS").closes
    first = int(closes.searchsorted(pd.Timestamp("2021-01-04", tz="UTC")))
    steps = np.random.default_rng(7).normal(0, 0.01, (sessions, len(SYMBOLS)))
    prices = np.round(np.array([100.0, 50.0, 20.0]) * np.exp(steps.cumsum(axis=0)), 2)
    return Bars({"close": pd.DataFrame(prices, closes[first : first + sessions], list(SYMBOLS))}, source="made up")


@dataclass
class Floor:
    """Everything around one desk."""

    ledger: Ledger
    home: Path
    bars: Bars
    terms: Terms
    vault: Vault
    broker_of: Callable[[SimulatedClock], PaperBroker]

    def time(self, session: int) -> datetime:
        return self.bars.times[session].to_pydatetime()

    def desk(self, session: int = 0, wrap: Callable[[PaperBroker], object] = lambda broker: broker) -> Desk:
        """A started desk with the clock at a session; `wrap` may put a misbehaving broker in front."""
        clock = SimulatedClock(self.time(session))
        self.ledger.control.set_clock("paper", clock.now())
        lease = self.ledger.control.acquire("paper", 60)
        assert lease is not None
        desk = Desk(
            self.ledger, self.terms, lease, wrap(self.broker_of(clock)), Feed(self.bars), clock,
            self.vault.public_key, self.home,
        )  # fmt: skip
        desk.start()
        return desk

    def fund(self, amount: str = "100000", book: str = "m") -> None:
        body = {"book": book, "amount": Decimal(amount), "why": "test"}
        self.ledger.inbox.ask("paper", "cash", body, f"cash:{book}:{amount}")

    def promote(self, binding: Binding = BINDING, signed: bool = True) -> None:
        promotion = Promotion(binding, Mode.PAPER, "n.ipynb", "run", "me", datetime.now(UTC), self.vault.public_key)
        signature = self.vault.sign(promotion.message() if signed else b"something else")
        self.ledger.journal.append(SYSTEM, "promotion", encode(replace(promotion, signature=signature)))

    def secret(
        self, session: int, origin: str = "job", book: str = "m", seconds: float = 60, binding: Binding = BINDING
    ) -> str:
        token = Token("r1", origin, iso(self.time(session)), "paper", book, binding.id)
        return self.ledger.control.issue(token, seconds)

    def propose(
        self,
        session: int,
        *wishes: tuple[str, str, int],
        origin: str = "job",
        book: str = "m",
        binding: Binding = BINDING,
    ) -> Basket:
        """Put a basket in the inbox: (symbol, side, quantity) each."""
        intents = tuple(Intent(self.bars.instruments[s], Side(side), Decimal(q)) for s, side, q in wishes)
        return self.put(session, *intents, origin=origin, book=book, binding=binding)

    def put(
        self, session: int, *intents: Intent, origin: str = "job", book: str = "m", binding: Binding = BINDING
    ) -> Basket:
        """Put a basket of any intents in the inbox."""
        moment = self.time(session)
        basket = Basket(origin, moment, "paper", book, moment, intents, "snap", "r1")
        return self.ledger.inbox.put(basket, self.secret(session, origin, book, binding=binding))

    def settle(self, desk: Desk, session: int) -> None:
        """Move the clock and let the desk do all that is due."""
        self.ledger.control.set_clock("paper", self.time(session))
        while desk.cycle():
            pass

    def view(self) -> AccountView:
        return self.ledger.account("paper")


@pytest.fixture
def floor(tmp_path: Path, ledger_url: str) -> Iterator[Floor]:
    """A ledger, a promoted notebook and an open paper account over the made-up market."""
    ledger = Ledger(ledger_url)
    terms = open_account(ledger, Terms("paper"))
    bars = made_up_bars()
    floor = Floor(
        ledger, tmp_path, bars, terms, Vault(tmp_path),
        lambda clock: PaperBroker(tmp_path / "brokers" / "paper.db", Feed(bars), clock, terms.costs),
    )  # fmt: skip
    floor.promote()
    floor.fund()
    yield floor
    ledger.close()
