"""Writers and readers of one store at once, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aura_lib.data.store import Store

ROOT = Path(__file__).parents[2]
ROWS, WRITERS = 24, 3

CODE = """
import sys
from pathlib import Path
from tests.data.test_store_crowd import ROWS, made
from aura_lib.data.store import Store

home, what, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store(home)
print("ready", flush=True)
sys.stdin.readline()
if what == "write":
    for row in range(number, ROWS, 3):
        store.add(made()._rows(row, row + 1))
else:
    from aura_lib.data.store.growth import described
    last = reads = 0
    while last < ROWS:
        snapshot = store.latest("test", "1d")
        if snapshot:
            bars = store.get(snapshot)
            assert described(bars, "").snapshot == snapshot
            assert len(bars) >= last, "bars have gone"
            last, reads = len(bars), reads + 1
    print(reads)
"""


def made():  # type: ignore[no-untyped-def]
    import numpy as np
    import pandas as pd

    from aura_lib.core import Bars

    rng = np.random.default_rng(1)
    times = pd.date_range("2020-01-02T21:00Z", periods=ROWS, freq="D", unit="us")
    return Bars({"close": pd.DataFrame(rng.uniform(1, 2, (ROWS, 3)), times, ["A", "B", "C"])}, source="test")


def test_writers_add_to_what_the_others_made_and_readers_see_whole_versions(tmp_path: Path) -> None:
    roles = [*(("write", str(n)) for n in range(WRITERS)), ("read", "0"), ("read", "0")]
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(tmp_path), *role],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for role in roles
    ]  # fmt: skip
    for process in crowd:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60) for process in crowd]
    assert [process.returncode for process in crowd] == [0] * len(crowd), told
    assert all(int(out) > 0 for out, _ in told[WRITERS:])
    store = Store(tmp_path)
    versions = store.versions()
    assert [version.number for version in versions] == list(range(1, ROWS + 1))
    assert store.get(versions[-1].snapshot).close.equals(made().close)
    assert store.verify() == ()
