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
CHART, QUOTE = "/v8/finance/chart/", "/v7/finance/quote"


@dataclass
class Yahoo:
    """What the server serves, what it will do wrong, and what it was asked."""

    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    prices: dict[str, dict[str, Any]] = field(default_factory=dict)  # what quotes tell
    faults: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))  # the next ones of a symbol
    asked: list[str] = field(default_factory=list)  # symbols, one a chart request
    hosts: list[str] = field(default_factory=list)
    quoted: list[list[str]] = field(default_factory=list)  # symbols, one list a call for quotes
    queries: list[dict[str, list[str]]] = field(default_factory=list)  # one a chart request
    port: int = 0

    def serve(
        self,
        symbol: str,
        meta: dict[str, Any],
        rows: list[Any],
        events: dict[str, Any] | None = None,
        interval: str = "1d",
        sessions: list[tuple[datetime, datetime]] | None = None,
    ) -> None:
        """A chart: rows of (opening moment, open, high, low, close, volume, adjusted close)."""
        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 7
        quote = dict(zip(("open", "high", "low", "close", "volume"), columns[1:6], strict=True))
        periods = [
            [{"start": int(a.timestamp()), "end": int(b.timestamp()), "timezone": "EST", "gmtoffset": 0}]
            for a, b in sessions or ()
        ]
        told = {"symbol": symbol, "validRanges": ["1d", "5d", "max"], "gmtoffset": 0, **meta}
        self.charts[symbol if interval == "1d" else f"{symbol} {interval}"] = {
            "meta": {**told, "tradingPeriods": periods} if periods else told,
            "timestamp": [int(moment.timestamp()) for moment in columns[0]],
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": columns[6]}]},
            **({"events": events} if events else {}),
        }


def cut(chart: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
    """A chart from period1 to period2; without times when there is nothing."""
    if "period1" not in query or not chart["timestamp"]:
        return chart
    first, last = (int(query[name][0]) for name in ("period1", "period2"))
    keep = [n for n, t in enumerate(chart["timestamp"]) if first <= t <= last]
    if not keep:
        return {"meta": chart["meta"], "indicators": {"quote": [{}], "adjclose": [{}]}}
    (quote,), (adjusted,) = chart["indicators"]["quote"], chart["indicators"]["adjclose"]
    events = {
        kind: {key: event for key, event in of.items() if first <= event["date"] <= last}
        for kind, of in chart.get("events", {}).items()
    }
    return {
        "meta": chart["meta"],
        "timestamp": [chart["timestamp"][n] for n in keep],
        "indicators": {
            "quote": [{name: [column[n] for n in keep] for name, column in quote.items()}],
            "adjclose": [{"adjclose": [adjusted["adjclose"][n] for n in keep]}],
        },
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
        elif path.startswith(QUOTE):
            self._quotes()
        elif path.startswith(CHART):
            self._chart(path.removeprefix(CHART))
        else:  # fc.yahoo.com answers so, and sets the cookie
            self._send(404, b"", {"Set-Cookie": "A3=d=x; Domain=.yahoo.com; Path=/; Max-Age=31557600"})

    def _chart(self, symbol: str) -> None:
        yahoo: Yahoo = self.server.yahoo
        query = parse_qs(urlsplit(self.path).query)
        yahoo.asked.append(symbol)
        yahoo.queries.append(query)
        interval = query["interval"][0]
        chart = yahoo.charts.get(symbol if interval == "1d" else f"{symbol} {interval}")
        whole = answer([cut(chart, query)]) if chart else NOT_FOUND
        self._answer(yahoo.faults[symbol], 200 if chart else 404, whole)

    def _quotes(self) -> None:
        yahoo: Yahoo = self.server.yahoo
        symbols = parse_qs(urlsplit(self.path).query)["symbols"][0].split(",")
        yahoo.quoted.append(symbols)
        found = [{"symbol": s, **yahoo.prices[s]} for s in symbols if s in yahoo.prices]
        whole = json.dumps({"quoteResponse": {"result": found, "error": None}}).encode()
        self._answer(yahoo.faults["quotes"], 200, whole)

    def _answer(self, faults: list[Any], status: int, whole: bytes) -> None:
        match faults[0] if faults[:1] == ["for ever"] else faults.pop(0) if faults else None:
            case None:
                self._send(status, whole)
            case ("429", after):
                self._send(429, b"Too Many Requests", {"Retry-After": after} if after else {})
            case "500" | "for ever":
                self._send(500, b"<html>oops</html>")
            case "401":
                self._send(401, b'{"finance": {"result": null, "error": {"code": "Unauthorized"}}}')
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
