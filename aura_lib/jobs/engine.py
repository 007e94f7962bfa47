"""Papermill's engine on our kernels: one run, watched from start to end."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.execute import ERROR_ANCHOR_MSG, ERROR_MARKER_TAG, ERROR_MESSAGE_TEMPLATE

from aura_lib.core import RunStatus
from aura_lib.jobs.kernels import Process, Zygote
from aura_lib.jobs.provisioner import ForkProvisioner

ENGINE = "aura"
TICK, GRACE, SHUTDOWN = 0.05, 3.0, 2.0  # seconds: between looks; after an interrupt; for the kernel's own exit hooks
SAVE_EVERY = 5.0  # seconds between two writes of an unfinished output
DROPPED = ("PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "JPY_PARENT_PID", "JPY_SESSION_NAME")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not reach its end. `cell` is an index into the executed notebook's cells."""

    name: str
    message: str
    cell: int | None = None
    traceback: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line."""
        said = self.message.strip().splitlines()
        return f"{self.name}: {said[0]}" if said else self.name


@dataclass(slots=True)
class Session:
    """One execution of a notebook: what it needs, and (written by the engine) how it went."""

    zygote: Zygote
    output: Path
    source: str
    env: Mapping[str, str]
    cwd: Path
    deadline: float
    stopped: Callable[[], bool]
    on_cell: Callable[[int, int], None]
    failure: Failure | None = None
    pid: int | None = None

    def due(self) -> Failure | None:
        """The reason to end it now, if there is one."""
        if self.stopped():
            return Failure("Stopped", "the run was asked to stop")
        if time.monotonic() >= self.deadline:
            return Failure("Timeout", "the run reached its time limit")
        return None


# ---- the kernel ----------------------------------------------------------------------------------------------------
class Kernel(AsyncKernelManager):
    """A kernel for one run: this interpreter, whatever kernels are installed; sockets in a private folder."""

    def __init__(self, zygote: Zygote) -> None:
        self.directory = zygote.new_directory()
        file = str(self.directory / "kernel.json")
        super().__init__(transport="ipc", ip=str(self.directory / "kernel"), connection_file=file)
        provisioner = ForkProvisioner(kernel_id=self.directory.name, kernel_spec=self.kernel_spec, parent=self)
        provisioner.zygote, provisioner.log_file = zygote, self.directory / "kernel.log"
        self.provisioner = provisioner

    @property
    def kernel_spec(self) -> KernelSpec:
        """Not looked up anywhere."""
        return KernelSpec(argv=["-f", "{connection_file}"], display_name="Aura", language="python")

    @property
    def process(self) -> Process | None:
        """The process, None before it starts and after its end was seen to."""
        return getattr(self.provisioner, "process", None)

    async def _async_wait(self, pollinterval: float = TICK / 5) -> None:
        await super()._async_wait(pollinterval)

    def log_tail(self) -> list[str]:
        """The last lines the process itself wrote: a crash report, a failed import."""
        file = self.directory / "kernel.log"
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        crash = next((i for i, line in enumerate(lines) if line.startswith("Fatal Python error")), None)
        return lines[-12:] if crash is None else lines[crash : crash + 12]


# ---- the output notebook -------------------------------------------------------------------------------------------
class Manager(NotebookExecutionManager):  # type: ignore[misc]
    """Keeps the output notebook: every write is whole or not there, and it says nothing that did not happen."""

    def __init__(self, nb: NotebookNode, session: Session) -> None:
        super().__init__(nb, output_path=str(session.output), progress_bar=False, autosave_cell_every=SAVE_EVERY)
        self.session = session
        self._saved = float("-inf")
        nb.metadata.papermill.update(input_path=session.source, output_path=str(session.output))
        nb.metadata["aura"] = {"status": RunStatus.RUNNING.value}

    def save(self, **kwargs: Any) -> None:
        """Write the notebook unless that was just done."""
        if time.monotonic() - self._saved >= SAVE_EVERY:
            self.write()

    def write(self) -> None:
        """Write the notebook aside, then put it in place."""
        aside = self.session.output.with_name(f".{self.session.output.name}.part")
        text: str = nbformat.v4.writes(self.nb)  # type: ignore[no-untyped-call]
        aside.write_text(text + "\n", encoding="utf-8")
        aside.replace(self.session.output)
        self._saved = time.monotonic()

    def notebook_complete(self, **kwargs: Any) -> None:
        """Papermill's version calls cells complete that never ran; this one tells how the run ended."""
        failure, self.end_time = self.session.failure, self.now()
        duration = (self.end_time - self.start_time).total_seconds()
        self.nb.metadata.papermill.update(
            end_time=self.end_time.isoformat(), duration=duration, exception=failure is not None
        )
        if failure is None:
            self.nb.metadata["aura"] = {"status": RunStatus.SUCCEEDED.value}
        else:
            self.nb.metadata["aura"] = {"status": RunStatus.FAILED.value, "error": str(failure)}
            if failure.cell is not None:
                self._mark(failure, failure.cell)
        for cell in self.nb.cells:
            if failure is None and cell.metadata.papermill["status"] == self.PENDING:  # text, and empty cells
                cell.metadata.papermill["status"] = self.COMPLETED
        self.write()

    def _mark(self, failure: Failure, index: int) -> None:
        """Show where it stopped, the way papermill does (and takes away again before it runs a notebook)."""
        cell = self.nb.cells[index]
        self.cell_exception(cell, index)
        cell.metadata.papermill["end_time"] = self.end_time.isoformat()
        if not any(output.output_type == "error" for output in cell.outputs):
            said = {"ename": failure.name, "evalue": failure.message, "traceback": list(failure.traceback)}
            cell.outputs.append(nbformat.v4.new_output("error", **said))  # type: ignore[no-untyped-call]
        self.nb.cells.insert(index, _marker(ERROR_ANCHOR_MSG))
        self.nb.cells.insert(0, _marker(ERROR_MESSAGE_TEMPLATE % cell.execution_count))


def _marker(text: str) -> NotebookNode:
    metadata = {"tags": [ERROR_MARKER_TAG], "papermill": {"status": NotebookExecutionManager.COMPLETED}}
    cell: NotebookNode = nbformat.v4.new_markdown_cell(text, metadata=metadata)  # type: ignore[no-untyped-call]
    return cell


# ---- the run -------------------------------------------------------------------------------------------------------
class Client(NotebookClient):
    """Executes the cells. A run succeeds when each code cell was answered, and in no other way."""

    def __init__(self, manager: Manager, session: Session) -> None:
        self.kernel = Kernel(session.zygote)
        super().__init__(
            manager.nb, km=self.kernel, force_raise_errors=True, skip_cells_with_tag="", raise_on_iopub_timeout=True,
            iopub_timeout=30, store_widget_state=False, coalesce_streams=True, on_cell_executed=self._answered,
            log=_quiet(),
        )  # fmt: skip
        self.manager, self.session = manager, session
        self._index: int | None = None
        self._cause: Failure | None = None

    async def run(self) -> Failure | None:
        """Start, execute, shut down. What went wrong, or None."""
        main = asyncio.ensure_future(self._phases())
        try:
            await self._watch(main)
            return self._cause or self._outcome(main)
        finally:
            main.cancel()
            await asyncio.gather(main, return_exceptions=True)
            await self._end()

    async def _phases(self) -> None:
        await self._start()
        cells = [(i, c) for i, c in enumerate(self.nb.cells) if c.cell_type == "code" and c.source.strip()]
        for done, (index, cell) in enumerate(cells):
            if self._cause:
                return
            self.session.on_cell(done, len(cells))
            self._index = index
            self.manager.cell_start(cell, index)
            await self.async_execute_cell(cell, index)
            self.manager.cell_complete(cell, index)
        self._index = None
        self.session.on_cell(len(cells), len(cells))

    async def _start(self) -> None:
        while not self.session.zygote.ready():
            await asyncio.sleep(TICK / 5)
        env = {name: value for name, value in self.session.env.items() if name not in DROPPED}
        env |= {"IPYTHONDIR": str(self.kernel.directory), "PYTHONHASHSEED": "0"}
        await self.kernel.start_kernel(env=env, cwd=str(self.session.cwd))
        process = self.kernel.process
        assert process is not None
        self.session.pid = process.pid
        while not process.ready:
            await asyncio.sleep(TICK / 10)
        await self._connect()

    async def _connect(self) -> None:
        """Open the channels and wait until both ways are open (jupyter_client would add 0.2 s of silence to that)."""
        self.kc = client = self.kernel.client()
        client.context.rcvhwm = 0
        client.start_channels(hb=False, stdin=False)
        while True:
            client.kernel_info()
            try:
                reply = await client.get_shell_msg(timeout=1)
                await client.get_iopub_msg(timeout=0.2)
            except Empty:
                continue
            self.nb.metadata["language_info"] = reply["content"]["language_info"]
            return

    def _answered(self, execute_reply: dict[str, Any], **_: Any) -> None:
        """`exit()` in a cell ends nothing by itself: the next cells would run."""
        sources = [part.get("source") for part in execute_reply["content"].get("payload", [])]
        if "ask_exit" in sources:
            raise CellExecutionError("", "SystemExit", "the cell asked the kernel to exit")

    async def _async_poll_kernel_alive(self) -> None:
        """Nbclient would look once a second; `_watch` does that."""
        await asyncio.Event().wait()

    async def _watch(self, main: asyncio.Future[None]) -> None:
        """Until it is over: see that the kernel lives, that there is time left, that nobody wants it to stop."""
        patience = float("inf")
        while not main.done():
            await asyncio.wait({main}, timeout=TICK)
            self.manager.autosave_cell()
            process = self.kernel.process
            if process is not None and process.poll() is not None:
                await asyncio.wait({main}, timeout=0.3)  # its last words may be on their way
                return
            if self._cause is None and (cause := self.session.due()):
                self._cause = self._at(cause)
                patience = time.monotonic() + GRACE
                if process is None or self._index is None:
                    return
                process.send_signal(signal.SIGINT)
            if time.monotonic() > patience:
                return

    def _at(self, failure: Failure) -> Failure:
        return replace(failure, cell=self._index)

    def _outcome(self, main: asyncio.Future[None]) -> Failure | None:
        """What the phases came to."""
        process = self.kernel.process
        code = process.poll() if process else None
        if not main.done() or main.cancelled():
            return self._at(Failure("DeadKernelError", _how_it_died(code), None, tuple(self.kernel.log_tail())))
        error = main.exception()
        if isinstance(error, CellExecutionError):
            lines = COLOURS.sub("", error.traceback).strip().splitlines()
            return self._at(Failure(error.ename, error.evalue, None, tuple(lines)))
        if error is not None:
            return self._at(Failure(type(error).__name__, str(error), None, tuple(self.kernel.log_tail())))
        return None

    async def _end(self) -> None:
        """End the kernel: politely when it is idle, by force when not, and what it started with it."""
        process = self.kernel.process
        idle = self._cause is None and self._index is None and self.kc is not None
        if process is not None and idle and process.poll() is None:
            await self.kernel._async_request_shutdown()
            until = time.monotonic() + SHUTDOWN
            while process.poll() is None and time.monotonic() < until:
                await asyncio.sleep(TICK / 10)
        if self.kc is not None:
            self.kc.stop_channels()
            self.kc = None
        if process is not None:
            process.close()
        await self.kernel._async_cleanup_resources()
        shutil.rmtree(self.kernel.directory, ignore_errors=True)


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"the kernel was killed by {name}" + (" (out of memory, or by hand)" if name == "SIGKILL" else "")
    return f"the kernel ended itself with exit code {code}" if code is not None else "the kernel does not answer"


def _quiet() -> logging.Logger:
    """Nbclient's own log: what it has to say is in the failure."""
    quiet = logging.getLogger("aura_lib.jobs.nbclient")
    quiet.propagate = False
    quiet.setLevel(logging.CRITICAL)
    return quiet


class Ended(Exception):
    """The run is over and its output written: leave papermill without its own verdict."""


class AuraEngine(Engine):  # type: ignore[misc]
    """What `papermill.execute_notebook(engine_name="aura", session=...)` runs on."""

    @classmethod
    def execute_notebook(cls, nb: NotebookNode, kernel_name: str, *, session: Session, **_: Any) -> None:
        """Execute the prepared notebook, write its output, note the failure in the session. Always raises Ended."""
        manager = Manager(nb, session)
        manager.notebook_start()
        manager.write()
        session.failure = Failure("Interrupted", "the runner stopped")
        try:
            session.failure = asyncio.run(Client(manager, session).run())
        finally:
            manager.notebook_complete()
        raise Ended

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Every notebook runs on this interpreter."""
        return "python3"

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Every notebook is Python."""
        return "python"


papermill_engines.register(ENGINE, AuraEngine)
logging.getLogger("papermill").setLevel(logging.ERROR)  # it warns of every parameter it cannot parse: ours are checked
