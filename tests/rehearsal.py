"""The rehearsal broker for tests: on a free port of loopback, its market moved by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from aura_lib.core import utc
from aura_lib.execution.brokers.rehearsal import Asset, Listing, Market, Venue
from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server

NOON = utc("2026-03-02T17:00:00Z")  # a Monday, New York at noon
PRICES = {"AAPL": "200", "MSFT": "400", "BTC/USD": "50000"}


def rehearsal_venue(file: Path | None = None, **words: Any) -> Venue:
    """A venue with three symbols and their prices, on a Monday at noon in New York; time stands until it is moved.

    `more` are further symbols and their prices.
    """
    now, prices = words.pop("now", NOON), {**PRICES, **words.pop("more", {})}
    assets = [Asset(s) for s in prices] + [
        Asset("BRK.A", fractionable=False, shortable=False),
        Asset("GONE", active=False),
    ]
    venue = Venue(Market(Listing(assets), now), file=file, **words)
    for symbol, price in prices.items():
        if venue.market.price(symbol) is None:
            venue.tick(symbol, Decimal(price))
    return venue


@contextmanager
def rehearsal_server(file: Path | None = None, **words: Any) -> Iterator[Rehearsal]:
    """The broker, serving: `.url`, `.stream_url`, `.key`, `.secret`, and `.venue` to move its market."""
    venue = rehearsal_venue(file, **words)
    with Server(Rehearsal(venue)) as rehearsal:
        yield rehearsal
    venue.close()


def ask(broker: Rehearsal, method: str, path: str, body: Any = None, **words: Any) -> requests.Response:
    """A request of a plain HTTP client, with the right keys."""
    headers = {"APCA-API-KEY-ID": broker.key, "APCA-API-SECRET-KEY": broker.secret}
    content = body if isinstance(body, bytes | None) else json.dumps(body)
    return requests.request(method, broker.url + path, data=content, **{"headers": headers, "timeout": 60, **words})
