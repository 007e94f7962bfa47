"""Killed anywhere, nothing that was told kept is lost, and nothing half-written is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import dataclasses, json, sys
from pathlib import Path
from tests.data.store_kills import run
print(json.dumps(dataclasses.asdict(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
"""


def killed(home: Path, kills: int, seed: int) -> dict[str, int]:
    """In a process of its own: it forks, and pytest has threads."""
    command = [sys.executable, "-c", CODE, str(home), str(kills), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def test_a_writer_killed_anywhere_loses_nothing_and_no_reader_sees_half_of_it(tmp_path: Path) -> None:
    counted = killed(tmp_path, 60, seed=1)
    assert (counted["kills"], counted["lost"], counted["torn"]) == (60, 0, 0)
    assert min(counted["told"], counted["reads"]) > 10


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_thousand_kills(tmp_path: Path) -> None:
    counted = killed(tmp_path, 1000, seed=2)
    print(counted)
    assert (counted["kills"], counted["lost"], counted["torn"]) == (1000, 0, 0)
    assert counted["found_untold"] > 0  # some died between keeping and telling
    assert min(counted["told"], counted["reads"]) > 100
