"""Run and Evidence: what happened when a notebook was executed, and what may be concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from aura_lib.core.codec import canonical, digest


class Mode(StrEnum):
    """What stands behind the desk."""

    RESEARCH = "research"
    PAPER = "paper"
    LIVE = "live"


class RunStatus(StrEnum):
    """How a Run stands. LOST: its runner died before it could tell. MISSED: its slot passed, and nobody ran it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Binding:
    """What decides: the notebook's code cells, its parameters (all but mode, as_of, book), and the sources behind."""

    notebook: str
    parameters: str
    sources: str

    @property
    def id(self) -> str:
        """One hash of the three."""
        return digest([self.notebook, self.parameters, self.sources])


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a notebook. `ledger_seq` is the last journal entry it could see."""

    id: str
    job: str
    slot: str
    attempt: int
    mode: Mode
    notebook: str
    binding: Binding
    parameters: Mapping[str, Any]
    status: RunStatus
    started: datetime
    ended: datetime | None = None
    snapshot: str = ""
    ledger_seq: int = 0
    lock: str = ""
    basket: str = ""
    output: str = ""
    error: str = ""
    results: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a strategy notebook showed when the runner executed it: the ground for a promotion.

    `parameters` (all but mode, as_of and book) and `sources` (file → hash) are what `binding` sums up.
    """

    run: str
    binding: Binding
    notebook: str
    parameters: Mapping[str, Any]
    sources: Mapping[str, str]
    snapshot: str
    statistics: Mapping[str, float]
    time: datetime


@dataclass(frozen=True, slots=True)
class Promotion:
    """Leave for one binding to trade on one class of account (paper or live), signed by the vault.

    `evidence` is the Run that vouches for the notebook, `notebook` its path when it was promoted.
    """

    binding: Binding
    account_class: Mode
    notebook: str
    evidence: str
    who: str
    time: datetime
    public_key: str = ""
    signature: str = ""

    def message(self) -> bytes:
        """What is signed: everything but the signature."""
        said = [self.binding.id, self.account_class, self.notebook, self.evidence, self.who, self.time, self.public_key]
        return canonical(said).encode()
