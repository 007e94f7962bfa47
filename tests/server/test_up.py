"""`aura up` as a person meets it: it starts, says where, refuses in one sentence, and stops when told to."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from tornado.simple_httpclient import HTTPTimeoutError

from tests.server.conftest import COMMAND, Up, environment, project


def tail(*arguments: str, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND[:3], "up", "--no-browser", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def test_it_tells_what_to_open_and_which_ledger(up: Up) -> None:
    told = up.told
    assert told["lab"] == f"{up.address}/lab?token={told['token']}"
    assert told["dashboards"] == f"{up.address}/dashboards/?token={told['token']}"
    assert (told["home"], told["runs"]) == (str(up.home), 0)


def test_a_second_one_for_the_same_home_says_where_the_first_is(up: Up) -> None:
    second = tail("--port", "0", folder=up.folder, home=up.home)
    assert second.returncode == 2
    assert up.told["url"] in second.stderr.replace("\n", "") and "another AURA_HOME" in second.stderr.replace("\n", " ")
    assert "Traceback" not in second.stderr
    assert up.get("/dashboards/").code == 200


def test_a_taken_port_is_one_sentence_and_no_other_port_is_tried(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        refused = tail("--port", str(port), folder=project(tmp_path / "project"), home=tmp_path / "home")
    assert refused.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in refused.stderr and f"--port {port + 1}" in refused.stderr
    assert "Traceback" not in refused.stderr and not refused.stdout


@pytest.mark.slow
def test_one_ctrl_c_stops_it_and_all_its_kernels(tmp_path: Path) -> None:
    with Up(project(tmp_path / "project"), tmp_path / "home") as up:
        up.get("/dashboards/slider")
        up.get("/api/kernels", method="POST", body="{}")
        up.get("/api/terminals", method="POST", body="{}")
        kernel = json.loads(up.get("/api/kernels").body)
        children = up.children()
        assert len(kernel) == 1 and len(children) >= 4  # the warm parent, a dashboard, a kernel, a terminal
        began = time.monotonic()
        code, errors = up.stop(signal.SIGINT)
        assert time.monotonic() - began < 4
        assert code == 0 and "Traceback" not in errors and "error" not in errors.lower()
    assert not psutil.wait_procs(children, 2)[1]
    assert not (up.home / "server" / "running.json").exists()
    socket.create_server(("127.0.0.1", int(up.address.rpartition(":")[2]))).close()  # the port is free at once


def test_a_page_that_is_still_computing_does_not_hold_it_up(tmp_path: Path) -> None:
    with Up(project(tmp_path / "project"), tmp_path / "home") as up:
        with pytest.raises(HTTPTimeoutError):
            up.get("/dashboards/slow", request_timeout=1)
        began = time.monotonic()
        code, errors = up.stop(signal.SIGTERM)
        assert code == 0 and time.monotonic() - began < 5 and "Traceback" not in errors


TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
def test_in_a_terminal_it_offers_the_demo_and_ctrl_c_asks_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", TERMINAL, *COMMAND[:3], "up", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=project(tmp_path / "project"), env=environment(tmp_path / "home") | {"COLUMNS": "200"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = read_until(ours, "[Y/n]")
    os.write(ours, b"n\n")
    said += read_until(ours, "Ctrl-C")
    assert "Run the demo first?" in said and "aura demo" in said
    assert re.search(r"JupyterLab +http://127\.0\.0\.1:\d+/lab\?token=", said)
    time.sleep(0.5)
    os.write(ours, b"\x03")
    assert process.wait(10) == 0
    rest = read_until(ours, "\0")
    assert "?" not in rest and "Traceback" not in rest


def read_until(terminal: int, words: str, seconds: float = 30) -> str:
    """What the terminal shows, up to some words or its end."""
    said, deadline = "", time.monotonic() + seconds
    while words not in said and time.monotonic() < deadline:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux: the other end is closed
            break
        said += part.decode(errors="replace")
    return said


def test_without_a_terminal_an_empty_ledger_names_the_demo(tmp_path: Path) -> None:
    command = [*COMMAND[:3], "up", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=project(tmp_path / "project"), env=environment(tmp_path / "home"), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert any("aura demo" in line for line in lines) and any(str(tmp_path / "home") in line for line in lines)
