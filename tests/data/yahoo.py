"""Yahoo's chart protocol on loopback: a proxy that answers for Yahoo's hosts itself, over TLS, and can be told to fail.

The real client finds it through `https_proxy` and `REQUESTS_CA_BUNDLE`, as it would find a company's proxy.
"""

from __future__ import annotations

import json
import ssl
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("fc.yahoo.com", "query1.finance.yahoo.com", "query2.finance.yahoo.com", "guce.yahoo.com", "finance.yahoo.com")
CHART = "/v8/finance/chart/"


@dataclass
class Yahoo:
    """What the server serves, what it will do wrong, and what it was asked."""

    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))  # the next ones of a symbol
    asked: list[str] = field(default_factory=list)  # symbols, one a chart request
    hosts: list[str] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)  # one a chart request
    port: int = 0

    def serve(self, symbol: str, meta: dict[str, Any], rows: list[Any], events: dict[str, Any] | None = None) -> None:
        """A chart: rows of (opening moment, open, high, low, close, volume, adjusted close)."""
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 7
        quote = dict(zip(("open", "high", "low", "close", "volume"), columns[1:6], strict=True))
        self.charts[symbol] = {
            "meta": {"symbol": symbol, "validRanges": ["1d", "5d", "max"], "gmtoffset": 0, **meta},
            "timestamp": [int(moment.timestamp()) for moment in columns[0]],
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": columns[6]}]},
            **({"events": events} if events else {}),
        }


def answer(result: Any = None, error: Any = None) -> bytes:
    return json.dumps({"chart": {"result": result, "error": error}}).encode()


NOT_FOUND = answer(error={"code": "Not Found", "description": "No data found, symbol may be delisted"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_CONNECT(self) -> None:
        self.server.yahoo.hosts.append(self.path)
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False
        self.requestline = ""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path == "/v1/test/getcrumb":
            self._send(200, b"a crumb")
        elif path.startswith(CHART):
            self._chart(path.removeprefix(CHART))
        else:  # fc.yahoo.com answers so, and sets the cookie
            self._send(404, b"", {"Set-Cookie": "A3=d=x; Domain=.yahoo.com; Path=/; Max-Age=31557600"})

    def _chart(self, symbol: str) -> None:
        yahoo: Yahoo = self.server.yahoo
        yahoo.asked.append(symbol)
        yahoo.queries.append(parse_qs(urlsplit(self.path).query))
        faults = yahoo.faults[symbol]
        fault = faults[0] if faults[:1] == ["for ever"] else faults.pop(0) if faults else None
        whole = answer([yahoo.charts[symbol]]) if symbol in yahoo.charts else NOT_FOUND
        match fault:
            case None:
                self._send(200 if symbol in yahoo.charts else 404, whole)
            case ("429", after):
                self._send(429, b"Too Many Requests", {"Retry-After": after} if after else {})
            case "500" | "for ever":
                self._send(500, b"<html>oops</html>")
            case "401":
                self._send(401, b'{"finance": {"result": null, "error": {"code": "Unauthorized"}}}')
            case "slow":
                time.sleep(0.5)
                self.close_connection = True
            case "cut":
                self._send(200, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
                self.close_connection = True
            case bytes():
                self._send(200, fault)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hung up is part of the play."""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for Yahoo's hosts that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "not Yahoo")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "yahoo.pem", folder / "yahoo.key"
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(*form))
    return cert, secret


@contextmanager
def serving(cert: Path, key: Path) -> Iterator[Yahoo]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.yahoo = Yahoo(port=server.server_port)
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(cert, key)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.yahoo
        finally:
            server.shutdown()
            thread.join()
