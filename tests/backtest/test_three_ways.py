"""Three ways to one equity: the event loop, vectorbt on the same amounts, and a slow recomputation in fractions."""

from __future__ import annotations

import numpy as np
import pytest

from aura_lib.backtest.counting import uncounted
from aura_lib.core import InputError
from tests.backtest.families import FAMILIES, Family, Played

CENT = 0.005
SOAK = 200_000  # trades


def agree(family: Family, played: Played) -> None:
    """Every bar to the cent, every trade counted; vectorbt says so where it cannot hold the family."""
    ours = played.result.equity.to_numpy()
    plain = np.array([float(value) for value in played.equity])
    assert len(played.result.executions) == played.trades
    assert np.abs(ours - plain).max() < CENT
    change = ours[-1] - float(played.result.mandate.capital)
    assert played.result.attribution().sum() == pytest.approx(change, abs=CENT)
    if family.vectorbt:
        assert np.abs(played.result.arrays.equity.to_numpy() - plain).max() < CENT
    elif played.result.source.bookings or family.name == "currencies":
        with pytest.raises(InputError, match="vectorbt cannot hold"):
            _ = played.result.portfolio


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_loop_vectorbt_and_plain_arithmetic_agree_to_the_cent(family: Family) -> None:
    trades = 0
    for seed in range(2):
        played = family.make(seed, 40)
        agree(family, played)
        trades += played.trades
    assert trades >= 20


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_they_agree_on_two_hundred_thousand_trades() -> None:
    counted = {family.name: 0 for family in FAMILIES}
    seed = 1000
    with uncounted():
        while sum(counted.values()) < SOAK:
            for family in FAMILIES:
                played = family.make(seed, 250)
                agree(family, played)
                counted[family.name] += played.trades
            seed += 1
    print(f"{sum(counted.values()):,} trades in {len(FAMILIES)} families agree: {counted}")
