"""How an event travels: one line of JSON with the number of its form. An unknown form is refused, never guessed at.

    {"v":1,"k":"bar","s":"AAPL","t":1710163860000000,"f":"1m","o":1.0,"h":1.0,"l":1.0,"c":1.0,"n":100.0,"q":7}

`t` is microseconds since 1970 UTC; numbers are written so that the same float is read; null is NaN.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aura_lib.core import Bar, InputError, Tick
from aura_lib.data.stream.events import Event, Reading

__all__ = ["SCHEMA", "pack", "unpack"]

SCHEMA = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def _told(number: float) -> float | None:
    return number if number == number else None


def _known(number: float | None) -> float:
    return float("nan") if number is None else float(number)


def pack(event: Event) -> bytes:
    """An event as bytes. A reading travels without the bar that it was made of."""
    head = {"v": SCHEMA, "s": event.symbol, "t": (event.time - EPOCH) // MICROSECOND}
    if isinstance(event, Tick):
        body: dict[str, Any] = {"k": "tick", "p": event.price, "z": _told(event.size), "q": event.sequence}
    elif isinstance(event, Bar):
        prices = {"o": event.open, "h": event.high, "l": event.low, "c": event.close, "n": event.volume}
        numbers = {key: _told(value) for key, value in prices.items()}
        body = {"k": "bar", "f": event.frequency, **numbers, "q": event.sequence}
    else:
        body = {"k": "reading", "x": {name: _told(value) for name, value in event.values.items()}}
    return json.dumps({**head, **body}, separators=(",", ":"), allow_nan=False).encode()


def unpack(message: bytes) -> Event:
    """The event of some bytes; InputError when they are of another form, or none."""
    try:
        told = json.loads(message)
        version = told["v"]
    except (ValueError, TypeError, KeyError):
        raise InputError(f"this is no event of Aura: {message[:80]!r}") from None
    if version != SCHEMA:
        raise InputError(f"an event of schema {version!r} came, this version of Aura knows {SCHEMA}: update it")
    try:
        return _event(told)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f"this event lacks something, or is of an unknown kind: {message[:200]!r}") from None


def _event(told: dict[str, Any]) -> Event:
    symbol, time, kind = told["s"], EPOCH + told["t"] * MICROSECOND, told["k"]
    if kind == "tick":
        return Tick(symbol, time, float(told["p"]), _known(told["z"]), told["q"])
    if kind == "bar":
        opened, high, low, close, volume = (_known(told[key]) for key in "ohlcn")
        return Bar(symbol, time, opened, high, low, close, volume, told["f"], told["q"])
    if kind == "reading":
        return Reading(symbol, time, {name: _known(value) for name, value in told["x"].items()})
    raise KeyError(kind)
