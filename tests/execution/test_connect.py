"""Accounts at a real broker: on what terms, with which keys, and when nothing is connected at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from alpaca.common.enums import BaseURL

from aura_lib.core import InputError, Mode, PermissionDenied, Settings, SimulatedClock, WallClock, decode, encode, utc
from aura_lib.execution.accounts import Terms, account_terms, open_account, opened
from aura_lib.execution.brokers.alpaca import AlpacaBroker
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.connect import clock_of, connect
from aura_lib.execution.feed import Feed
from aura_lib.ledger import Ledger
from tests.execution.conftest import made_up_bars

NOW = utc("2024-03-05T15:00:00+00:00")
LIVE = Terms("real", Mode.LIVE, "alpaca", "wall")
TRY = Terms("try", Mode.PAPER, "alpaca", "wall")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def feed() -> Feed:
    return Feed(made_up_bars(2))


def test_a_live_account_is_not_connected_without_the_word_that_allows_it(
    settings: Settings, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LIVE.keys:
        monkeypatch.setenv(name, "AK-key")
    with pytest.raises(PermissionDenied, match="AURA_ALLOW_LIVE=1"):
        connect(LIVE, settings, feed, WallClock())
    broker = connect(LIVE, replace(settings, allow_live=True), feed, WallClock())
    assert isinstance(broker, AlpacaBroker) and broker._door.client._base_url is BaseURL.TRADING_LIVE
    broker.close()


def test_keys_of_a_paper_account_do_not_make_a_live_one(
    settings: Settings, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in LIVE.keys:
        monkeypatch.delenv(name, raising=False)
    for name in TRY.keys:
        monkeypatch.setenv(name, "PK-key")
    with pytest.raises(InputError, match="ALPACA_LIVE_API_KEY and ALPACA_LIVE_SECRET_KEY"):
        connect(LIVE, replace(settings, allow_live=True), feed, WallClock())
    broker = connect(TRY, settings, feed, WallClock())
    assert isinstance(broker, AlpacaBroker) and broker._door.client._base_url is BaseURL.TRADING_PAPER
    broker.close()


def test_a_simulated_account_has_the_embedded_venue_and_a_clock_that_is_moved(settings: Settings, feed: Feed) -> None:
    terms = Terms("paper")
    clock = clock_of(terms, feed.bars.start)
    assert isinstance(clock, SimulatedClock) and isinstance(clock_of(TRY, NOW), WallClock)
    broker = connect(terms, settings, feed, clock)
    assert isinstance(broker, PaperBroker) and terms.keys == () and terms.simulated
    broker.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"broker": "alpaca"}, "the clock is the wall's"),
        ({"broker": "alpaca", "clock": "wall", "currency": "EUR"}, "the currency USD"),
        ({"account_class": Mode.LIVE, "clock": "wall"}, "at paper it is paper, not live"),
        ({"account_class": Mode.RESEARCH, "broker": "alpaca", "clock": "wall"}, "paper or live, not research"),
    ],
)
def test_terms_that_cannot_be_are_refused(words: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Terms("x", **words)


def test_terms_survive_the_ledger_and_say_since_when(settings: Settings) -> None:
    with Ledger.open(settings) as ledger:
        assert opened(ledger, "real") is None
        open_account(ledger, LIVE)
        assert account_terms(ledger, "real") == LIVE == decode(Terms, encode(LIVE))
        assert opened(ledger, "real") is not None
