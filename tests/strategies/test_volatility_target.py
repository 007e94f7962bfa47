from __future__ import annotations

import statistics
from decimal import Decimal
from itertools import pairwise
from math import sqrt

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Account, Bars, DataError, InputError, Mandate, Market
from aura_lib.strategies.volatility_target import decide

ACCOUNT = Account("book", Decimal(1_000_000))
MOMENTS = ["1995-06-30T20:00+00:00", "2008-10-31T20:00+00:00", "2017-10-31T20:00+00:00"]


def by_hand(prices: dict[str, list[float]], target: float, window: int) -> float:
    """The invested fraction, from the definition."""
    rows = zip(*(closes[-(window + 1) :] for closes in prices.values()), strict=True)
    steps = list(rows)
    basket = [
        statistics.fmean(b / a - 1 for a, b in zip(before, after, strict=True)) for before, after in pairwise(steps)
    ]
    return min(1.0, target / (sqrt(252) * statistics.stdev(basket)))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("target", "window"), [(0.10, 21), (0.25, 63)])
def test_the_exposure_is_the_one_made_by_hand(sample_bars: Bars, moment: str, target: float, window: int) -> None:
    market = Market.at(sample_bars, pd.Timestamp(moment))
    found = decide(market, ACCOUNT, Mandate(sample_bars.symbols), target=target, window=window)
    wanted = by_hand({s: market.close[s].tolist() for s in market.symbols}, target, window)
    assert sum(found.weights.values()) == pytest.approx(wanted)
    assert len(set(found.weights.values())) == 1 and len(found.weights) == 20


def test_calm_markets_are_held_up_to_the_cap_and_wild_ones_less(sample_bars: Bars) -> None:
    calm, wild = (
        sum(decide(Market.at(sample_bars, pd.Timestamp(m)), ACCOUNT, Mandate(sample_bars.symbols)).weights.values())
        for m in ("2017-10-31T20:00+00:00", "2008-10-31T20:00+00:00")
    )
    assert calm == pytest.approx(1.0) and wild < 0.2


def test_a_name_with_a_gap_or_on_the_restricted_list_takes_no_part(sample_bars: Bars) -> None:
    close = sample_bars.close.copy()
    close.iloc[-5, 0] = np.nan
    bars = Bars({"close": close}, "changed")
    mandate = Mandate(bars.symbols, restricted=(bars.symbols[1],))
    found = decide(Market.at(bars, bars.end), ACCOUNT, mandate)
    assert set(found.weights) == set(bars.symbols[2:])


def test_a_basket_that_does_not_move_gets_the_cap(sample_bars: Bars) -> None:
    bars = Bars({"close": sample_bars.close * 0 + 5}, "still")
    assert sum(decide(Market.at(bars, bars.end), ACCOUNT, Mandate(bars.symbols)).weights.values()) == pytest.approx(1)


def test_a_history_that_is_too_short_and_a_wrong_parameter_are_told(sample_bars: Bars) -> None:
    early = Market.at(sample_bars, sample_bars.times[5])
    with pytest.raises(DataError, match=r"22 closes without a gap .* the market has 6 bar"):
        decide(early, ACCOUNT, Mandate(sample_bars.symbols))
    for wrong in ({"window": 1}, {"target": 0.0}, {"cap": -1.0}, {"target": float("nan")}):
        with pytest.raises(InputError, match="are positive"):
            decide(early, ACCOUNT, Mandate(sample_bars.symbols), **wrong)  # type: ignore[arg-type]
