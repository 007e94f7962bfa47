"""A bar shows where somebody watches, once it takes long, and nowhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from aura_lib.core import watched

LONG = """
import time
from aura_lib.core import watched
with watched(None, "fetch", "symbols") as told:
    for done in range(1, 13):
        time.sleep(0.2)
        told(done, 12)
"""
QUICK = LONG.replace("0.2", "0.001")


def on_a_terminal(code: str, **environment: str) -> str:
    """What a program writes to the terminal that its errors go to."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env={**kept, **environment}) as child:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 4096):
                written += part
        except OSError:  # the terminal's other end is gone
            pass
    os.close(ours)
    assert child.returncode == 0
    return written.decode()


def test_what_takes_long_shows_a_bar_on_a_terminal_and_leaves_none_behind() -> None:
    written = on_a_terminal(LONG)
    assert "fetch" in written and "/12" in written
    assert not written.split("\r")[-1].strip()


@pytest.mark.parametrize(("code", "environment"), [(QUICK, {}), (LONG, {"TQDM_DISABLE": "1"})])
def test_what_is_over_soon_and_a_job_show_none(code: str, environment: dict[str, str]) -> None:
    assert on_a_terminal(code, **environment) == ""


def test_where_nobody_watches_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    with watched(None, "fetch", "symbols") as told:
        told(1, 2)
    assert capfd.readouterr() == ("", "")


def test_the_callers_own_progress_is_told_instead() -> None:
    heard: list[tuple[int, int]] = []
    with watched(lambda done, total: heard.append((done, total)), "fetch", "symbols") as told:
        told(1, 2)
    assert heard == [(1, 2)]
