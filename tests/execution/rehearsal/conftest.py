"""The real client against the rehearsal broker on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any

import pytest
from alpaca.trading.client import TradingClient

from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from tests.rehearsal import rehearsal_server


@pytest.fixture
def broker() -> Iterator[Rehearsal]:
    with rehearsal_server() as rehearsal:
        yield rehearsal


def trading_client(rehearsal: Rehearsal, **words: Any) -> TradingClient:
    """The unmodified client, told only where to go."""
    client = TradingClient(rehearsal.key, rehearsal.secret, paper=True, url_override=rehearsal.url, **words)
    client._retry_wait = 0  # its own retries stay on, only their pause of 3 s is left out
    return client


@pytest.fixture
def client(broker: Rehearsal) -> TradingClient:
    return trading_client(broker)


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask until the answer is yes."""
    end = monotonic() + seconds
    while not (found := what()):
        assert monotonic() < end, "it never came"
        sleep(0.01)
    return found
