"""Alpaca's live stream: minute bars or trades over the websocket of alpaca-py, heard until it is lost or not wanted.

alpaca-py connects, shows the keys and subscribes. What it does after that is done here: it would connect again by
itself and say nothing of what was missed, take five seconds to stop, and hide what it cannot read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

from aura_lib.core import Bar, Calendar, Clock, DataError, InputError, Tick, WallClock
from aura_lib.core.clients import unless
from aura_lib.core.times import utc
from aura_lib.data.polite import Polite
from aura_lib.data.sources.alpaca import door, source
from aura_lib.data.sources.alpaca.door import KEYS, TIMEOUT, Access, Door
from aura_lib.data.sources.alpaca.messages import Messages, Refused
from aura_lib.data.sources.alpaca.missed import trades
from aura_lib.data.sources.alpaca.options import Options
from aura_lib.data.sources.alpaca.symbols import Kind, by_kind, calendar_of

if TYPE_CHECKING:
    from alpaca.data.live import CryptoDataStream, StockDataStream

CONNECT = 10.0  # seconds for the connection, the keys and the subscription
PATHS = {Kind.STOCK: "/v2/{feed}", Kind.CRYPTO: "/v1beta3/crypto/us"}
# Silence of the other side is noticed within 20 s. A frame that nobody takes waits, and so do those behind it: in a
# queue of 1024, and then on the wire.
WEBSOCKET = {"ping_interval": 10, "ping_timeout": 10, "close_timeout": 0.1, "max_queue": 1024, "max_size": 2**24}

Deliver = Callable[[Sequence[Tick | Bar]], None]


class Stream:
    """Minute bars (`live=bars`) or trades (`live=trades`) of stocks, or of crypto pairs, as they come.

    A bar that Alpaca corrects comes a second time, with the same time. Options are not streamed: their quotes can be
    polled. A key has one connection at a time.

    Args:
        options: as in the source's name after the colon, or an `Options`.
        polite: how `missed` asks.
        clock: only bars that have closed by it are `missed`.
        timeout: seconds for connecting; of `missed`, for one page.
        url: another host than Alpaca's; also `ALPACA_DATA_URL`.
    """

    def __init__(
        self,
        options: str | Options = "",
        *,
        polite: Polite | None = None,
        clock: Clock | None = None,
        timeout: float = CONNECT,
        url: str | None = None,
    ) -> None:
        self.options = Options.parse(options) if isinstance(options, str) else options
        self.name = str(self.options)
        self.frequency = "1m" if self.options.live == "bars" else None
        self._polite = polite or source.pace(self.options)
        self._clock = clock or WallClock()
        self._timeout = timeout
        self._url = url

    # ── live ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Event) -> None:
        """Deliver what comes until `stopped` is set, which is noticed within half a second.

        It has an event loop of its own: in a notebook, call it in a thread. `deliver` is called in another thread,
        one call at a time; while it takes its time the connection is kept and nothing is lost.

        Raises:
            InputError: missing or wrong keys, a feed that needs a subscription, symbols that cannot be streamed.
            DataError: alpaca-py is not installed, the connection is lost, or what comes cannot be read.
        """
        kind, calendar = _streamed(symbols)
        _no_loop()
        access = Access.from_environment(self._url)
        hours = calendar if self.options.hours == "regular" and kind is Kind.STOCK else None
        messages = Messages(symbols, None if hours is None else Calendar.of(hours))
        client = self._client(kind, access)
        if self.options.live == "bars":
            client.subscribe_bars(_unheard, *symbols)
            client.subscribe_updated_bars(_unheard, *symbols)
        else:
            client.subscribe_trades(_unheard, *symbols)
        try:
            asyncio.run(_Line(client, self._timeout).listen(messages, deliver, stopped))
        except Refused as error:
            said = f"Alpaca says {access.clean(str(error))!r}"
            if not error.final:
                raise DataError(said) from error
            raise InputError(f"{said}: check {' and '.join(KEYS)}, the feed and the symbols") from error

    def _client(self, kind: Kind, access: Access) -> StockDataStream | CryptoDataStream:
        door.client()
        from alpaca.data.enums import DataFeed
        from alpaca.data.live import CryptoDataStream, StockDataStream

        words: dict[str, Any] = {"api_key": access.key, "secret_key": access.secret, "raw_data": True}
        words["websocket_params"] = {**WEBSOCKET, "open_timeout": self._timeout}
        if access.url:  # http becomes ws, https wss
            path = PATHS[kind].format(feed=self.options.live_feed)
            words["url_override"] = "ws" + access.url.removeprefix("http") + path
        if kind is Kind.CRYPTO:
            return CryptoDataStream(**words)
        return StockDataStream(**words, feed=DataFeed(self.options.live_feed))

    # ── what was missed ─────────────────────────────────────────────────────────────────────────────────────────────

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> list[Tick | Bar]:
        """What came in (after, until], from Alpaca's history of the same feed: bars that have closed, or trades.

        Raises what `Source.history` raises.
        """
        kind, name = _streamed(symbols)
        calendar, after, until = Calendar.of(name), utc(after, "after"), utc(until, "until")
        options = replace(self.options, feed=self.options.live_feed)
        found: list[Tick | Bar] = []
        with Door(Access.from_environment(self._url), self._polite, max(self._timeout, TIMEOUT)) as opened:
            if self.options.live == "trades":
                hours = calendar if options.hours == "regular" and kind is Kind.STOCK else None
                found += trades(opened, kind, symbols, after, until, options, hours)
            else:
                now = min(utc(self._clock.now()), until)
                call = source.Call(options, opened, calendar, "1m", now)
                for symbol, table in call.frames(list(symbols), after + timedelta(microseconds=1)).items():
                    rows = zip(table.index, table.to_numpy().tolist(), strict=True)
                    found += [Bar(symbol, utc(moment), o, h, low, c, v) for moment, (o, h, low, c, v) in rows]
        return sorted(found, key=lambda event: event.time)


def _streamed(symbols: Sequence[str]) -> tuple[Kind, str]:
    """The kind and the calendar of the symbols; InputError for those that cannot be streamed together."""
    calendar, kinds = calendar_of(symbols), by_kind(symbols)
    if Kind.OPTION in kinds:
        raise InputError(
            f"alpaca: options such as {kinds[Kind.OPTION][0]} are not streamed as bars or trades: poll their quotes "
            "(poll:alpaca)"
        )
    return next(iter(kinds)), calendar


def _no_loop() -> None:
    """InputError in a thread that runs an event loop, as a notebook's cells do."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InputError("alpaca: this thread has an event loop: use data.stream.open, or call run in a thread of its own")


async def _unheard(message: Any) -> None:
    """alpaca-py wants a handler for each subscription; the messages are read before it would call one."""


class _Line:
    """One connection."""

    def __init__(self, client: StockDataStream | CryptoDataStream, timeout: float) -> None:
        door.inside(client, "_start_ws", "_send_subscribe_msg", "_ws")
        self._client, self._timeout = client, timeout

    async def listen(self, messages: Messages, deliver: Deliver, stopped: Event) -> None:
        import websockets

        try:
            await unless(stopped, self._connect())
            while not stopped.is_set():
                events: list[Tick | Bar] = []
                try:
                    for frame in await unless(stopped, self._receive()) or ():
                        events += messages.read(frame)
                finally:  # what came before a frame that ends it was heard
                    if events:
                        await asyncio.to_thread(deliver, events)
        except (websockets.WebSocketException, OSError) as error:
            raise DataError(f"alpaca: the connection is lost ({type(error).__name__}: {error})") from error
        finally:
            with suppress(websockets.WebSocketException, OSError):
                await self._client.close()

    async def _connect(self) -> None:
        """Connect, show the keys, subscribe: as alpaca-py does it."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._client._start_ws()
                await self._client._send_subscribe_msg()
        except ValueError as error:  # what alpaca-py makes of a refusal
            raise Refused.by_text(str(error)) from error
        except (LookupError, TypeError) as error:
            raise DataError(f"alpaca: a greeting that cannot be read ({type(error).__name__}: {error})") from error

    async def _receive(self) -> list[str | bytes]:
        """The next frame, and what has come meanwhile: who is slow gets more at a time."""
        socket = self._client._ws
        assert socket is not None, "not connected"
        frames = [await socket.recv()]
        for _ in range(len(socket.messages)):
            frames.append(await socket.recv())
        return frames
