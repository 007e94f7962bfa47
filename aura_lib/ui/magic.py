"""What `%aura` answers: how the accounts stand, what ran, and what can be asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pandas as pd

from aura_lib.core import AuraError, Settings
from aura_lib.execution import accounts
from aura_lib.ledger import Ledger
from aura_lib.reports import formats
from aura_lib.ui.card import Card

RUNS = 20  # the latest are shown
NOTHING_YET = "nothing yet: `aura demo` in a terminal makes the first account and its runs"


def answer(line: str) -> Card:
    """The Card for what stands behind `%aura`; what is not understood gets a sentence, not an error."""
    try:
        words = shlex.split(line)
    except ValueError:
        return _not_understood(line)
    name, *rest = words or ["help"]
    known = ASKED.get(name)
    if known is None or len(rest) > (1 if name == "runs" else 0):
        return _not_understood(line)
    try:
        return known(*rest)
    except AuraError as error:
        return Card(f"%aura {name}: {error}")


def status() -> Card:
    """A row an account: cash, holdings, open orders, whether it is halted or adrift."""
    with Ledger.find() or nullcontext() as ledger:
        rows = [] if ledger is None else [_account(ledger, name) for name in accounts(ledger)]
    table = pd.DataFrame(rows, columns=list(_ACCOUNT))
    return Card("Accounts", (f"In {Settings.load().home}",) if rows else (NOTHING_YET,), table if rows else None)


def runs(job: str | None = None) -> Card:
    """The latest runs, newest first; of one job if it is named."""
    with Ledger.find() or nullcontext() as ledger:
        found = [] if ledger is None else ledger.runs()
    chosen = [run for run in found if job in (None, run.job)][::-1]
    title = f"Runs of {job}" if job else "Runs"
    if not chosen:
        known = sorted({run.job for run in found if run.job})
        return Card(title, (f"none; jobs that ran: {', '.join(known)}" if known else NOTHING_YET,))
    rows = [
        {"run": r.id, "job": r.job, "slot": r.slot[:10], "mode": r.mode.value, "status": r.status.value,
         "approved": r.results.get("approved"), "rejected": r.results.get("rejected"),
         "seconds": round((r.ended - r.started).total_seconds(), 1) if r.ended else None, "error": r.error[:60]}
        for r in chosen[:RUNS]
    ]  # fmt: skip
    return Card(title, (), pd.DataFrame(rows), more=max(0, len(chosen) - RUNS))


def usage() -> Card:
    """What can be asked."""
    return Card("%aura", (_OPTIONS,), pd.DataFrame({"shows": list(_HELP.values())}, index=list(_HELP)))


ASKED: dict[str, Callable[..., Card]] = {"status": status, "runs": runs, "help": usage}
_HELP = {
    "%aura status": "accounts: cash, holdings, open orders, halts, drift",
    "%aura runs [JOB]": f"the latest {RUNS} runs, newest first",
    "%%aura backtest [NAME=VALUE …]": "above a cell that defines decide: its backtest, left as `backtest`",
    "%aura help": "this",
}
_OPTIONS = (
    'Options of backtest: bars=NAME mandate=NAME schedule="XNYS month-end close" from=DATE to=DATE warmup=BARS; '
    "other names are parameters of decide"
)
_ACCOUNT = ("account", "class", "currency", "cash", "holdings", "open orders", "trading", "drift", "reconciled")


def _not_understood(line: str) -> Card:
    return Card(
        f"%aura does not understand {line.strip()!r}: ask {', '.join(_HELP)}; all else is in the `aura` command."
    )


def _account(ledger: Ledger, name: str) -> dict[str, Any]:
    from aura_lib.execution import account_terms

    terms, view = account_terms(ledger, name), ledger.account(name)
    stands = view.account()
    return {
        "account": name,
        "class": terms.account_class.value,
        "currency": terms.currency,
        "cash": formats.amount(stands.cash),
        "holdings": len(stands.holdings),
        "open orders": len(view.live_orders()),
        "trading": ledger.control.halted(name) or "yes",
        "drift": view.drift or "none",
        "reconciled": view.reconciled,
    }
