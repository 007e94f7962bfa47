"""The cost models against their formulas, and what a fill says of its costs."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import (
    DataError,
    Fill,
    InputError,
    Instrument,
    Intent,
    Order,
    OrderType,
    Position,
    Side,
    canonical,
    decode,
    encode,
)
from aura_lib.exchange import (
    AlmgrenImpact,
    Borrow,
    Costs,
    Exchange,
    FillModel,
    FixedSlippage,
    HalfSpread,
    Interest,
    LinearImpact,
    MakerTaker,
    PerShare,
    PerValue,
    PriceBar,
    SquareRootImpact,
    VolatilitySlippage,
)
from tests.backtest.scenarios import SLOT, order

D = Decimal
NOTHING: dict[str, Any] = {"commission_bps": D(0), "min_commission": D(0), "slippage_bps": D(0)}
BAR = PriceBar(D(100), D(104), D(98), D(102), D(10_000))
SIGMA = math.log(104 / 98) / math.sqrt(4 * math.log(2))  # Parkinson (1980)


def bought(quantity: int, **models: Any) -> Fill:
    exchange = Exchange(D(10_000_000), Costs(**{**NOTHING, **models}))
    exchange.submit(order("A", Side.BUY, quantity), SLOT)
    fill = exchange.match(SLOT + timedelta(days=1), {"A": BAR})[0]
    assert isinstance(fill, Fill)
    return fill


@pytest.mark.parametrize(
    ("fees", "quantity", "fee"),
    [
        # Interactive Brokers, US stocks, fixed: 0.005 a share, at least 1, at most 1 % of the value
        (PerShare(D("0.005"), D(1), D(100)), 1000, "5"),
        (PerShare(D("0.005"), D(1), D(100)), 100, "1"),
        (PerShare(D("0.005"), D(1), D(1)), 100, "1"),  # 1 bp of 10 200 is 1.02
        (PerShare(D("0.5"), D(1), D(100)), 1000, "500"),
        (PerShare(D(2), D(0), D(100)), 100, "102"),  # 1 % of 10 200
        (PerValue(D(10), D(5), D(50)), 1, "5"),
        (PerValue(D(10), D(5), D(50)), 100, "10.2"),
        (PerValue(D(10), D(5), D(50)), 1000, "50"),
        (MakerTaker(D(-2), D(5)), 100, "5.1"),
    ],
)
def test_a_commission_is_its_formula_between_its_minimum_and_maximum(fees: Any, quantity: int, fee: str) -> None:
    assert bought(quantity, fees=fees).fee == D(fee)


def test_who_waits_at_a_limit_is_the_maker_and_may_get_a_rebate() -> None:
    costs = Costs(**NOTHING, fees=MakerTaker(D(-2), D(5)), spread=HalfSpread(D(10)))
    exchange = Exchange(D(100_000), costs)
    for name, limit in (("maker", D(99)), ("taker", D(103))):
        intent = Intent(Instrument("A"), Side.BUY, D(100), OrderType.LIMIT, limit_price=limit)
        exchange.submit(Order(name, "a", "b", "", 0, 1, intent, SLOT), SLOT)
    done = {e.client_id: e for e in exchange.match(SLOT + timedelta(days=1), {"A": BAR}) if isinstance(e, Fill)}
    assert (done["maker"].price, done["maker"].fee, done["maker"].spread) == (D(99), D("-1.98"), D(0))
    assert (done["taker"].price, done["taker"].fee, done["taker"].spread) == (D("100.1"), D("5.005"), D(10))


def test_a_limit_is_never_paid_beyond() -> None:
    exchange = Exchange(D(100_000), Costs(**{**NOTHING, "slippage_bps": D(500)}))
    intent = Intent(Instrument("A"), Side.BUY, D(100), OrderType.LIMIT, limit_price=D(101))
    exchange.submit(Order("o", "a", "b", "", 0, 1, intent, SLOT), SLOT)
    fill = exchange.match(SLOT + timedelta(days=1), {"A": BAR})[0]
    assert isinstance(fill, Fill)
    assert (fill.price, fill.slippage) == (D(101), D(100))  # at the open of 100 with 5 % slippage, cut to 101


@pytest.mark.parametrize(
    ("models", "kind", "move"),
    [
        ({"spread": HalfSpread(D(8))}, "spread", 0.0008),
        ({"slippage": FixedSlippage(D(8))}, "slippage", 0.0008),
        ({"slippage": VolatilitySlippage(D("0.1"))}, "slippage", 0.1 * SIGMA),
        ({"impact": LinearImpact(D("0.1"))}, "impact", 0.1 * 0.05),
        ({"impact": SquareRootImpact(D(1))}, "impact", SIGMA * math.sqrt(0.05)),
        ({"impact": AlmgrenImpact()}, "impact", SIGMA * (0.5 * 0.314 * 0.05 + 0.142 * 0.05**0.6)),
    ],
)
def test_a_model_moves_the_price_by_its_formula_and_the_fill_tells_what_it_took(
    models: dict[str, Any], kind: str, move: float
) -> None:
    fill = bought(500, **models)  # a twentieth of the volume
    assert float(fill.price) == pytest.approx(102 * (1 + move), abs=1e-6)
    assert float(getattr(fill, kind)) == pytest.approx(500 * 102 * move, abs=1e-3)


def test_the_parts_of_a_cost_add_up_to_the_whole() -> None:
    fill = bought(
        500, spread=HalfSpread(D(3)), slippage=VolatilitySlippage(D("0.05")), impact=SquareRootImpact(D("0.8"))
    )
    assert fill.spread + fill.slippage + fill.impact == fill.quantity * (fill.price - BAR.close)
    assert min(fill.spread, fill.slippage, fill.impact) > 0
    total = 0.0003 + 0.05 * SIGMA + 0.8 * SIGMA * math.sqrt(0.05)
    assert float(fill.impact / (fill.price - BAR.close) / 500) == pytest.approx(0.8 * SIGMA * math.sqrt(0.05) / total)


def holding(**models: Any) -> Exchange:
    return Exchange(D(0), Costs(**{**NOTHING, **models}), positions={"A": Position(Instrument("A"), D(500), D(1))})


def test_a_sell_gets_less_by_the_same() -> None:
    exchange = holding(spread=HalfSpread(D(10)), impact=LinearImpact(D("0.1")))
    exchange.submit(order("A", Side.SELL, 500), SLOT)
    fill = exchange.match(SLOT + timedelta(days=1), {"A": BAR})[0]
    assert isinstance(fill, Fill)
    assert fill.price == D("102") * (1 - D("0.001") - D("0.005"))


def test_impact_without_a_volume_is_refused_and_changes_nothing() -> None:
    exchange = Exchange(D(1000), Costs(impact=LinearImpact(D(1))))
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    before = exchange.state()
    with pytest.raises(DataError, match="needs the bar's volume"):
        exchange.match(SLOT + timedelta(days=1), {"A": D(100)})
    assert exchange.state() == before


def test_an_order_too_large_for_its_market_sells_for_next_to_nothing_never_for_less() -> None:
    exchange = holding(impact=LinearImpact(D(100)))
    exchange.submit(order("A", Side.SELL, 500), SLOT)
    fill = exchange.match(SLOT + timedelta(days=1), {"A": BAR})[0]
    assert isinstance(fill, Fill)
    assert fill.price == D("0.000001")


MODELS: list[dict[str, Any]] = [
    {"fees": PerShare(D("0.005"), D(1), D(100))},
    {"fees": PerValue(D(5), D(1))},
    {"fees": MakerTaker(D(-1), D(3)), "spread": HalfSpread(D(2))},
    {"slippage": FixedSlippage(D(3)), "impact": LinearImpact(D("0.1"))},
    {"slippage": VolatilitySlippage(D("0.1")), "impact": SquareRootImpact()},
    {
        "impact": AlmgrenImpact(),
        "borrow": Borrow(D("0.01"), {"A": D("0.3")}),
        "interest": Interest(D("0.01"), D("0.05")),
    },
]


@pytest.mark.parametrize("models", MODELS)
def test_every_composition_survives_the_way_to_json(models: dict[str, Any]) -> None:
    costs = Costs(**models)
    again = decode(Costs, json.loads(canonical(encode(costs))))
    assert again == costs
    assert [type(getattr(again, name)) for name in models] == [type(model) for model in models.values()]


def test_costs_of_the_first_ledgers_still_open() -> None:
    assert decode(Costs, {"commission_bps": "2", "min_commission": "1", "slippage_bps": "3"}) == Costs(D(2), D(1), D(3))


@pytest.mark.parametrize("models", MODELS)
def test_a_fee_is_never_above_its_ceiling(models: dict[str, Any]) -> None:
    costs = Costs(**models)
    most = costs.ceiling()
    for quantity, price in ((1, "0.01"), (7, "3.33"), (1000, "250.5")):
        value = quantity * D(price)
        for maker in (True, False):
            fee = costs.commission(value, D(quantity), maker=maker)
            assert fee <= most.fixed + most.per_unit * quantity + most.fraction * value


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: PerShare(D(-1)), "rate"),
        (lambda: PerValue(D(1), D(2), D(1)), "maximum"),
        (lambda: MakerTaker(D("NaN"), D(1)), "maker_bps"),
        (lambda: MakerTaker(D(-10_000), D(1)), "as much as the trade"),
        (lambda: HalfSpread(D(10_000)), "half spread"),
        (lambda: FixedSlippage(1.0), "bps"),  # type: ignore[arg-type]
        (lambda: VolatilitySlippage(D("Infinity")), "share"),
        (lambda: LinearImpact(D(-1)), "coefficient"),
        (lambda: AlmgrenImpact(eta=D(-1)), "eta"),
        (lambda: Borrow(D("0.1"), {"A": D(-1)}), "A has"),
        (lambda: Interest(debit=D(-1)), "debit"),
        (lambda: FillModel("middle"), "at must be one of"),  # type: ignore[arg-type]
        (lambda: FillModel(volume_share=D(0)), "volume_share"),
    ],
)
def test_figures_that_cannot_be_are_refused_by_name(wrong: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        PriceBar(D(1), D(2), D(3), D(2)),
        PriceBar(D(5), D(4), D(1), D(2)),
        PriceBar(D(1), D(4), D(0), D(2)),
        PriceBar(D(1), D("Infinity"), D(1), D(2)),
        PriceBar(D(-1), D(4), D(-1), D(2)),
    ],
)
def test_a_bar_that_cannot_be_stops_the_match(wrong: PriceBar) -> None:
    exchange = Exchange(D(1000))
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    with pytest.raises(DataError, match="A"):
        exchange.match(SLOT + timedelta(days=1), {"A": wrong})
    assert exchange.open_orders


def test_prices_that_are_not_known_are_stood_in_for_by_the_close() -> None:
    exchange = Exchange(D(1000), Costs(**NOTHING), fills=FillModel("open"))
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    fill = exchange.match(SLOT + timedelta(days=1), {"A": PriceBar(D("NaN"), D("NaN"), D("NaN"), D(7))})[0]
    assert isinstance(fill, Fill)
    assert fill.price == 7
