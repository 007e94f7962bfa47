"""A writer that is killed again and again, with readers beside it.

It dies at a drawn line of the store, at a drawn line of what writes and moves files, or at a drawn moment.

After each death the store must be what was told kept, or that and what was on its way; every reader checks that what
it was given hashes to the name it asked for. `run` returns what it counted.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars, DataError
from aura_lib.data import store as room
from aura_lib.data.store import Store
from aura_lib.data.store.growth import described
from aura_lib.data.store.identity import actions_leaf
from tests.data.store_cases import agree
from tests.data.store_model import Model, State

CLOSES = pd.date_range("2020-01-02T21:00Z", periods=1200, freq="D", unit="us")
SYMBOLS = ["A", "B", "C"]
KEY = ("test", "1d", "XNYS", "splits and dividends")

ROOM = str(Path(room.__file__).parent)
OPERATIONS = 3  # of one life
LINES = {ROOM: 5000, f"{ROOM}/blobs.py": 400}  # that run in one life, about
LONGEST = 0.3  # seconds until a death at a drawn moment


@dataclass
class Counted:
    """What happened."""

    kills: int = 0
    survived: int = 0  # lives that ended before they were killed
    told: int = 0  # versions that a writer was told are kept
    found_untold: int = 0  # versions that were kept, though the writer died before it was told
    reads: int = 0
    lost: int = 0
    torn: int = 0


def run(home: Path, kills: int, seed: int, readers: int = 2) -> Counted:
    """Kill a writer so many times."""
    counted = Counted()
    rng = np.random.default_rng(seed)
    store, model = Store(home), Model()
    first = _panel(rng, 0, 20)
    states = {store.put(first).snapshot: model.put(first)}
    with _reading(home, readers) as beside:
        life = 0
        while counted.kills < kills:
            life += 1
            _live_and_die(home, seed, life, rng, model, states, counted)
            beside.check(counted)
    assert store.verify() == ()
    assert [version.snapshot for version in store.versions()] == [_name(states, s) for s in model.log[KEY]]
    return counted


def _live_and_die(
    home: Path, seed: int, life: int, rng: np.random.Generator, model: Model, states: dict[str, State], counted: Counted
) -> None:
    where = [None, *LINES][int(rng.integers(3))]
    line, wait = int(rng.integers(1, LINES[where])) if where else 0, float(rng.uniform(0, LONGEST))
    told, died = _life(home, seed, life, (where, line) if where else None, wait)
    counted.kills += died
    counted.survived += not died
    counted.told += len(told)
    done = _operations(np.random.default_rng([seed, life]), _days(model))
    store, number = Store(home), 0
    for number, (what, bars, actions) in enumerate(done):
        if number < len(told):
            state = model.put(bars, actions) if what == "put" else model.add(bars, actions)
            states[told[number]] = state
            continue
        before, length = model.newest(KEY), len(model.log[KEY])
        state = model.put(bars, actions) if what == "put" else model.add(bars, actions)
        snapshot = store.latest("test", "1d") or ""
        if state is not before and snapshot not in [_name(states, before)] and _is(store, snapshot, state):
            states[snapshot] = state
            counted.found_untold += 1
        else:
            del model.log[KEY][length:]  # it did not come to that
        break
    newest = model.newest(KEY)
    assert newest is not None
    snapshot = store.latest("test", "1d") or ""
    counted.lost += snapshot != _name(states, newest)
    agree(store, snapshot, newest)
    old = model.log[KEY][int(rng.integers(len(model.log[KEY])))]
    agree(store, _name(states, old), old)


def _is(store: Store, snapshot: str, state: State) -> bool:
    try:
        agree(store, snapshot, state)
    except AssertionError:
        return False
    return True


def _name(states: dict[str, State], state: State | None) -> str:
    return next(snapshot for snapshot, other in states.items() if other == state)


def _days(model: Model) -> int:
    newest = model.newest(KEY)
    assert newest is not None
    return len({time for held in newest.rows.values() for time in held})


def _panel(rng: np.random.Generator, first: int, last: int) -> Bars:
    values = rng.uniform(1, 2, (last - first, len(SYMBOLS)))
    close = pd.DataFrame(values, CLOSES[first:last], SYMBOLS)
    return Bars({"close": close, "volume": (close * 100).round()}, source="test")


def _operations(rng: np.random.Generator, days: int) -> Iterator[tuple[str, Bars, pd.DataFrame | None]]:
    """What a writer does in one life: days go on, old ones are revised, now and then all begins anew."""
    for _ in range(OPERATIONS):
        kind = int(rng.integers(8))
        if kind == 0 or days > len(CLOSES) - 10:
            days = int(rng.integers(5, 30))
            yield "put", _panel(rng, 0, days), None
        elif kind < 3:
            place = int(rng.integers(days))
            yield "add", _panel(rng, place, place + 1), None
        else:
            actions = {"time": [CLOSES[days]], "symbol": ["A"], "dividend": [0.5], "split": [1.0]}
            yield "add", _panel(rng, days, days + 2), pd.DataFrame(actions) if kind == 3 else None
            days += 2


def _life(home: Path, seed: int, life: int, line: tuple[str, int] | None, wait: float) -> tuple[list[str], bool]:
    """One writer, killed at a line or after a while; what it was told is kept, and whether it was killed."""
    days = _days_of(home)
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        _write(home, seed, life, line, days, into)
    os.close(into)
    if line is None:
        select.select([], [], [], wait)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(out, "rb") as heard:
        told = heard.read().decode().split()
    return told, os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _days_of(home: Path) -> int:
    store = Store(home)
    return len(store.get(store.latest("test", "1d") or ""))


def _write(home: Path, seed: int, life: int, line: tuple[str, int] | None, days: int, into: int) -> None:
    try:
        if line:
            sys.settrace(_killing(*line))
        store = Store(home)
        for what, bars, actions in _operations(np.random.default_rng([seed, life]), days):
            snapshot = (store.put if what == "put" else store.add)(bars, actions).snapshot
            os.write(into, f"{snapshot}\n".encode())
    finally:
        os._exit(0)


def _killing(where: str, line: int) -> Any:
    left = line

    def trace(frame: Any, event: str, arg: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(where):
            return None
        if event == "line":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


class _reading:
    """Processes that read as fast as they can while the writer lives and dies."""

    def __init__(self, home: Path, count: int) -> None:
        self._context = multiprocessing.get_context("fork")
        self._pipes = [self._context.Pipe() for _ in range(count)]
        self._readers = [self._context.Process(target=_read, args=(home, pipe[1]), daemon=True) for pipe in self._pipes]

    def __enter__(self) -> _reading:
        for reader in self._readers:
            reader.start()
        return self

    def check(self, counted: Counted) -> None:
        """Count what the readers told."""
        for mine, _ in self._pipes:
            while mine.poll():
                reads, torn = mine.recv()
                counted.reads += reads
                counted.torn += bool(torn)
                assert not torn, torn

    def __exit__(self, *_: object) -> None:
        for reader in self._readers:
            reader.terminate()
            reader.join()


def _read(home: Path, told: Connection) -> None:
    store, last, reads, since = Store(home), 0, 0, time.monotonic()
    while True:
        try:
            versions = store.versions("test") if reads % 50 == 0 else ()
            assert not versions or len(versions) >= last, "a version has gone"
            last = len(versions) or last
            snapshot = store.latest("test", "1d") or ""
            found = described(store.get(snapshot), actions_leaf(store.actions(snapshot))).snapshot
            assert found == snapshot, f"{snapshot} hashes to {found}"
        except (AssertionError, DataError) as error:
            told.send((reads, repr(error)))
            return
        reads += 1
        if time.monotonic() - since > 0.2:
            told.send((reads, ""))
            reads, since = 0, time.monotonic()
        time.sleep(0.002)


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
