"""The dynamic check: what a strategy can reach is altered too, and what cannot be repeated is told as such."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib.backtest import causality
from aura_lib.backtest.causality import Causality
from aura_lib.backtest.causality.twin import twin
from aura_lib.core import Account, Bars, InputError, Mandate, Market, TargetWeights
from tests.backtest.causality.world import made_bars

NAMES = list("ABCDEF")
Decide = Callable[..., Any]


def bars() -> Bars:
    return made_bars(240)


def checked(decide: Decide, **more: Any) -> Causality:
    told = {"schedule": "XNYS week-end close", "warmup": 60, "cuts": 16, **more}
    return causality.check(decide, bars(), Mandate(tuple(NAMES), max_weight=1.0), **told)


def one(name: str, market: Market) -> TargetWeights:
    return TargetWeights({name: 0.9}, market.as_of)


def honest(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
    return one(market.close[NAMES].pct_change(10).iloc[-1].idxmax(), market)


def ahead(bars_ahead: int) -> Decide:
    whole = bars().close

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        row = whole.index.get_loc(market.as_of)
        return one((whole[NAMES].iloc[row : row + bars_ahead + 1].iloc[-1] / whole[NAMES].iloc[row]).idxmax(), market)

    return decide


def test_an_honest_strategy_is_clean_and_says_how_much_was_compared() -> None:
    found = checked(honest)
    assert found.clean and sum(found.compared.values()) > 60 and "nothing moved" in str(found)
    assert found.moves.notna().any(axis=None) and float(np.nanmax(found.moves.to_numpy())) == 0


@pytest.mark.parametrize("distance", [1, 5, 20])
def test_a_leak_is_told_with_how_far_it_reads(distance: int) -> None:
    (finding,) = checked(ahead(distance)).findings
    assert finding.kind == "look-ahead" and finding.reach == distance and "whole" in finding.why


def test_the_picture_shows_a_leak_only_where_the_cut_is_within_its_reach() -> None:
    moves = checked(ahead(1)).moves.to_numpy()
    assert (
        (np.diag(moves) > 0).any()
        and np.nansum(np.triu(moves, 1)) == 0
        and np.isnan(moves[np.tril_indices(3, -1)]).all()
    )


def test_an_array_behind_a_view_is_no_hiding_place() -> None:
    def peek(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        values = market.close.to_numpy()
        while isinstance(values.base, np.ndarray):
            values = values.base
        return TargetWeights({"A": float(values.ravel()[-3] % 0.5)}, market.as_of)

    assert checked(peek).findings[0].kind == "look-ahead"


def test_random_numbers_without_a_seed_are_told_as_such() -> None:
    def lucky(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return one(NAMES[int(np.random.default_rng().integers(6))], market)

    assert {f.kind for f in checked(lucky).findings} == {"not deterministic"}


def test_a_clock_is_told_as_such() -> None:
    def timed(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return one(NAMES[pd.Timestamp.now(tz="UTC").dayofyear % 6], market)

    assert {f.kind for f in checked(timed).findings} == {"wall clock"}


def test_a_memory_is_told_as_such_and_stays_as_it_was() -> None:
    seen: list[Any] = []

    def counting(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        seen.append(market.as_of)
        return one(NAMES[len(seen) % 6], market)

    assert {f.kind for f in checked(counting).findings} == {"state"}
    assert seen == []


def test_a_cache_that_answers_alike_is_no_memory() -> None:
    cache: dict[Any, str] = {}

    def cached(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        if market.as_of not in cache:
            cache[market.as_of] = market.close[NAMES].iloc[-1].idxmax()
        return one(cache[market.as_of], market)

    assert checked(cached).clean


def test_a_strategy_whose_leak_is_an_error_at_the_end_is_found() -> None:
    whole = bars().close

    def careless(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return one("A" if whole.iloc[whole.index.get_loc(market.as_of) + 1, 0] > 0 else "B", market)

    assert not checked(careless, end=bars().times[-2]).clean


def test_what_earlier_cells_computed_is_found_when_they_are_said_how() -> None:
    def build(known: Bars) -> Decide:
        strength = known.close[NAMES].pct_change().mean() * 1.37  # no statistic that a fingerprint knows

        def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
            return one(strength.idxmax(), market)

        return decide

    assert checked(build(bars())).clean  # the numbers alone do not say where they come from
    found = checked(build(bars()), build=build)
    assert "computed before the call" in found.findings[0].why


def test_what_could_not_be_made_again_is_named() -> None:
    feature = bars().close.ewm(span=9).mean()

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return one(feature.loc[market.as_of, NAMES].idxmax(), market)

    assert checked(decide).unverified == ("feature",)
    assert checked(decide, build=lambda known: decide).unverified == ()


def test_a_strategy_that_answers_nowhere_is_refused() -> None:
    def broken(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        raise KeyError("Z")

    with pytest.raises(InputError, match="answered at none of"):
        checked(broken)
    with pytest.raises(InputError, match="must be a function"):
        checked(3)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_findings() -> None:
    assert checked(ahead(3), seed=4).findings == checked(ahead(3), seed=4).findings


# ---- the twin ------------------------------------------------------------------------------------------------------
def test_a_twin_shares_nothing_that_can_change() -> None:
    box = {"n": [0]}

    def count() -> int:
        box["n"][0] += 1
        return box["n"][0]

    other = twin(count)
    assert [other(), other(), count()] == [1, 2, 1] and box == {"n": [1]}


def test_a_twin_of_a_method_a_partial_and_a_cache_is_its_own() -> None:
    class Tally:
        def __init__(self) -> None:
            self.n = 0

        def up(self, by: int) -> int:
            self.n += by
            return self.n

    tally = Tally()
    other = twin(functools.partial(tally.up, 2))
    assert (other(), other(), tally.n) == (2, 4, 0)

    calls: list[int] = []

    @functools.cache
    def square(n: int) -> int:
        calls.append(n)
        return n * n

    square(3)
    assert twin(square)(3) == 9 and calls == [3]


# ---- frames --------------------------------------------------------------------------------------------------------
def test_a_label_tells_its_horizon() -> None:
    close = bars().close[NAMES]
    (finding,) = causality.check_indicator(lambda x: x.pct_change(7).shift(-7), close).findings
    assert finding.reach == 7


def test_noise_of_sums_is_no_finding_and_a_small_leak_is_one() -> None:
    close = bars().close[NAMES]
    assert causality.check_indicator(lambda x: x.rolling(50).sum() + 1e-13 * x.sum(), close).clean
    assert not causality.check_indicator(lambda x: x.rolling(50).sum() + 1e-5 * x.sum(), close).clean


def test_frames_among_the_arguments_are_altered_too() -> None:
    close = bars().close[NAMES]
    assert not causality.check_indicator(lambda x, other: x / other.iloc[-1], close, other=close).clean


def test_an_indicator_gets_times_and_gives_times() -> None:
    close = bars().close[NAMES]
    with pytest.raises(InputError, match="ascending"):
        causality.check_indicator(lambda x: x, close.iloc[::-1])
    with pytest.raises(InputError, match="indexed by time"):
        causality.check_indicator(lambda x: x.mean(), close)
