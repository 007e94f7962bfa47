"""Sweeps on a real Dask cluster: equal results, few chunks in flight, lost workers, silent schedulers."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import folds, rules, search
from aura_lib.backtest.search import dask
from aura_lib.core import InputError, ModelError
from tests.backtest.scenarios import market_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # processes start, and are killed and started again


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture
def cluster(started: Any) -> Any:
    """The cluster with a worker at least: other tests kill some."""
    started.wait_for_workers(1)
    return started


@pytest.fixture(scope="module")
def started(home: Path) -> Iterator[Any]:
    """A client of two worker processes, of one thread each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AURA_HOME", str(home))  # the workers': what one of them compiles, the others find
        with dask.connected("local") as client:
            yield client


def work(job: dict[str, Any], chunk: np.ndarray) -> np.ndarray:
    """A stand-in for the kernel that takes its time."""
    sleep(job.get("seconds", 0.0))
    if job.get("wrong"):
        raise ModelError("the rule went wrong in bar 7")
    if job.get("fatal"):
        os._exit(1)
    return np.sqrt(chunk.sum(axis=1, keepdims=True) * job["bars"][3])[:, None, :]


BARS = np.arange(10_000, dtype=np.float64)


def chunks(count: int) -> list[np.ndarray]:
    return [np.random.default_rng(number).random((5, 2)) for number in range(count)]


def held(session: dask.Session, count: int) -> None:
    """What came back is what the same call gives here, in order, to the last bit."""
    found = list(session.stream(iter(chunks(count))))
    assert len(found) == count
    for (chunk, answer), expected in zip(found, chunks(count), strict=True):
        np.testing.assert_array_equal(chunk, expected)
        np.testing.assert_array_equal(answer, work({"bars": BARS}, expected))


def test_answers_come_in_order_and_are_those_of_one_process(cluster: Any) -> None:
    held(dask.Session(cluster, {"bars": BARS}, work), 40)


def test_a_grid_without_end_is_taken_only_as_workers_become_free(cluster: Any) -> None:
    taken, others = 0, _flying(cluster)  # of tests whose exceptions still hold their streams

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield np.ones((5, 2))

    answers = dask.Session(cluster, {"bars": BARS}, work).stream(endless())
    room = dask.AHEAD * 2
    for number in range(1, 31):
        next(answers)
        assert taken <= number + room
    answers.close()
    assert not set(_flying(cluster)) - set(others)


def _flying(client: Any) -> list[str]:
    """Chunks that are still on their way, after a moment to be taken back."""
    for _ in range(50):
        waiting = [key for key in client.futures if "_work" in str(key)]
        if not waiting:
            break
        sleep(0.1)
    return waiting


def test_an_interrupt_takes_back_what_is_in_flight(cluster: Any) -> None:
    session = dask.Session(cluster, {"bars": BARS, "seconds": 0.05}, work)

    def stopped() -> None:
        for number, _ in enumerate(session.stream(iter(chunks(1000)))):
            if number == 3:
                raise KeyboardInterrupt

    others = _flying(cluster)
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not set(_flying(cluster)) - set(others)


def test_what_a_chunk_raises_is_raised_here(cluster: Any) -> None:
    session = dask.Session(cluster, {"bars": BARS, "wrong": True}, work)
    with pytest.raises(ModelError, match="the rule went wrong in bar 7"):
        list(session.stream(iter(chunks(3))))


@pytest.mark.parametrize("lost", [1, 2], ids=["one worker", "all workers, and with them the bars"])
def test_workers_that_are_killed_lose_nothing(lost: int, cluster: Any) -> None:
    session = dask.Session(cluster, {"bars": BARS, "seconds": 0.05}, work)
    found = []
    for number, pair in enumerate(session.stream(iter(chunks(30)))):
        found.append(pair)
        if number == 4:
            for process in list(cluster.run(os.getpid).values())[:lost]:
                os.kill(process, signal.SIGKILL)
    assert len(found) == 30
    for (_, answer), chunk in zip(found, chunks(30), strict=True):
        np.testing.assert_array_equal(answer, work({"bars": BARS}, chunk))


def test_a_chunk_that_kills_its_workers_is_given_up_with_advice(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "ATTEMPTS", 1)
    cluster.run_on_scheduler(_tolerate, 0)
    try:
        session = dask.Session(cluster, {"bars": BARS, "fatal": True}, work)
        with pytest.raises(InputError, match="5 combinations were sent 1 times and their workers died"):
            list(session.stream(iter(chunks(1))))
    finally:
        cluster.run_on_scheduler(_tolerate, 3)
        cluster.wait_for_workers(1)


def _tolerate(failures: int, dask_scheduler: Any) -> None:
    dask_scheduler.allowed_failures = failures


def test_a_sweep_and_a_search_on_the_cluster_are_those_of_this_machine(
    cluster: Any, home: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURA_HOME", str(home))
    monkeypatch.setenv("AURA_DASK_ADDRESS", cluster.scheduler.address)
    bars = market_of(rng, 200, 1)
    monkeypatch.setattr(dask, "STEPS", 200 * 64)  # a chunk of 64 combinations: there are 12
    given: dict[str, Any] = {"folds": folds.walk_forward(200, train=80, test=60), "where": "fast < slow"}
    space = {"fast": range(2, 22), "slow": range(10, 60)}
    told: list[int] = []
    here = backtest.sweep(rules.sma_crossover, bars, space, **given)
    there = backtest.sweep(rules.sma_crossover, bars, space, engine="dask",
                           progress=lambda done, total: told.append(done), **given)  # fmt: skip
    pd.testing.assert_frame_equal(here.table(), there.table(), check_exact=True)
    assert there.count == here.count == told[-1] and len(told) > 10 and told == sorted(told)
    drawn = {"trials": 40, "method": "sobol", **given}
    alone = search(rules.sma_crossover, bars, space, **drawn)
    together = search(rules.sma_crossover, bars, space, engine="dask", **drawn)
    pd.testing.assert_frame_equal(alone.table(), together.table(), check_exact=True)


def test_a_worker_that_runs_another_version_is_told(cluster: Any) -> None:
    with pytest.raises(InputError, match=r"runs aura_lib .* \(here 0\.0\.1\): results would not be equal"):
        dask._same_code(cluster, dask.versions() | {"aura_lib": "0.0.1"})
    with pytest.raises(InputError, match="a worker that joined later runs numpy"):
        dask._work(work, {"bars": BARS}, np.ones((5, 2)), dask.versions() | {"numpy": "1.0"})


# ── no cluster ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes calls and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def refused(address: str | None, told: str) -> float:
    began = monotonic()
    with pytest.raises(InputError, match=told), dask.connected(address):
        pass
    return monotonic() - began


def test_a_scheduler_that_does_not_answer_is_told_within_five_seconds(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dask._package()  # its import is not what is measured
    told = r"no Dask scheduler answers at AURA_DASK_ADDRESS=tcp://127.0.0.1:\d+ .*: start one \(`dask scheduler`\)"
    assert refused(silent, told) < 5.0
    monkeypatch.setattr(dask, "ANSWER", 0.3)
    assert refused("tcp://127.0.0.1:9", told) < 3.0


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:9", "tcp://"])
def test_an_address_that_is_none_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "ANSWER", 0.3)
    refused(address, "no Dask scheduler answers at AURA_DASK_ADDRESS=")


def test_without_an_address_it_is_said_how_to_get_a_cluster(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match=r"set AURA_DASK_ADDRESS=tcp://host:8786 .* or AURA_DASK_ADDRESS=local"):
        backtest.sweep(rules.sma_crossover, market_of(rng, 60, 1), {"fast": [2], "slow": [5]}, engine="dask")


def test_without_the_package_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused("local", r"pip install 'aura-lib\[dask\]'")
