"""Limits of trading: what may be written in them, and how they change."""

from __future__ import annotations

from typing import Any

import pytest

from aura_lib.core import InputError, decode, encode
from aura_lib.risk import Limits
from aura_lib.risk.pretrade import TradeLimits, changed, loosened, tightest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("collar", -0.1),
        ("collar", float("nan")),
        ("collar", float("inf")),
        ("collar", "0.1"),
        ("collar", True),
        ("max_order_value", -1),
        ("orders_per_minute", 1.5),
        ("max_orders", 1.5),
        ("extended_hours", 1),
        ("crossing", None),
        ("short", "yes"),
        ("sector_caps", {"Energy": -1.0}),
        ("sector_caps", {"Energy": None}),
        ("sector_caps", ["Energy"]),
        ("max_gross", -1.0),
        ("restricted", "ABC"),
    ],
)
def test_a_limit_that_is_no_number_of_zero_or_more_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError):
        changed(TradeLimits(), {name: value})


def test_a_limit_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no limit is called max_gros; there are account_orders_per_minute"):
        changed(TradeLimits(), {"max_gros": 1.0})


def test_limits_of_trading_start_from_those_of_a_book() -> None:
    limits = TradeLimits.over(Limits(max_gross=0.7, restricted=("A",)))
    assert limits == TradeLimits(max_gross=0.7, restricted=("A",))
    assert TradeLimits.over(limits) is limits


def test_limits_survive_the_journal() -> None:
    limits = TradeLimits(sector_caps={"Energy": 0.2}, collar=0.05, restricted=("A", "B"), orders_per_minute=60)
    assert decode(TradeLimits, encode(limits)) == limits


def test_restricted_lists_are_joined_and_permissions_are_given_by_all() -> None:
    both = tightest(TradeLimits(restricted=("A",), short=True), TradeLimits(restricted=("B",), crossing=True))
    assert both == TradeLimits(restricted=("A", "B"))


def test_the_smallest_of_every_cap_counts() -> None:
    one = TradeLimits(sector_caps={"Energy": 0.2, "Banks": 0.4}, collar=0.1, max_sector_weight=0.3)
    both = tightest(one, TradeLimits(sector_caps={"Energy": 0.3, "Food": 0.1}, max_order_value=5.0))
    assert both.sector_caps == {"Energy": 0.2, "Banks": 0.4, "Food": 0.1}
    assert (both.collar, both.max_order_value) == (0.1, 5.0)
    assert [both.cap(s) for s in ("Energy", "Banks", "Food", "other")] == [0.2, 0.3, 0.1, 0.3]
    assert TradeLimits().cap("Energy") is None


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"collar": 0.1}, {"collar": 0.2}, ("collar",)),
        ({"collar": 0.1}, {"collar": None}, ("collar",)),
        ({"collar": None}, {"collar": 0.2}, ()),
        ({"restricted": ("A",)}, {"restricted": ()}, ("restricted",)),
        ({"restricted": ("A",)}, {"restricted": ("B", "A")}, ()),
        ({"short": False}, {"short": True}, ("short",)),
        ({"sector_caps": {"E": 0.1}}, {"sector_caps": {"E": 0.1, "F": 0.2}}, ()),
        ({"sector_caps": {"E": 0.1}}, {}, ("sector_caps",)),
        ({"max_gross": 1.0}, {"max_gross": 0.5}, ()),
    ],
)
def test_what_allows_more_than_before_is_named(
    before: dict[str, Any], after: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert loosened(TradeLimits(**before), TradeLimits(**after)) == names
