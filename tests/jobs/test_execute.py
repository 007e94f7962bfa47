"""Executing notebooks: real kernels, and the truth about how each run ended."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aura_lib.core import InputError, RunStatus
from aura_lib.jobs.execute import Execution, execute
from aura_lib.jobs.kernels import Zygote, environment

SECRET = "a-secret-of-the-runner"


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNNER_PASSWORD", SECRET)  # in the runner's environment when the warm parent starts
        with Zygote(preload=("ipykernel.kernelapp", "pandas")) as parent:
            while not parent.ready():
                time.sleep(0.02)
            yield parent


Run = Callable[..., Execution]


@pytest.fixture
def run(zygote: Zygote, tmp_path: Path) -> Run:
    """Execute cells as a notebook; the output is at `out.ipynb`."""

    def execute_cells(*cells: Any, parameters: str = "", given: dict[str, Any] | None = None, **how: Any) -> Execution:
        path = tmp_path / "in.ipynb"
        nbformat.write(notebook(*cells, parameters=parameters), path)
        return execute(path, tmp_path / "out.ipynb", given, **{"zygote": zygote, "timeout": 60.0, **how})

    return execute_cells


def notebook(*cells: Any, parameters: str = "") -> Any:
    made = [new_code_cell(c) if isinstance(c, str) else c for c in cells]
    if parameters:
        made.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    return new_notebook(cells=made)


def output(tmp_path: Path) -> Any:
    nb = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    nbformat.validate(nb)
    return nb


def said(tmp_path: Path) -> str:
    """What the cells printed."""
    streams = [o for c in output(tmp_path).cells for o in c.get("outputs", []) if o.output_type == "stream"]
    return "".join(o.text for o in streams)


def statuses(tmp_path: Path) -> list[str]:
    return [c.metadata.papermill.status for c in output(tmp_path).cells if c.cell_type == "code"]


# ---- success -------------------------------------------------------------------------------------------------------
def test_a_run_leaves_an_output_with_its_parameters_results_and_end_mark(run: Run, tmp_path: Path) -> None:
    news: list[tuple[int, int, str]] = []
    done = run(
        new_markdown_cell("# text"), "print(n * 2)", "", "n + 1", parameters="n: int = 1", given={"n": 20},
        on_cell=lambda done, total: news.append((done, total, threading.current_thread().name)),
    )  # fmt: skip
    assert (done.status, done.error, done.cell) == (RunStatus.SUCCEEDED, "", None)
    nb = output(tmp_path)
    assert said(tmp_path) == "40\n"
    assert nb.cells[-1].outputs[0].data["text/plain"] == "21"
    assert nb.metadata.papermill.parameters == {"n": 20}
    assert nb.metadata.aura == {"status": "succeeded"}
    assert statuses(tmp_path) == ["completed"] * 5
    assert news == [(i, 4, "MainThread") for i in range(5)]
    assert os.listdir(tmp_path).count(".out.ipynb.part") == 0


def test_parameters_not_given_keep_their_defaults_and_odd_text_arrives_whole(run: Run, tmp_path: Path) -> None:
    odd = ['"', "'", '"""', "\\", "\\n", "\n", "{x}", "%s", "é🙂\u2028\x00", "# no comment", "a=b", "", "\\'\"\\"]
    cells = "import json; print(json.dumps([odd, k, f, flag, nothing]))"
    given = {"odd": odd, "f": 1e-17, "flag": True}
    parameters = "odd: list[str] = []\nk: int = -7\nf: float = 1.5\nflag: bool = False\nnothing: str | None = None"
    assert run(cells, parameters=parameters, given=given).status is RunStatus.SUCCEEDED
    assert json.loads(said(tmp_path)) == [odd, -7, 1e-17, True, None]


def test_the_kernel_is_this_interpreter_whatever_kernels_are_installed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "share" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    run("import sys; print(sys.executable)")
    assert said(tmp_path).strip() == sys.executable


def test_nobodys_ipython_configuration_or_start_up_files_count(run: Run, tmp_path: Path) -> None:
    for name, text in {
        "startup/10.py": "started = True",
        "ipython_config.py": "c.InteractiveShellApp.exec_lines = ['started = True']",
    }.items():
        file = tmp_path / ".ipython" / "profile_default" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "start.py").write_text("started = True")
    env = {
        **environment(), "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / ".ipython"),
        "PYTHONSTARTUP": str(tmp_path / "start.py"),
    }  # fmt: skip
    assert run("print('started' in globals())", env=env).error == ""
    assert said(tmp_path) == "False\n"


@pytest.mark.parametrize("warm", [True, False])
def test_a_kernel_sees_the_environment_it_is_given_and_no_secret_of_the_runner(
    run: Run, tmp_path: Path, warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_PASSWORD", SECRET)
    look = (
        "import os, json\n"
        "raw = open('/proc/self/environ').read() + open(f'/proc/{os.getppid()}/environ').read() * WARM\n"
        "print(json.dumps([dict(os.environ), raw, os.getcwd(), os.environ['GIVEN']]))"
    ).replace("WARM", str(int(warm)))
    how = {} if warm else {"zygote": None}
    assert run(look, env={**environment(), "GIVEN": "x"}, cwd=tmp_path, **how).error == ""
    seen, raw, cwd, given = json.loads(said(tmp_path))
    assert (cwd, given) == (str(tmp_path), "x")
    assert SECRET not in raw and "RUNNER_PASSWORD" not in seen
    assert {name for name in seen if name.startswith("AURA_")} == set()


def test_two_forks_do_not_draw_the_same_random_numbers(run: Run, tmp_path: Path) -> None:
    drawn = []
    for _ in range(2):
        run(
            "import random, json, numpy as np, uuid, tempfile\n"
            "fresh = np.random.default_rng().random()\n"
            "print(json.dumps([random.random(), np.random.rand(), fresh, str(uuid.uuid4())]))"
        )
        drawn += json.loads(said(tmp_path))
    assert len(set(drawn)) == 8


def test_modules_beside_the_notebook_come_first_and_an_edit_counts_at_once(run: Run, tmp_path: Path) -> None:
    for folder in ("beside", "root"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "where.py").write_text(f"x = {folder!r}")
    (tmp_path / "root" / "only.py").write_text("y = 1")
    path = os.pathsep.join(str(tmp_path / f) for f in ("beside", "root"))
    env = {**environment(), "PYTHONPATH": path}
    cell = "import where, only, sys; print(where.x, only.y)"
    run(cell, env=env, cwd=tmp_path / "root")
    before = said(tmp_path)
    stamp = (tmp_path / "root" / "only.py").stat()
    (tmp_path / "root" / "only.py").write_text("y = 2")
    os.utime(tmp_path / "root" / "only.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    run(cell, env=env, cwd=tmp_path / "root")
    assert (before, said(tmp_path)) == ("beside 1\n", "beside 2\n")


def test_two_runs_at_a_time_keep_apart(zygote: Zygote, tmp_path: Path) -> None:
    def one(name: str) -> Execution:
        folder = tmp_path / name
        folder.mkdir()
        nbformat.write(
            notebook("import os, time; time.sleep(0.3); print(os.getcwd(), n)", parameters="n: str = ''"),
            folder / "in.ipynb",
        )
        return execute(folder / "in.ipynb", folder / "out.ipynb", {"n": name}, zygote=zygote, timeout=60)

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(one, "abcd"))
    assert [e.status for e in ended] == [RunStatus.SUCCEEDED] * 4
    assert len({e.kernel_pid for e in ended}) == 4
    assert [said(tmp_path / name) for name in "abcd"] == [f"{tmp_path / name} {name}\n" for name in "abcd"]


def test_what_a_cell_prints_line_by_line_is_one_output(run: Run, tmp_path: Path) -> None:
    run("import sys\nfor i in range(300):\n    print(i, flush=True)")
    assert [len(c.outputs) for c in output(tmp_path).cells] == [1]
    assert said(tmp_path).split() == [str(i) for i in range(300)]


def test_a_flood_of_outputs_arrives_whole(run: Run, tmp_path: Path) -> None:
    # Faster than they are read: by default zmq throws away what is more than 1,000 messages ahead.
    cell = "for i in range(5000):\n    show({'text/plain': 'x' * 3000})"
    assert run("from IPython.display import publish_display_data as show", cell).error == ""
    assert len(json.loads((tmp_path / "out.ipynb").read_text())["cells"][1]["outputs"]) == 5000


# ---- failure -------------------------------------------------------------------------------------------------------
def test_a_failing_cell_is_named_and_the_later_ones_are_not_called_complete(run: Run, tmp_path: Path) -> None:
    failed = run("a = 1", new_markdown_cell("x"), "print('here')\nboom = 1 / 0", "b = 2", parameters="n: int = 1")
    assert (failed.status, failed.error, failed.cell) == (RunStatus.FAILED, "ZeroDivisionError: division by zero", 3)
    assert "boom = 1 / 0" in "\n".join(failed.traceback) and "\x1b" not in "".join(failed.traceback)
    assert statuses(tmp_path) == ["completed", "completed", "completed", "failed", "pending"]
    nb = output(tmp_path)
    assert nb.metadata.papermill.exception is True
    assert nb.metadata.aura == {"status": "failed", "error": "ZeroDivisionError: division by zero"}
    assert said(tmp_path) == "here\n"
    assert "papermill-error-cell-tag" in nb.cells[0].metadata.tags


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise SystemExit", "SystemExit"),
        ("exit()", "SystemExit: the cell asked the kernel to exit"),
        ("import os; os._exit(0)", "DeadKernelError: the kernel ended itself with exit code 0"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "DeadKernelError: the kernel was killed by SIGKILL (out of memory, or by hand)",
        ),
        ("import ctypes; ctypes.string_at(0)", "DeadKernelError: the kernel was killed by SIGSEGV"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_whatever_ends_a_cell_early_is_a_failure_within_a_second_or_two(
    run: Run, tmp_path: Path, cell: str, error: str
) -> None:
    failed = run("1", cell, "2")
    assert (failed.status, failed.cell) == (RunStatus.FAILED, 2)
    assert failed.error.startswith(error)
    assert failed.seconds < 5
    assert statuses(tmp_path) == ["completed", "failed", "pending"]
    assert any(o.output_type == "error" for c in output(tmp_path).cells for o in c.get("outputs", []))


def test_an_error_of_many_lines_is_told_in_one(run: Run) -> None:
    assert run("raise ValueError('one\\ntwo')").error == "ValueError: one"


def test_a_crash_in_c_leaves_its_python_traceback(run: Run) -> None:
    failed = run("import ctypes\ndef crash():\n    ctypes.string_at(0)\ncrash()")
    assert "in crash" in "\n".join(failed.traceback)


def test_a_kernel_killed_from_outside_is_noticed_within_a_second(run: Run, tmp_path: Path) -> None:
    failed = run(
        "import os, threading, time\nprint(time.time(), flush=True)\n"
        "threading.Timer(0.5, os.kill, (os.getpid(), 9)).start()\ntime.sleep(60)"
    )
    assert failed.error.startswith("DeadKernelError")
    assert time.time() - float(said(tmp_path)) < 0.5 + 1.5


def test_no_tag_hides_an_error_or_skips_a_cell(run: Run, tmp_path: Path) -> None:
    hidden = new_code_cell("1 / 0", metadata={"tags": ["raises-exception", "skip-execution"]})
    assert run(hidden, "2").error.startswith("ZeroDivisionError")
    assert statuses(tmp_path) == ["failed", "pending"]


def test_a_run_past_its_time_is_interrupted_and_shows_where_it_was(run: Run, tmp_path: Path) -> None:
    failed = run("x = 0\ntry:\n    while True:\n        x += 1\nfinally:\n    print('flat')", "never = 1", timeout=1.5)
    assert (failed.status, failed.error, failed.cell) == (
        RunStatus.FAILED,
        "Timeout: the run reached its time limit",
        1,
    )
    assert 1.5 <= failed.seconds < 4
    assert said(tmp_path) == "flat\n"
    assert "KeyboardInterrupt" in [o.get("ename") for c in output(tmp_path).cells for o in c.get("outputs", [])]


def test_a_run_that_ignores_the_interrupt_is_killed_and_one_that_survives_it_still_failed(run: Run) -> None:
    deaf = "import time, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    assert (ended := run(deaf, timeout=1.0)).error.startswith("Timeout")
    assert ended.seconds < 8
    survivor = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass"
    assert run(survivor, "2", timeout=1.0).error.startswith("Timeout")


def test_the_time_limit_is_for_the_whole_run(run: Run) -> None:
    failed = run(*["import time; time.sleep(0.4)"] * 20, timeout=2.0)
    assert failed.error.startswith("Timeout") and failed.seconds < 5


def test_a_run_can_be_stopped_from_another_thread(run: Run, tmp_path: Path) -> None:
    stop = threading.Event()
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    stopped = run("import time\ntime.sleep(60)", stop=stop)
    assert stopped.error == "Stopped: the run was asked to stop"
    assert stopped.seconds < 4


def test_what_a_notebook_started_dies_with_its_kernel(run: Run, tmp_path: Path) -> None:
    cell = "import os, subprocess\nopen('pid', 'w').write(str(subprocess.Popen(['sleep', '600']).pid))\nos._exit(0)"
    run(cell, cwd=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 3
    while Path(f"/proc/{pid}").exists() and _state(pid) != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists() or _state(pid) == "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_an_error_of_who_listens_ends_the_run_and_comes_out(run: Run, tmp_path: Path) -> None:
    def listen(done: int, total: int) -> None:
        if done == 1:
            raise ValueError("not my day")

    with pytest.raises(ValueError, match="not my day"):
        run("1", "import time; time.sleep(60)", on_cell=listen)
    assert output(tmp_path).metadata.aura["status"] == "failed"


def test_a_kernel_that_cannot_start_says_why(run: Run, tmp_path: Path) -> None:
    failed = run("1", cwd=tmp_path / "gone")
    assert (failed.status, failed.cell) == (RunStatus.FAILED, None)
    assert "gone" in failed.error + "".join(failed.traceback)
    assert failed.seconds < 5


def test_input_that_does_not_fit_is_refused_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 cells tagged `parameters`"):
        run("1", given={"n": 1})
    with pytest.raises(InputError, match="no name of a parameter"):
        run("1", parameters="n: int = 1", given={"n=1;import os;x": 1})
    with pytest.raises(InputError, match="timeout must be"):
        run("1", timeout=0)
    assert not (tmp_path / "out.ipynb").exists()


def test_paths_are_taken_as_they_are(zygote: Zygote, tmp_path: Path) -> None:
    folder = tmp_path / "{n} %s {0}"
    folder.mkdir()
    nbformat.write(notebook("print(n)", parameters="n: int = 1"), folder / "{x}.ipynb")
    assert execute(folder / "{x}.ipynb", folder / "{y}.ipynb", {"n": 5}, zygote=zygote).error == ""
    assert nbformat.read(folder / "{y}.ipynb", as_version=4).metadata.papermill.output_path == str(folder / "{y}.ipynb")


def test_while_it_runs_the_output_is_whole_and_says_so(run: Run, tmp_path: Path) -> None:
    seen: list[str] = []

    def listen(done: int, total: int) -> None:
        seen.append(json.loads((tmp_path / "out.ipynb").read_text())["metadata"]["aura"]["status"])

    run(*["1"] * 5, on_cell=listen)
    assert set(seen[:-1]) == {"running"}
