"""The rehearsal broker on the wire: REST and the stream of trade updates, on loopback unless told otherwise."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Event, Thread
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from aura_lib.core import BrokerUnavailable
from aura_lib.execution.brokers.rehearsal import quotes
from aura_lib.execution.brokers.rehearsal.answers import unauthorized
from aura_lib.execution.brokers.rehearsal.control import PREFIX, served
from aura_lib.execution.brokers.rehearsal.routes import Request, Response
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import Reply, Weather, perform

KEY, SECRET = "REHEARSALKEY", "rehearsal-secret"
LOOPBACK = "127.0.0.1"
LONGEST = 1 << 20  # bytes of a body
CHANNELS = {"t": "trades", "q": "quotes", "b": "bars"}
DATA_STREAMS = (r"/v2/(?:iex|sip|delayed_sip)", r"/v1beta3/crypto/us", r"/v1beta1/(?:indicative|opra)")
PATIENCE = 30.0  # seconds to start and to stop


@dataclass
class Rehearsal:
    """A running rehearsal broker: the venue, its keys, who listens, and where it is found."""

    venue: Venue
    key: str = KEY
    secret: str = SECRET
    host: str = LOOPBACK
    port: int = 0
    asked: list[Request] = field(default_factory=list)
    streams: list[TradeUpdates] = field(default_factory=list)
    watchers: list[MarketData] = field(default_factory=list)
    weather: Weather = field(default_factory=Weather)
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        """The `url_override` of the REST clients."""
        return f"http://{self.host}:{self.port}"

    def data_url(self, path: str = "/v2/iex") -> str:
        """The `url_override` of a market-data stream."""
        return f"ws://{self.host}:{self.port}{path}"

    def watch(self, kind: str, symbol: str) -> None:
        """Tell whoever listens to market data."""
        if self.watchers and (told := message(self.venue, kind, symbol)) is not None:
            self.call(self._show, kind, symbol, told)

    def _show(self, kind: str, symbol: str, told: dict[str, Any]) -> None:
        import msgpack  # type: ignore[import-untyped]

        frame = msgpack.packb([told], datetime=True)
        for watcher in list(self.watchers):
            if watcher.wants(kind, symbol):
                watcher.tell(frame)

    @property
    def stream_url(self) -> str:
        """The `url_override` of the trading stream."""
        return f"ws://{self.host}:{self.port}/stream"

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request carries the right keys."""
        key, secret = headers.get("APCA-API-KEY-ID", ""), headers.get("APCA-API-SECRET-KEY", "")
        return self.matches(key, secret) or self.matches(
            headers.get("Authorization", ""), f"Bearer {self.secret}", True
        )

    def matches(self, key: str, secret: str, bearer: bool = False) -> bool:
        """Whether these are the keys."""
        expected = (f"Bearer {self.secret}", f"Bearer {self.secret}") if bearer else (self.key, self.secret)
        told = f"{key}\n{secret}".encode()
        return hmac.compare_digest(told, "\n".join(expected).encode())

    def publish(self, update: dict[str, Any]) -> None:
        """Tell whoever listens what happened to an order."""
        for one in self.weather.updates(update):
            self.call(self._send, framed(one))

    def call(self, what: Callable[..., None], *args: Any) -> None:
        """Do something in the server's own thread, soon."""
        if self.loop is not None and not self.loop.is_closed():
            with suppress(RuntimeError):  # it is being closed
                self.loop.call_soon_threadsafe(what, *args)

    def _send(self, frame: bytes) -> None:
        for stream in list(self.streams):
            stream.tell(frame)

    def cut_streams(self) -> None:
        """Drop whoever listens, without a word."""
        self.call(self._cut)

    def _cut(self) -> None:
        for stream in list(self.streams):
            stream.cut()


def framed(update: Mapping[str, Any]) -> bytes:
    """An update as a frame of the stream."""
    return json.dumps({"stream": "trade_updates", "data": update}).encode()


class Rest(RequestHandler):
    """Any request of the REST interface."""

    def initialize(self, rehearsal: Rehearsal) -> None:
        """Told by the application."""
        self.rehearsal = rehearsal
        self.gone: asyncio.Event | None = None

    async def _any(self, *parts: str) -> None:
        told = self.request
        query = {name: values[-1].decode("utf-8", "replace") for name, values in told.query_arguments.items()}
        request = Request(told.method or "", told.path, query, told.body)
        self.rehearsal.asked.append(request)
        if not self.rehearsal.knows(told.headers):
            refused = unauthorized()
            self.say(Response(refused.status, refused.body))
            return
        rehearsal = self.rehearsal
        own = partial(served, rehearsal.venue, rehearsal.weather, request)
        made = own() if request.path.startswith(PREFIX) else perform(rehearsal.weather, rehearsal.venue, request, own)
        if isinstance(made, Response):
            self.say(made)
        else:
            await self._misbehave(made)

    get = post = put = patch = delete = _any

    async def _misbehave(self, reply: Reply) -> None:
        if reply.hang:
            self.gone = asyncio.Event()
            await self.gone.wait()  # until the client has had enough
        if reply.hang or reply.cut:
            self.request.connection.stream.close()  # type: ignore[union-attr]
            self._finished = True
            return
        self.set_status(reply.status)
        if reply.status == 204:  # an answer without a body, and without a word of what it would be
            self.clear_header("Content-Type")
            await self.finish()
            return
        self.set_header("Content-Type", reply.type)
        for name, value in reply.headers:
            self.set_header(name, value)
        await self.finish(reply.content)

    def on_connection_close(self) -> None:
        """The client went away."""
        if self.gone is not None:
            self.gone.set()

    def say(self, response: Response) -> None:
        """Send an answer."""
        self.set_status(response.status)
        for name, value in response.headers.items():
            self.set_header(name, value)
        if response.body is None:
            self.clear_header("Content-Type")
            self.finish()
        else:
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            self.finish(json.dumps(response.body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What tornado itself refuses, in the words of the interface."""
        self.say(Response(status_code, {"code": status_code * 100000, "message": self._reason}))


class TradeUpdates(WebSocketHandler):
    """The stream of trade updates."""

    def initialize(self, rehearsal: Rehearsal) -> None:
        """Told by the application."""
        self.rehearsal, self.known = rehearsal, False

    def check_origin(self, origin: str) -> bool:
        """Programs have no origin; pages of other sites are not let in."""
        return False

    def on_message(self, message: str | bytes) -> None:
        """Keys first, then what to listen to."""
        try:
            told = json.loads(message)
            action, data = told["action"], told.get("data", {})
        except (ValueError, TypeError, KeyError, RecursionError):
            self._say("error", {"message": "invalid message"})
            return
        if action in ("authenticate", "auth"):
            words = data or told
            key, secret = (
                str(words.get(a) or words.get(b) or "") for a, b in (("key_id", "key"), ("secret_key", "secret"))
            )
            self.known = self.rehearsal.matches(key, secret)
            status = "authorized" if self.known else "unauthorized"
            self._say("authorization", {"action": "authenticate", "status": status})
        elif action == "listen" and self.known:
            streams = [s for s in data.get("streams", []) if s == "trade_updates"]
            if streams and self not in self.rehearsal.streams:
                self.rehearsal.streams.append(self)
            elif not streams and self in self.rehearsal.streams:
                self.rehearsal.streams.remove(self)
            self._say("listening", {"streams": streams})
            if streams:
                for update in self.rehearsal.weather.replay():
                    self.tell(framed(update))
        else:
            self._say("authorization", {"action": "listen", "status": "unauthorized"})

    def on_close(self) -> None:
        """Nobody listens here any more."""
        if self in self.rehearsal.streams:
            self.rehearsal.streams.remove(self)

    def _say(self, stream: str, data: dict[str, Any]) -> None:
        self.tell(json.dumps({"stream": stream, "data": data}).encode())

    def tell(self, frame: bytes) -> None:
        """Send a frame, if there is still somebody."""
        with suppress(WebSocketClosedError, StreamClosedError):
            self.write_message(frame, binary=True)

    def cut(self) -> None:
        """Drop the connection without a word."""
        if self.ws_connection is not None:
            self.ws_connection.stream.close()  # type: ignore[union-attr]


class MarketData(WebSocketHandler):
    """The market-data stream: msgpack, every frame a list."""

    def initialize(self, rehearsal: Rehearsal) -> None:
        """Told by the application."""
        self.rehearsal, self.known = rehearsal, False
        self.wanted: dict[str, set[str]] = {}

    def check_origin(self, origin: str) -> bool:
        """Programs have no origin; pages of other sites are not let in."""
        return False

    def open(self, *args: str, **kwargs: str) -> None:
        """Say hello."""
        self._say({"T": "success", "msg": "connected"})

    def on_message(self, message: str | bytes) -> None:
        """Keys first, then what to listen to."""
        import msgpack

        try:
            told = msgpack.unpackb(message) if isinstance(message, bytes) else json.loads(message)
            action = told["action"]
        except (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException):
            self._say({"T": "error", "code": 400, "msg": "invalid syntax"})
            return
        if action == "auth":
            self.known = self.rehearsal.matches(str(told.get("key")), str(told.get("secret")))
            good, bad = {"T": "success", "msg": "authenticated"}, {"T": "error", "code": 402, "msg": "auth failed"}
            self._say(good if self.known else bad)
        elif not self.known:
            self._say({"T": "error", "code": 401, "msg": "not authenticated"})
        elif action in ("subscribe", "unsubscribe"):
            self._subscribe(told, action == "subscribe")
        else:
            self._say({"T": "error", "code": 400, "msg": "invalid syntax"})

    def _subscribe(self, told: Mapping[str, Any], more: bool) -> None:
        for channel in CHANNELS.values():
            some = told.get(channel)
            if isinstance(some, list):
                kept = self.wanted.setdefault(channel, set())
                kept.update(map(str, some)) if more else kept.difference_update(map(str, some))
        if self not in self.rehearsal.watchers:
            self.rehearsal.watchers.append(self)
        self._say({"T": "subscription", **{c: sorted(self.wanted.get(c, ())) for c in CHANNELS.values()}})

    def on_close(self) -> None:
        """Nobody listens here any more."""
        if self in self.rehearsal.watchers:
            self.rehearsal.watchers.remove(self)

    def wants(self, kind: str, symbol: str) -> bool:
        """Whether somebody here listens to trades, quotes or bars of a symbol."""
        return bool({symbol, "*"} & self.wanted.get(CHANNELS[kind], set()))

    def _say(self, *messages: dict[str, Any]) -> None:
        import msgpack

        self.tell(msgpack.packb(list(messages), datetime=True))

    def tell(self, frame: bytes) -> None:
        """Send a frame, if there is still somebody."""
        with suppress(WebSocketClosedError, StreamClosedError):
            self.write_message(frame, binary=True)


def message(venue: Venue, kind: str, symbol: str) -> dict[str, Any] | None:
    """What the market-data stream says of a trade, a quote or a finished minute."""
    makers = {"t": quotes.trade, "q": quotes.quote, "b": quotes.latest_bar}
    told = makers[kind](venue, symbol)
    if told is None:
        return None
    return {"T": kind, "S": symbol, **told, "t": datetime.fromisoformat(told["t"])}


def _quiet(handler: RequestHandler) -> None:
    """What goes wrong here goes wrong on purpose: nobody's log is filled with it."""


def application(rehearsal: Rehearsal) -> Application:
    """Every path of the broker."""
    words = {"rehearsal": rehearsal}
    data = [(path, MarketData, words) for path in DATA_STREAMS]
    return Application(
        [(r"/stream", TradeUpdates, words), *data, (r"/.*", Rest, words)],
        log_function=_quiet,
        websocket_max_message_size=LONGEST,
    )


class Server:
    """A rehearsal broker in a thread of its own; a context manager that gives the running `Rehearsal`."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self._stop: asyncio.Event | None = None
        self._ready, self._thread = Event(), Thread(target=self._run, name="rehearsal broker", daemon=True)

    def __enter__(self) -> Rehearsal:
        """Listen; port 0 takes a free one."""
        self._sockets = bind_sockets(self.rehearsal.port, self.rehearsal.host)
        self.rehearsal.port = self._sockets[0].getsockname()[1]
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise BrokerUnavailable("the rehearsal broker did not start in time")
        return self.rehearsal

    def __exit__(self, *failure: object) -> None:
        """Stop, and wait for it."""
        loop = self.rehearsal.loop
        if loop is not None and self._stop is not None:
            loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self.rehearsal.loop = runner.get_loop()
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = HTTPServer(application(self.rehearsal), max_body_size=LONGEST)
        server.add_sockets(self._sockets)
        self.rehearsal.venue.listeners.append(self.rehearsal.publish)
        self.rehearsal.venue.market.watchers.append(self.rehearsal.watch)
        self.rehearsal.weather.cut_streams = self.rehearsal.cut_streams
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            self.rehearsal.venue.listeners.remove(self.rehearsal.publish)
            self.rehearsal.venue.market.watchers.remove(self.rehearsal.watch)
            server.stop()
            for stream in list(self.rehearsal.streams):
                stream.cut()
            await server.close_all_connections()
