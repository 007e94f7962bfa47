"""A vendor on this machine: it answers over HTTP, counts what it was asked, and can be told to fail."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

Query = dict[str, str]
Answer = tuple[int, Any]  # status, what becomes JSON


class Vendor:
    """What a vendor is told to do wrong and what it was asked. `answer` is its protocol."""

    def __init__(self) -> None:
        self.faults: list[Any] = []  # the next ones: ("429", seconds), "500", "slow", "cut", or bytes
        self.asked: list[tuple[str, Query, dict[str, str]]] = []  # path, query, headers
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, query: Query) -> Answer:
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        vendor: Vendor = self.server.vendor
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        vendor.asked.append((unquote(split.path), query, {k.lower(): v for k, v in self.headers.items()}))
        status, told = vendor.answer(unquote(split.path), query)
        whole = json.dumps(told).encode()
        match vendor.faults.pop(0) if vendor.faults else None:
            case None:
                self._send(status, whole)
            case ("429", after):
                self._send(429, b"{}", {"Retry-After": after} if after else {})
            case "500":
                self._send(500, b"<html>oops</html>")
            case "slow":
                time.sleep(2.5)
                self.close_connection = True
            case "cut":
                self._send(200, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
                self.close_connection = True
            case bytes() as nonsense:
                self._send(200, nonsense)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the play."""


V = TypeVar("V", bound=Vendor)


@contextmanager
def serving(make: Callable[[], V]) -> Iterator[V]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        vendor = make()
        vendor.port = server.server_port
        server.vendor = vendor  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield vendor
        finally:
            server.shutdown()
            thread.join()


def unplugged() -> str:
    """An address on this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
