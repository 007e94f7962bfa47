"""Counting: every backtest of every session is one trial, however it ended and whatever the ledger was doing."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_lib import backtest
from aura_lib.access import who
from aura_lib.backtest import counting, held
from aura_lib.backtest.identity import code_of, told
from aura_lib.core import Bars, Mandate, TargetWeights
from aura_lib.exchange import Costs
from aura_lib.ledger import SYSTEM, Ledger
from tests.backtest.scenarios import market_of

MONTHLY = "XNYS month-end close"
FAMILY = f"{__name__}.hold"


def hold(market: Any, account: Any, mandate: Mandate, share: float = 0.5, fail: int = 0) -> TargetWeights:
    if fail and len(market.bars) > fail:
        raise ValueError("no more")
    return TargetWeights({mandate.universe[0]: share}, market.as_of)


@pytest.fixture
def bars(rng: np.random.Generator) -> Bars:
    return market_of(rng, 120, 3)


def run(bars: Bars, decide: Any = hold, **changes: Any) -> backtest.Backtest:
    given = {"schedule": MONTHLY, **changes}
    return backtest.run(decide, bars, Mandate(bars.symbols), **given)


def entries() -> list[Any]:
    with Ledger.open() as ledger:
        return [entry.body for entry in ledger.journal.entries(SYSTEM, kinds=("trial",))]


# ---- what is one trial ---------------------------------------------------------------------------------------------
def test_a_backtest_anywhere_is_a_trial_of_its_function(bars: Bars) -> None:
    result = run(bars, params={"share": 0.4})
    found = backtest.trials(hold)
    assert (found.family, found.count, found.who) == (FAMILY, 1, (who(),))
    assert found.periods == 252
    assert found.sharpe_best == pytest.approx(result.returns.mean() / result.returns.std(), rel=1e-12)
    assert found.paths is not None and found.times is not None
    assert found.paths[:, 0] == pytest.approx(result.returns.to_numpy(), abs=1e-7)
    assert found.times.equals(result.returns.index.as_unit("us"))
    (body,) = entries()
    assert body["parameters"] == {"share": 0.4} and body["interactive"] is True
    assert body["statistics"] == {"n_slots": len(result.replay.slots), "n_fills": len(result.replay.fills)}


def test_the_same_once_and_anything_else_anew(bars: Bars, rng: np.random.Generator) -> None:
    run(bars)
    run(bars)
    run(bars, costs=Costs())
    run(bars, params={})
    run(bars, schedule=f"  {MONTHLY}")
    assert backtest.trials(FAMILY).count == 1
    run(bars, params={"share": 0.2})
    run(bars, schedule="XNYS week-end close")
    run(bars, warmup=30)
    run(bars, costs=Costs(slippage_bps=Decimal("9")))
    run(market_of(rng, 120, 3))
    run(bars.select(bars.symbols[:2]))
    assert backtest.trials(FAMILY).count == 7


def test_a_replay_counts_nothing(bars: Bars) -> None:
    backtest.replay(hold, bars, Mandate(bars.symbols), slots=[bars.start])
    assert backtest.trials(FAMILY).count == 0
    assert not Path(os.environ["AURA_HOME"]).exists(), "who only asks makes no files"


def written(source: str) -> Any:
    names: dict[str, Any] = {"__name__": "__main__", "TargetWeights": TargetWeights}
    exec(source, names)
    return names["decide"]


CELL = """
def rule(market, share):
    return {market.symbols[0]: share * 1.0}

def decide(market, account, mandate):
    return TargetWeights(rule(market, 0.5), market.as_of)
"""


def test_a_function_edited_in_a_cell_is_the_same_family_with_other_code(bars: Bars) -> None:
    run(bars, written(CELL))
    run(bars, written(CELL + "# a remark\n"))
    run(bars, written(CELL.replace("* 1.0", "* 0.9")))
    found = backtest.trials("__main__.decide")
    assert found.count == 2, "the helper it calls is part of it, remarks are not"


def test_a_cell_s_function_belongs_to_its_notebook(bars: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(counting.SESSION, str(tmp_path / "notebooks" / "idea.ipynb"))
    run(bars, written(CELL))
    run(bars)
    assert backtest.trials(FAMILY).count == 1
    assert backtest.trials("notebooks/idea.ipynb").count == 2, "with what was imported and tried there"
    monkeypatch.delenv(counting.SESSION)
    monkeypatch.setenv(counting.RUN_CONTEXT, json.dumps({"notebook": "notebooks/idea.ipynb", "run": "r1"}))
    run(bars, written(CELL))
    assert backtest.trials("notebooks/idea.ipynb").count == 2, "the runner's check of the same is the same trial"
    run(bars, params={"share": 0.1})
    assert backtest.trials("notebooks/idea.ipynb").count == 3
    assert entries()[-1]["interactive"] is False and entries()[-1]["run"] == "r1"


def test_what_is_declared_a_check_counts_nothing(bars: Bars) -> None:
    with counting.uncounted():
        run(bars)
    assert backtest.trials(hold).count == 0
    run(bars)
    assert backtest.trials(hold).count == 1


@pytest.mark.parametrize("context", [{"job": "j"}, {"preview": {}, "rehearsal": {"slots": []}}])
def test_a_job_its_parity_and_its_preview_try_nothing(
    bars: Bars, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> None:
    monkeypatch.setenv(counting.RUN_CONTEXT, json.dumps({"notebook": "idea.ipynb", **context}))
    run(bars)
    monkeypatch.delenv(counting.RUN_CONTEXT)
    assert backtest.trials(hold).count == 0


def test_code_is_what_a_function_does(tmp_path: Path) -> None:
    def made(factor: float) -> Callable[[float], float]:
        return lambda x: x * factor

    class Rule:
        def __init__(self, window: int) -> None:
            self.window = window

        def __call__(self, market: Any) -> int:
            return self.window

    assert code_of(made(1)) == code_of(made(1)) != code_of(made(2))
    assert code_of(Rule(5)) == code_of(Rule(5)) != code_of(Rule(6))
    assert code_of(functools.partial(hold, share=0.1)) != code_of(functools.partial(hold, share=0.2))
    assert code_of(functools.wraps(hold)(lambda *a: hold(*a))) == code_of(hold)
    assert code_of(repr) == code_of(repr)


def test_parameters_are_told_by_what_is_in_them(rng: np.random.Generator) -> None:
    import pandas as pd

    one, other = np.zeros(5_000), np.zeros(5_000)
    other[2_500] = 1
    for make in (np.asarray, pd.Series, pd.DataFrame, list):
        assert told(make(one)) == told(make(one.copy())) != told(make(other))
    frame = pd.DataFrame({"a": [[1], [2]]})
    assert told(frame) == told(frame.copy()) != told(frame.rename(columns={"a": "b"}))
    assert told(object()) == told(object()), "an address is no parameter"
    assert told({"a": (1, np.float64(2), None, float("nan"))}) == {"a": [1, 2.0, None, "nan"]}


def test_bars_that_a_cell_reads_are_part_of_its_code(bars: Bars) -> None:
    source = CELL.replace("rule(market, 0.5)", "rule(market, 0.5 if len(bars) else 0.1)")
    names: dict[str, Any] = {"__name__": "__main__", "TargetWeights": TargetWeights, "bars": bars}
    exec(source, names)
    before = code_of(names["decide"])
    names["bars"] = bars.select(bars.symbols[:1])
    assert code_of(names["decide"]) != before


# ---- abandoned -----------------------------------------------------------------------------------------------------
def test_one_that_raised_or_was_stopped_was_tried(bars: Bars) -> None:
    with pytest.raises(ValueError, match="no more"):
        run(bars, params={"fail": 60})

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(bars, progress=stop)
    found = backtest.trials(hold)
    assert (found.count, found.abandoned) == (2, 2)
    assert [(b["outcome"], b["done"]) for b in entries()] == [("raised", 2), ("interrupted", 3)]
    assert entries()[0]["error"] == "ValueError: no more"
    run(bars)
    assert (backtest.trials(hold).count, backtest.trials(hold).abandoned) == (2, 1)


def test_a_call_that_was_refused_tried_nothing(bars: Bars) -> None:
    for changes in ({"params": {"shore": 1}}, {"schedule": "never"}, {"warmup": 9_999}, {"params": {"share": 5.0}}):
        with pytest.raises(Exception, match=r"."):
            run(bars, **changes)
    assert backtest.trials(hold).count == 0
    assert not list(Path(os.environ["AURA_HOME"]).glob("trials/open/*"))


def _killed(bars: Bars) -> None:
    def die(done: int, total: int) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    run(bars, progress=die)


def test_one_whose_process_was_killed_is_counted_by_the_next(bars: Bars) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed, args=(bars,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL and backtest.trials(hold).count == 0
    run(bars, params={"share": 0.1})
    found = backtest.trials(hold)
    assert (found.count, found.abandoned) == (2, 1)
    assert {body["outcome"] for body in entries()} == {"completed", "killed"}
    assert not list(Path(os.environ["AURA_HOME"]).glob("trials/open/*")), "and its note is gone"


@pytest.mark.parametrize(
    "text", ["", "{}", '{"owed": true, "entry": {}}', '{"owed": true, "entry": {"what": "trial"}}']
)
def test_a_note_that_nobody_can_read_stands_in_nobody_s_way(bars: Bars, aura_home: Path, text: str) -> None:
    note = aura_home / "trials" / "open" / "x.json"
    note.parent.mkdir(parents=True)
    note.write_text(text)
    run(bars)
    assert backtest.trials(hold).count == 1
    assert note.exists() or note.with_suffix(".unreadable").read_text() == text


# ---- the ledger is not there for it --------------------------------------------------------------------------------
def test_a_locked_ledger_loses_no_result_and_the_next_one_counts_both(
    bars: Bars, aura_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(bars)
    held.forget()
    monkeypatch.setattr("aura_lib.ledger.database.BUSY_SECONDS", 0.05)
    with sqlite3.connect(aura_home / "ledger.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.warns(UserWarning, match=r"hold: this trial could not .*locked.*counted with") as told:
            result = run(bars, params={"share": 0.1})
        other.execute("ROLLBACK")
    assert result.replay.fills and told[0].filename == __file__
    assert backtest.trials(hold).count == 1
    run(bars, params={"share": 0.2})
    found = backtest.trials(hold)
    assert (found.count, found.abandoned) == (3, 0) and found.paths is not None and found.paths.shape[1] == 3


def test_a_ledger_that_was_put_in_another_s_place_is_the_one_that_counts(bars: Bars, aura_home: Path) -> None:
    run(bars)
    held.forget()
    kept = (aura_home / "ledger.db").read_bytes()
    run(bars, params={"share": 0.1})
    for file in aura_home.glob("ledger.db*"):
        file.rename(file.with_name(f"old-{file.name}"))
    (aura_home / "ledger.db").write_bytes(kept)  # as a restore does, in the middle of a session
    run(bars, params={"share": 0.2})
    assert {b["parameters"].get("share") for b in entries()} == {None, 0.2}


@pytest.mark.parametrize("fault", ["home", "ledger"])
def test_an_unwritable_home_or_broken_ledger_is_a_warning(
    bars: Bars, aura_home: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "home":
        aura_home.parent.mkdir(parents=True, exist_ok=True)
        aura_home.write_text("a file where the folder should be")
    else:
        aura_home.mkdir(parents=True)
        (aura_home / "ledger.db").write_bytes(b"no database at all" * 100)
    with pytest.warns(UserWarning, match="hold: this trial could not be written down"):
        result = run(bars)
    assert result.replay.fills


def test_a_full_disk_is_a_warning(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(UserWarning, match=r"No space left on device.*it is not counted"):
        assert run(bars).replay.fills


# ---- sweeps --------------------------------------------------------------------------------------------------------
def test_a_sweep_counts_its_cells_also_when_it_is_stopped(bars: Bars) -> None:
    window, space = (bars.start, bars.end), {"share": [0.1, 0.2, 0.3], "fail": np.array([0, 1])}
    with counting.counted(hold, bars, window=window, schedule="every bar", space=space, periods=252) as trial:
        trial.swept(
            6, sharpe_mean=0.01, sharpe_variance=1e-4, sharpe_best=0.05, paths=np.zeros((len(bars), 6), "float32"),
            times=bars.times,
        )  # fmt: skip
    space = {"share": [0.3, 0.4], "fail": [0, 1]}

    def stopped() -> None:
        with counting.counted(hold, bars, window=window, schedule="every bar", space=space) as trial:
            trial.done = 3
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    found = backtest.trials(hold)
    assert (found.count, found.sweeps, found.abandoned) == (9, 2, 3), "which three is not known: they count in full"
    assert found.paths is not None and found.paths.shape == (len(bars), 6)
    assert found.sharpe_best == 0.05


def test_a_value_held_fixed_is_part_of_what_a_sweep_tried(bars: Bars) -> None:
    for fail in (0, 1, 1):
        with counting.counted(
            hold, bars, window=(bars.start, bars.end), schedule="x", params={"fail": fail}, space={"share": range(5)}
        ) as trial:
            trial.swept(5, sharpe_mean=0.0, sharpe_variance=0.0)
    with counting.counted(
        hold, bars, window=(bars.start, bars.end), schedule="x", space={"share": np.arange(3.0, 8.0), "fail": [1]}
    ) as trial:
        trial.swept(5, sharpe_mean=0.0, sharpe_variance=0.0)
    assert backtest.trials(hold).count == 13, "3 and 4 with fail=1 were tried before"


# ---- many at once --------------------------------------------------------------------------------------------------
def _session(seed: int, told: Any) -> None:
    """A session of somebody: runs, repeats, failures, sweeps; it tells which trials it executed."""
    rng = np.random.default_rng(seed)
    bars = market_of(np.random.default_rng(7), 120, 3)  # everybody has the same data
    done: set[tuple[Any, ...]] = set()
    for _ in range(8):
        share, kind = float(rng.integers(1, 12)) / 20, rng.choice(["run", "fail", "sweep"], p=[0.6, 0.2, 0.2])
        if kind == "run":
            run(bars, params={"share": share})
            done.add(("run", share))
        elif kind == "fail":
            with pytest.raises(ValueError, match="no more"):
                run(bars, params={"share": share, "fail": 60})
            done.add(("fail", share))
        else:
            first = int(rng.integers(0, 20))
            space = {"share": list(range(first, first + 10))}
            with counting.counted(hold, bars, window=(bars.start, bars.end), schedule="x", space=space) as trial:
                trial.swept(10, sharpe_mean=0.0, sharpe_variance=0.0)
            done |= {("cell", cell) for cell in space["share"]}
    told.put(done)


def test_what_concurrent_sessions_executed_is_what_is_counted(aura_home: Path) -> None:
    context = multiprocessing.get_context("fork")
    run(market_of(np.random.default_rng(7), 120, 3), params={"share": 0.05})  # warm: the sessions fork what is loaded
    told = context.Queue()
    sessions = [context.Process(target=_session, args=(seed, told)) for seed in range(4)]
    for session in sessions:
        session.start()
    executed = {("run", 0.05)}.union(*(told.get(timeout=100) for _ in sessions))
    for session in sessions:
        session.join(30)
    assert backtest.trials(hold).count == len(executed)
    with Ledger.open() as ledger:
        assert ledger.journal.verify().ok


def test_counting_takes_a_few_milliseconds(bars: Bars) -> None:
    result = run(bars)
    taken = []
    for k in range(10):
        began = time.process_time()
        with counting.counted(
            hold, bars, window=(bars.start, bars.end), schedule=MONTHLY, params={"k": k}, periods=252
        ) as trial:
            trial.completed(result.returns)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.05, "of the processor, on the slowest of machines"
    assert backtest.trials(hold).count == 11
