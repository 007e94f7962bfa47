from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Account, Bars, DataError, InputError, Mandate, Market, ModelError, TargetWeights
from aura_lib.strategies.momentum import decide
from tests.oracle import plain_momentum as plain

ACCOUNT = Account("book", Decimal(1_000_000))
MOMENTS = ["1991-01-31T21:00+00:00", "2000-03-31T21:00+00:00", "2008-10-31T20:00+00:00", "2021-11-30T21:00+00:00"]


def mandate(bars: Bars, **changes: object) -> Mandate:
    return Mandate(**{"universe": bars.symbols, "max_weight": 0.35, **changes})  # type: ignore[arg-type]


def market(bars: Bars, moment: str = MOMENTS[-1]) -> Market:
    return Market.at(bars, pd.Timestamp(moment))


def with_prices(bars: Bars, changed: pd.DataFrame) -> Bars:
    return Bars({"close": changed}, source="changed", instruments=bars.instruments)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("lookback", "top", "skip", "window"), [(126, 5, 0, 252), (231, 4, 21, 252), (20, 6, 5, 60)])
def test_the_decision_is_the_one_made_by_hand(
    sample_bars: Bars, moment: str, lookback: int, top: int, skip: int, window: int
) -> None:
    seen = market(sample_bars, moment)
    found = decide(seen, ACCOUNT, mandate(sample_bars), lookback=lookback, top=top, skip=skip, window=window)
    prices = {s: seen.close[s].tolist() for s in seen.symbols}
    by_hand = plain.decide(prices, lookback, top, skip, window, cap=0.35)
    assert found.as_of == pd.Timestamp(moment)
    assert set(found.weights) <= set(by_hand)
    for symbol, weight in by_hand.items():
        assert found.weights.get(symbol, 0.0) == pytest.approx(weight, abs=2e-6)


def test_the_same_market_gives_the_same_weights(sample_bars: Bars) -> None:
    first, second = (decide(market(sample_bars), ACCOUNT, mandate(sample_bars)) for _ in range(2))
    assert isinstance(first, TargetWeights)
    assert dict(first.weights) == dict(second.weights)


def test_the_account_plays_no_part(sample_bars: Bars) -> None:
    poor = replace(ACCOUNT, cash=Decimal(1))
    assert (
        decide(market(sample_bars), poor, mandate(sample_bars)).weights
        == decide(market(sample_bars), ACCOUNT, mandate(sample_bars)).weights
    )


def test_a_restricted_name_is_not_picked_and_the_next_one_takes_its_place(sample_bars: Bars) -> None:
    allowed = decide(market(sample_bars), ACCOUNT, mandate(sample_bars, max_weight=0.25), top=4)
    banned = next(iter(allowed.weights))
    found = decide(market(sample_bars), ACCOUNT, mandate(sample_bars, restricted=(banned,), max_weight=0.25), top=4)
    assert banned not in found.weights
    assert len(found.weights) == 4
    assert len(set(found.weights) & set(allowed.weights)) == 3


@pytest.mark.parametrize("gap", [-1, -100, -252])
def test_a_name_with_a_gap_in_the_window_is_not_ranked(sample_bars: Bars, gap: int) -> None:
    seen = market(sample_bars)
    best = next(iter(decide(seen, ACCOUNT, mandate(sample_bars, max_weight=1.0), top=1).weights))
    close = seen.close.copy()
    close.loc[close.index[gap], best] = np.nan
    holed = Market.at(with_prices(sample_bars, close), seen.as_of)
    assert best not in decide(holed, ACCOUNT, mandate(sample_bars, max_weight=1.0), top=1).weights


def test_a_gap_before_the_window_does_not_matter(sample_bars: Bars) -> None:
    seen = market(sample_bars)
    close = seen.close.copy()
    close.iloc[-253] = np.nan
    holed = Market.at(with_prices(sample_bars, close), seen.as_of)
    assert decide(holed, ACCOUNT, mandate(sample_bars)).weights == decide(seen, ACCOUNT, mandate(sample_bars)).weights


def test_fewer_names_than_top_are_all_held(sample_bars: Bars) -> None:
    found = decide(market(sample_bars), ACCOUNT, mandate(sample_bars, universe=("AAPL", "KO", "XOM")), top=10)
    assert set(found.weights) <= {"AAPL", "KO", "XOM"}
    assert sum(found.weights.values()) == pytest.approx(1, abs=1e-5)


def test_equal_momentum_is_ordered_by_symbol() -> None:
    steps = np.random.default_rng(1).normal(0.0005, 0.01, (300, 1))
    close = pd.DataFrame(
        100 * np.exp(np.cumsum(np.repeat(steps, 3, axis=1), axis=0)),
        columns=["C", "A", "B"],
        index=pd.date_range("2020-01-01", periods=300, tz="UTC"),
    )
    bars = Bars({"close": close}, source="twins")
    found = decide(Market.at(bars, bars.end), ACCOUNT, Mandate(("C", "B", "A"), max_weight=0.5), top=2)
    assert sorted(found.weights) == ["A", "B"]


def test_a_symbol_the_market_lacks_is_named(sample_bars: Bars) -> None:
    with pytest.raises(InputError, match=r"the mandate names \['TSLA', 'NVDA'\], which these bars do not have"):
        decide(market(sample_bars), ACCOUNT, Mandate(("AAPL", "TSLA", "NVDA")))


@pytest.mark.parametrize("params", [{"lookback": 20_000}, {"window": 20_000}, {"lookback": 8000, "skip": 8000}])
def test_a_lookback_longer_than_the_history_is_refused_with_both_numbers(
    sample_bars: Bars, params: dict[str, int]
) -> None:
    seen = market(sample_bars)
    needed = max(params.get("lookback", 126) + params.get("skip", 0) + 1, params.get("window", 252))
    with pytest.raises(
        DataError, match=rf"need {needed} closes .* has {len(seen.close)} bar\(s\), and 20 unrestricted"
    ):
        decide(seen, ACCOUNT, mandate(sample_bars), **params)


def test_the_first_day_that_can_be_decided_is_the_one_that_fills_the_window(sample_bars: Bars) -> None:
    early = sample_bars.times[:252]
    with pytest.raises(DataError, match="251 bar"):
        decide(Market.at(sample_bars, early[-2]), ACCOUNT, mandate(sample_bars))
    assert decide(Market.at(sample_bars, early[-1]), ACCOUNT, mandate(sample_bars)).weights


def test_when_every_name_is_restricted_nothing_can_be_ranked(sample_bars: Bars) -> None:
    with pytest.raises(DataError, match="0 unrestricted name"):
        decide(market(sample_bars), ACCOUNT, mandate(sample_bars, restricted=sample_bars.symbols))


def test_a_cap_too_low_for_the_names_that_are_left_is_refused(sample_bars: Bars) -> None:
    with pytest.raises(ModelError, match=r"at max_weight=0\.35 reach 0\.7"):
        decide(market(sample_bars), ACCOUNT, mandate(sample_bars), top=2)


@pytest.mark.parametrize(
    "params",
    [{"lookback": 0}, {"lookback": 1.5}, {"top": 0}, {"top": True}, {"skip": -1}, {"window": 2}, {"window": "252"}],
)
def test_parameters_out_of_range_are_refused_by_name(sample_bars: Bars, params: dict[str, object]) -> None:
    (name,) = params
    with pytest.raises(InputError, match=f"{name} must be a whole number, at least"):
        decide(market(sample_bars), ACCOUNT, mandate(sample_bars), **params)  # type: ignore[arg-type]
