"""python -m tests.crash [--worlds N] [--first SEED]: worlds in which something dies or lies, and the table of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import postgres
from tests.crash import fast, processes, rehearsed
from tests.crash.tally import HEAD, Tally, table

MEMORY = Path("/dev/shm")  # a process that dies loses nothing in memory either, and no disk is waited for
WORLDS = 100
PROCESSES = 9  # worlds of real processes that are killed, besides the freezes: with nothing, ledger or venue held
PARTS = 10  # worlds in which every transaction is cut once


def play(worlds: int = WORLDS, first: int = 0) -> Iterator[Tally]:
    """The counts of every fault, kind by kind: real processes, a desk in this one, connections, a real line."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        (folder / "processes").mkdir()
        seeds = sorted({*processes.FREEZES, *range(first + 1, first + 1 + PROCESSES)})
        yield from processes.count(*processes.matrix(folder / "processes", seeds))
        yield from fast.matrix(folder / "fast", range(first, first + worlds))[1].values()
        if postgres.binaries() is not None:
            with postgres.serving() as cluster:
                yield from fast.connections(folder / "cut", cluster.new_database, first % PARTS, PARTS)[0]
        (folder / "line").mkdir()
        yield from rehearsed.matrix(folder / "line", [(name, first + n) for n, name in enumerate(rehearsed.NAMED)])[0]


def main() -> int:
    """1 when anything came out twice, not at all or otherwise than without faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS, help="of a desk that dies in this process")
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    options = parser.parse_args()
    rows = []
    print(HEAD)
    for tally in play(options.worlds, options.first):
        print(tally, flush=True)
        rows.append(tally)
    print(table(rows).splitlines()[-1])
    return int(any(t.duplicates or t.lost or t.wrong for t in rows))


if __name__ == "__main__":
    sys.exit(main())
