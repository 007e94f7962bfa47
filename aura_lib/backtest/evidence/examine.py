"""`backtest.evidence`: the whole examination of one strategy, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case, Outcome
from aura_lib.backtest.evidence import known, pictures, statistical
from aura_lib.backtest.evidence.judging import Measure, judged, verdict
from aura_lib.backtest.evidence.policy import Policy
from aura_lib.backtest.evidence.ruled import Ruled
from aura_lib.backtest.evidence.words import robust
from aura_lib.backtest.robustness.check import stressed
from aura_lib.backtest.sweep import Rule
from aura_lib.backtest.validation.crossing import CrossValidation, crossed
from aura_lib.backtest.validation.grid import Grid, Tried, cells, kept, trying
from aura_lib.backtest.validation.walking import WalkForward, walked
from aura_lib.backtest.workers import Begun, Failure
from aura_lib.core import Examination

if TYPE_CHECKING:
    from pathlib import Path

    from aura_lib.backtest.causality.notebook import Running
    from aura_lib.backtest.sweep import Sweep
    from aura_lib.core import Bars, Mandate, Progress
    from aura_lib.exchange import Costs
    from aura_lib.ledger import Ledger
    from aura_lib.plan import Decide
    from aura_lib.risk import Limits


def evidence(
    decide: Decide | Rule,
    bars: Bars,
    mandate: Mandate,
    *,
    schedule: str,
    params: Mapping[str, Any] | None = None,
    grid: Grid | None = None,
    sweep: Sweep | None = None,
    warmup: int = 0,
    costs: Costs | None = None,
    limits: Limits | None = None,
    policy: Policy | str | Path | None = None,
    ledger: Ledger | None = None,
    seed: int = 0,
    processes: int = 2,
    progress: Progress | None = None,
    notebook: Running | None = None,
) -> Examination:
    """Gather what a backtest must show before it may trade, and judge it by the policy.

    Causality and warm-up; the Sharpe ratio against luck and the true number of trials (the ledger's, with the cells of
    the grid); overfitting of the choice; walk-forward and cross-validation traded with costs; robustness. Without a
    grid only what the strategy as it is can tell: there is no choice to validate, and nothing is replayed again for
    robustness. Nothing here is counted as a trial, and nothing is written.

    Args:
        decide: the strategy, or a compiled rule (traded as target weights, an equal share a symbol); the arguments
            after it are those of `backtest.run`.
        bars: its prices.
        mandate: its universe, capital and constraints.
        schedule: when it decides.
        params: the chosen parameters.
        grid: parameter → values: the neighbourhood they were chosen from.
        sweep: the sweep that led to the choice, where the ledger does not have it (another home, `count=False`).
        warmup: bars before the first decision.
        costs: what the simulated exchange charges.
        limits: risk limits.
        policy: thresholds, or a file of them; the project's `evidence.yaml`, or the shipped ones, when not given.
        ledger: where trials were counted; the one of AURA_HOME when not given.
        seed: of everything random; the same seed gives the same findings.
        processes: replays are spread over so many processes.
        progress: told (done, total) steps, of the grid and the tests of robustness together.
        notebook: the one at work in this kernel (`causality.Running.here(path)`): its source is read, and its cells are
            run again on other futures, so that what they computed before the call is judged too. A few times as slow
            as its cells.

    Raises:
        InputError: arguments that do not fit; what the strategy raises on its own history.
    """
    began = perf_counter()
    rules = policy if isinstance(policy, Policy) else Policy.load(policy)
    traded: Decide = Ruled(decide) if isinstance(decide, Rule) else decide
    case = Case.of(traded, bars, mandate, schedule=schedule, params=params, warmup=warmup, costs=costs, limits=limits)
    work = _Work(case, dict(grid or {}), seed, processes, progress, notebook)
    measures, figures, trials = work.done(known.history(decide, ledger, sweep), schedule)
    findings = judged(measures, rules)
    line = verdict(findings, trials, rules.loosened)
    return Examination(findings, line, trials, rules.id, rules.loosened, figures, perf_counter() - began)


@dataclass
class _Work:
    """One examination on its way."""

    case: Case
    grid: dict[str, Sequence[Any]]
    seed: int
    processes: int
    progress: Progress | None
    notebook: Running | None = None

    def done(self, tried_before: known.Known, schedule: str) -> tuple[list[Measure], dict[str, Any], int]:
        """Every measure, the data of the figures, and the number of trials."""
        began = perf_counter()
        base = self.case.run()
        seconds = perf_counter() - began
        begun = self._trying(seconds)
        # in this process: what it looks for may hide here
        causal, needed = known.causal(self.case, schedule, self.seed, self.notebook)
        trials = self._tried(base, begun)
        search = tried_before.search(self.case, base, trials)
        lucky, data = statistical.luck(base.returns, search, self.case.periods)
        chosen, logits = statistical.selection(search, self.seed)
        measures = [*causal, *lucky, *chosen]
        figures: dict[str, Any] = {**needed, "trials": data, "pbo": logits, "equity": pictures.equity(self.case, base)}
        if self.grid:
            walk, cross = self._validated(trials)
            measures += [*statistical.walked(walk.returns.to_numpy(), walk.in_sample, self.case.periods)]
            measures.append(statistical.crossed(cross.sharpes))
            figures |= pictures.validation(self.case, base, walk, cross)
            figures["neighbourhood"] = pictures.neighbourhood(self.case, trials, self.grid)
        stresses = stressed(
            self.case, base, trials, self.grid, seed=self.seed, seconds=seconds, processes=self.processes,
            progress=self._part(2), replays=bool(self.grid),
        )  # fmt: skip
        figures["robustness"] = {name: {**stress.data, "note": stress.note} for name, stress in stresses.items()}
        measures += [robust(stress, self.case.periods) for stress in stresses.values()]
        return measures, pictures.plain(figures), search.count

    def _others(self) -> list[dict[str, Any]]:
        """The cells of the grid but the chosen one."""
        own = dict(self.case.params)
        return [cell for cell in cells(self.grid, own) if cell != own] if self.grid else []

    def _trying(self, seconds: float) -> Begun:
        return trying(self.case, self._others(), processes=self.processes, seconds=seconds)

    def _tried(self, base: Outcome, begun: Begun) -> Tried:
        own, others = Tried((dict(self.case.params),), (base,)), self._others()
        if not others:
            return own
        found = begun.collected(self._part(1))
        if not any(isinstance(one, Outcome) for one in found):
            return Tried(own.params, own.outcomes, tuple(one for one in found if isinstance(one, Failure)))
        more = kept(others, found)
        return Tried((*own.params, *more.params), (base, *more.outcomes), more.failures)

    def _validated(self, trials: Tried) -> tuple[WalkForward, CrossValidation]:
        rows, gap = len(self.case.times), self._gap()
        cut = statistical.walk_folds(rows, gap)
        walk = walked(self.case, cut, [trials] * len(cut))
        crossing = statistical.cross_folds(rows, gap)
        known_ = [trials] * len(crossing)
        return walk, crossed(self.case, crossing, known_, statistical.GROUPS, statistical.TEST_GROUPS)

    def _gap(self) -> int:
        """Bars a decision is held: the median from one slot to the next, within what the folds leave room for."""
        rows = self.case.bars.times.searchsorted(list(self.case.slots))
        held = math.ceil(float(np.median(np.diff(rows))))
        return min(held, len(self.case.times) // statistical.GROUPS // 4)

    def _part(self, step: int) -> Progress | None:
        """The progress of one of the two long steps, told as half of the whole."""
        told = self.progress
        if told is None:
            return None
        return lambda done, total: told((step - 1) * total + done, 2 * total)
