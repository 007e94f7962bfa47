"""Promotion: a notebook may trade only as the runner saw it. What is bound: core.Binding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aura_lib.access import Action, Vault, may, who
from aura_lib.core import Evidence, InputError, Mode, NotPromoted, Promotion, Settings, encode
from aura_lib.execution.gate import promoted
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.notebook import Bound
from aura_lib.ledger import ALL, SYSTEM, Ledger


@dataclass(frozen=True, slots=True)
class Candidate:
    """A notebook with the parameters it shall trade with, and what that binds."""

    path: str
    bound: Bound


def candidate(path: Path, parameters: Mapping[str, Any], root: Path) -> Candidate:
    """What would be bound if this notebook were promoted now."""
    return Candidate(relative(path, root), notebooks.bind(path, path.read_bytes(), parameters, root))


def relative(path: Path, root: Path) -> str:
    """A path as the records name it: relative to the project where it can be."""
    resolved = path.resolve()
    return str(resolved.relative_to(root)) if resolved.is_relative_to(root) else str(resolved)


def promote(
    ledger: Ledger, settings: Settings, path: Path, parameters: Mapping[str, Any], to: str, root: Path
) -> Promotion:
    """Promote a notebook, as it is now, to a class of account.

    Raises NotPromoted when no evidence was recorded for exactly these code cells, parameters and sources,
    saying which of them differ from what was tested, and PermissionDenied when whoever asks may not promote to live:
    that is for every live account, so it needs the right on all.
    """
    account_class, person = _class(to), who()
    now = candidate(path, parameters, root)
    evidence = next((e for e in reversed(ledger.evidence()) if e.binding.id == now.bound.binding.id), None)
    if evidence is None:
        raise NotPromoted(f"{now.path} cannot be promoted: {why_not(ledger, now)}")
    if why := _objections(evidence, account_class, root):
        raise NotPromoted(f"{now.path} cannot be promoted to {account_class.value}: {why}")
    vault = Vault(settings.home)
    if promoted(ledger, evidence.binding.id, account_class, vault.public_key):
        return next(p for p in promotions(ledger) if (p.binding, p.account_class) == (evidence.binding, account_class))
    if account_class is Mode.LIVE:
        may(settings.home, person, Action.PROMOTE, account_class, ALL)
    promotion = Promotion(
        evidence.binding, account_class, now.path, evidence.run, person, datetime.now(UTC), vault.public_key
    )
    promotion = replace(promotion, signature=vault.sign(promotion.message()))
    ledger.journal.append(SYSTEM, "promotion", encode(promotion))
    return promotion


def _class(to: str) -> Mode:
    if to not in ("paper", "live"):
        raise InputError(f"a notebook is promoted to paper or live, not to {to!r}")
    return Mode(to)


def _objections(evidence: Evidence, account_class: Mode, root: Path) -> str:
    """What of the evidence forbids a class of account; empty when nothing does."""
    from aura_lib.backtest.evidence import Policy, objections

    if why := objections(evidence, account_class, Policy.load(root=root)):
        return f"{'; '.join(why).rstrip('.')} (evidence of run {evidence.run}, `aura evidence`)"
    return ""


def promotions(ledger: Ledger) -> list[Promotion]:
    """Every promotion that was written, oldest first."""
    from aura_lib.core import decode

    return [decode(Promotion, entry.body) for entry in ledger.journal.entries(SYSTEM, kinds=("promotion",))]


def require(ledger: Ledger, settings: Settings, now: Candidate, account_class: Mode) -> None:
    """NotPromoted, with the reason, unless the candidate stands promoted to this class of account."""
    if reason := objection(ledger, settings, now, account_class):
        raise NotPromoted(f"{now.path} may not trade on a {account_class.value} account: {reason}")


def objection(ledger: Ledger, settings: Settings, now: Candidate, account_class: Mode) -> str:
    """Why a candidate may not trade on this class of account; empty when it stands promoted to it."""
    vault = Vault(settings.home)
    if vault.exists and promoted(ledger, now.bound.binding.id, account_class, vault.public_key):
        return ""
    tested = any(e.binding.id == now.bound.binding.id for e in ledger.evidence())
    todo = f"it was tested but never promoted to {account_class.value}: run `aura promote`"
    return todo if tested else why_not(ledger, now)


def why_not(ledger: Ledger, now: Candidate) -> str:
    """How a candidate differs from the last thing that was tested under its name."""
    tested = [e for e in ledger.evidence() if e.notebook == now.path]
    if not tested:
        others = [e for e in ledger.evidence() if e.binding.notebook == now.bound.binding.notebook]
        hint = f"; its cells were tested as {others[-1].notebook}" if others else ""
        return f"no evidence was recorded for it{hint}. Run `aura backtest {now.path}` first"
    return "; ".join(_differences(tested[-1], now)) + f". Tested was run {tested[-1].run}"


def _differences(tested: Evidence, now: Candidate) -> list[str]:
    found = []
    if tested.binding.notebook != now.bound.binding.notebook:
        found.append("its code cells were edited after the test")
    if tested.binding.parameters != now.bound.binding.parameters:
        changed = _changed(tested.parameters, now.bound.parameters)
        found.append("other parameters than tested: " + ", ".join(f"{n} {a!r} → {b!r}" for n, a, b in changed))
    if tested.binding.sources != now.bound.binding.sources:
        changed = _changed(tested.sources, now.bound.sources)
        found.append("sources edited after the test: " + ", ".join(name for name, _, _ in changed))
    return found or ["it was tested in another way"]


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = sorted({*before, *after})
    return [(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]
