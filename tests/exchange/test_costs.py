"""Commission and slippage: their formulas, their rounding, and what they refuse."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import DataError, InputError, Side, decode, encode
from aura_lib.exchange import FEE_QUANTUM, PRICE_QUANTUM, Costs


def test_a_buy_pays_slippage_and_a_sell_gives_it() -> None:
    costs = Costs(slippage_bps=Decimal(5))
    assert costs.price(Decimal(200), Side.BUY) == Decimal("200.1")  # 200 × 1.0005
    assert costs.price(Decimal(200), Side.SELL) == Decimal("199.9")


def test_commission_is_its_basis_points_or_the_minimum() -> None:
    costs = Costs(commission_bps=Decimal(10), min_commission=Decimal("1.5"))
    assert costs.commission(Decimal(10_000)) == Decimal(10)
    assert costs.commission(Decimal(100)) == Decimal("1.5")


def test_rounding_goes_to_the_even_digit() -> None:
    free = Costs(slippage_bps=Decimal(0))
    assert free.price(Decimal("1.0000005"), Side.BUY) == Decimal("1.000000")
    assert free.price(Decimal("1.0000015"), Side.BUY) == Decimal("1.000002")
    assert Costs(commission_bps=Decimal(1)).commission(Decimal("0.5")) == Decimal("0.0000")
    assert Costs(commission_bps=Decimal(1)).commission(Decimal("1.5")) == Decimal("0.0002")


@given(
    reference=st.decimals("0.01", "100000", places=9),
    bps=st.decimals("0", "500", places=2),
    side=st.sampled_from(Side),
)
def test_prices_and_fees_equal_exact_fractions_rounded_half_to_even(
    reference: Decimal, bps: Decimal, side: Side
) -> None:
    costs = Costs(commission_bps=bps, slippage_bps=bps)
    moved = Fraction(reference) * (1 + side.sign * Fraction(bps) / 10_000)
    assert Fraction(costs.price(reference, side)) == round(moved, 6)
    assert Fraction(costs.commission(reference)) == round(Fraction(reference) * Fraction(bps) / 10_000, 4)
    assert costs.price(reference, side).as_tuple().exponent == PRICE_QUANTUM.as_tuple().exponent
    assert costs.commission(reference).as_tuple().exponent == FEE_QUANTUM.as_tuple().exponent


@pytest.mark.parametrize(
    "wrong",
    [
        {"commission_bps": Decimal(-1)},
        {"min_commission": Decimal("NaN")},
        {"slippage_bps": Decimal("Infinity")},
        {"slippage_bps": 5.0},
        {"slippage_bps": Decimal(10_000)},
    ],
)
def test_costs_that_cannot_be_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Costs(**wrong)  # type: ignore[arg-type]


def test_a_price_that_rounds_to_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="rounds to nothing"):
        Costs().price(Decimal("0.0000001"), Side.SELL)


def test_costs_survive_the_way_to_json() -> None:
    costs = Costs(Decimal("0.5"), Decimal("1"), Decimal("2.25"))
    assert decode(Costs, encode(costs)) == costs
