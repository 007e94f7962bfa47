"""Seeded leaks are found, clean pieces left alone. `python -m tests.backtest.causality.measure` prints it all."""

from __future__ import annotations

import pytest

from tests.backtest.causality import world
from tests.backtest.causality.corpus import (
    first_clean,
    first_leaks,
    second_clean,
    second_leaks,
    third_clean,
    third_leaks,
)

LEAKS = {**first_leaks.STRATEGIES, **second_leaks.STRATEGIES, **third_leaks.STRATEGIES}
CLEAN = {**first_clean.STRATEGIES, **second_clean.STRATEGIES, **third_clean.STRATEGIES}
LEAKING = {**first_leaks.INDICATORS, **second_leaks.INDICATORS, **third_leaks.INDICATORS}
CAUSAL = {**first_clean.INDICATORS, **second_clean.INDICATORS, **third_clean.INDICATORS}
MISSED: set[str] = set()  # leaks that neither check finds: at most one in twenty
ALARMS: set[str] = set()  # clean pieces that are reported: at most one in fifty


@pytest.mark.timeout(400)  # one of them walks all objects there are
@pytest.mark.parametrize("name", LEAKS)
def test_a_leaking_strategy_is_found(name: str) -> None:
    verdict = world.of_strategy(LEAKS[name][1])
    assert verdict.found != (name in MISSED), f"{LEAKS[name][0]}: {verdict}"


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_strategy_is_left_alone(name: str) -> None:
    verdict = world.of_strategy(CLEAN[name][1])
    assert verdict.found == (name in ALARMS), f"{CLEAN[name][0]}: {verdict}"


@pytest.mark.parametrize("name", LEAKING)
def test_a_leaking_indicator_is_found(name: str) -> None:
    verdict = world.of_indicator(LEAKING[name][1])
    assert verdict.found != (name in MISSED), f"{LEAKING[name][0]}: {verdict}"


@pytest.mark.parametrize("name", CAUSAL)
def test_a_causal_indicator_is_left_alone(name: str) -> None:
    verdict = world.of_indicator(CAUSAL[name][1])
    assert verdict.found == (name in ALARMS), f"{CAUSAL[name][0]}: {verdict}"


def test_the_corpus_is_large_enough_and_the_rates_are_what_we_say() -> None:
    leaks, clean = len(LEAKS) + len(LEAKING), len(CLEAN) + len(CAUSAL)
    assert leaks >= 40 and clean >= 50
    assert 1 - len(MISSED) / leaks >= 0.95 and len(ALARMS) / clean <= 0.02
