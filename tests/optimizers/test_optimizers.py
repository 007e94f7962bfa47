from __future__ import annotations

import itertools
import json
import subprocess
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib import optimizers
from aura_lib.core import Bars, DataError, InputError, ModelError
from aura_lib.optimizers import max_sharpe, min_volatility
from tests.oracle import plain_portfolios as plain

Optimise = Callable[..., dict[str, float]]

SEEDS = range(6)


def drawn(bars: Bars, seed: int) -> tuple[pd.DataFrame, float]:
    """A year of a few real names, and a cap that leaves room."""
    rng = np.random.default_rng(seed)
    names = rng.choice(bars.symbols, rng.integers(3, 6), replace=False)
    end = int(rng.integers(300, len(bars)))
    return bars.close[list(names)].iloc[end - 252 : end], float(rng.choice([1.0, 0.5, 0.35]))


def walk(seed: int, rows: int = 60, columns: int = 4, size: float = 0.01) -> pd.DataFrame:
    """Random walks that move together and differ in size: shrinkage leaves something to choose from."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 1, (rows, columns)) * np.linspace(0.5, 2, columns)
    steps = size * (0.05 + own + rng.normal(0, 1, (rows, 1)))
    return pd.DataFrame(100 * np.exp(np.cumsum(steps, axis=0)), columns=list("ABCDEFGH"[:columns]))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_volatile_weights_are_those_of_an_exact_plain_solution(sample_bars: Bars, seed: int) -> None:
    prices, cap = drawn(sample_bars, seed)
    covariance = plain.ledoit_wolf(plain.simple_returns(prices.to_numpy().tolist()))
    found = min_volatility(prices, max_weight=cap)
    assert list(found) == list(prices.columns)
    np.testing.assert_allclose(list(found.values()), plain.min_volatility(covariance, cap), atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_solver_finds_a_higher_sharpe_ratio(sample_bars: Bars, seed: int) -> None:
    prices, cap = drawn(sample_bars, seed)
    rows = prices.to_numpy().tolist()
    covariance = plain.ledoit_wolf(plain.simple_returns(rows)) * 252
    growth = plain.annual_growth(rows)
    rate = round(float(np.median(growth)) - 0.05, 4)  # half of the names beat it, in good years and in bad
    excess = growth - rate
    found = np.array(list(max_sharpe(prices, max_weight=cap, risk_free_rate=rate).values()))
    theirs = plain.max_sharpe(excess, covariance, cap)
    np.testing.assert_allclose(found, theirs, atol=2e-4)
    assert plain.sharpe(found, excess, covariance) >= plain.sharpe(theirs, excess, covariance) - 1e-5


def test_two_uncorrelated_assets_are_weighted_by_inverse_variance() -> None:
    # w = (1/σ²) / Σ(1/σ²): Markowitz 1952. Orthogonal ±a and ±b returns have no correlation at all.
    signs = np.array(list(itertools.product((1, -1), repeat=2)) * 500)
    prices = pd.DataFrame(
        np.vstack([[1.0, 1.0], np.cumprod(1 + signs * [0.01, 0.02], axis=0)]), columns=["calm", "wild"]
    )
    found = min_volatility(prices)
    assert found["calm"] == pytest.approx(0.8, abs=2e-3)  # 1/0.01² against 1/0.02², but for a little shrinkage
    assert sum(found.values()) == pytest.approx(1, abs=2e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), columns=st.integers(2, 6), slack=st.floats(0.01, 1.0))
def test_weights_keep_their_bounds_whatever_the_prices(seed: int, columns: int, slack: float) -> None:
    cap = min(1.0, 1 / columns + slack)
    found = min_volatility(walk(seed, columns=columns), max_weight=cap)
    assert all(0 <= w <= cap for w in found.values())
    millionths = [round(w * 1e6) for w in found.values() if w != cap]
    assert all(
        abs(m - w * 1e6) < 1e-6 for m, w in zip(millionths, (w for w in found.values() if w != cap), strict=True)
    )
    assert 1 - columns * 1e-6 - 1e-12 <= sum(found.values()) <= 1 + 1e-12


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.permutations(range(4)), scale=st.floats(1e-3, 1e3))
def test_neither_the_order_of_symbols_nor_their_currency_moves_a_weight(
    seed: int, order: list[int], scale: float
) -> None:
    prices = walk(seed)
    found, turned = min_volatility(prices), min_volatility(prices.iloc[:, order] * scale)
    assert list(turned) == [prices.columns[i] for i in order]
    assert all(turned[s] == pytest.approx(w, abs=2e-6) for s, w in found.items())


@pytest.mark.parametrize("cap", [1.0, 0.4])
@pytest.mark.parametrize("size", [1e-8, 1e-6, 1e-4, 0.3])
def test_the_size_of_the_moves_does_not_blunt_the_solver(size: float, cap: float) -> None:
    prices = walk(3, size=size)
    covariance = plain.ledoit_wolf(plain.simple_returns(prices.to_numpy().tolist()))
    expected = plain.min_volatility(covariance / np.trace(covariance), cap)
    assert len(set(expected.round(6))) > 2
    np.testing.assert_allclose(list(min_volatility(prices, max_weight=cap).values()), expected, atol=2e-6)


@pytest.mark.parametrize("cap", [0.3, 0.35, 0.4])
def test_a_weight_at_its_cap_is_exactly_the_cap(cap: float) -> None:
    assert max(min_volatility(walk(3), max_weight=cap).values()) == cap
    assert max(max_sharpe(walk(3), max_weight=cap, risk_free_rate=-0.9).values()) == cap


@pytest.mark.parametrize("optimise", [min_volatility, max_sharpe])
def test_the_same_prices_give_the_same_bytes(sample_bars: Bars, optimise: Optimise) -> None:
    prices = sample_bars.close.iloc[-252:, :8]
    answers = {json.dumps(optimise(prices, max_weight=0.35)) for _ in range(3)}
    assert len(answers) == 1


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import json, sys, pandas as pd\n"
        "from aura_lib.optimizers import min_volatility\n"
        "print(json.dumps(min_volatility(pd.DataFrame(json.load(sys.stdin)))))"
    )
    prices = json.dumps(walk(7).to_dict("list"))
    other = subprocess.run([sys.executable, "-c", code], input=prices, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == json.dumps(min_volatility(walk(7)))


def test_a_cap_that_cannot_be_met_says_its_numbers() -> None:
    with pytest.raises(
        ModelError, match=r"2 symbol\(s\) \['A', 'B'\] at max_weight=0.35 reach 0.7 .* 0.5000 .* 3 symbols"
    ):
        min_volatility(walk(1, columns=2), max_weight=0.35)
    with pytest.raises(ModelError, match="infeasible"):
        max_sharpe(walk(1, columns=2), max_weight=0.35)


@pytest.mark.parametrize("columns", [2, 3, 4, 7])
def test_a_cap_that_leaves_one_portfolio_gives_equal_weights(columns: int) -> None:
    found = min_volatility(walk(2, columns=columns), max_weight=1 / columns)
    assert set(found.values()) == {np.floor(1e6 / columns) / 1e6}


def test_one_asset_gets_all() -> None:
    assert min_volatility(walk(1, columns=1)) == {"A": 1.0}
    assert max_sharpe(walk(1, columns=1), risk_free_rate=-0.9) == {"A": 1.0}


def test_two_names_with_the_same_prices_share_equally() -> None:
    prices = walk(5, columns=3).assign(B=lambda p: p["A"])
    found = min_volatility(prices)
    assert found["A"] == pytest.approx(found["B"], abs=2e-6)


def test_fewer_rows_than_symbols_still_have_an_answer() -> None:
    found = min_volatility(walk(4, rows=3, columns=8))
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("optimise", [min_volatility, max_sharpe])
@pytest.mark.parametrize(
    ("prices", "error", "message"),
    [
        (walk(1).iloc[:2], DataError, "at least 3 rows of prices, given 2"),
        (walk(1).iloc[:0], DataError, "given 0"),
        (walk(1).assign(B=np.nan), DataError, r"\['B'\] have NaN"),
        (walk(1).reindex(range(61)), DataError, r"\['A', 'B', 'C', 'D'\] have NaN"),
        (walk(1).assign(C=np.inf), DataError, r"\['C'\] have NaN or infinite"),
        (walk(1).assign(C=-1.0), DataError, r"\['C'\] have prices that are not positive"),
        (walk(1).assign(D=50.0), DataError, r"\['D'\] did not move in 60 rows"),
        (walk(1).set_axis(["A", "B", "A", "C"], axis=1), InputError, r"given twice: \['A'\]"),
        (walk(1)[[]], InputError, "at least one symbol"),
        (walk(1).assign(A="x"), InputError, "no number"),
        ({"A": [1.0, 2.0]}, InputError, "not dict"),
        (walk(1)["A"], InputError, "not Series"),
    ],
)
def test_prices_that_no_covariance_can_be_made_of_are_refused(
    optimise: Optimise, prices: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        optimise(prices)


@pytest.mark.parametrize("cap", [0, -0.1, 1.01, float("nan"), True, "0.5", None])
def test_a_cap_that_is_no_fraction_is_refused(cap: object) -> None:
    with pytest.raises(InputError, match="max_weight must be a number"):
        min_volatility(walk(1), max_weight=cap)  # type: ignore[arg-type]


def test_prices_that_grow_alike_and_without_noise_have_no_least_risk() -> None:
    steady = pd.DataFrame({"A": 2.0 ** np.arange(10), "B": 4.0 ** np.arange(10)})
    with pytest.raises(ModelError, match="do not vary"):
        min_volatility(steady)


def test_a_rate_that_no_portfolio_beats_is_refused_with_the_best_one_there_is() -> None:
    prices = walk(9, size=0.001)
    best = max((prices.iloc[-1] / prices.iloc[0]) ** (252 / 59) - 1)
    with pytest.raises(ModelError, match=rf"risk_free_rate=1.0: the best one made {best:.4f} a year"):
        max_sharpe(prices, risk_free_rate=1.0)


@pytest.mark.parametrize("rate", [float("nan"), True, "2%", 2.0])
def test_a_rate_that_is_no_annual_decimal_is_refused(rate: object) -> None:
    with pytest.raises(InputError, match="risk_free_rate must be a number"):
        max_sharpe(walk(1), risk_free_rate=rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimise", [min_volatility, max_sharpe])
def test_a_solver_that_stops_too_early_is_no_answer_and_its_warnings_stay_inside(
    monkeypatch: pytest.MonkeyPatch, optimise: Optimise
) -> None:
    monkeypatch.setattr(optimizers, "OPTIONS", {**optimizers.OPTIONS, "max_iter": 3})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ModelError, match=r"no solution for \['A', 'B', 'C', 'D'\] at max_weight=1.0"):
            optimise(walk(4))
