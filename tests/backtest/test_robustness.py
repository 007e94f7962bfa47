"""Robustness: each test of it does what its name says, and gives the same numbers again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import robustness
from aura_lib.backtest.case import Case, Outcome
from aura_lib.backtest.robustness.stress import annual, charged_again
from aura_lib.backtest.robustness.worlds import delayed, halves, noisy
from aura_lib.core import Account, Bars, InputError, Intent, Mandate, Market, Side, TargetWeights
from aura_lib.exchange import Costs
from tests.backtest.small_strategies import WEEKLY, strongest, trending

BARS = trending(2, sessions=420)
MANDATE = Mandate(BARS.symbols)
SMALL = trending(2, sessions=220)
COSTS = Costs(commission_bps=Decimal(10), min_commission=Decimal(0), slippage_bps=Decimal(5))
CASE = Case.of(strongest, BARS, MANDATE, schedule=WEEKLY, params={"lookback": 20, "top": 2}, warmup=60, costs=COSTS)


@pytest.fixture(scope="module")
def base() -> Outcome:
    return CASE.run()


def test_what_was_charged_is_what_the_event_loop_takes_at_twice_the_costs(base: Outcome) -> None:
    """The amounts differ a little (less money buys less), so the daily returns agree to a tenth of the costs."""
    twice = Costs(commission_bps=Decimal(20), min_commission=Decimal(0), slippage_bps=Decimal(10))
    real = replace(CASE, costs=twice).run()
    assert charged_again(base, 2.0).sum() == pytest.approx(real.returns.sum(), abs=0.1 * base.charged.sum())
    np.testing.assert_allclose(charged_again(base, 2.0), real.returns, atol=2e-4)


def test_at_the_break_even_nothing_is_left(base: Outcome) -> None:
    times = robustness.break_even(base, 252)
    assert 1 < times < 1000
    assert annual(charged_again(base, times), 252) == pytest.approx(0, abs=1e-6)
    free = replace(base, charged=np.zeros_like(base.charged))
    assert np.isnan(robustness.break_even(free, 252))
    assert "nothing to double" in robustness.cost_doubling(free, 252).note
    assert robustness.break_even(replace(base, returns=base.returns - 0.01), 252) == 0.0


def test_the_best_days_are_dropped_one_a_year_and_the_rest_compounds() -> None:
    returns = np.full(504, 0.001)
    returns[[10, 20, 30]] = 0.05, 0.04, 0.002
    found = robustness.best_days(returns, 252)
    left = (1.001**501 * 1.002) ** 0.5 - 1
    assert found.value == pytest.approx(left)
    assert found.data["dropped"] == [0, 2, 4, 10]


def test_a_bar_later_is_a_plain_backtest_that_remembers_what_it_knew(base: Outcome) -> None:
    late = delayed(CASE, base).run()
    knew = {BARS.times[BARS.times.get_loc(slot) + 1]: slot for slot in CASE.slots if slot < BARS.end}

    def slow(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        if market.as_of not in knew:
            held = {s: float(account.quantity(s)) for s in account.holdings}
            raise AssertionError(held)
        past = Market.at(BARS, knew[market.as_of])
        return TargetWeights(strongest(past, account, mandate).weights, market.as_of)

    plain = replace(CASE, decide=slow, slots=tuple(sorted(t.to_pydatetime() for t in knew)), params={}).run()
    np.testing.assert_allclose(late.returns, plain.returns, atol=1e-12)


def test_noise_moves_what_is_seen_and_not_what_is_paid() -> None:
    seen: list[pd.Series] = []

    def looking(market: Market, account: Account, mandate: Mandate, **params: Any) -> TargetWeights:
        seen.append(market.prices)
        return TargetWeights({"S00": 0.9}, market.as_of)

    case = replace(CASE, decide=looking)
    plain, other = case.run(), noisy(case, 7, 0).run()
    half = len(seen) // 2
    ratio = pd.DataFrame(seen[half:]).to_numpy() / pd.DataFrame(seen[:half]).to_numpy()
    assert np.log(ratio).std() == pytest.approx(0.25 * 0.01, rel=0.2)
    np.testing.assert_allclose(plain.returns, other.returns, atol=1e-12)


def test_halves_divide_the_universe_and_hide_the_rest() -> None:
    first, second, *_ = halves(CASE, 3, 2)
    assert {*first.mandate.universe} | {*second.mandate.universe} == {*BARS.symbols}
    assert not {*first.mandate.universe} & {*second.mandate.universe}
    assert first.bars.symbols == first.mandate.universe
    with pytest.raises(InputError, match="no halves"):
        halves(replace(CASE, mandate=Mandate(("S00", "S01"))), 3, 1)


@pytest.mark.parametrize(
    ("params", "grid", "expected"),
    [
        ({"top": 5}, {"top": [3, 5, 8]}, [3, 8]),
        ({"top": 8}, {"top": [3, 5, 8]}, [5]),
        ({"top": 4}, {"top": [3, 5, 8]}, [3, 5]),
        ({"top": 100}, {}, [80, 90, 110, 120]),
        ({"top": 2}, {}, [1, 3]),
        ({"top": 1}, {}, [2]),
        ({"top": 0.5}, None, [0.4, 0.45, 0.55, 0.6]),
        ({"top": "fast"}, {"top": ["fast", "slow"]}, ["slow"]),
        ({"top": True}, {}, []),
        ({"top": "fast"}, {}, []),
    ],
)
def test_neighbours_are_a_step_away(params: dict[str, Any], grid: Any, expected: list[Any]) -> None:
    assert [near["top"] for near in robustness.neighbours(params, grid)] == pytest.approx(expected)


def _noise(seed: int) -> Bars:
    return trending(seed, sessions=300, strength=0.0)


def test_a_signal_that_knows_something_beats_its_placebos_and_noise_does_not(base: Outcome) -> None:
    assert robustness.placebo(CASE, base.answers, seed=1, draws=200).value < 0.05
    values = []
    for seed in range(60):
        case = Case.of(strongest, _noise(seed), MANDATE, schedule=WEEKLY, warmup=60)
        values.append(robustness.placebo(case, case.run().answers, seed=seed, draws=99).value)
    assert np.mean(np.array(values) <= 0.05) <= 0.15 and 0.4 < np.mean(values) < 0.6


def test_a_strategy_that_holds_all_alike_is_its_own_placebo() -> None:
    def everything(market: Market, account: Account, mandate: Mandate, **params: Any) -> TargetWeights:
        return TargetWeights(dict.fromkeys(mandate.universe, 0.98 / 6), market.as_of)

    case = replace(CASE, decide=everything)
    assert robustness.placebo(case, case.run().answers, seed=0, draws=50).value == 1.0


def test_placebos_are_held_like_the_strategy_up_to_lots_and_costs() -> None:
    free = Costs(commission_bps=Decimal(0), min_commission=Decimal(0), slippage_bps=Decimal(0))
    case = replace(CASE, costs=free, mandate=Mandate(BARS.symbols, cash_buffer=0.0, capital=Decimal(10**9)))
    outcome = case.run()
    held = robustness.placebo(case, outcome.answers, seed=0, draws=1).data["own"]
    start = CASE.bars.times.searchsorted(CASE.slots[0]) + 1 - CASE.first - 1
    traded = outcome.returns[start + 1 :]
    assert held == pytest.approx(traded.mean() / traded.std(ddof=1) * 252**0.5, rel=0.03)


def test_orders_instead_of_weights_and_few_decisions_are_not_judged() -> None:
    def orders(market: Market, account: Account, mandate: Mandate, **params: Any) -> list[Intent]:
        return [Intent(market.bars.instruments["S00"], Side.BUY, Decimal(1))]

    case = replace(CASE, decide=orders)
    assert "orders, not weights" in robustness.placebo(case, case.run().answers, seed=0).note
    few = replace(CASE, slots=CASE.slots[:5])
    assert "too few" in robustness.placebo(few, few.run().answers, seed=0).note


def test_all_of_it_is_there_names_what_was_refused_and_repeats_under_its_seed() -> None:
    def picky(market: Market, account: Account, mandate: Mandate, *, lookback: int, top: int) -> TargetWeights:
        if top > 2:
            raise InputError("three is too many")
        return strongest(market, account, mandate, lookback=lookback, top=top)

    told: list[tuple[int, int]] = []
    found = [
        robustness.check(
            picky, SMALL, MANDATE, schedule=WEEKLY, params={"lookback": 20, "top": 2}, grid={"lookback": [10, 20, 40]},
            warmup=60, seed=4, processes=1, progress=lambda done, total: told.append((done, total)),
        )
        for _ in range(2)
    ]  # fmt: skip
    names = {"neighbourhood", "cost_doubling", "delay", "best_days", "price_noise", "other_universe", "placebo"}
    assert set(found[0]) == names
    assert "top=3: three is too many" in found[0]["neighbourhood"].note
    assert set(found[0]["neighbourhood"].data["sharpes"]) == {"lookback=10", "lookback=40", "top=1"}
    assert {name: one.value for name, one in found[0].items()} == {name: one.value for name, one in found[1].items()}
    assert told[-1][0] == told[-1][1]


def test_nothing_here_is_counted_as_a_trial() -> None:
    from aura_lib.ledger import Ledger

    robustness.check(strongest, SMALL, MANDATE, schedule=WEEKLY, params={"top": 2}, warmup=60, processes=1)
    with Ledger.open() as ledger:
        assert backtest.trials(strongest).count == 0
        assert not ledger.journal.entries("system", kinds=("trial", "sweep"))
