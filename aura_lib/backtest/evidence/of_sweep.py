"""Evidence of a sweep: a compiled rule's chosen combination, judged by the whole search that found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.evidence.from_returns import evidence_of_returns
from aura_lib.backtest.evidence.judging import Measure, judged, verdict
from aura_lib.backtest.evidence.pictures import plain
from aura_lib.backtest.evidence.policy import Policy
from aura_lib.backtest.evidence.words import robust
from aura_lib.backtest.robustness.stress import Stress, annual, retained
from aura_lib.core import Examination, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from aura_lib.backtest.sweep import Sweep

TWICE = 2.0


def evidence_of_sweep(
    sweep: Sweep,
    combination: Mapping[str, float] | None = None,
    *,
    gap: int = 0,
    policy: Policy | str | Path | None = None,
    seed: int = 0,
) -> Examination:
    """Judge one combination of a sweep by all of them: what returns can tell, its neighbours, and twice the costs.

    The number of trials is that of the sweep, or of the ledger for the rule's family where more were counted; the
    variance of the Sharpe ratios is that of all combinations, kept or not. Walk-forward and cross-validation choose
    among the sampled paths (at most a thousand). What only an event loop can tell (causality, warm-up, a bar later,
    placebo …) is not among the findings: trade the rule in a notebook for that.

    Args:
        sweep: a finished sweep or search.
        combination: parameter → value; the best by Sharpe ratio when not given.
        gap: rows left out between training and test: as many as a position is held.
        policy: thresholds; the project's, or the shipped ones, when not given.
        seed: of the bootstrap.

    Raises:
        InputError: a combination that the rule does not take, a sweep without combinations.
    """
    began = perf_counter()
    rules = policy if isinstance(policy, Policy) else Policy.load(policy)
    chosen = dict(combination) if combination is not None else _best(sweep)
    returns = sweep.returns(chosen).to_numpy("float64")[1:]
    paths = np.asarray(sweep.paths, dtype=np.float64)[1:]
    found = evidence_of_returns(
        returns, paths, trials=max(_tried(sweep), paths.shape[1] + 1), sharpe_variance=sweep.sharpe_variance,
        periods=sweep.job.periods, gap=gap, policy=rules, seed=seed,
    )  # fmt: skip
    stresses = [_neighbours(sweep, chosen, returns), _twice(sweep, chosen)]
    known = {finding.name: finding for finding in found.findings}
    more = judged([robust_or_said(stress, sweep) for stress in stresses], rules)
    findings = tuple(
        finding for name in rules.thresholds for finding in (*known.values(), *more) if finding.name == name
    )
    robustness = {**found.figures["robustness"], **{s.name: dict(s.data) for s in stresses}}
    return replace(
        found, findings=findings, verdict=verdict(findings, found.trials, rules.loosened),
        figures=plain({**found.figures, "robustness": robustness}), seconds=perf_counter() - began,
    )  # fmt: skip


def robust_or_said(stress: Stress, sweep: Sweep) -> Measure:
    """The measure of a stress of a sweep."""
    if stress.name == "cost_doubling" and stress.value == stress.value:
        one, two = stress.data["annual_returns"]
        return Measure(stress.name, two, f"{two:.1%} a year instead of {one:.1%}.")
    return robust(stress, sweep.job.periods)


def _best(sweep: Sweep) -> dict[str, float]:
    best = sweep.best("sharpe")
    if not len(best):
        raise InputError("the sweep kept no combination: run it with combinations that trade")
    return {name: float(best[name].iloc[0]) for name in sweep.parameters}


def _tried(sweep: Sweep) -> int:
    """Combinations of this sweep, or trials of the rule's family where the ledger counted more."""
    from aura_lib.backtest.counting import trials

    return max(sweep.count, trials(sweep.job.rule, paths=False).count)


def _neighbours(sweep: Sweep, chosen: Mapping[str, float], returns: Any) -> Stress:
    """The combinations a step away on the grid; of a search without a grid 10 and 20 % up and down."""
    from aura_lib.backtest.robustness.neighbours import neighbours

    grid = sweep.grid
    axes = {} if grid is None else {n: a.tolist() for n, a in zip(grid.names, grid.axes, strict=True)}
    fixed = {name for name, axis in axes.items() if len(axis) < 2}
    near = [
        point for point in neighbours(dict(chosen), axes)
        if all(point[name] == chosen[name] for name in fixed) and _allowed(sweep, point)
    ]  # fmt: skip
    labels = [", ".join(f"{n}={v:g}" for n, v in point.items() if v != chosen[n]) for point in near]
    found = {label: sweep.returns(point).to_numpy("float64")[1:] for label, point in zip(labels, near, strict=True)}
    return retained("neighbourhood", returns, found, sweep.job.periods)


def _allowed(sweep: Sweep, point: Mapping[str, float]) -> bool:
    try:
        sweep.returns(point)
    except InputError:
        return False
    return True


def _twice(sweep: Sweep, chosen: Mapping[str, float]) -> Stress:
    job = sweep.job
    if not job.fee and not job.slippage:
        return Stress("cost_doubling", float("nan"), note="the sweep charged no costs: there is nothing to double")
    dear = replace(sweep, job=replace(job, fee=job.fee * TWICE, slippage=job.slippage * TWICE))
    returns = [annual(one.returns(chosen).to_numpy("float64")[1:], job.periods) for one in (sweep, dear)]
    return Stress("cost_doubling", returns[1], {"multiples": [1.0, TWICE], "annual_returns": returns})
