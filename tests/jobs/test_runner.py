"""The runner: what it keeps of a run, what it refuses, and what it calls a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from aura_lib.core import InputError, RunFailed, Settings
from aura_lib.jobs.kernels import Zygote
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import SYSTEM, Ledger

PARAMETERS = """\
top: int = 3  # names held
schedule: str = "XNYS month-end close"  # when it decides
mode: str = "research"  # research, paper or live
as_of: str = "1991-12-31"  # end of history
book: str = "m"  # whose holdings"""
RUN = """\
import aura_lib as aura
import my_rule
bars = aura.data.load(start="1990-01-02", as_of=as_of)
mandate = aura.Mandate(bars.symbols)
aura.run(my_rule.decide, bars, mandate, params=dict(top=top), schedule=schedule, mode=mode, as_of=as_of, book=book)"""
RULE = """\
import aura_lib as aura


def decide(market, account, mandate, top):
    chosen = market.symbols[:top]
    return aura.TargetWeights(dict.fromkeys(chosen, 0.9 / top), market.as_of)
"""


def write(folder: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    nb = nbformat.v4.new_notebook()
    nb.cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    nb.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    file = folder / "idea.ipynb"
    nbformat.write(nb, file)
    return file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "my_rule.py").write_text(RULE)
    return tmp_path


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as warm:
        yield warm


@pytest.fixture
def runner(project: Path, aura_home: Path, zygote: Zygote) -> Iterator[Runner]:
    settings = Settings.load()
    with Ledger.open(settings) as ledger, Runner(settings, ledger, project, zygote) as opened:
        yield opened


@pytest.mark.slow
def test_research_leaves_a_run_a_trial_and_evidence_that_name_what_decided(runner: Runner, project: Path) -> None:
    run = runner.research(write(project, RUN), {"top": 2})
    (evidence,) = runner.ledger.evidence()
    assert (run.status, run.notebook, run.parameters["top"]) == ("succeeded", "idea.ipynb", 2)
    assert (evidence.run, evidence.binding, evidence.parameters["top"]) == (run.id, run.binding, 2)
    assert "my_rule.py" in evidence.sources and "aura_lib/plan.py" in evidence.sources
    assert "mode" not in evidence.parameters
    assert evidence.statistics["n_slots"] == 24 and evidence.snapshot == run.snapshot != ""
    assert Path(run.output).is_file()
    again = runner.research(write(project, RUN), {"top": 2})
    assert again.binding == run.binding
    assert len(runner.ledger.journal.entries(SYSTEM, kinds=("trial",))) == 1, "the same trial counts once"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("1 / 0", r"cell 3: ZeroDivisionError"),
        ("import os\nos.kill(os.getpid(), 9)", r"cell 3: DeadKernelError.*SIGKILL"),
        ("exit()", r"cell 3: SystemExit"),
    ],
)
def test_a_notebook_that_does_not_reach_its_end_vouches_for_nothing(
    runner: Runner, project: Path, cell: str, error: str
) -> None:
    with pytest.raises(RunFailed, match=error):
        runner.research(write(project, RUN, cell))
    (run,) = runner.ledger.runs()
    assert run.status == "failed" and run.ended is not None
    assert runner.ledger.evidence() == []
    assert Path(run.output).is_file(), "what there was is kept"


@pytest.mark.slow
def test_a_notebook_that_never_calls_run_fails(runner: Runner, project: Path) -> None:
    with pytest.raises(RunFailed, match=r"without calling aura\.run"):
        runner.research(write(project, "print(1)"))


@pytest.mark.slow
def test_a_source_edited_while_the_notebook_ran_spoils_the_run(runner: Runner, project: Path) -> None:
    edit = f"open({str(project / 'my_rule.py')!r}, 'a').write('# later')"
    with pytest.raises(RunFailed, match=r"sources changed while it ran.*my_rule\.py"):
        runner.research(write(project, RUN, edit))
    assert runner.ledger.evidence() == []


@pytest.mark.slow
def test_paper_in_a_run_without_a_token_is_refused(runner: Runner, project: Path) -> None:
    forced = RUN.replace("mode=mode", 'mode="paper"')
    with pytest.raises(RunFailed, match=r"PermissionDenied.*no run token"):
        runner.research(write(project, forced))


def test_bad_parameters_stop_before_a_run_exists(runner: Runner, project: Path) -> None:
    file = write(project, RUN)
    for given, message in (
        ({"tpo": 1}, "did you mean 'top'"),
        ({"top": "two"}, "top must be int"),
        ({"x=1;import os": 1}, "no name of a parameter"),
        ({"top": float("nan")}, "top must be int"),
    ):
        with pytest.raises(InputError, match=message):
            runner.research(file, given)
    assert runner.ledger.runs() == []


def test_a_notebook_without_parameters_cell_is_refused(runner: Runner, project: Path) -> None:
    file = write(project, RUN)
    nb = nbformat.read(file, as_version=4)
    nb.cells[0].metadata.pop("tags")
    nbformat.write(nb, file)
    with pytest.raises(InputError, match="tag exactly one code cell"):
        runner.research(file)
    with pytest.raises(InputError, match="no notebook at"):
        runner.research(project / "gone.ipynb")
