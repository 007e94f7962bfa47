"""Compiled kernels: the second process pays nothing, and a changed rule is another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import json, sys, time, linecache
import numba.core.event as event
cell = {cell!r}
name = "<ipython-input-1>"
linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
scope = {{}}
exec(compile(cell, name, "exec"), scope)
import numpy as np, pandas as pd
from aura_lib.backtest.sweep import rule, sweep
from aura_lib.core import Bars
close = pd.DataFrame({{"A": 100.0 + np.arange(60) % 7}}, index=pd.date_range("2020-01-01", periods=60, tz="UTC"))
with event.install_recorder("numba:compile") as recorder:
    found = sweep(rule(scope["step"]), Bars({{"close": close}}, source="x"), {{"floor": [101, 103]}},
                  metrics=["sharpe", "orders"], count=False)
compiled = len(recorder.buffer)
print(json.dumps([compiled, found.table()["orders"].tolist()]))
"""
CELL = "def step(close, floor):\n    return close > floor{more}\n"


def _start(home: Path, more: str = "", **env: str) -> subprocess.Popen[str]:
    source = RUN.format(cell=CELL.format(more=more))
    environ = {**os.environ, "AURA_HOME": str(home), **env}
    return subprocess.Popen(
        [sys.executable, "-c", source], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _end(child: subprocess.Popen[str]) -> tuple[int, list[float]]:
    out, err = child.communicate(timeout=190)
    assert child.returncode == 0, err
    compiled, orders = json.loads(out)
    return compiled, orders


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_rule_of_a_notebook_cell_is_compiled_by_the_first_process_and_by_no_second_until_it_changes(tmp_path):
    together = [_start(tmp_path), _start(tmp_path)]  # two at once
    (some, first), (_, same) = (_end(each) for each in together)
    again, second = _end(_start(tmp_path))
    assert some > 0 and again == 0
    assert first == same == second
    changed, other = _end(_start(tmp_path, " + 1.0"))
    assert changed > 0 and other != first


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_home_that_cannot_be_written_still_sweeps_and_another_cache_folder_is_used(tmp_path):
    home = tmp_path / "file"
    home.write_text("no folder")
    cache, scratch = tmp_path / "numba", tmp_path / "scratch"
    scratch.mkdir()
    env = {"NUMBA_CACHE_DIR": str(cache), "TMPDIR": str(scratch)}
    some, _ = _end(_start(home, **env))
    again, _ = _end(_start(home, **env))
    assert some > 0 and again == 0
    assert list(cache.rglob("*.nbc")) and list(scratch.rglob("rule_*.py"))


def test_a_damaged_file_is_written_again(aura_home):
    from aura_lib.backtest.sweep import compiled

    text = "answer = 42\n"
    compiled._loaded.cache_clear()
    path = Path(compiled.load(text).__file__)
    path.write_text("answer = ")
    compiled._loaded.cache_clear()
    assert compiled.load(text).answer == 42
    assert path.read_text() == text and path.parent == aura_home / "compiled"


def test_the_least_recently_used_are_forgotten(aura_home, monkeypatch):
    from aura_lib.backtest.sweep import compiled

    monkeypatch.setattr(compiled, "KEEP", 3)
    monkeypatch.setattr(compiled, "time_ns", iter(range(2 * 10**18, 3 * 10**18, 10**12)).__next__)
    paths = []
    for number in (0, 1, 2, 0, 3):
        compiled._loaded.cache_clear()
        paths.append(Path(compiled.load(f"answer = {number}\n").__file__))
    assert [path.exists() for path in paths] == [True, False, True, True, True]


def test_the_hash_of_a_rule_is_that_of_all_its_source():
    from aura_lib.backtest.sweep import rule
    from tests.backtest import sweep_cases

    one = rule(sweep_cases._long_short, features={"mean": (sweep_cases.features.sma, "window")}, name="a")
    two = rule(sweep_cases._long_short, features={"mean": (sweep_cases.features.ema, "window")}, name="a")
    assert one.code != two.code
    assert (
        one.code
        == rule(sweep_cases._long_short, features={"mean": (sweep_cases.features.sma, "window")}, name="a").code
    )
