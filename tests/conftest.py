"""What every test stands on: a home of its own, a clean environment, seeded numbers, and no way out to the network."""

from __future__ import annotations

import os
import socket
import zlib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.ledgers import ledger_url
from tests.postgres import cluster, database, own_cluster

__all__ = ["cluster", "database", "ledger_url", "own_cluster"]  # fixtures for whoever asks for them

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

NOWHERE = "http://127.0.0.1:9"  # the discard port: what a child process or a C library that honours proxies gets to see


# ── the way out is closed ───────────────────────────────────────────────────────────────────────────────────────────


class Egress(OSError):
    """A test tried to reach something that is not this machine."""


attempts: list[str] = []  # an Egress may be swallowed by the code under test: it is remembered here


def is_local(host: object) -> bool:
    """Whether a host is this machine. A name other than `localhost` is not: looking it up would already go out."""
    text = host.decode() if isinstance(host, bytes) else host
    if text is None or text in ("", "localhost"):
        return True
    try:
        return isinstance(text, str) and ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(what: str, target: object) -> None:
    attempts.append(f"{what} {target!r}")
    raise Egress(f"{what} {target!r}: tests reach nothing but this machine; serve it on 127.0.0.1 instead")


def close_the_way_out(patch: pytest.MonkeyPatch) -> None:
    """Let sockets of this process reach loopback and Unix addresses only; asyncio's go through the same methods."""

    def guard(name: str, where: slice) -> None:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *args: Any) -> Any:
            target = next(iter(args[where]), None)
            if self.family in (socket.AF_INET, socket.AF_INET6) and target and not is_local(target[0]):
                _refuse(name, target)
            return real(self, *args)

        patch.setattr(socket.socket, name, call)

    for name in ("connect", "connect_ex", "sendto"):
        guard(name, slice(-1, None))
    if hasattr(socket.socket, "sendmsg"):
        guard("sendmsg", slice(3, 4))

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host) and host not in ("0.0.0.0", "::", socket.gethostname()):
            _refuse("getaddrinfo", host)
        return look_up(host, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", getaddrinfo)
    for scheme in ("http", "https", "all"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            patch.setenv(name, NOWHERE)
    for name in ("no_proxy", "NO_PROXY"):
        patch.setenv(name, "localhost,127.0.0.1,::1")


# ── what pytest is told ─────────────────────────────────────────────────────────────────────────────────────────────


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails, unless ALLOWED_SKIPS names it")


ALLOWED_SKIPS: dict[str, str] = {}  # the node id of a test → why it need not run in CI


def pytest_configure(config: pytest.Config) -> None:
    patch = pytest.MonkeyPatch()
    close_the_way_out(patch)
    for name in [name for name in os.environ if name.startswith("AURA_")]:
        patch.delenv(name)
    home = TemporaryDirectory(prefix="aura-tests-", ignore_cleanup_errors=True)
    patch.setenv("AURA_HOME", home.name)  # for session fixtures and notebooks; a test gets one of its own
    config.add_cleanup(home.cleanup)
    config.add_cleanup(patch.undo)


def _not_skipped(report: Any, config: pytest.Config) -> Any:
    skipped = report.skipped and not hasattr(report, "wasxfail") and report.nodeid not in ALLOWED_SKIPS
    if skipped and config.getoption("no_skips"):
        report.outcome, report.longrepr = "failed", f"skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    return _not_skipped((yield), item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    return _not_skipped((yield), collector.config)


# ── fixtures ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def egress() -> Iterator[list[str]]:
    """Fails a test that tried to leave this machine, even where the code under test swallowed the error."""
    attempts.clear()
    yield attempts
    assert not attempts, f"this test tried to leave the machine: {attempts}"


@pytest.fixture(autouse=True)
def aura_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An AURA_HOME of the test's own; not there yet."""
    for name in [name for name in os.environ if name.startswith("AURA_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "aura"
    monkeypatch.setenv("AURA_HOME", str(home))
    return home


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers that are the same each time this test runs, in whatever order."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
