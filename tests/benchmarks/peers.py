"""python -m tests.benchmarks.peers: install the peers that benchmarks are measured beside, into build/peers.

They are free software under licences (GPL, LGPL, AGPL) that this project does not take part in: they live in an
environment of their own, are never imported by ours, and are no dependency of anything. A peer runs as a program of
`peer_programs`, which reads its input from a file and prints one line of JSON. Each is installed on its own, so that
one that cannot be had takes none of the others away. A benchmark whose peer is missing or fails says so in its row.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

HERE = Path(__file__).parent
HOME = HERE.parents[1] / "build" / "peers"
PYTHON = HOME / "bin" / "python"
PACKAGES = ("backtesting", "backtrader", "ml4t-backtest", "nautilus_trader")


def installed() -> bool:
    """Whether the peers' environment was made and finished."""
    return (HOME / ".ready").exists()


class Absent(Exception):
    """A peer that gives no number, and why."""


def measured(program: str, times: int = 3, **arrays: Any) -> dict[str, Any]:
    """What a peer's program says of its input: `seconds` (median of some runs, its imports apart) and its results.

    Raises Absent where the peers are not installed, or the program fails.
    """
    if not installed():
        raise Absent("not installed: make bench-peers")
    with TemporaryDirectory() as folder:
        given = Path(folder) / "input.npz"
        np.savez(given, **arrays)
        command = [PYTHON, HERE / "peer_programs" / f"{program}.py", given, str(times)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise Absent(f"{program}: {(done.stderr.strip().splitlines() or ['failed without a word'])[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Make the environment; run again, it is left as it is."""
    if installed():
        print(f"the peers are installed in {HOME.parent.name}/{HOME.name}; remove that folder to install them anew")
        return 0
    venv.create(HOME, with_pip=True, clear=True)
    print(f"installing {', '.join(PACKAGES)} (a few minutes)", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lost = [package for package in PACKAGES if subprocess.run([*pip, package], check=False).returncode]
    if lost:
        print(f"not installed: {', '.join(lost)}; the rows beside them will say so", file=sys.stderr)
    if len(lost) < len(PACKAGES):
        (HOME / ".ready").touch()
    return int(len(lost) == len(PACKAGES))


if __name__ == "__main__":
    sys.exit(main())
