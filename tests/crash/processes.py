"""The worlds of real processes (`driver`), counted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.crash.tally import Tally

DRIVER = Path(__file__).with_name("driver.py")
FREEZES = (0, 12, 24)  # seeds of one of each (`driver.fault_of`)
HELD = {".": "", "L": ", the ledger to itself", "V": ", the venue to itself"}


def matrix(folder: Path, seeds: Sequence[int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The outcome without faults, and a line a seed."""
    own = {"PYTHONPATH": str(DRIVER.parents[2])}  # this tree, also where another one is installed
    environment = {**os.environ, **own, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(DRIVER), str(folder), *map(str, seeds)]
    told, log = folder / "told.jsonl", folder / "log.txt"
    # to files, not pipes: a process left behind by a fault must not be able to hold the test up
    with told.open("w") as out, log.open("w") as err, subprocess.Popen(
        command, env=environment, stdout=out, stderr=err, start_new_session=True
    ) as driver:  # fmt: skip
        try:
            code = driver.wait(60 + 30 * len(seeds))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)
    assert code == 0, log.read_text()[-2000:]
    first, *lines = map(json.loads, told.read_text().splitlines())
    return first, lines


def count(first: dict[str, Any], lines: list[dict[str, Any]]) -> list[Tally]:
    """The counts by process and by what was done to it."""
    tallies: dict[tuple[str, str], Tally] = {}
    for line in lines:
        what = "frozen" + HELD[line["held"]] if line["signal"] == signal.SIGSTOP else "kill -9"
        tally = tallies.setdefault((line["role"], what), Tally(line["role"], what))
        expected = first["expected"]
        found = {key: line["differs"].get(key, (None, value))[1] for key, value in expected.items()}
        tally.compare(line["commands"], found, expected)
    return [tallies[key] for key in sorted(tallies)]
