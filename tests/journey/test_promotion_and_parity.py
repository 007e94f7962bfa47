"""What was not tested may not trade, and what trades otherwise than tested is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from aura_lib.core import Settings
from aura_lib.ledger import Ledger
from tests.journey.conftest import Journey, aura

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

NOTEBOOK = Path("notebooks") / "strategies" / "momentum.ipynb"


def edit_cell(project: Path, before: str, after: str) -> None:
    """Change the source of the one cell that holds a text."""
    nb = nbformat.read(project / NOTEBOOK, as_version=4)
    (cell,) = [c for c in nb.cells if c.cell_type == "code" and before in c.source]
    cell.source = cell.source.replace(before, after)
    nbformat.write(nb, project / NOTEBOOK)


def edit_file(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


# ---- promotion -----------------------------------------------------------------------------------------------------
def code_cells(project: Path) -> None:
    edit_cell(project, "head(top).round(3)", "head(top).round(4)")


def default_parameter(project: Path) -> None:
    edit_cell(project, "max_weight: float = 0.35", "max_weight: float = 0.45")


def strategy_module(project: Path) -> None:
    with (project / "aura_lib" / "strategies" / "momentum.py").open("a") as file:
        file.write("\n# edited after the test\n")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (code_cells, "its code cells were edited after the test"),
        (default_parameter, "max_weight 0.35 → 0.45"),
        (strategy_module, "sources edited after the test: aura_lib/strategies/momentum.py"),
    ],
)
def test_what_was_edited_after_its_test_is_refused_with_the_reason(
    copied: Path, project_copy: Path, edit: Callable[[Path], None], reason: str
) -> None:
    edit(project_copy)
    promote = aura(copied, "promote", str(NOTEBOOK), "--to", "paper", root=project_copy)
    assert promote.returncode == 8, promote.stderr[-1500:]
    assert reason in promote.stderr.replace("\n", " ")
    run = aura(copied, "job", "run", "momentum_paper", "--from", "2022-12-30", "--to", "2022-12-30", root=project_copy)
    assert run.returncode in (3, 8), run.stderr[-1500:]


def test_the_unedited_copy_and_an_edited_text_cell_are_promoted(copied: Path, project_copy: Path) -> None:
    nb = nbformat.read(project_copy / NOTEBOOK, as_version=4)
    nb.cells[0].source += "\n\nA thought that came later."
    nbformat.write(nb, project_copy / NOTEBOOK)
    promote = aura(copied, "promote", str(NOTEBOOK), "--json", root=project_copy)
    assert promote.returncode == 0, promote.stderr[-1500:]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--set", "top=6"], 8, "top 5 → 6"),
        (["--set", "tpo=6"], 2, "did you mean 'top'"),
        (["--set", "top=many"], 2, "top must be int"),
        (["--set", "x=1;import os"], 2, "no parameter 'x'"),
        (["--to", "live"], 8, "live"),
        (["--to", "moon"], 2, "paper or live"),
    ],
)
def test_other_parameters_and_other_accounts_are_refused(
    journey: Journey, arguments: list[str], code: int, reason: str
) -> None:
    refused = aura(journey.home, "promote", str(NOTEBOOK), *arguments)
    assert refused.returncode == code, refused.stderr[-1500:]
    assert reason in refused.stderr.replace("\n", " ")


def test_a_refused_slot_leaves_a_refused_run_and_no_order(copied: Path, project_copy: Path, tmp_path: Path) -> None:
    """The job itself, on an account of its own, with an edited notebook: no kernel starts, the Run says why."""
    edit_cell(project_copy, "head(top).round(3)", "head(top).round(4)")
    job = project_copy / "jobs" / "edited.yaml"
    job.write_text(f"notebook: {NOTEBOOK}\nmode: paper\nbook: e\naccount: second\n")
    refused = aura(copied, "job", "run", "edited", "--from", "2022-01-31", "--to", "2022-01-31", root=project_copy)
    assert refused.returncode == 8 and "code cells were edited" in refused.stderr.replace("\n", " ")
    with Ledger.open(Settings.load({"AURA_HOME": str(copied)})) as ledger:
        (run,) = ledger.runs("edited")
        assert run.status == "refused" and "edited" in run.error
        assert ledger.account("second").orders == {}
        assert ledger.journal.verify().ok


# ---- parity --------------------------------------------------------------------------------------------------------
def tamper(home: Path, change: Callable[[dict], None]) -> None:
    """Change one recorded fill behind the ledger's back."""
    with sqlite3.connect(home / "ledger.db") as database:
        database.execute("DROP TRIGGER journal_no_update")
        seq, body = database.execute(
            "SELECT seq, body FROM journal WHERE kind = 'fill' ORDER BY seq LIMIT 1 OFFSET 9"
        ).fetchone()
        entry = json.loads(body)
        change(entry["fill"])
        database.execute("UPDATE journal SET body = ? WHERE seq = ?", (json.dumps(entry), seq))
    database.close()


def more(name: str) -> Callable[[dict], None]:
    def change(fill: dict) -> None:
        fill[name] = str(float(fill[name]) + 0.01)

    return change


@pytest.mark.parametrize("name", ["price", "fee"])
def test_a_planted_difference_of_price_or_fee_is_found_and_the_ledger_names_it(copied: Path, name: str) -> None:
    tamper(copied, more(name))
    told = aura(copied, "parity", "momentum_paper", "--json")
    found = json.loads(told.stdout)
    assert told.returncode == 1
    assert [(d["kind"], d["what"].split()[-1]) for d in found["differences"]] == [("fill", name)]
    verify = aura(copied, "ledger", "verify")
    assert verify.returncode == 9 and "content was changed" in verify.stdout


def test_a_planted_difference_of_a_parameter_is_found(copied: Path, project_copy: Path) -> None:
    edit_file(project_copy / "jobs" / "momentum_paper.yaml", "lookback: 126", "lookback: 63")
    told = aura(copied, "parity", "momentum_paper", "--json", root=project_copy)
    found = json.loads(told.stdout)
    assert told.returncode == 1 and {d["kind"] for d in found["differences"]} >= {"intent", "fill"}


def test_a_planted_difference_of_code_is_found(copied: Path, project_copy: Path) -> None:
    edit_cell(project_copy, "decide = aura.strategies.momentum.decide", DOUBTER)
    told = aura(copied, "parity", "momentum_paper", "--json", root=project_copy)
    found = json.loads(told.stdout)
    assert told.returncode == 1, told.stderr[-1500:]
    assert found["compared"]["slot"] == 12 and {d["kind"] for d in found["differences"]} >= {"intent", "fill"}


DOUBTER = """\
def decide(market, account, mandate, **rule):
    wish = aura.strategies.momentum.decide(market, account, mandate, **rule)
    return aura.TargetWeights({s: w * 0.999 for s, w in wish.weights.items()}, wish.as_of)"""


def test_parity_of_the_untouched_demo_holds_when_asked_again(journey: Journey) -> None:
    told = aura(journey.home, "parity", "momentum_paper", "--json")
    assert told.returncode == 0, told.stderr[-1500:]
    found = json.loads(told.stdout)
    assert found["differ"] == 0 and found["compared"] == journey.answer["parity"]


def test_a_kernel_of_a_paper_run_never_imports_vectorbt(copied: Path, project_copy: Path) -> None:
    """The notebook itself says what it loaded, as the last cell of a run that the runner executed."""
    nb = nbformat.read(project_copy / NOTEBOOK, as_version=4)
    nb.cells.append(nbformat.v4.new_code_cell('import sys as system\nassert "vectorbt" not in system.modules'))
    nbformat.write(nb, project_copy / NOTEBOOK)
    parity = aura(copied, "parity", "momentum_paper", "--json", root=project_copy)
    assert parity.returncode == 0, parity.stderr[-1500:]


def test_an_output_never_holds_the_run_token(journey: Journey) -> None:
    with Ledger.open(Settings.load({"AURA_HOME": str(journey.home)})) as ledger:
        outputs = [Path(run.output) for run in ledger.runs()]
    assert outputs
    for output in outputs:
        assert "AURA_RUN" not in output.read_text(encoding="utf-8")
