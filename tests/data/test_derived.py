"""Frames computed from bars are kept, and computed anew when anything that decides them is another."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import indicators
from aura_lib.core import Bars, Calendar, InputError, Settings
from aura_lib.data.derived import derived

CLOSES = Calendar.of("XNYS").closes[9000:9060]
FACTOR = 2.0
calls: list[str] = []


def made(seed: int = 1) -> Bars:
    close = pd.DataFrame(np.random.default_rng(seed).uniform(1, 9, (60, 3)), CLOSES, ["A", "B", "C"])
    return Bars({"close": close, "volume": close * 100}, source="made", snapshot="1" * 24)


def _note() -> None:
    print("computed")


def average(bars: Bars, window: int = 5) -> pd.DataFrame:
    _note()
    return indicators.sma(bars.close, window) * FACTOR


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, "")


@pytest.fixture
def computed(capfd: pytest.CaptureFixture[str]) -> Any:
    return lambda: capfd.readouterr().out.count("computed")


def test_the_second_time_it_is_read(settings: Settings, computed: Any) -> None:
    first = derived(average, made(), settings=settings)
    assert computed() == 1
    second = derived(average, made(), settings=settings)  # other bars, with the same numbers in them
    assert computed() == 0
    pd.testing.assert_frame_equal(first, indicators.sma(made().close, 5) * 2, check_freq=False)
    pd.testing.assert_frame_equal(first, second)
    second.iloc[0, 0] = 1.0  # what is read belongs to whoever asked


def test_it_is_computed_anew_when_anything_that_decides_it_is_another(
    settings: Settings, computed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(bars: Bars, function: Any = average, **parameters: Any) -> int:
        derived(function, bars, settings=settings, **parameters)
        return int(computed())

    assert again(made()) == 1
    assert again(made(seed=2)) == 1
    values = made().close.to_numpy(copy=True)
    values[7, 1] = np.nextafter(values[7, 1], np.inf)
    changed = pd.DataFrame(values, CLOSES, ["A", "B", "C"])
    assert again(replace(made(), fields={"close": changed, "volume": made().volume})) == 1  # the same snapshot id
    assert again(made().select(["A", "B"])) == 1
    assert again(made(), window=6) == 1
    assert again(made(), window=5) == 1  # said, though it is the default
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert again(made()) == 1
    monkeypatch.undo()
    assert again(made()) == 0
    code = average.__code__.replace(co_consts=tuple(c for c in average.__code__.co_consts))
    assert again(made(), FunctionType(code, globals(), "average", (5,))) == 0  # the same function, made twice
    other = average.__code__.replace(co_names=tuple("ema" if n == "sma" else n for n in average.__code__.co_names))
    assert again(made(), FunctionType(other, globals(), "average", (5,))) == 1
    monkeypatch.setitem(globals(), "_note", lambda: print("computed", "otherwise"))
    assert again(made()) == 1  # what it calls is another


def test_another_process_reads_what_one_has_kept(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from aura_lib.core import Settings
from aura_lib.data.derived import derived
from tests.data.test_derived import average, made
derived(average, made(), settings=Settings(Path({str(tmp_path)!r}), ""))
"""
    outputs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert outputs == ["computed\n", ""]


def test_what_is_damaged_is_computed_again(settings: Settings, computed: Any) -> None:
    first = derived(average, made(), settings=settings)
    (kept,) = (settings.home / "data" / "derived").iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    pd.testing.assert_frame_equal(derived(average, made(), settings=settings), first)
    assert computed() == 2


def test_a_home_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    assert derived(average, made(), settings=Settings(tmp_path, "")).shape == (60, 3)


def test_what_may_be_another_thing_in_the_next_run_is_refused(settings: Settings) -> None:
    generator = np.random.default_rng(1)

    def noisy(bars: Bars) -> pd.DataFrame:
        return bars.close * generator.random()

    with pytest.raises(InputError, match=r"Generator.*may be another thing"):
        derived(noisy, made(), settings=settings)


def test_a_function_that_returns_another_shape_is_refused(settings: Settings) -> None:
    with pytest.raises(InputError, match="<lambda> must return a DataFrame with the times and symbols"):
        derived(lambda bars: bars.close.iloc[1:], made(), settings=settings)


def test_frames_used_longest_ago_make_room(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[derived.__module__], "ROOM", 5000)  # three frames of 60 × 3 numbers
    for window in range(1, 9):
        derived(average, made(), settings=settings, window=window)
    assert len(list((settings.home / "data" / "derived").iterdir())) == 3
