from __future__ import annotations

import doctest
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from aura_lib.core import DataError
from aura_lib.data import polite
from aura_lib.data.polite import Again, Polite, retry_after


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def failing(*failures: Again) -> Callable[[], str]:
    left = list(failures)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "prices"

    return call


def asker(time: Time, **changes: float) -> Polite:
    words = {"per_second": 1e9, "attempts": 5, "first_wait": 1.0, "longest_wait": 60.0} | changes
    return Polite("acme", now=time.now, sleep=time.sleep, rng=np.random.default_rng(4), **words)  # type: ignore[arg-type]


def test_each_wait_is_drawn_from_the_upper_half_of_twice_the_one_before(time: Time) -> None:
    assert asker(time).ask("AAPL", failing(*[Again("HTTP 500")] * 4)) == "prices"
    waits = [s for s in time.slept if s > 1e-6]
    assert len(waits) == 4 and len({w / 2**n for n, w in enumerate(waits)}) == 4  # no two alike: there is jitter
    assert all(2**n / 2 <= wait <= 2**n for n, wait in enumerate(waits))


def test_the_same_seed_waits_the_same(time: Time) -> None:
    other = Time()
    for clock in (time, other):
        asker(clock).ask("AAPL", failing(Again("HTTP 500"), Again("HTTP 500")))
    assert time.slept == other.slept


def test_no_wait_is_longer_than_the_longest(time: Time) -> None:
    asker(time, attempts=9, longest_wait=3.0).ask("AAPL", failing(*[Again("HTTP 500")] * 8))
    assert max(time.slept) <= 3.0


def test_after_the_last_attempt_the_reason_is_told(time: Time) -> None:
    with pytest.raises(DataError, match=r"acme did not give AAPL in 3 attempt\(s\), the last time: HTTP 503\. Try"):
        asker(time, attempts=3).ask("AAPL", failing(*[Again("HTTP 503")] * 3))


def test_a_vendor_that_says_how_long_to_wait_is_obeyed(time: Time) -> None:
    asker(time).ask("AAPL", failing(Again("HTTP 429", 7.0)))
    assert max(time.slept) == 7.0


def test_a_vendor_that_asks_for_more_than_is_waited_is_left_alone(time: Time) -> None:
    with pytest.raises(DataError, match=r"HTTP 429, and it asks to wait 3600 s"):
        asker(time).ask("AAPL", failing(Again("HTTP 429", 3600.0)))
    assert time.slept == []


def test_calls_come_no_faster_than_the_vendor_likes(time: Time) -> None:
    slow = asker(time, per_second=4.0)
    for _ in range(9):
        slow.ask("AAPL", failing())
    assert time.moment == pytest.approx(2.0)  # nine calls, eight gaps of a quarter of a second
    time.moment += 10
    slow.ask("AAPL", failing())
    assert time.moment == pytest.approx(12.0)  # who was quiet does not wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *[(None, None), ("", None), ("soon", None), ("-5", None), ("0", 0.0), ("120", 120.0)],
        *[("Fri, 02 Jan 2026 00:01:00 GMT", 60.0), ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0)],
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, datetime(2026, 1, 2, tzinfo=UTC)) == seconds


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(polite).failed == 0
