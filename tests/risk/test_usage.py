"""Limits with their use: how much of each is taken, by what, and why nothing can be said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aura_lib.risk.pretrade import TradeLimits, usage
from tests.risk.test_pretrade import SECTORS, context, holding, leg, order

D = Decimal


def used(limits: TradeLimits, **more: Any) -> dict[str, str]:
    return {one.name: str(one) for one in usage(context(**more), limits)}


def test_every_limit_shows_what_is_taken_of_it() -> None:
    limits = TradeLimits(
        max_net=0.9, sector_caps={"Energy": 0.5}, max_daily_loss=0.1, orders_per_minute=60, collar=0.05
    )
    book = holding(500, A=20, B=15)  # 200 and 300 of 1000
    recent = [order(leg("A", 1), ago=30), order(leg("A", 1), "o2", ago=90)]
    assert used(limits, book=book, sectors=SECTORS, opening=D(1050), recent=recent) == {
        "max_gross": "max_gross 0.50 of 1",
        "max_net": "max_net 0.50 of 0.9",
        "max_position_weight": "max_position_weight 0.30 of 0.6 (B)",
        "max_daily_loss": "max_daily_loss 0.05 of 0.1",
        "orders_per_minute": "orders_per_minute 1.00 of 60",
        "sector Energy": "sector Energy 0.50 of 0.5",
        "max_order_weight": "max_order_weight 0.6",
        "collar": "collar 0.05",
        "max_orders": "max_orders 200",
    }


def test_short_positions_count_in_gross_and_against_each_other_in_net() -> None:
    found = used(TradeLimits(short=True, max_net=1.0), book=holding(1000, A=20, B=-10))
    assert found["max_gross"] == "max_gross 0.40 of 1"
    assert found["max_net"] == "max_net 0.00 of 1"


def test_an_empty_book_uses_nothing() -> None:
    assert used(TradeLimits(), book=holding(0))["max_gross"] == "max_gross 0.00 of 1"


def test_what_cannot_be_measured_says_why() -> None:
    found = used(TradeLimits(max_daily_loss=0.1), book=holding(0, X=1))
    assert found["max_gross"] == "max_gross 1 (no fresh price of X)"
    assert found["max_daily_loss"] == "max_daily_loss 0.1 (nobody knows what it was worth when the day began)"


def test_a_book_in_debt_has_no_shares() -> None:
    assert used(TradeLimits(), book=holding(-60, A=5))["max_gross"] == "max_gross 1 (no equity)"
