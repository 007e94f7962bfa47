"""The stream of trade updates, which wakes: what became of an order is asked for afterwards.

One word of it is kept besides: that a trade was taken back, for which there may be nothing to ask.

alpaca-py connects and shows the keys; what it does after that is done here. It would connect again without a word that
something was missed, and take five seconds to stop. Every connection starts with a call to wake up, and so does every
quiet spell: a stream that is open and mute delays what it should have told, and loses nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import Mode
from aura_lib.core.clients import unless
from aura_lib.execution.brokers.alpaca.door import client, inside
from aura_lib.execution.brokers.alpaca.keys import Keys

if TYPE_CHECKING:
    from alpaca.trading.stream import TradingStream

log = logging.getLogger(__name__)

CONNECT = 10.0  # seconds for the connection and the keys
FIRST, LONGEST = 1.0, 60.0  # seconds before a second attempt, and the longest between two
QUIET = 15.0  # seconds without a word after which to wake anyway
STALE = 300.0  # seconds without a word after which the connection is made anew
WEBSOCKET = {"ping_interval": 10, "ping_timeout": 10, "close_timeout": 0.1, "max_queue": 1024, "open_timeout": CONNECT}


class Line:
    """Hears one account's stream, over as many connections as it takes."""

    def __init__(
        self,
        keys: Keys,
        *,
        quiet: float = QUIET,
        stale: float = STALE,
        first: float = FIRST,
        heard: Callable[[Mapping[str, Any]], object] = lambda update: None,
        rng: np.random.Generator | None = None,
    ) -> None:
        client()
        self._keys, self._quiet, self._stale, self._first, self._heard = keys, quiet, stale, first, heard
        self._rng = rng or np.random.default_rng()

    def listen(self, wake: Callable[[], None], stopped: Event) -> None:
        """Block until stopped; call `wake` on any sign, and after every connection."""
        asyncio.run(self._listen(wake, stopped))

    async def _listen(self, wake: Callable[[], None], stopped: Event) -> None:
        failures = 0
        while not stopped.is_set():
            stream = self._stream()
            try:
                await unless(stopped, self._connect(stream))
                if not stopped.is_set():
                    wake()
                    failures = 0 if await self._hear(stream, wake, stopped) else failures + 1
            except (OSError, ValueError, LookupError, TypeError, AttributeError, _lost()) as error:
                failures += 1
                log.warning("trade updates: %s", self._keys.clean(f"{type(error).__name__}: {error}"))
            finally:
                with suppress(OSError, _lost()):
                    await stream.close()
            if not stopped.is_set():
                await unless(stopped, asyncio.sleep(self.wait(max(failures, 1))))

    def wait(self, failures: int) -> float:
        """Seconds before the next attempt: longer after every failure, and never the same for all who failed."""
        longest = min(self._first * 2 ** min(failures - 1, 30), LONGEST)
        return float(longest * (1 + self._rng.random()) / 2)

    def _stream(self) -> TradingStream:
        from alpaca.trading.stream import TradingStream

        keys = self._keys
        stream = TradingStream(
            keys.key, keys.secret, paper=keys.account_class is Mode.PAPER, raw_data=True,
            url_override=keys.stream_url, websocket_params=dict(WEBSOCKET),  # type: ignore[arg-type]
        )  # fmt: skip
        inside(stream, "_start_ws", "_ws", "close")
        stream.subscribe_trade_updates(_unheard)
        return stream

    @staticmethod
    async def _connect(stream: TradingStream) -> None:
        async with asyncio.timeout(CONNECT):
            start: Any = stream._start_ws
            await start()

    async def _hear(self, stream: TradingStream, wake: Callable[[], None], stopped: Event) -> bool:
        """Whether anything was heard before the connection became stale."""
        socket: Any = stream._ws
        heard, last = False, time.monotonic()
        while not stopped.is_set() and time.monotonic() - last < self._stale:
            try:
                async with asyncio.timeout(self._quiet):
                    frame = await unless(stopped, socket.recv())
            except TimeoutError:
                wake()
                continue
            if frame is not None:
                heard, last = True, time.monotonic()
                self._tell(frame)
                wake()
        return heard

    def _tell(self, frame: str | bytes) -> None:
        """Hand an update on; what cannot be read still wakes."""
        try:
            told = json.loads(frame)
            if told["stream"] == "trade_updates":
                self._heard(told["data"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log.warning("trade updates: %s", self._keys.clean(f"{type(error).__name__}: {error}"))


async def _unheard(message: Any) -> None:
    """alpaca-py wants a handler before it subscribes; the frames are read before it would call one."""


def _lost() -> type[Exception]:
    from websockets.exceptions import WebSocketException

    return WebSocketException
