"""Alpaca's protocol on loopback: REST and the market-data websocket, serving what it was told and failing when told to.

The server computes nothing: a test tells it rows, and compares what comes out at the other end with them. One part
(`MarketData`) knows the answers, another (`Alpaca`) how and whether they are given; a part for orders can stand beside.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Condition, Event, Thread
from typing import Any
from urllib.parse import unquote

import msgpack
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

KEY, SECRET = "PKTESTKEY0000000000", "a-secret-that-must-not-show-anywhere"
BARS = {"/v2/stocks/bars", "/v1beta3/crypto/us/bars", "/v1beta1/options/bars"}
TRADES = {"/v2/stocks/trades", "/v1beta3/crypto/us/trades"}
SNAPSHOTS = {"/v2/stocks/snapshots", "/v1beta3/crypto/us/snapshots", "/v1beta1/options/snapshots"}
STREAMS = ("/v2/iex", "/v2/sip", "/v1beta3/crypto/us")


def wire(moment: datetime) -> str:
    """A time as Alpaca writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Fault:
    """What happens to one request instead of its answer (status 200 and no body: after `delay`, the answer itself)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False  # half of the answer, then nothing


def error(status: int, message: str, code: int = 0) -> Fault:
    return Fault(status, json.dumps({"code": code or status * 100000, "message": message}).encode())


@dataclass
class Asked:
    """One request."""

    path: str
    query: dict[str, str]


@dataclass
class MarketData:
    """What is served: bars, trades, snapshots, corporate actions, assets."""

    bars: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    trades: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    snapshots: dict[str, Any] = field(default_factory=dict)
    actions: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 10_000  # rows on a page at most
    circle: bool = False  # the token of a page leads to the same page

    def serve(self, symbol: str, timeframe: str, rows: Sequence[Sequence[Any]]) -> None:
        """Rows of (moment it began, open, high, low, close, volume)."""
        names = ("o", "h", "l", "c", "v")
        told = [{"t": wire(row[0]), **dict(zip(names, row[1:], strict=True)), "n": 1, "vw": row[4]} for row in rows]
        self.bars[symbol, timeframe] += told
        self.register(symbol)

    def register(self, symbol: str, **words: Any) -> None:
        """An asset."""
        kind = "crypto" if "/" in symbol else "us_equity"
        known = self.assets.get(symbol, {})
        self.assets[symbol] = {
            "id": f"00000000-0000-0000-0000-{len(self.assets):012d}", "class": kind, "symbol": symbol,
            "exchange": "CRYPTO" if kind == "crypto" else "NASDAQ", "name": symbol, "status": "active",
            **dict.fromkeys(("tradable", "marginable", "shortable", "easy_to_borrow", "fractionable"), True),
            **known, **words,
        }  # fmt: skip

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        """The status and the body of a GET."""
        if path in BARS:
            rows = {s: self.bars[s, query["timeframe"]] for s in query["symbols"].split(",")}
            return 200, self._paged("bars", rows, query)
        if path in TRADES:
            return 200, self._paged("trades", {s: self.trades[s] for s in query["symbols"].split(",")}, query)
        if path in SNAPSHOTS:
            known = {s: self.snapshots[s] for s in query["symbols"].split(",") if s in self.snapshots}
            return 200, known if path == "/v2/stocks/snapshots" else {"snapshots": known, "next_page_token": None}
        if path == "/v1/corporate-actions":
            return 200, self._actions(query)
        if path == "/v2/assets":
            status, kind = query.get("status"), query.get("asset_class", "us_equity")
            return 200, [a for a in self.assets.values() if status in (None, a["status"]) and a["class"] == kind]
        if path.startswith("/v2/assets/"):
            asset = self.assets.get(unquote(path.removeprefix("/v2/assets/")))
            return (200, asset) if asset else (404, {"code": 40410000, "message": "asset not found"})
        return 404, {"code": 40410000, "message": "endpoint not found"}

    def _paged(self, name: str, rows: dict[str, list[dict[str, Any]]], query: dict[str, str]) -> dict[str, Any]:
        """By symbol, then as they were told; `limit` counts rows of all symbols together."""
        flat = [(s, row) for s in sorted(rows) for row in rows[s] if _within(row["t"], query)]
        first = int(query.get("page_token", "page-0").removeprefix("page-"))
        last = first + min(int(query.get("limit", 1000)), self.page)
        told = defaultdict(list)
        for symbol, row in flat[first:last]:
            told[symbol].append(row)
        following = first if self.circle else last
        return {name: told, "next_page_token": f"page-{following}" if last < len(flat) else None}

    def _actions(self, query: dict[str, str]) -> dict[str, Any]:
        symbols, types = set(query["symbols"].split(",")), query["types"].split(",")
        flat = [
            (kind, row)
            for kind, some in self.actions.items()
            if kind.removesuffix("s") in types
            for row in some
            if symbols & {row.get("symbol"), row.get("source_symbol"), row.get("old_symbol")}
            and query["start"] <= row["process_date"] <= query["end"]
        ]
        first = int(query.get("page_token", "page-0").removeprefix("page-"))
        last = first + min(int(query.get("limit", 100)), self.page)
        told = defaultdict(list)
        for kind, row in flat[first:last]:
            told[kind].append(row)
        return {"corporate_actions": told, "next_page_token": f"page-{last}" if last < len(flat) else None}


def _within(told: str, query: dict[str, str]) -> bool:
    moment = datetime.fromisoformat(told)
    start, end = (datetime.fromisoformat(query[name]) if name in query else None for name in ("start", "end"))
    return (start is None or moment >= start) and (end is None or moment <= end)


@dataclass
class Alpaca:
    """The server: what it serves, what it will do wrong, what it was asked, and who listens."""

    data: MarketData = field(default_factory=MarketData)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))  # the next ones, by path
    asked: list[Asked] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    greeting: list[dict[str, Any]] | None = None  # what the websocket says instead of welcome, or to the keys
    refused: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # action → what is answered instead
    mute: bool = False  # a websocket that accepts and says nothing
    port: int = 0
    listeners: list[_Socket] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _heard: Condition = field(default_factory=Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests to a path go wrong, in this order."""
        self.faults[path] += faults

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    # ── the websocket, from the test's thread ───────────────────────────────────────────────────────────────────────

    def wait_for_subscription(self, number: int = 1, timeout: float = 10.0) -> dict[str, Any]:
        """The subscription that came as the `number`th."""
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.subscriptions) >= number, timeout), "nobody subscribed"
            return self.subscriptions[number - 1]

    def send(self, *messages: dict[str, Any]) -> None:
        """One frame with these messages to whoever listens; a datetime goes out as msgpack's own time."""
        frame = msgpack.packb(list(messages), datetime=True)
        self._call(lambda: [listener.tell(frame) for listener in list(self.listeners)])

    def send_bytes(self, frame: bytes) -> None:
        """Any frame."""
        self._call(lambda: [listener.tell(frame) for listener in list(self.listeners)])

    def hang_up(self) -> None:
        """Cut the connections without a word."""
        self._call(lambda: [listener.cut() for listener in list(self.listeners)])

    def say_goodbye(self, code: int = 1001) -> None:
        """Close the connections as the protocol says."""
        self._call(lambda: [listener.close(code) for listener in list(self.listeners)])

    def _call(self, what: Callable[[], Any]) -> None:
        done = Event()

        def call() -> None:
            what()
            done.set()

        assert self._loop is not None
        self._loop.call_soon_threadsafe(call)
        assert done.wait(10)

    def subscribed(self, message: dict[str, Any]) -> None:
        with self._heard:
            self.subscriptions.append(message)
            self._heard.notify_all()


class _Rest(RequestHandler):
    """GET requests of the REST services."""

    def initialize(self, alpaca: Alpaca) -> None:
        self.alpaca = alpaca

    async def get(self) -> None:
        path = self.request.path
        query = {name: values[-1].decode() for name, values in self.request.query_arguments.items()}
        self.alpaca.asked.append(Asked(path, query))
        self.alpaca.agents.add(self.request.headers.get("User-Agent", ""))
        fault = self.alpaca.faults[path].pop(0) if self.alpaca.faults[path] else None
        if fault and (fault.status != 200 or fault.body):
            return self._say(fault.status, fault.body, fault.headers)
        headers = self.request.headers
        if (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")) != (KEY, SECRET):
            return self._say(401, json.dumps({"message": "unauthorized."}).encode())
        if fault:
            await asyncio.sleep(fault.delay)
        status, answer = self.alpaca.data.answer(path, query)
        body = json.dumps(answer).encode()
        if fault and fault.cut:
            return await self._cut(body)
        return self._say(status, body)

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        for name, value in (headers or {}).items():
            self.set_header(name, value)
        self.finish(body)

    async def _cut(self, body: bytes) -> None:
        self.set_header("Content-Length", str(len(body)))
        self.write(body[: len(body) // 2])
        await self.flush()
        self.request.connection.stream.close()  # type: ignore[union-attr]


class _Socket(WebSocketHandler):
    """The market-data websocket: msgpack, every frame a list."""

    def initialize(self, alpaca: Alpaca) -> None:
        self.alpaca = alpaca
        self.known = False

    def open(self, *args: str, **kwargs: str) -> None:
        if not self.alpaca.mute:
            self._say(self.alpaca.greeting or [{"T": "success", "msg": "connected"}])

    def on_message(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        told = msgpack.unpackb(message)
        action = told.pop("action")
        if action in self.alpaca.refused:
            self._say(self.alpaca.refused[action])
        elif action == "auth":
            self.known = (told["key"], told["secret"]) == (KEY, SECRET)
            good, bad = {"T": "success", "msg": "authenticated"}, {"T": "error", "code": 402, "msg": "auth failed"}
            self._say([good if self.known else bad])
        elif action == "subscribe":
            assert self.known, "subscribed without keys"
            self.alpaca.listeners.append(self)
            self._say([{"T": "subscription", **{channel: sorted(some) for channel, some in told.items()}}])
            self.alpaca.subscribed({"path": self.request.path, **told})

    def on_close(self) -> None:
        if self in self.alpaca.listeners:
            self.alpaca.listeners.remove(self)

    def _say(self, messages: list[dict[str, Any]]) -> None:
        self.tell(msgpack.packb(messages))

    def tell(self, frame: bytes) -> None:
        with suppress(WebSocketClosedError):
            self.write_message(frame, binary=True)

    def cut(self) -> None:
        """Drop the connection, without the handshake of a close."""
        assert self.ws_connection is not None
        self.ws_connection.stream.close()  # type: ignore[attr-defined]


def _application(alpaca: Alpaca) -> Application:
    words = {"alpaca": alpaca}
    return Application([*((path, _Socket, words) for path in STREAMS), (r"/.*", _Rest, words)])


@contextmanager
def serving() -> Iterator[Alpaca]:
    """The server on a free port of this machine, in a thread of its own."""
    alpaca, ready = Alpaca(), Event()
    sockets = bind_sockets(0, "127.0.0.1")
    alpaca.port = sockets[0].getsockname()[1]

    async def serve(stop: asyncio.Event) -> None:
        server = HTTPServer(_application(alpaca))
        server.add_sockets(sockets)
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    def run() -> None:
        with asyncio.Runner() as runner:
            alpaca._loop = runner.get_loop()
            runner.run(serve(stop))

    stop = asyncio.Event()
    thread = Thread(target=run, name="alpaca server", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield alpaca
    finally:
        assert alpaca._loop is not None
        alpaca._loop.call_soon_threadsafe(stop.set)
        thread.join(10)
