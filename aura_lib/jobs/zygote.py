"""The warm parent: it imports once what a paper run needs, then forks a kernel for each run.

    python -m aura_lib.jobs.zygote serve FD PARENT DIRECTORY MODULE...   the warm parent
    python -m aura_lib.jobs.zygote kernel PATH ARGUMENT...               one cold kernel, where it cannot fork

The life of a fork. Over the control socket (FD) comes one byte with a socket of its own for the kernel, its
*channel*; over the channel one line of JSON {argv, env, cwd, log}. Lines of JSON go back: {"pid"} when it is forked,
{"ready"} from the kernel itself when its sockets are bound, {"exit"} when it is gone; {"signal"} may come in between.
The channel is the kernel's lease: when its other end closes, the kernel and its whole process group are killed. When
the control socket closes, the warm parent ends with its last kernel; when it dies itself, its kernels die with it.

It holds no secret (a fork's /proc/self/environ is the parent's), one thread, and no connection to anything.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import gc
import importlib
import importlib.util
import json
import os
import random
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

SINGLE_THREADED = {
    **{
        f"{library}_NUM_THREADS": "1"
        for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "RAYON", "VECLIB_MAXIMUM")
    },
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's allocator starts a thread when it is imported
}
LIBRARIES = (
    "ipykernel.kernelapp", "IPython.core.completer", "IPython.core.magics", "zmq.asyncio",
    "numpy", "pandas", "pandas.io.formats.html", "pyarrow.parquet", "pydantic.type_adapter", "pydantic.dataclasses",
    "cvxpy", "pypfopt", "sklearn.covariance", "exchange_calendars", "sqlite3", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
# What a paper run imports. What only research needs (vectorbt: 2 s, 380 MB) is left to the functions that use it.
ROOMS = (
    "core.market", "data", "data.sources.sample", "ledger", "access", "indicators", "options", "risk", "exchange",
    "models", "optimizers", "strategies", "plan", "execution", "backtest", "reports", "reports.outcome", "jobs.run",
)  # fmt: skip

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def preload(modules: Sequence[str] = ()) -> None:
    """Import these modules, or else what paper runs need, with what those look up when they are first used."""
    os.environ.update({name: value for name, value in SINGLE_THREADED.items() if name not in os.environ})
    for name in modules or (*LIBRARIES, *_rooms()):
        importlib.import_module(name)
    if not modules:
        _rehearse()


def _rehearse() -> None:
    """What libraries do once a process (0.6 s: pypfopt reads the metadata of every installed package)."""
    import numpy as np
    import pandas as pd

    from aura_lib.core import Calendar
    from aura_lib.optimizers import min_volatility

    _ = Calendar.of("XNYS").closes
    waves = np.sin(np.outer(np.arange(40), [1.0, 1.3, 1.7]))
    min_volatility(pd.DataFrame(100 + waves, columns=list("ABC")))


def _rooms() -> list[str]:
    """The rooms of ROOMS that this version has."""
    here = importlib.util.find_spec("aura_lib")
    folders = here.submodule_search_locations if here else None
    present = {entry.split(".")[0] for folder in folders or () for entry in os.listdir(folder)}
    return [f"aura_lib.{room}" for room in ROOMS if room.split(".")[0] in present]


# ---- the warm parent -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Request:
    """What one kernel shall be: its arguments, its whole environment, its directory, where its output is logged."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    log: str


class Server:
    """Forks kernels on request and tells how they end."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control, self.parent = control, parent
        self.orphaned = False
        self._open = True
        self._channels: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(control, selectors.EVENT_READ, self._take)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake_up)

    def serve(self) -> tuple[Request, socket.socket] | None:
        """Serve until nobody needs it: None. In a forked kernel it returns that kernel's request and channel."""
        with contextlib.suppress(OSError):  # nobody listens any more: the socket will say why
            self.control.sendall(b"r")
        while self._open or self._channels:
            if os.getppid() != self.parent:
                self.orphaned = True
                break
            for key, _ in self._selector.select(1.0):
                forked = key.data()
                if forked is not None:
                    return forked  # type: ignore[no-any-return]
            self._reap()
        for pid in list(self._channels):
            _kill(pid, signal.SIGKILL)
        return None

    def leave(self) -> None:
        """In a fork: close what belongs to the warm parent."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for end in (self._woken, self._wake):
            os.close(end)
        for one in (self.control, *self._channels.values()):
            one.close()

    def _wake_up(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _take(self) -> tuple[Request, socket.socket] | None:
        """One byte of the control socket: a kernel is wanted (with its channel), or the end."""
        byte, descriptors, _, _ = socket.recv_fds(self.control, 1, 1)
        if not descriptors:
            self.orphaned = byte != b"b"  # closed without a goodbye: who started us is dead
            self._open = False
            self._selector.unregister(self.control)
            return None
        channel = socket.socket(fileno=descriptors[0])
        try:
            request = _read_request(channel)
            pid = os.fork()
        except (OSError, ValueError) as error:
            _tell(channel, {"error": str(error)})
            channel.close()
            return None
        if pid == 0:
            return request, channel
        self._channels[pid] = channel
        self._selector.register(channel, selectors.EVENT_READ, lambda: self._obey(pid, channel))
        _tell(channel, {"pid": pid})
        return None

    def _obey(self, pid: int, channel: socket.socket) -> None:
        """A signal for a kernel. A closed channel is one too: nobody waits for this kernel any more."""
        if self._channels.get(pid) is not channel:
            return
        try:
            data = channel.recv(4096)
        except OSError:
            data = b""
        for line in data.splitlines():
            _kill(pid, json.loads(line)["signal"])
        if not data:
            self._selector.unregister(channel)
            _kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Tell of kernels that ended. What they started is killed while their pid still is theirs."""
        while self._channels and (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            pid = ended.si_pid
            _kill(pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            channel = self._channels.pop(pid)
            with contextlib.suppress(KeyError):
                self._selector.unregister(channel)
            _tell(channel, {"exit": code})
            channel.close()


def _read_request(channel: socket.socket) -> Request:
    channel.settimeout(10)
    data = b""
    while not data.endswith(b"\n"):
        part = channel.recv(1 << 16)
        if not part:
            raise ValueError("the request ended before its end")
        data += part
    channel.settimeout(None)
    return Request(**json.loads(data))


def _tell(channel: socket.socket, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        channel.send(json.dumps(message).encode() + b"\n", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def _kill(pid: int, number: int) -> None:
    """Signal a kernel and all it started; one that has no group yet, alone."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


# ---- a kernel ------------------------------------------------------------------------------------------------------
def _become(request: Request, channel: socket.socket, zygote: int) -> NoReturn:
    """In the fork: leave everything of the warm parent behind but its imports, and be a kernel."""
    _die_with(zygote)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _redirect(request.log)
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    os.chdir(request.cwd)
    _reseed()
    faulthandler.enable(_log_file(request.log), all_threads=False)
    run_kernel(request.argv, request.env.get("PYTHONPATH", ""), lambda: _ready(channel))


def _die_with(zygote: int) -> None:
    """Have the system kill this process when the warm parent dies, however that happens."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    prctl(PR_SET_NAME, b"aura-kernel", 0, 0, 0)
    if os.getppid() != zygote:  # it died before the line above
        os._exit(1)


def _redirect(log: str) -> None:
    """Standard input from nowhere, output to the log."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, nowhere), (1, written), (2, written)):
        os.dup2(source, target)
    os.close(nowhere)
    os.close(written)


def _log_file(log: str) -> int:
    """The log once more: the kernel captures descriptors 1 and 2, and a crash report must not end there."""
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)


def _reseed() -> None:
    """A fork would repeat its parent's random numbers."""
    random.seed()
    if "numpy" in sys.modules:
        import numpy as np

        np.random.seed()  # noqa: NPY002 - the generator libraries share, not one of ours


def _ready(channel: socket.socket) -> None:
    _tell(channel, {"ready": True})
    channel.close()


def run_kernel(argv: Sequence[str], path: str, ready: Callable[[], None]) -> NoReturn:
    """Be an IPython kernel until it is shut down, as if nobody had configured IPython on this machine.

    It ends the process: exit hooks run, but not ipykernel's own, which closes the output thread while the control
    thread may still wait for it (10 s, seen in ipykernel 7.4 in every third run).

    Args:
        argv: arguments of ipykernel, such as `-f connection.json`.
        path: folders to import from before all others, as in PYTHONPATH; their modules are compiled from source.
        ready: called when the kernel's sockets are bound.
    """
    app = _application(argv, path)
    ready()
    app.start()
    atexit._run_exitfuncs()
    os._exit(0)


def _application(argv: Sequence[str], path: str) -> Any:
    from ipykernel.kernelapp import IPKernelApp
    from traitlets.config import Config

    class JobKernelApp(IPKernelApp):
        def init_iopub(self, context: Any) -> None:
            """Output waits for its reader: by default what is more than 1,000 messages ahead is thrown away."""
            context.sndhwm = context.rcvhwm = 0
            super().init_iopub(context)  # type: ignore[no-untyped-call]

        def load_config_file(self, *_: Any, **__: Any) -> None:
            """No configuration file counts."""

        def init_extensions(self) -> None:
            """No extension is loaded."""

        def init_code(self) -> None:
            """No start-up file runs, of the user or of the machine."""

    folders = [folder for folder in path.split(os.pathsep) if folder]
    sys.path[:] = [*folders, *(entry for entry in sys.path if entry and entry not in folders)]
    import_from_source(folders)
    sys.argv = ["aura-kernel", *argv]
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShellApp.ignore_cwd = True
    app = JobKernelApp.instance(config=config)
    app.initialize(list(argv))  # type: ignore[no-untyped-call]
    atexit.unregister(app.close)
    return app


class _SourceLoader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_from_source(folders: Sequence[str]) -> None:
    """Import what lies in these folders (installed packages excepted) from source alone.

    Python trusts a .pyc whose source has the same size and second of change: an edit could run as it was before
    while its hash is the one of after.
    """
    make = FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (_SourceLoader, SOURCE_SUFFIXES))

    def hook(path: str) -> Any:
        if "site-packages" in path or not any(path == f or path.startswith(f + os.sep) for f in folders):
            raise ImportError(f"{path} is not of this project")
        return make(path)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()


def main(arguments: Sequence[str]) -> None:
    """Be the warm parent or a cold kernel, as the arguments say."""
    if arguments[0] == "kernel":
        os.environ["PYTHONPATH"] = arguments[1]
        run_kernel(arguments[2:], arguments[1], lambda: None)
    descriptor, parent, directory = int(arguments[1]), int(arguments[2]), arguments[3]
    control = socket.socket(fileno=descriptor)
    import_from_source([str(Path(__file__).resolve().parents[2])])
    preload(arguments[4:])
    gc.collect()
    gc.freeze()  # what is shared now stays shared: the collector does not touch it in the forks
    zygote, server = os.getpid(), Server(control, parent)
    forked = server.serve()
    if forked is not None:
        server.leave()
        _become(*forked, zygote)
    if server.orphaned:
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
