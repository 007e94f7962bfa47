"""`%%aura backtest` in a real IPython: the cell's `decide` over history, counted, shown, and left as `backtest`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from aura_lib import backtest
from aura_lib.core import Mandate
from aura_lib.ledger import SYSTEM, Ledger
from tests.backtest.scenarios import hold, market_of

DECIDE = """
def decide(market, account, mandate, share=0.5):
    return aura.TargetWeights({mandate.universe[0]: share}, market.as_of)
"""


@dataclass
class Shown:
    """What a cell showed: its HTML, its text, its error if it had one."""

    html: str
    text: str
    error: BaseException | None


@pytest.fixture
def notebook(shell: InteractiveShell) -> InteractiveShell:
    shell.colors = "nocolor"
    shell.user_ns["bars"] = market_of(np.random.default_rng(1), 300, 3)
    shell.run_cell("import aura_lib as aura")
    return shell


def run(shell: InteractiveShell, line: str, cell: str = DECIDE) -> Shown:
    with capture_output() as captured:
        result = shell.run_cell(f"%%aura {line}\n{cell}")
    html = "".join(output.data.get("text/html", "") for output in captured.outputs)
    return Shown(html, captured.stdout + captured.stderr, result.error_before_exec or result.error_in_exec)


def trials() -> list[Any]:
    with Ledger.open() as ledger:
        return [entry.body for entry in ledger.journal.entries(SYSTEM, kinds=("trial",))]


def test_it_is_the_backtest_of_the_cell_s_decide_on_the_notebook_s_bars(notebook: InteractiveShell) -> None:
    shown = run(notebook, "backtest")
    bars = notebook.user_ns["bars"]
    same = backtest.run(hold({"S00": 0.5}), bars, Mandate(bars.symbols), schedule="XNYS month-end close")
    found = notebook.user_ns["backtest"]
    assert shown.error is None and "<svg" in shown.html and "Sharpe ratio" in shown.html
    assert found.replay.fills == same.replay.fills and found.stats == same.stats
    assert callable(notebook.user_ns["decide"]), "the cell ran in the notebook"


def test_schedule_window_warmup_bars_mandate_and_parameters_are_taken_from_the_line(
    notebook: InteractiveShell,
) -> None:
    names = notebook.user_ns
    names["few"] = names["bars"].select(["S01", "S02"])
    names["mine"] = Mandate(("S02",), capital=50_000)
    names["params"] = {"share": 0.9}
    start, end = names["bars"].times[100], names["bars"].times[200]
    line = f'backtest bars=few mandate=mine schedule="XNYS week-end close" from={start:%Y-%m-%d} to={end:%Y-%m-%d}'
    assert run(notebook, f"{line} share=0.25 warmup=120").error is None
    found = names["backtest"]
    assert found.params == {"share": 0.25} and found.mandate is names["mine"]
    assert (found.bars.start, found.bars.end) == (few_time(names, 120), few_time(names, 200))
    assert found.schedule == "XNYS week-end close" and {fill.symbol for fill in found.replay.fills} == {"S02"}
    run(notebook, line)
    assert names["backtest"].params == {"share": 0.9}, "params of the notebook, where the line says nothing"


def few_time(names: dict[str, Any], row: int) -> Any:
    return names["bars"].times[row].to_pydatetime(warn=False)


def test_the_cell_itself_may_define_bars_mandate_and_params(notebook: InteractiveShell) -> None:
    names = notebook.user_ns
    names["other"] = names.pop("bars").select(["S02"])
    shown = run(notebook, "backtest", "bars = other\nparams = {'share': 0.1}\n" + DECIDE)
    assert shown.error is None and names["backtest"].mandate.universe == ("S02",)
    assert names["backtest"].params == {"share": 0.1}


@pytest.mark.slow
def test_without_bars_it_takes_the_sample(notebook: InteractiveShell) -> None:
    del notebook.user_ns["bars"]
    assert run(notebook, "backtest from=2021-01-04").error is None
    assert notebook.user_ns["backtest"].bars.source == "sample"


def test_a_trial_is_counted_once_however_often_it_is_run(notebook: InteractiveShell) -> None:
    for line in ("backtest", "backtest", "backtest share=0.4"):
        run(notebook, line)
    first, second = trials()
    assert first["parameters"] == {} and second["parameters"] == {"share": 0.4}
    assert first["interactive"] is True and first["statistics"]["n_slots"] > 10
    run(notebook, "backtest", DECIDE.replace("universe[0]", "universe[1]"))
    assert len(trials()) == 3, "another code is another trial"


@pytest.mark.parametrize(
    ("line", "cell", "told"),
    [
        ("backtest", "x = 1", "the cell defines no decide. Write one function decide(market, account, mandate, ...)"),
        ("backtest", DECIDE + DECIDE, "the cell defines decide 2 times"),
        ("backtest", "decide = 3", "decide must be a function, not 3"),
        ("backtest", "def decide(market): ...", "Yours is decide(market)"),
        ("backtest", "def decide(market, account, mandate, window): ...", "missing a required argument: 'window'"),
        ("backtest sahre=1", DECIDE, "got an unexpected keyword argument 'sahre'. Yours is decide(market, account,"),
        ("backtest bars=nothing", DECIDE, "bars=nothing must be a Bars; nothing is not defined"),
        ("backtest mandate=aura", DECIDE, "mandate=aura must be a Mandate; aura is a module"),
        ("backtest fast", DECIDE, "'fast' must be name=value"),
        ("backtest share=1 share=2", DECIDE, "each name once"),
        ('backtest schedule="daily', DECIDE, "No closing quotation"),
        ("backtest schedule=daily", DECIDE, "'daily' is no schedule: write"),
        ("backtest warmup=long", DECIDE, "warmup=long must be a whole number of bars"),
        ("backtest from=1900-01-01", DECIDE, "reach outside the data: these bars (random) run from"),
        ("backtst", DECIDE, "there is only %%aura backtest; `%aura help`"),
        ("backtest", "def decide(market, account, mandate): return 5", "decide must return TargetWeights"),
        ("backtest", "def decide(a b): ...", "in line 2 of the cell: def decide(a b): ..."),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_traceback(
    notebook: InteractiveShell, line: str, cell: str, told: str
) -> None:
    shown = run(notebook, line, cell)
    assert shown.error is not None and told in shown.text
    assert shown.text.startswith("InputError: ") and "Traceback" not in shown.text
    assert "backtest" not in notebook.user_ns and not shown.html


FAULTS = {
    "return aura.TargetWeights({}['AAA'], market.as_of)": "KeyError: 'AAA'",
    "raise aura.AuraError('no idea')": "AuraError: no idea",
    "raise aura.core.DataError('no quote')": "DataError: no quote (slot ",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_inside_decide_shows_the_line_of_the_cell_and_nothing_of_ours(
    notebook: InteractiveShell, fault: str
) -> None:
    notebook.run_cell("import aura_lib.core")
    shown = run(notebook, "backtest", f"def decide(market, account, mandate):\n    {fault}\n")
    assert "Traceback (most recent call last)" in shown.text and FAULTS[fault] in shown.text
    assert f"----> 3     {fault}" in shown.text, "the magic's own line is the first"
    assert not [word for word in ("aura_lib", "replay", "interactiveshell") if word in shown.text.replace(fault, "")]
    assert type(shown.error).__name__ == FAULTS[fault].partition(":")[0]
    assert "backtest" not in notebook.user_ns and trials() == []


def test_an_error_outside_decide_is_shown_the_same_way(notebook: InteractiveShell) -> None:
    shown = run(notebook, "backtest", DECIDE + "1 / 0")
    assert "ZeroDivisionError" in shown.text and "1 / 0" in shown.text and "aura_lib" not in shown.text


def test_a_decide_may_stand_under_a_condition(notebook: InteractiveShell) -> None:
    indented = DECIDE.replace("\n", "\n    ")
    assert run(notebook, "backtest", f"if True:{indented}\nelse:{indented}").error is None


def test_an_imported_decide_is_as_good(notebook: InteractiveShell) -> None:
    cell = "from aura_lib.strategies.momentum import decide"
    assert run(notebook, "backtest lookback=20 top=2 window=30 warmup=40", cell).error is None
    assert notebook.user_ns["backtest"].replay.fills
