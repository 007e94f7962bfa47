"""The same sweep on a Dask cluster: chunks in order, few in flight, sent again when a worker is lost."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aura_lib.backtest.sweep.code import LANES
from aura_lib.core import InputError, Progress, Settings

if TYPE_CHECKING:
    from aura_lib.backtest.sweep.chunk import Job

Client: TypeAlias = Any  # of distributed, whose annotations are half there
Future: TypeAlias = Any
LOCAL = "local"  # as an address: workers of this machine, one a core, for the length of the call
ANSWER = 4.0  # seconds a scheduler has to answer
ALONE = 180.0  # seconds without any worker before the work is given up
ATTEMPTS = 3  # times a chunk is sent before it is given up
STEPS = 400_000_000  # bars a chunk walks through
AHEAD = 2  # chunks in flight for each thread of the cluster
LOST = ("cancelled", "lost")

Chunk: TypeAlias = NDArray[np.float64]
Work = Callable[[Any, Chunk], NDArray[np.float64]]


@contextmanager
def connected(address: str | None = None) -> Iterator[Client]:
    """A client of the cluster at `address`, or at AURA_DASK_ADDRESS; "local" starts one on this machine.

    Raises InputError when no address is given, the package is missing, nobody answers within 4 seconds, or the
    workers run another Aura.
    """
    distributed = _package()
    where = address or Settings.load().dask_address
    if not where:
        raise InputError(
            "engine='dask' needs a cluster: set AURA_DASK_ADDRESS=tcp://host:8786 (start it with `dask scheduler` and "
            "`dask worker tcp://host:8786`), or AURA_DASK_ADDRESS=local for processes of this machine"
        )
    with _cluster(distributed, where) as target, _client(distributed, target, where) as client:
        _same_code(client, versions())
        yield client


def stream(
    job: Job, chunks: Iterable[Chunk], *, address: str | None = None
) -> Iterator[tuple[Chunk, NDArray[np.float64]]]:
    """A sweep on the cluster: its chunks of combinations with their metrics, in order, as `evaluate` has them here."""
    from aura_lib.backtest.sweep.chunk import evaluate as work

    with connected(address) as client:
        yield from Session(client, job, work).stream(chunks)


def evaluate(
    job: Job, parameters: NDArray[np.float64], *, address: str | None = None, progress: Progress | None = None
) -> NDArray[np.float64]:
    """Metrics of combinations from the cluster: n × parameters in, n × windows × metrics out.

    Equal to the last bit to `sweep.chunk.evaluate` on the same kind of machine. Raises what it raises, and what
    `connected` raises.
    """
    size = rows(job)
    chunks = (parameters[first : first + size] for first in range(0, len(parameters), size))
    found: list[NDArray[np.float64]] = []
    for chunk, answer in stream(job, chunks, address=address):
        found.append(answer)
        if progress is not None:
            progress(min(len(found) * size, len(parameters)), len(parameters))
        assert len(answer) == len(chunk)
    return np.concatenate(found) if found else np.empty((0, len(job.labels), len(job.metrics)))


def rows(job: Job) -> int:
    """Combinations in a chunk: about half a second of one core, in whole blocks of the kernel's lanes."""
    return int(np.clip(STEPS // max(job.live.size, 1) // LANES, 1, 1 << 10)) * LANES


@dataclass(eq=False)
class Session:
    """A job on a cluster: sent to the workers once, then asked for chunks of combinations.

    `work(job, chunk)` is a module's function; its answers come in the order of the chunks, and are those that the
    same call gives here.
    """

    client: Client
    job: Any
    work: Work
    _sent: Any = field(default=None, init=False)
    _alone: float = field(default=0.0, init=False)

    def stream(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, NDArray[np.float64]]]:
        """Chunks and their answers, in order. They are taken as workers become free, never all at once."""
        flying: deque[_Flight] = deque()
        try:
            for chunk in chunks:
                flying.append(_Flight(chunk, self._submit(chunk)))
                while len(flying) >= self._room():
                    yield flying[0].chunk, self._landed(flying[0])
                    flying.popleft()
            while flying:
                yield flying[0].chunk, self._landed(flying[0])
                flying.popleft()
        finally:  # an interrupt, an error, or nobody wants the rest
            if flying:
                self.client.cancel([flight.future for flight in flying], force=True)

    def _room(self) -> int:
        threads: int = sum(self.client.nthreads().values())
        return max(2, AHEAD * threads)

    def _submit(self, chunk: Chunk) -> Future:
        if self._sent is None or self._sent.status in LOST:
            self._sent = self._scattered()
        return self.client.submit(_work, self.work, self._sent, chunk, versions(), pure=False)

    def _scattered(self) -> Future:
        """The job on every worker there is; where there is none, once one has come."""
        try:
            self.client.wait_for_workers(1, timeout=ALONE)
            (sent,) = self.client.scatter([self.job], broadcast=True, hash=False, timeout=ALONE)
        except TimeoutError:
            raise _no_worker() from None
        return sent

    def _landed(self, flight: _Flight) -> NDArray[np.float64]:
        """The answer to a chunk; one that was lost with its worker, before or after it was done, is sent again."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        while True:
            self._await(flight.future)
            try:
                answer: NDArray[np.float64] = flight.future.result()
            except (KilledWorker, FutureCancelledError):
                flight.attempts += 1
            else:
                return answer
            if flight.attempts >= ATTEMPTS:
                raise InputError(
                    f"{len(flight.chunk):,} combinations were sent {ATTEMPTS} times and their workers died each time: "
                    "give the workers more memory, or run fewer on one machine"
                )
            flight.future = self._submit(flight.chunk)

    def _await(self, future: Future) -> None:
        """Wait for an answer. A cluster without workers is waited for three minutes."""
        from distributed.client import FutureCancelledError

        while not future.done():
            with suppress(TimeoutError, FutureCancelledError):
                future.exception(timeout=1.0)
            if self.client.status != "running":
                raise InputError(f"the connection to the Dask scheduler ({self.client.scheduler.address}) was lost")
            if self.client.nthreads():
                self._alone = 0.0
                continue
            self._alone = self._alone or monotonic()
            if monotonic() - self._alone > ALONE:
                raise _no_worker()


def _no_worker() -> InputError:
    return InputError(f"the Dask cluster has had no worker for {ALONE:.0f} s: start some (`dask worker ADDRESS`)")


@dataclass(eq=False)
class _Flight:
    chunk: Chunk
    future: Future
    attempts: int = 0


def _package() -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError("engine='dask' needs a package: pip install 'aura-lib[dask]'") from None
    return distributed


@contextmanager
def _cluster(distributed: Any, where: str) -> Iterator[Any]:
    if where != LOCAL:
        yield where
        return
    cluster = distributed.LocalCluster(
        host="127.0.0.1", threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=logging.ERROR
    )
    try:
        yield cluster
    finally:
        with suppress(
            KeyError
        ):  # it is told of a worker's end that it has forgotten already; it is closed all the same
            cluster.close()


@contextmanager
def _client(distributed: Any, target: Any, where: str) -> Iterator[Client]:
    if where != LOCAL:
        knock(where)
    client = distributed.Client(target, timeout=ANSWER, set_as_default=False)
    try:
        yield client
    finally:
        client.close(timeout=ANSWER)


def knock(address: str) -> dict[str, Any]:
    """What the scheduler at an address says of itself, within 4 seconds; else InputError with what to do."""
    _package()
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread runs a loop already
            return thread.submit(asyncio.run, _identity(address)).result()
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at AURA_DASK_ADDRESS={address} ({_why(error)}): start one (`dask scheduler`), "
            "correct the address (tcp://host:8786), or leave engine='dask' away to run here"
        ) from error


async def _identity(address: str) -> dict[str, Any]:
    from distributed.core import rpc

    connect: Any = rpc
    async with connect(address, timeout=ANSWER) as scheduler:
        found: dict[str, Any] = await asyncio.wait_for(scheduler.identity(), ANSWER)
    return found


def _why(error: BaseException) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


# ---- on a worker ---------------------------------------------------------------------------------------------------
def _work(work: Work, job: Any, chunk: Chunk, expected: dict[str, str]) -> NDArray[np.float64]:
    from aura_lib.backtest.sweep.chunk import threads

    here = versions()
    if here != expected:
        raise InputError(_differ("a worker that joined later", here, expected))
    with threads(1):  # the worker runs a chunk on each of its own
        return work(job, chunk)


@cache
def versions() -> dict[str, str]:
    """What must be the same everywhere for results to be equal to the last bit."""
    import platform
    from importlib.metadata import version

    from aura_lib._version import __version__

    return {
        "aura_lib": __version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version(name) for name in ("numpy", "numba", "llvmlite")},
    }


def _same_code(client: Client, expected: dict[str, str]) -> None:
    """Refuse a cluster whose workers run other versions, or have no Aura."""
    try:
        found = client.run(versions, on_error="return")
    except ModuleNotFoundError as error:
        found = {"a worker": error}
    for worker, there in found.items():
        if isinstance(there, BaseException):
            raise InputError(f"{worker} cannot run Aura ({_why(there)}): install aura-lib {expected['aura_lib']} there")
        if there != expected:
            raise InputError(_differ(worker, there, expected))


def _differ(worker: str, there: dict[str, str], here: dict[str, str]) -> str:
    said = ", ".join(
        f"{name} {there.get(name, 'missing')} (here {here[name]})" for name in here if there.get(name) != here[name]
    )
    return f"{worker} runs {said}: results would not be equal; install the same versions on client and workers"
