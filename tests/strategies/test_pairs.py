from __future__ import annotations

import statistics
from decimal import Decimal
from math import log

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Account, Bars, DataError, InputError, Instrument, Mandate, Market, Position
from aura_lib.strategies.pairs import decide

PAIRS = ("KO", "PEP", "CVX", "XOM")
FLAT = Account("book", Decimal(1_000_000))


def mandate(universe: tuple[str, ...] = PAIRS, **changes: object) -> Mandate:
    return Mandate(**{"universe": universe, "short": True, **changes})  # type: ignore[arg-type]


def holding(symbol: str, quantity: int) -> Account:
    return Account("book", Decimal(1_000_000), positions={symbol: Position(Instrument(symbol), Decimal(quantity))})


def apart(z: float, window: int = 60) -> Market:
    """Two names whose log ratio is now `z` of its standard deviations from its mean (found by bisection)."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.01, window - 1).tolist()

    def distance(last: float) -> float:
        ratio = [*noise, last]
        return (last - statistics.fmean(ratio)) / statistics.stdev(ratio)

    low, high = -1.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if distance(middle) < z else (low, middle)
    times = pd.date_range("2020-01-01 21:00", periods=window, tz="UTC")
    close = pd.DataFrame({"A": 50 * np.exp([*noise, low]), "B": 50.0}, index=times)
    bars = Bars({"close": close}, "made up")
    return Market.at(bars, bars.end)


def side(z: float, account: Account = FLAT) -> int:
    weights = decide(apart(z), account, mandate(("A", "B")), window=60, entry=2.0, leave=0.5).weights
    assert weights.get("A", 0.0) == -weights.get("B", 0.0)
    return int(np.sign(weights.get("A", 0.0)))


@pytest.mark.parametrize(("z", "expected"), [(2.1, -1), (-2.1, 1), (1.9, 0), (-1.9, 0), (0.0, 0)])
def test_a_pair_is_opened_when_it_is_far_apart_the_one_ahead_is_sold(z: float, expected: int) -> None:
    assert side(z) == expected


@pytest.mark.parametrize(
    ("z", "held", "expected"),
    [(1.0, -10, -1), (0.6, -10, -1), (0.4, -10, 0), (-1.0, -10, 0), (-2.5, -10, 1), (-1.0, 10, 1), (1.0, 10, 0)],
)
def test_what_is_held_is_kept_until_the_pair_is_together_again(z: float, held: int, expected: int) -> None:
    assert side(z, holding("A", held)) == expected


@pytest.mark.parametrize("moment", ["1998-10-30T21:00+00:00", "2008-10-31T20:00+00:00", "2020-03-31T20:00+00:00"])
def test_the_distance_is_the_one_made_by_hand(sample_bars: Bars, moment: str) -> None:
    market = Market.at(sample_bars, pd.Timestamp(moment))
    found = decide(market, FLAT, mandate(), window=252, entry=1e-9, leave=0.0).weights
    for first, second in (PAIRS[:2], PAIRS[2:]):
        prices = zip(market.close[first].tolist()[-252:], market.close[second].tolist()[-252:], strict=True)
        ratio = [log(a / b) for a, b in prices]
        ahead = ratio[-1] > statistics.fmean(ratio)
        assert (found[first], found[second]) == ((-0.25, 0.25) if ahead else (0.25, -0.25))


def test_gaps_restricted_names_and_pairs_that_never_part_are_left_out(sample_bars: Bars) -> None:
    close = sample_bars.close[list(PAIRS)].copy()
    close.iloc[-3, 0] = np.nan
    close["XOM"] = close["CVX"] * 2
    bars = Bars({"close": close}, "changed")
    seen = Market.at(bars, bars.end)
    assert dict(decide(seen, FLAT, mandate(), entry=1e-9, leave=0.0).weights) == {}
    whole = Market.at(sample_bars, sample_bars.end)
    found = decide(whole, FLAT, mandate(restricted=("PEP",)), entry=1e-9, leave=0.0)
    assert set(found.weights) == {"CVX", "XOM"}


def test_the_mandate_caps_a_leg_and_an_odd_one_out_is_not_traded(sample_bars: Bars) -> None:
    market = Market.at(sample_bars, sample_bars.end)
    found = decide(market, FLAT, mandate((*PAIRS, "WMT"), max_gross=2.0, max_weight=0.3), entry=1e-9, leave=0.0)
    assert {abs(w) for w in found.weights.values()} == {0.3} and "WMT" not in found.weights


def test_wrong_parameters_a_mandate_without_shorts_and_a_short_history_are_told(sample_bars: Bars) -> None:
    market = Market.at(sample_bars, sample_bars.times[100])
    with pytest.raises(InputError, match="below entry"):
        decide(market, FLAT, mandate(), entry=1.0, leave=1.0)
    with pytest.raises(InputError, match="short=True"):
        decide(market, FLAT, Mandate(PAIRS))
    with pytest.raises(DataError, match="101 bars"):
        decide(market, FLAT, mandate())
