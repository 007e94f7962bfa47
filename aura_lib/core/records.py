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
    """One execution of a notebook. `ledger_seq` is the last journal entry it could see, `who` had it executed."""

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
    who: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One number that was judged: against which threshold, with what outcome, and what it means.

    `at_least` tells the side: the value must not be below the threshold, or (False) not above it. `passed` is None
    when nothing could be judged (`value` is then None); `required_for` names the classes of account that need it.
    """

    name: str
    value: float | None
    threshold: float
    at_least: bool
    passed: bool | None
    meaning: str
    required_for: tuple[Mode, ...] = ()


@dataclass(frozen=True, slots=True)
class Examination:
    """What evidence came to: the findings, the verdict in one line, and the data of its figures (plain JSON values).

    `trials` is the number of trials the statistics were corrected for; `policy` the digest of the thresholds, and
    `loosened` those that a project made easier to pass than they are shipped.
    """

    findings: tuple[Finding, ...]
    verdict: str
    trials: int = 1
    policy: str = ""
    loosened: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def missing(self, account_class: Mode) -> tuple[Finding, ...]:
        """What stands between it and a class of account: required findings that did not pass."""
        return tuple(f for f in self.findings if account_class in f.required_for and f.passed is not True)

    @property
    def passed(self) -> bool:
        """Whether every finding that a live account requires was judged and passed."""
        return bool(self.findings) and not self.missing(Mode.LIVE)

    def finding(self, name: str) -> Finding | None:
        """The finding of a name, or None."""
        return next((f for f in self.findings if f.name == name), None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a strategy notebook showed when the runner executed it: the ground for a promotion.

    `parameters` (all but mode, as_of and book) and `sources` (file → hash) are what `binding` sums up.
    `examination` is None where nothing but statistics was recorded (before there was any, or outside `aura.run`).
    `warmup_bars` is the shortest history from which it decided as from all (0: not measured): a job refuses less.
    """

    run: str
    binding: Binding
    notebook: str
    parameters: Mapping[str, Any]
    sources: Mapping[str, str]
    snapshot: str
    statistics: Mapping[str, float]
    time: datetime
    examination: Examination | None = None
    warmup_bars: int = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was judged; nothing where nothing was examined."""
        return self.examination.findings if self.examination else ()

    @property
    def passed(self) -> bool:
        """Whether all that a live account requires was examined and passed."""
        return self.examination is not None and self.examination.passed

    @property
    def verdict(self) -> str:
        """The verdict in one line."""
        return self.examination.verdict if self.examination else "Nothing was examined: only statistics were recorded."


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
