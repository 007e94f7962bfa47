"""Numbers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import InputError
from aura_lib.reports import formats
from aura_lib.reports.formats import Kind

WRITERS = [
    formats.amount,
    formats.count,
    formats.money,
    formats.percent,
    formats.points,
    formats.quantity,
    formats.ratio,
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf"), Decimal("NaN")])
def test_a_number_that_is_not_there_is_a_dash(write, nothing) -> None:
    assert write(nothing) == "–"


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("zero", [0, 0.0, -0.0, 1e-12, -1e-12, Decimal("-0.0000001")])
def test_what_rounds_to_zero_has_no_sign(write, zero) -> None:
    text = write(zero)
    assert "−" not in text and "-" not in text and "+" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.percent(-0.98765, digits=2), "−98.77%"),  # rounds half to even on the binary value
        (formats.percent(12.0), "+1,200.0%"),
        (formats.money(-1234.5), "USD −1,234.50"),
        (formats.money(Decimal("99999999999999.99")), "USD 99,999,999,999,999.99"),
        (formats.ratio(-0.004), "0.00"),
        (formats.quantity(Decimal("1234567.890000")), "1,234,567.89"),
        (formats.quantity(100), "100"),
        (formats.count(-3, sign=True), "−3"),
    ],
)
def test_numbers_are_written_like_this(text: str, expected: str) -> None:
    assert text == expected


@given(st.decimals(-(10**12), 10**12, places=2))
def test_money_can_be_read_back_to_the_cent(amount: Decimal) -> None:
    written = formats.money(amount).removeprefix("USD ").replace(",", "").replace("−", "-")
    assert Decimal(written) == amount


def test_every_kind_has_a_way_to_be_written_and_compared() -> None:
    for kind in Kind:
        assert formats.value(1.5, kind) != formats.NOTHING
        assert formats.difference(float("nan"), kind) == formats.NOTHING


def test_a_moment_is_shown_in_exchange_time_with_its_zone_summer_and_winter() -> None:
    assert formats.moment(datetime(2022, 7, 29, 20, tzinfo=UTC)) == "29 Jul 2022, 16:00 New York"
    assert formats.moment(pd.Timestamp("2022-11-30 21:00Z")) == "30 Nov 2022, 16:00 New York"
    assert formats.moment(pd.Timestamp("2022-11-30 21:00Z"), "UTC") == "30 Nov 2022, 21:00 UTC"
    assert formats.moment(None) == formats.moment(pd.NaT) == "–"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(InputError, match="unknown time zone"):
        formats.moment(datetime(2022, 7, 29, tzinfo=UTC), zone)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="no time zone"):
        formats.moment(datetime(2022, 7, 29))  # noqa: DTZ001
