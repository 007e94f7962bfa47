"""Kernels and their warm parent: what dies with what, and what comes back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from aura_lib.core import RunFailed, RunStatus
from aura_lib.jobs.execute import execute
from aura_lib.jobs.kernels import SOCKET_PATH, Process, Zygote, environment

SMALL = ("ipykernel.kernelapp",)  # imported within half a second

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every kernel starts cold")


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(preload=SMALL) as parent:
        until(parent.ready, 60)
        yield parent


def until(happened: Callable[[], bool], seconds: float = 5.0) -> float:
    """Seconds it took to happen; fails when it does not."""
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - start


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def start(zygote: Zygote, env: dict[str, str] | None = None) -> Process:
    """A kernel nobody talks to."""
    directory = zygote.new_directory()
    argv = ["-f", str(directory / "kernel.json")]
    return zygote.spawn(argv, {**environment(), **(env or {})}, directory, directory / "kernel.log")


def write(folder: Path, *cells: str) -> Path:
    path = folder / "in.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(c) for c in cells]), path)
    return path


# ---- one kernel ----------------------------------------------------------------------------------------------------
def test_a_fork_is_ready_in_a_moment_and_its_exit_code_comes_back(zygote: Zygote) -> None:
    kernel = start(zygote)
    assert kernel.warm and kernel.poll() is None
    assert until(lambda: kernel.ready, 10) < 5
    os.kill(kernel.pid, signal.SIGKILL)
    assert kernel.wait(2) == -signal.SIGKILL
    kernel.send_signal(signal.SIGTERM)  # to nobody: nothing happens
    kernel.close()


def test_a_kernel_that_nobody_holds_any_more_is_killed(zygote: Zygote) -> None:
    kernel = start(zygote)
    kernel.close()
    until(lambda: gone(kernel.pid))


def test_signals_go_to_the_whole_group_of_a_kernel_and_not_to_the_next_one(zygote: Zygote) -> None:
    first, second = start(zygote), start(zygote)
    until(lambda: first.ready and second.ready, 10)
    assert os.getpgid(first.pid) == first.pid != os.getpgid(second.pid)
    first.send_signal(signal.SIGTERM)
    assert first.wait(5) == -signal.SIGTERM
    assert second.poll() is None
    second.close()


def test_a_fork_has_no_open_file_of_its_parent(zygote: Zygote) -> None:
    kernel = start(zygote)
    until(lambda: kernel.ready, 10)
    theirs = {os.readlink(f"/proc/{zygote.pid}/fd/{n}") for n in os.listdir(f"/proc/{zygote.pid}/fd")}
    ours = {os.readlink(f"/proc/{kernel.pid}/fd/{n}") for n in os.listdir(f"/proc/{kernel.pid}/fd")}
    named_alike = {"anon_inode:[eventpoll]", "anon_inode:[eventfd]"}
    assert {link for link in theirs & ours if not link.startswith("/dev/")} <= named_alike
    kernel.close()


def test_a_request_that_cannot_be_met_is_a_kernel_that_ended_and_says_why(zygote: Zygote) -> None:
    directory = zygote.new_directory()
    kernel = zygote.spawn(["-f", "x.json"], environment(), directory / "gone", directory / "kernel.log")
    assert kernel.wait(5) == 1
    assert "FileNotFoundError" in (directory / "kernel.log").read_text()
    assert zygote.ready()


def test_folders_of_kernels_are_private_and_short_enough_for_sockets(zygote: Zygote) -> None:
    directory = zygote.new_directory()
    assert directory.stat().st_mode & 0o777 == 0o700 == directory.parent.stat().st_mode & 0o777
    assert len(os.fsencode(directory / "kernel-5")) <= SOCKET_PATH


def test_no_folder_outlives_its_run_nor_its_zygote(zygote: Zygote, tmp_path: Path) -> None:
    parent = zygote.new_directory().parent
    before = set(parent.iterdir())
    execute(write(tmp_path, "1"), tmp_path / "out.ipynb", zygote=zygote, timeout=60)
    assert set(parent.iterdir()) == before
    forgotten = Zygote(warm=False)
    folder = forgotten.new_directory().parent
    del forgotten
    assert not folder.exists()


def test_a_temporary_folder_with_a_long_name_is_not_used_for_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with Zygote(warm=False) as cold:
        assert len(os.fsencode(cold.new_directory() / "kernel-5")) <= SOCKET_PATH
        assert execute(write(tmp_path, "1"), tmp_path / "out.ipynb", zygote=cold, timeout=60).error == ""


@pytest.mark.slow
def test_the_warm_parent_has_what_paper_runs_need_and_not_vectorbt_in_one_thread(tmp_path: Path) -> None:
    needed = ["pandas", "pypfopt", "cvxpy", "sklearn", "sqlalchemy", "exchange_calendars"]
    unwanted = ["vectorbt", "numba", "plotly", "papermill", "skfolio"]
    chosen_in_the_kernel = ["matplotlib"]  # it reads once, when it is imported, where its figures go
    names = [*needed, *unwanted, *chosen_in_the_kernel]
    cell = f"import sys, os; print([n for n in {names} if n in sys.modules], os.getppid())"
    with Zygote() as zygote:
        execute(write(tmp_path, cell), tmp_path / "out.ipynb", zygote=zygote, timeout=100)
        printed = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[0].outputs[0].text
        assert printed.strip() == f"{needed} {zygote.pid}"
        assert len(os.listdir(f"/proc/{zygote.pid}/task")) == 1


# ---- cold kernels --------------------------------------------------------------------------------------------------
def test_a_cold_kernel_does_the_same(tmp_path: Path) -> None:
    with Zygote(warm=False) as cold:
        assert cold.pid is None and cold.ready()
        done = execute(write(tmp_path, "1", "2"), tmp_path / "out.ipynb", zygote=cold, timeout=60)
        assert done.status is RunStatus.SUCCEEDED
        killed = execute(write(tmp_path, "import os; os.kill(os.getpid(), 9)"), tmp_path / "out.ipynb", zygote=cold)
        assert killed.error.startswith("DeadKernelError") and killed.seconds < 20
        kernel = start(cold)
        assert not kernel.warm and kernel.poll() is None
        kernel.close()
        until(lambda: gone(kernel.pid))


# ---- death ---------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_killed_warm_parent_takes_its_kernels_along_and_is_replaced(tmp_path: Path) -> None:
    with Zygote(preload=SMALL) as zygote:
        until(zygote.ready, 60)
        kernel, first = start(zygote), zygote.pid
        until(lambda: kernel.ready, 10)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert until(lambda: gone(kernel.pid)) < 2
        assert kernel.wait(1) == -signal.SIGKILL
        done = execute(write(tmp_path, "1"), tmp_path / "out.ipynb", zygote=zygote, timeout=100)
        assert done.status is RunStatus.SUCCEEDED
        assert zygote.pid != first
        directory = zygote.new_directory().parent
    assert not directory.exists()
    with pytest.raises(RunFailed, match="was closed"):
        start(zygote)


RUNNER = """
import sys, time
from pathlib import Path
from aura_lib.jobs.execute import execute
from aura_lib.jobs.kernels import Zygote

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    zygote = Zygote(preload=["ipykernel.kernelapp"])
    print(zygote.pid, zygote.new_directory().parent, flush=True)
    execute(folder / "in.ipynb", folder / "out.ipynb", zygote=zygote, timeout=100)
"""
CELL = """
import os, subprocess, time
from pathlib import Path
child = subprocess.Popen(["sleep", "600"])
Path("aside").write_text(f"{os.getpid()} {child.pid}")
Path("aside").rename("pids")
try:
    time.sleep(600)
finally:
    child.kill()
    Path("cleaned").touch()
"""


def runner(folder: Path, text: str = RUNNER) -> subprocess.Popen[str]:
    """A runner process whose notebook is in the middle of its second cell."""
    write(folder, "print('first')", CELL)
    (folder / "runner.py").write_text(text)
    process = subprocess.Popen(
        [sys.executable, str(folder / "runner.py"), str(folder)], stdout=subprocess.PIPE, text=True,
        env={**environment(), "PYTHONPATH": str(Path(execute.__code__.co_filename).parents[2])},
        start_new_session=True,
    )  # fmt: skip
    until(lambda: (folder / "pids").exists() or process.poll() is not None, 60)
    return process


@pytest.mark.slow
def test_a_killed_runner_leaves_no_process_and_no_folder_behind(tmp_path: Path) -> None:
    process = runner(tmp_path)
    assert process.stdout is not None
    zygote, directory = process.stdout.readline().split()
    kernel, child = (int(pid) for pid in (tmp_path / "pids").read_text().split())
    process.kill()
    process.wait()
    for pid in (kernel, child, int(zygote)):
        assert until(lambda pid=pid: gone(pid)) < 3  # type: ignore[misc]
    until(lambda: not Path(directory).exists())
    assert not (tmp_path / "cleaned").exists()
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).metadata.aura == {"status": "running"}


@pytest.mark.slow
def test_ctrl_c_interrupts_the_kernel_saves_the_output_and_comes_out(tmp_path: Path) -> None:
    process = runner(tmp_path)
    kernel, child = (int(pid) for pid in (tmp_path / "pids").read_text().split())
    start_of_end = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    assert process.wait(10) in (130, -signal.SIGINT, 1)
    assert time.monotonic() - start_of_end < 5
    assert (tmp_path / "cleaned").exists() and gone(kernel) and gone(child)
    nb = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert nb.metadata.aura == {"status": "failed", "error": "Stopped: the run was asked to stop"}
    assert [c.metadata.papermill.status for c in nb.cells if c.cell_type == "code"] == ["completed", "failed"]


EDITS = """
import os
import sys
from pathlib import Path
import nbformat
import aura_lib
from aura_lib.jobs.execute import execute
from aura_lib.jobs.kernels import Zygote

if __name__ == "__main__":
    folder, source = Path(sys.argv[1]), Path(aura_lib.__file__).parent / "core" / "times.py"
    with Zygote(preload=["ipykernel.kernelapp", "aura_lib.core"]) as zygote:
        for number in (1, 2):
            source.write_text(source.read_text().partition("MARK")[0] + f"MARK = {number}")
            os.utime(source, ns=(10**18 + number,) * 2)  # in the same second: a .pyc could not tell
            done = execute(folder / "in.ipynb", folder / "out.ipynb", zygote=zygote, timeout=100)
            printed = nbformat.read(folder / "out.ipynb", as_version=4).cells[0].outputs[0].text
            print(done.status.value, zygote.pid, printed.strip())
"""


@pytest.mark.slow
def test_an_edited_aura_lib_is_what_the_next_run_executes(tmp_path: Path) -> None:
    package = Path(execute.__code__.co_filename).parents[1]
    shutil.copytree(package, tmp_path / "aura_lib", ignore=shutil.ignore_patterns("__pycache__"))
    write(tmp_path, "from aura_lib.core import times; print(times.MARK)")
    (tmp_path / "edits.py").write_text(EDITS)
    env = {**environment(), "PYTHONPATH": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, str(tmp_path / "edits.py"), str(tmp_path)], env=env, text=True, capture_output=True, check=True
    )
    (first, one, mark_one), (second, two, mark_two) = (line.split() for line in told.stdout.splitlines())
    assert (first, mark_one, second, mark_two) == ("succeeded", "1", "succeeded", "2")
    assert one != two


def test_a_warm_parent_that_cannot_start_gives_cold_kernels_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Zygote(preload=("not_there",)) as zygote:
        for _ in range(2):
            assert execute(write(tmp_path, "1"), tmp_path / "out.ipynb", zygote=zygote, timeout=60).error == ""
        assert zygote.pid is None
    said = [record.getMessage() for record in caplog.records if record.name.startswith("aura_lib")]
    assert said and all("No module named 'not_there'" in line for line in said)
