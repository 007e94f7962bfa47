"""Run and Evidence: what happened when a notebook was executed, and what may be concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from aura_lib.core.codec import digest


class Mode(StrEnum):
    """What stands behind the desk."""

    RESEARCH = "research"
    PAPER = "paper"
    LIVE = "live"


class RunStatus(StrEnum):
    """How a Run stands. LOST: its runner died before it could tell."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"


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
    """What a strategy notebook showed when the runner executed it: the ground for a promotion."""

    run: str
    binding: Binding
    notebook: str
    snapshot: str
    statistics: Mapping[str, float]
    time: datetime
