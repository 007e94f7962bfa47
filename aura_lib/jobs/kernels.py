"""Kernels: forked from a warm parent where the system can do that, else started cold. The same handle for both."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from aura_lib.core import RunFailed
from aura_lib.core.progress import QUIET
from aura_lib.jobs.zygote import SINGLE_THREADED

log = logging.getLogger(__name__)

SOCKET_PATH = 107  # bytes in a Unix socket's address
START, FORK = 120.0, 10.0  # seconds: for the imports of a warm parent; for one fork
INHERITED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TMP", "TEMP",
    "SYSTEMROOT", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip


def environment() -> dict[str, str]:
    """What of this process's environment a kernel may see: where things are and how they are written. No secret.

    Nobody watches it: a progress bar would be written into its output.
    """
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {QUIET: "1"}


class Process(Protocol):
    """A kernel's process, as `subprocess.Popen` names things. Signals go to its whole group."""

    pid: int
    warm: bool

    @property
    def ready(self) -> bool:
        """Whether its sockets are bound (of a cold one nobody knows: True)."""
        ...

    def poll(self) -> int | None:
        """Exit code; -9 after SIGKILL; None while it lives."""
        ...

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the exit code; None when the seconds run out first."""
        ...

    def send_signal(self, number: int) -> None:
        """Send a signal; to a process that has ended it does nothing."""
        ...

    def close(self) -> None:
        """Let go of it: what still lives of its group is killed."""
        ...


class Forked:
    """A kernel forked from the warm parent, held by its channel."""

    warm = True
    stdin = stdout = stderr = None

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._rest = b""
        self._said: dict[str, Any] = {}
        deadline = time.monotonic() + FORK
        while not self._said.keys() & {"pid", "exit", "error"}:
            if not self._listen(deadline - time.monotonic()):
                channel.close()
                raise BrokenPipeError(f"the warm parent did not fork within {FORK:.0f} s")
        if "pid" not in self._said:
            channel.close()
            raise OSError(self._said.get("error", "the warm parent died"))
        self.pid = int(self._said["pid"])

    def _listen(self, seconds: float) -> bool:
        """Hear one more part of what the warm parent says, for so long at most."""
        if "exit" in self._said:
            return True
        if not select.select([self._channel], [], [], max(seconds, 0))[0]:
            return False
        try:
            part = self._channel.recv(1 << 16)
        except ConnectionError:
            part = b""
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            self._said.update(json.loads(line))
        if not part:  # the warm parent is dead, and its kernels died with it
            self._said.setdefault("exit", -int(signal.SIGKILL))
        return True

    def _catch_up(self) -> None:
        while "exit" not in self._said and self._listen(0):
            pass

    @property
    def ready(self) -> bool:
        """Whether its sockets are bound."""
        self._catch_up()
        return "ready" in self._said

    def poll(self) -> int | None:
        """Exit code; -9 after SIGKILL; None while it lives."""
        self._catch_up()
        return self._said.get("exit")

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the exit code; None when the seconds run out first."""
        deadline = time.monotonic() + (3600 * 24 if timeout is None else timeout)
        while self.poll() is None and self._listen(deadline - time.monotonic()):
            pass
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal to its group, through the warm parent: it knows whether the pid still is this kernel."""
        with contextlib.suppress(OSError):
            self._channel.send(json.dumps({"signal": int(number)}).encode() + b"\n")

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Let go of it: what still lives of its group is killed."""
        self._catch_up()
        self._said.setdefault("exit", -int(signal.SIGKILL))
        self._channel.close()


class Cold(subprocess.Popen[bytes]):
    """A kernel started as a process of its own. It looks each second whether its parent still lives."""

    warm = False
    ready = True

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log_file: Path) -> None:
        command = [*_python("kernel"), env.get("PYTHONPATH", ""), *argv]
        own = {**env, **_import_path(), "JPY_PARENT_PID": str(os.getpid())}
        with log_file.open("ab") as written:
            super().__init__(
                command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, cwd=cwd, env=own,
                start_new_session=True,
            )  # fmt: skip

    def wait(self, timeout: float | None = None) -> int | None:  # type: ignore[override]
        """Wait for the exit code; None when the seconds run out first."""
        try:
            return super().wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send a signal to its group."""
        if not hasattr(os, "killpg"):
            super().send_signal(number)
        elif self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def close(self) -> None:
        """Let go of it: what still lives of its group is killed."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        else:
            self.kill()
        self.wait(5)


def _python(*arguments: str) -> list[str]:
    """This interpreter, whatever `python3` means elsewhere, without the current folder on its path."""
    return [sys.executable, "-P", "-m", "aura_lib.jobs.zygote", *arguments]


def _import_path() -> dict[str, str]:
    """Where the aura_lib in use is imported from."""
    return {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


class Server:
    """One warm parent process, as its owner sees it."""

    def __init__(self, directory: Path, modules: Sequence[str]) -> None:
        self.log_file = directory / "warm-parent.log"
        self._control, theirs = socket.socketpair()
        self._ready = False
        env = {**environment(), **SINGLE_THREADED, **_import_path(), "PYTHONHASHSEED": "0"}
        command = _python("serve", str(theirs.fileno()), str(os.getpid()), str(directory), *modules)
        with self.log_file.open("ab") as written, theirs:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, env=env, cwd="/",
                pass_fds=(theirs.fileno(),), start_new_session=True,
            )  # fmt: skip

    def wait(self, seconds: float) -> bool:
        """Whether its imports are done, waiting so long at most."""
        deadline = time.monotonic() + seconds
        while not self._ready and select.select([self._control], [], [], max(deadline - time.monotonic(), 0))[0]:
            with contextlib.suppress(BlockingIOError):  # another thread was faster
                if self._control.recv(1, socket.MSG_DONTWAIT) != b"r":
                    break
                self._ready = True
        return self._ready

    @property
    def alive(self) -> bool:
        """Whether the process still is there."""
        return self.process.poll() is None

    def fork(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log_file: Path) -> Forked:
        """A new kernel. Raises OSError when the warm parent is gone or the system is out of processes."""
        mine, theirs = socket.socketpair()
        request = {"argv": list(argv), "env": dict(env), "cwd": str(cwd), "log": str(log_file)}
        try:
            mine.settimeout(FORK)
            with theirs:
                socket.send_fds(self._control, [b"k"], [theirs.fileno()])
            mine.sendall(json.dumps(request).encode() + b"\n")
            mine.settimeout(None)
        except OSError:
            mine.close()
            raise
        return Forked(mine)

    def release(self) -> None:
        """Ask it to end with its last kernel."""
        with contextlib.suppress(OSError):
            self._control.send(b"b")
        self._control.close()

    def close(self) -> None:
        """End it, and every kernel of it."""
        self.release()
        try:
            self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def why(self) -> str:
        """The last line it logged."""
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.process.poll()}"


class Zygote:
    """A warm parent that kernels are forked from, started at once in the background.

    One that died is started again, and so is one whose aura_lib was edited since: no run may execute code that is
    not on disk any more. Where forking is not possible (`warm=False`, another system than Linux, a warm parent that
    cannot start) `spawn` starts cold kernels. `preload` names the modules it imports, by default what paper runs need.
    """

    def __init__(self, *, warm: bool | None = None, preload: Sequence[str] = ()) -> None:
        self._preload = preload
        self._directory = _private_directory()
        self._remove = weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._warm = sys.platform == "linux" if warm is None else warm
        self._server: Server | None = None
        self._released: list[Server] = []
        self._sources = self._broken = ""
        self._closed = False
        self._current()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the warm parent, None when there is none."""
        return self._server.process.pid if self._server else None

    def new_directory(self) -> Path:
        """A new private folder for one kernel's sockets and log, short enough for a socket's address."""
        self._check_open()
        directory = self._directory / str(next(self._numbers))
        directory.mkdir(mode=0o700)
        return directory

    def ready(self) -> bool:
        """Whether `spawn` would answer at once."""
        server = self._server
        if server is None or not server.alive:
            server = self._current()
        return server is None or server.wait(0)

    def spawn(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log_file: Path) -> Process:
        """Start a kernel with exactly this environment (PYTHONPATH counts), in this folder."""
        for _ in range(2):
            server = self._current()
            if server is None:
                break
            try:
                if server.wait(START):
                    return server.fork(argv, env, cwd, log_file)
            except OSError as error:
                log.warning("no kernel from the warm parent: %s", error)
            server.close()
        return Cold(argv, env, cwd, log_file)

    def _check_open(self) -> None:
        if self._closed:
            raise RunFailed("the warm parent was closed: no kernel can be started from it")

    def _current(self) -> Server | None:
        """The warm parent of the sources as they are now."""
        if not self._warm:
            return None
        with self._lock:
            self._check_open()
            sources = _fingerprint()
            if self._server is not None and not self._server.alive:
                if not self._server.wait(0):
                    self._broken = sources
                    log.warning("the warm parent cannot start (%s): kernels start cold", self._server.why())
                self._server.close()
                self._server = None
            if self._server is not None and sources != self._sources:
                self._server.release()
                self._released.append(self._server)
                self._server = None
            if self._server is None and sources != self._broken:
                self._server, self._sources = Server(self._directory, self._preload), sources
            return self._server

    def close(self) -> None:
        """End the warm parent and every kernel of it."""
        with self._lock:
            self._closed = True
            for server in (*self._released, *([self._server] if self._server else [])):
                server.close()
            self._server = None
        self._remove()


def _fingerprint() -> str:
    """Changes when any source of aura_lib does."""
    package = Path(__file__).resolve().parents[1]
    stats = ((path, path.stat()) for path in sorted(package.rglob("*.py")))
    return "\n".join(f"{path}:{stat.st_mtime_ns}:{stat.st_size}" for path, stat in stats)


def _private_directory() -> Path:
    """A folder only this user can enter, with a path short enough for sockets in it."""
    for base in (tempfile.gettempdir(), "/tmp"):
        directory = Path(tempfile.mkdtemp(prefix="aura-", dir=base))
        if len(os.fsencode(directory)) + len("/12345/kernel-5") < SOCKET_PATH:
            return directory
        directory.rmdir()
    return Path(tempfile.mkdtemp(prefix="aura-"))
