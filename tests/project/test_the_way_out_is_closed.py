"""The guard of tests/conftest.py is itself tested: a guard that never refuses is no guard."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

FAR = ("192.0.2.1", 80)  # reserved for documentation (RFC 5737): nobody answers there


def _connect() -> None:
    with socket.socket() as s:
        s.settimeout(1)
        s.connect(FAR)


def _connect_ex() -> None:
    with socket.socket() as s:
        s.settimeout(1)
        s.connect_ex(FAR)


def _six() -> None:
    with socket.socket(socket.AF_INET6) as s:
        s.settimeout(1)
        s.connect(("2001:db8::1", 80, 0, 0))


def _datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"hello", FAR)


def _message() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendmsg([b"hello"], [], 0, FAR)


def _create_connection() -> None:
    socket.create_connection(FAR, timeout=1)


def _asyncio() -> None:
    asyncio.run(asyncio.open_connection(*FAR))


def _look_up() -> None:
    socket.getaddrinfo("example.org", 80)


def _asyncio_look_up() -> None:
    asyncio.run(asyncio.open_connection("example.org", 80))


WAYS = [_connect, _connect_ex, _six, _datagram, _message, _create_connection, _asyncio, _look_up, _asyncio_look_up]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_no_way_leads_out(way: Callable[[], None], egress: list[str]) -> None:
    with pytest.raises(OSError, match="reach nothing but this machine"):
        way()
    assert egress
    egress.clear()


def test_a_swallowed_attempt_is_remembered(egress: list[str]) -> None:
    with suppress(OSError):
        _connect()
    assert "192.0.2.1" in egress[0]
    egress.clear()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_open(host: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection((host, server.getsockname()[1]), timeout=2) as client,
    ):
        client.sendall(b"x")
        assert server.accept()[0].recv(1) == b"x"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_unix_sockets_are_open(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
        client.sendall(b"x")
        assert server.accept()[0].recv(1) == b"x"


def test_asyncio_reaches_loopback() -> None:
    async def echo() -> bytes:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(1))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(echo()) == b"x"


def test_a_child_that_honours_proxies_meets_a_closed_door() -> None:
    fetch = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=20)"
    child = subprocess.run([sys.executable, "-c", fetch], capture_output=True, text=True, timeout=30, check=False)
    assert child.returncode == 1
    assert "Connection refused" in child.stderr


def test_no_proxy_stands_before_loopback() -> None:
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=5) as answer:
            assert answer.status == 200


def test_every_test_has_a_home_of_its_own_and_no_other_setting(aura_home: Path, tmp_path: Path) -> None:
    assert {k: v for k, v in os.environ.items() if k.startswith("AURA_")} == {"AURA_HOME": str(aura_home)}
    assert aura_home.is_relative_to(tmp_path)
    assert not aura_home.exists()


def test_random_numbers_hang_on_the_name_of_the_test_alone(rng: np.random.Generator) -> None:
    name = "tests/project/test_the_way_out_is_closed.py::test_random_numbers_hang_on_the_name_of_the_test_alone"
    assert rng.random(3).tolist() == np.random.default_rng(zlib.crc32(name.encode())).random(3).tolist()
