"""What a newcomer waits for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.benchmarks.rows import Row, seconds

ROOT = Path(__file__).parents[2]
AURA = Path(sys.executable).with_name("aura")


def rows() -> Iterator[Row]:
    """The suite `demo`."""
    bare = _command(sys.executable, "-c", "pass")
    imported = _command(sys.executable, "-c", "import aura_lib")
    yield Row("demo.import", imported, "s", goal=0.3, peer="python -c pass", peer_value=bare)
    yield Row("demo.help", _command(AURA, "--help"), "s", goal=0.5, peer="python -c pass", peer_value=bare)
    outside, whole = _backtest()
    yield Row("demo.backtest.outside", outside, "s", goal=0.5)  # decide and vectorbt
    yield Row("demo.backtest.whole", whole, "s")
    yield Row("demo.journey", _journey(), "s", goal=60)
    yield Row("demo.second_start", _first_word("make", "demo"), "s", goal=5)


def _environment(home: str) -> dict[str, str]:
    ours = ("AURA_", "MAKE", "MFLAGS", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"AURA_HOME": home}


def _command(*command: str | Path) -> float:
    with TemporaryDirectory() as home:
        run = {"env": _environment(home), "cwd": ROOT, "check": True, "stdout": subprocess.DEVNULL}
        return seconds(lambda: subprocess.run(command, **run))


def _journey() -> float:
    """`aura demo` on a home that does not exist yet, once: it is long."""
    with TemporaryDirectory() as folder:
        run = {"env": _environment(f"{folder}/home"), "cwd": ROOT, "check": True, "stdout": subprocess.DEVNULL}
        return seconds(lambda: subprocess.run([AURA, "demo"], **run), times=1)


def _first_word(*command: str) -> float:
    """Median time until a command prints its first line; then it is stopped with all its children."""

    def once() -> float:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            began = perf_counter()
            child = subprocess.Popen(
                command, env=_environment(f"{folder}/home"), cwd=ROOT, start_new_session=True, **streams
            )
            assert child.stdout is not None
            assert child.stdout.readline(), f"{command} printed nothing"
            taken = perf_counter() - began
            os.killpg(child.pid, signal.SIGTERM)
            child.communicate()
            return taken

    return median(once() for _ in range(3))


def _backtest() -> tuple[float, float]:
    """`backtest.run` over 20 symbols and 33 years of month-ends: time outside `decide` and vectorbt, and all of it."""
    import aura_lib as aura
    from aura_lib.testing import sample_bars

    with TemporaryDirectory() as home:
        bars = sample_bars(Path(home))
    mandate = aura.Mandate(bars.symbols, max_weight=0.35)
    decide = aura.strategies.momentum.decide

    def once() -> tuple[float, float]:
        began = perf_counter()
        result = aura.backtest.run(decide, bars, mandate, schedule="XNYS month-end close", warmup=252)
        whole = perf_counter() - began
        return whole - result.timing["decide"], whole

    outside, whole = zip(*(once() for _ in range(3)), strict=True)
    return median(outside), median(whole)
