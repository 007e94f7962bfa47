"""The garbage collector's pace during a run, and afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from aura_lib.backtest.heap import YOUNG, patient


@pytest.fixture(autouse=True)
def pace() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_it_is_patient_inside_and_as_before_afterwards_whatever_happens() -> None:
    def broken() -> None:
        with patient():
            assert gc.get_threshold() == (YOUNG, 10, 10)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [0, 100_000])
def test_who_turned_it_off_or_is_more_patient_is_left_alone(own: int) -> None:
    gc.set_threshold(own, 10, 10)
    with patient():
        assert gc.get_threshold()[0] == own


def test_what_is_left_behind_in_cycles_is_found_during_a_run() -> None:
    class Loop:
        alive = 0

        def __init__(self) -> None:
            self.me = self
            Loop.alive += 1

        def __del__(self) -> None:
            Loop.alive -= 1

    with patient():
        for _ in range(4 * YOUNG):
            Loop()
        assert Loop.alive <= 2 * YOUNG
