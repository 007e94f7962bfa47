"""A real PostgreSQL of the tests' own: a cluster on loopback, a database for each test that asks for one.

A test that takes `database` gets the URL of an empty database; one that takes `cluster` the server itself (shared by
the tests of a process: do not stop it); `own_cluster` starts a server to be killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

ADMIN, PASSWORD = "admin", "s3cret/of:the@tests"  # a password that has to be quoted in a URL
QUOTED = "s3cret%2Fof%3Athe%40tests"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "1GB",
    "autovacuum_naptime": "600s",
    "lc_messages": "C",
}
ABSENT = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}  # a machine that crashes loses it all


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest there is; None without PostgreSQL."""
    found = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    for program, arguments in (("pg_config", ["--bindir"]), ("initdb", None)):
        if (path := shutil.which(program)) is None:
            continue
        asked = arguments and subprocess.run([path, *arguments], capture_output=True, text=True, check=False).stdout
        folder = Path(asked.strip()) if asked else Path(path).resolve().parent
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _account() -> dict[str, Any]:
    """Whom PostgreSQL runs as: ourselves, and as somebody else where we are root, which it refuses."""
    if os.geteuid():
        return {}
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    who = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    """A PostgreSQL server on 127.0.0.1."""

    folder: Path
    bin: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    _server: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    def make(self) -> None:
        """Make its files."""
        account = _account()
        if account:
            os.chown(self.folder, account["user"], account["group"])
        words = self.folder / "password"
        words.write_text(PASSWORD)
        if account:
            os.chown(words, account["user"], account["group"])
        command = [self.bin / "initdb", "-D", self.data, "-U", ADMIN, f"--pwfile={words}", "--auth=scram-sha-256"]
        command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **account)
        assert done.returncode == 0, done.stderr

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Serve, on the same port as before if there was one; come back when it answers."""
        for _ in range(3):  # the port may be taken between being found and being bound
            self.port = self.port or _free_port()
            options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
            with (self.folder / "log").open("ab") as log:
                self._server = subprocess.Popen(
                    [self.bin / "postgres", "-D", self.data, "-p", str(self.port), *options],
                    stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, **_account(),
                )  # fmt: skip
            if self._answers():
                return
            self.port = 0
        raise AssertionError(self.log)

    def _answers(self) -> bool:
        import psycopg

        assert self._server is not None
        until = time.monotonic() + 60
        while self._server.poll() is None and time.monotonic() < until:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT rolls back what is open, SIGQUIT is a crash that the next start has to recover from."""
        if self._server is None:
            return
        self._server.send_signal(how)
        self._server.wait(30)
        self._server = None

    def crash(self) -> None:
        """End it at once, as if its machine had lost power but kept its disk."""
        self.stop(signal.SIGQUIT)

    def url(self, database: str, user: str = ADMIN, password: str = QUOTED) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str, database: str = "postgres") -> list[Any]:
        """Rows that a statement gives to the administrator."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def new_database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a database that lives as long as the context."""
        name = f"test_{next(self._names)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that is gone afterwards, also when a server's last children are still leaving it."""
    folder = Path(mkdtemp(prefix="aura-postgres-"))
    try:
        yield folder
    finally:
        for _ in range(50):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)


@contextmanager
def serving(settings: dict[str, str] | None = None, bin: Path | None = None) -> Iterator[Cluster]:
    """A new cluster, running."""
    found = bin or binaries()
    if found is None:
        pytest.skip(ABSENT)
    with _folder() as folder:
        cluster = Cluster(folder, found, {**SETTINGS, **(FAST if settings is None else settings)})
        cluster.make()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop(signal.SIGQUIT)


@contextmanager
def extended(files: dict[str, str]) -> Iterator[Cluster]:
    """A new cluster with more extensions than are installed: `files` are those of their folder, by name.

    PostgreSQL finds its parts from where its program is: a copy of that, and links to everything else.
    """
    found = binaries()
    if found is None:
        pytest.skip(ABSENT)
    asked = subprocess.run(
        [found / "pg_config", "--sharedir", "--pkglibdir"], capture_output=True, text=True, check=True
    )
    share, library = map(Path, asked.stdout.split())
    with _folder() as root:
        for part in (found, share, share / "extension", library.parent):
            (root / part.relative_to("/")).mkdir(parents=True, exist_ok=True)
        (root / library.relative_to("/")).symlink_to(library)
        for source in (share, share / "extension"):
            for part in source.iterdir():
                link = root / part.relative_to("/")
                if not link.exists():
                    link.symlink_to(part)
        for program in ("postgres", "initdb"):
            shutil.copy(found / program, root / found.relative_to("/"))
        for name, text in files.items():
            (root / share.relative_to("/") / "extension" / name).write_text(text)
        root.chmod(0o755)
        with serving(bin=root / found.relative_to("/")) as running:
            yield running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The PostgreSQL that the tests of this process share."""
    with serving() as running:
        yield running


@pytest.fixture
def database(cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with cluster.new_database() as url:
        yield url


@pytest.fixture
def own_cluster() -> Iterator[Callable[..., Cluster]]:
    """Starts a PostgreSQL of the test's own, with the settings given (none: it survives a crash, as a real one)."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(serving(settings))
