"""What a runner tells the kernel it starts, and what the kernel tells it back. Interactive kernels have none."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aura_lib.core import Account, canonical, decode, encode
from aura_lib.data.quality import Policy
from aura_lib.exchange import Costs
from aura_lib.risk import Limits

CONTEXT, TOKEN = "AURA_RUN_CONTEXT", "AURA_RUN_TOKEN"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A request to replay slots instead of researching: what parity compares the recorded runs with.

    With `accounts`, the book as it was recorded at each slot, every slot is decided anew on that one, and nothing is
    filled: how a real market filled is not for a replay to say.
    """

    slots: tuple[datetime, ...]
    capital: Decimal
    costs: Costs
    limits: Limits
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """A request to decide once and propose nothing: the book as it stands, and what a desk would judge by.

    `prices` maps symbols to the desk's price at the slot, `working` symbols to the signed quantity on its way.
    """

    account: Account
    prices: Mapping[str, Decimal]
    costs: Costs
    limits: Limits
    working: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """One run as its kernel sees it. `results` is the file the kernel reports to, `quality` what it accepts of data.

    `warmup` is the shortest history, in bars, that its evidence allows it to decide on.
    """

    run: str
    notebook: str
    binding: str
    results: Path
    job: str = ""
    slot: datetime | None = None
    account: str = ""
    book: str = ""
    rehearsal: Rehearsal | None = None
    preview: Preview | None = None
    quality: Policy | None = None
    warmup: int = 0

    def environment(self, secret: str = "") -> dict[str, str]:
        """The variables that hand the context to a kernel."""
        return {CONTEXT: canonical(encode(self)), TOKEN: secret}

    def report(self, results: Mapping[str, Any]) -> None:
        """Tell the runner. The file is complete or not there."""
        fresh = self.results.with_suffix(".tmp")
        fresh.write_text(canonical(results), encoding="utf-8")
        fresh.replace(self.results)


def current() -> Context | None:
    """The context of this kernel, or None when nobody but a person runs it."""
    text = os.environ.get(CONTEXT)
    return decode(Context, json.loads(text)) if text else None


def secret() -> str:
    """The run token of this kernel; empty when it has none."""
    return os.environ.get(TOKEN, "")


def read_results(file: Path) -> dict[str, Any]:
    """What the kernel reported; empty when it did not get that far."""
    try:
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return results
