"""Execute a notebook with papermill, on a kernel of our own, and tell truly how it ended."""

from __future__ import annotations

import importlib
import math
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_lib.core import InputError, RunStatus
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.kernels import Zygote, environment

if TYPE_CHECKING:
    from aura_lib.jobs.engine import Failure, Session

OnCell = Callable[[int, int], None]
News = queue.SimpleQueue[tuple[int, int] | None]
PATIENCE = 15.0  # seconds a run that was told to stop may take to write its output


@dataclass(frozen=True, slots=True)
class Execution:
    """How a notebook's execution ended.

    `cell` counts the notebook's code cells from 1 as they were written (papermill's own not counted), and is None
    when no cell was running. `error` is one line, `traceback` its last lines; both are empty after a success.
    """

    status: RunStatus
    error: str
    cell: int | None
    seconds: float
    kernel_pid: int | None
    traceback: tuple[str, ...] = ()


def execute(
    path: Path,
    output: Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    zygote: Zygote | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 3600.0,
    on_cell: OnCell | None = None,
    stop: threading.Event | None = None,
) -> Execution:
    """Execute a notebook from top to bottom in a fresh kernel.

    Args:
        path: the notebook; it is not changed.
        output: where the executed notebook goes. It is written whole each time, whatever happens.
        parameters: values for its parameters cell; the others keep what the cell says.
        zygote: the warm parent to fork the kernel from; without one the kernel starts cold.
        env: the kernel's whole environment (default: `kernels.environment()`); PYTHONPATH is searched first.
        cwd: the kernel's folder (default: the notebook's).
        timeout: seconds for the whole run.
        on_cell: called in this thread as `on_cell(done, total)`, in code cells.
        stop: set it to end the run early.

    Returns:
        How it ended: a failing cell, a dead kernel, the time limit and `stop` are a FAILED Execution.

    Raises:
        InputError: no such notebook, or parameters that do not fit it. KeyboardInterrupt: Ctrl-C, after the kernel
        was interrupted and the output written.
    """
    nb = notebooks.load(path)
    values = _values(nb, path, parameters or {})
    if not (isinstance(timeout, int | float) and math.isfinite(timeout) and timeout > 0):
        raise InputError(f"timeout must be a number of seconds above zero, not {timeout!r}")
    output = output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    _import_papermill()
    from aura_lib.jobs.engine import Session

    started, halt, news = time.monotonic(), threading.Event(), News()
    with ExitStack() as stack:
        parent = zygote or stack.enter_context(Zygote(warm=False))
        session = Session(
            parent, output, str(path), dict(environment() if env is None else env), (cwd or path.parent).absolute(),
            started + timeout, lambda: halt.is_set() or (stop is not None and stop.is_set()),
            lambda done, total: news.put((done, total)),
        )  # fmt: skip
        _follow(lambda: _papermill(nb, values, session), news, on_cell, halt)
    failure = session.failure
    seconds = time.monotonic() - started
    if failure is None:
        return Execution(RunStatus.SUCCEEDED, "", None, seconds, session.pid)
    cell = _number(nb, values, failure)
    return Execution(RunStatus.FAILED, str(failure), cell, seconds, session.pid, failure.traceback[-12:])


def _values(nb: Any, path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter with its value; a notebook without a parameters cell takes none."""
    if not given and not notebooks.has_parameters(nb):
        return {}
    return notebooks.validate(notebooks.parameters(nb, path.name), given, path.name)


def _import_papermill() -> None:
    """Papermill costs 1.8 s to import, 1.1 s of which compile a grammar of internet addresses no notebook needs."""
    hidden = "rfc3987_syntax" not in sys.modules and "jsonschema" not in sys.modules
    if hidden:
        sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("aura_lib.jobs.engine")
    finally:
        if hidden:
            del sys.modules["rfc3987_syntax"]


def _papermill(nb: Any, values: dict[str, Any], session: Session) -> None:
    """Papermill gets the notebook, not its path: it would format a path with the parameters."""
    import papermill

    from aura_lib.jobs.engine import ENGINE, Ended

    with suppress(Ended):
        papermill.execute_notebook(
            nb, None, values, engine_name=ENGINE, kernel_name="python3", language="python", progress_bar=False,
            session=session,
        )  # fmt: skip


def _follow(run: Callable[[], None], news: News, on_cell: OnCell | None, halt: threading.Event) -> None:
    """Run in a thread of its own (a Ctrl-C must not hit the middle of a write) and pass on the news from it.

    An interrupt, or an error of who listens, ends the run first.
    """
    pool = ThreadPoolExecutor(1, "aura-run")
    future = pool.submit(run)
    pool.shutdown(wait=False)
    future.add_done_callback(lambda _: news.put(None))
    try:
        while (item := news.get()) is not None:
            if on_cell is not None:
                on_cell(*item)
    except BaseException:
        halt.set()
        wait([future], PATIENCE)
        raise
    future.result()


def _number(nb: Any, values: Mapping[str, Any], failure: Failure) -> int | None:
    """Which code cell of the notebook as written it was: papermill put one in, after the parameters cell."""
    if failure.cell is None:
        return None
    injected = next((i for i, c in enumerate(nb.cells) if notebooks.is_parameters(c)), None) if values else None
    index = failure.cell - int(injected is not None and failure.cell > injected)
    return sum(1 for cell in nb.cells[: index + 1] if cell.cell_type == "code")
