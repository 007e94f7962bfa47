"""Accounts: on what terms one was opened. Written once to the system chain, read by everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aura_lib.core import InputError, Mode, NotFound, decode, encode, utc
from aura_lib.exchange import Costs
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.risk import Limits

CLOCKS = ("replay", "wall")
BROKERS = {"paper": (Mode.PAPER,), "alpaca": (Mode.PAPER, Mode.LIVE)}  # broker → the classes of account it has
SAMPLE = "sample"  # whose prices an account trades on, when nobody says


@dataclass(frozen=True, slots=True)
class Terms:
    """An account: its class (paper or live), its broker, its clock, its data, its limits.

    `broker` is "paper", the embedded venue, or "alpaca", where the class says which of Alpaca's two it is. `clock` says
    who moves the account's time: "replay" whoever replays past slots, "wall" the scheduler, as bars of `source` become
    known; at a real broker it is the real time. `costs` are what the simulated exchange charges; a real broker charges
    its own. A live account trades only with AURA_ALLOW_LIVE=1, a promotion to live, and a permission of whoever asks.
    `shadow_of` names the account that a shadow looks at: it is on its terms, but of the class paper, since nothing it
    decides is ever sent (`execution.shadow`).
    """

    name: str
    account_class: Mode = Mode.PAPER
    broker: str = "paper"
    clock: str = "replay"
    currency: str = "USD"
    calendar: str = "XNYS"
    source: str = SAMPLE
    limits: Limits = field(default_factory=Limits)
    costs: Costs = field(default_factory=Costs)
    shadow_of: str = ""

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum() or self.name.lower() in ("system", "all"):
            raise InputError(f"an account is named with letters, digits, - and _, and not system or all: {self.name!r}")
        classes = BROKERS.get(self.broker)
        if classes is None:
            raise InputError(f"account {self.name}: its broker is one of {', '.join(BROKERS)}, not {self.broker!r}")
        if self.account_class not in classes:
            kinds = " or ".join(c.value for c in classes)
            raise InputError(f"account {self.name}: at {self.broker} it is {kinds}, not {self.account_class.value}")
        if self.clock not in CLOCKS:
            raise InputError(f"account {self.name}: its clock is one of {', '.join(CLOCKS)}, not {self.clock!r}")
        if self.shadow_of and (self.shadow_of == self.name or self.account_class is not Mode.PAPER):
            raise InputError(f"account {self.name}: a shadow is of another account, and its class is paper")
        if not self.simulated and (self.clock != "wall" or self.currency != "USD"):
            raise InputError(f"account {self.name}: at {self.broker} the clock is the wall's and the currency USD")

    @property
    def simulated(self) -> bool:
        """Whether the venue is the embedded one, in simulated time."""
        return self.broker == "paper"

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the environment variables that hold its keys; a shadow looks with those of the account it is of."""
        if self.simulated or self.shadow_of:
            return ()
        from aura_lib.execution.brokers.alpaca.keys import NAMES

        return NAMES[self.account_class]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Names of the environment variables that lead it to another address than its broker's: a rehearsal."""
        if self.simulated:
            return ()
        from aura_lib.execution.brokers.alpaca.keys import URLS

        return URLS[self.account_class]


def open_account(ledger: Ledger, terms: Terms) -> Terms:
    """Open an account, or return the terms it was opened with. Other terms for an open account are refused."""
    entry = ledger.journal.append(SYSTEM, "account.opened", encode(terms), key=f"account:{terms.name}")
    opened = decode(Terms, entry.body)
    if opened != terms:
        changed = [n for n in Terms.__slots__ if getattr(opened, n) != getattr(terms, n)]
        raise InputError(f"account {terms.name} was opened with other terms ({', '.join(changed)}); open another one")
    return opened


def accounts(ledger: Ledger) -> list[str]:
    """The names of all accounts, first opened first."""
    return [str(entry.body["name"]) for entry in ledger.journal.entries(SYSTEM, kinds=("account.opened",))]


def account_terms(ledger: Ledger, name: str) -> Terms:
    """The terms of an account; one that was never opened raises NotFound naming those that were."""
    entry = ledger.journal.find(SYSTEM, f"account:{name}")
    if entry is None:
        known = accounts(ledger)
        raise NotFound(f"no account {name!r}; open accounts: {', '.join(known) or 'none'}")
    return decode(Terms, entry.body)


def opened(ledger: Ledger, name: str) -> datetime | None:
    """When an account was opened: what its broker did before is not this ledger's."""
    entry = ledger.journal.find(SYSTEM, f"account:{name}")
    return None if entry is None else utc(entry.time)


def find_terms(ledger: Ledger, name: str) -> Terms | None:
    """The terms of an account, or None when it was never opened."""
    return account_terms(ledger, name) if ledger.journal.find(SYSTEM, f"account:{name}") else None


def paper_account(ledger: Ledger, name: str = "paper", source: str = "") -> Terms:
    """The paper account of this name, opened with the default terms, on the prices of `source`, when it is not there.

    Raises InputError when it is there and trades on other prices than `source`.
    """
    known = find_terms(ledger, name) or open_account(ledger, Terms(name, source=source or SAMPLE))
    if source and known.source != source:
        raise InputError(
            f"account {name} trades on the prices of {known.source}, not of {source}: name another account in the job "
            f"file, such as account: {name}2"
        )
    return known
