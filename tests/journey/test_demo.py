"""`aura demo` does what the README says, and twice, at once, or interrupted it comes out the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
import pytest

from aura_lib.core import Calendar, Settings
from aura_lib.jobs.audit import audit
from aura_lib.ledger import Ledger
from tests.journey.conftest import ROOT, Journey, aura, environment

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


def ledger_of(home: Path) -> Ledger:
    return Ledger.open(Settings.load({"AURA_HOME": str(home)}))


def traded(home: Path) -> dict[str, Any]:
    """All that was decided and filled."""
    with ledger_of(home) as ledger:
        view = ledger.account("paper")
        return {
            "fills": [(f.execution_id, f.symbol, f.side, f.quantity, f.price, f.fee, f.time) for f in view.fills],
            "orders": sorted((o.client_id, o.status) for o in view.orders.values()),
            "cash": view.account("momentum").cash,
        }


def test_the_journey_ends_in_a_proof(journey: Journey) -> None:
    answer = journey.answer
    assert answer["ok"] is True
    assert answer["runs"] == 12
    assert answer["parity"]["slot"] == 12
    assert answer["parity"]["intent"] == answer["parity"]["decision"] > 30
    assert answer["parity"]["fill"] == len(traded(journey.home)["fills"])
    assert answer["differences"] == []
    assert answer["ledger"]["ok"] is True
    for step in ("Data", "Research", "Promotion", "Paper runs", "Parity", "Ledger", "Report"):
        assert step in journey.progress
    report = Path(answer["report"]).read_text(encoding="utf-8")
    assert "Momentum on paper" in report and "12 slots" in report


def test_the_index_in_the_table_is_the_index(journey: Journey) -> None:
    """Recomputed from the package the sample comes from, with nothing of ours."""
    from skfolio.datasets import load_sp500_index

    index = load_sp500_index()["SP500"].loc["2021-12-31":"2022-12-28"]
    returns = index.pct_change().dropna()
    told = journey.answer["statistics"]["S&P 500"]
    assert told["total_return"] == pytest.approx(index.iloc[-1] / index.iloc[0] - 1, abs=1e-12)
    assert told["volatility"] == pytest.approx(returns.std(ddof=1) * 252**0.5, rel=1e-9)
    assert told["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * 252**0.5, rel=1e-9)
    assert told["max_drawdown"] == pytest.approx((index / index.cummax() - 1).min(), rel=1e-9)


def test_the_books_return_is_what_its_fills_make(journey: Journey) -> None:
    """Cash and holdings rebuilt from the journal's rows and the package's prices."""
    from skfolio.datasets import load_sp500_dataset

    with sqlite3.connect(journey.home / "ledger.db") as database:
        rows = database.execute("SELECT kind, body FROM journal WHERE chain = 'paper' ORDER BY n").fetchall()
    database.close()
    cash, held = 0.0, {}
    for kind, body in ((kind, json.loads(body)) for kind, body in rows):
        if kind == "cash":
            cash += float(body["amount"])
        if kind == "fill":
            fill = body["fill"]
            sign = 1 if fill["side"] == "buy" else -1
            cash -= sign * float(fill["quantity"]) * float(fill["price"]) + float(fill["fee"])
            symbol = fill["instrument"]["symbol"]
            held[symbol] = held.get(symbol, 0.0) + sign * float(fill["quantity"])
    last = load_sp500_dataset().loc["2022-12-28"]
    equity = cash + sum(quantity * last[symbol] for symbol, quantity in held.items())
    assert journey.answer["statistics"]["Momentum"]["total_return"] == pytest.approx(equity / 1_000_000 - 1, abs=1e-9)


def test_every_run_is_the_same_notebook_byte_for_byte_with_an_output_of_its_own(journey: Journey) -> None:
    original = (ROOT / "notebooks" / "strategies" / "momentum.ipynb").read_bytes()
    with ledger_of(journey.home) as ledger:
        runs, evidence = ledger.runs(), ledger.evidence()
    paper = [run for run in runs if run.mode == "paper"]
    assert len(paper) == 12 and len({run.output for run in paper}) == 12
    assert {run.binding for run in runs} == {evidence[0].binding}
    for run in runs:
        assert (Path(run.output).parent / "input.ipynb").read_bytes() == original
        output = nbformat.read(run.output, as_version=4)
        assert any("injected-parameters" in c.metadata.get("tags", []) for c in output.cells)
        assert all(c.execution_count for c in output.cells if c.cell_type == "code" and c.source.strip())


def test_the_slots_are_the_month_ends_and_each_order_fills_at_the_next_close(journey: Journey) -> None:
    nyse = Calendar.of("XNYS")
    with ledger_of(journey.home) as ledger:
        view = ledger.account("paper")
    slots = [v.basket.slot for v in view.verdicts.values()]
    assert slots[0] == nyse.close(date(2021, 12, 31)) and slots[-1] == nyse.close(date(2022, 11, 30))
    assert len(slots) == 12
    slot_of = {o.client_id: view.verdicts[o.basket].basket.slot for o in view.orders.values()}
    assert view.fills and all(f.time == nyse.next_close(slot_of[f.client_id]) for f in view.fills)


def test_a_second_demo_runs_nothing_again_and_tells_the_same(journey: Journey, copied: Path) -> None:
    before = traded(copied)
    with ledger_of(copied) as ledger:
        entries = ledger.journal.last()
    again = aura(copied, "demo", "--json")
    assert again.returncode == 0, again.stderr[-2000:]
    assert json.loads(again.stdout)["statistics"] == journey.answer["statistics"]
    assert traded(copied) == before
    with ledger_of(copied) as ledger:
        new = [e.kind for c in ledger.journal.chains() for e in ledger.journal.entries(c) if e.seq > entries]
        assert audit(ledger).ok
    assert set(new) <= {"desk.started", "reconciled"}


def test_two_demos_at_once_are_told_apart(copied: Path) -> None:
    import fcntl

    with (copied / "demo.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = aura(copied, "demo")
    assert second.returncode == 2
    assert "another `aura demo` is at work" in second.stderr


def researched(journey: Journey, home: Path) -> Path:
    """The demo's home as it was before its first paper run: data, evidence and promotion are there."""
    shutil.copytree(journey.home, home, ignore=shutil.ignore_patterns("brokers", "runs", "reports", "logs", "*.lock"))
    with sqlite3.connect(home / "ledger.db") as database:
        database.execute("DROP TRIGGER journal_no_delete")
        kept = "chain = 'system' AND seq <= (SELECT max(seq) FROM journal WHERE kind = 'promotion')"
        database.execute(f"DELETE FROM journal WHERE NOT ({kept})")
        database.execute("DELETE FROM heads")
        database.execute("INSERT INTO heads SELECT chain, n, hash FROM journal ORDER BY n DESC LIMIT 1")
        for table in ("baskets", "requests", "leases", "heartbeats", "clocks", "slots", "tokens"):
            database.execute(f"DELETE FROM {table}")
    database.close()
    return home


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_stopped_in_the_middle_of_the_runs_and_started_again_it_ends_the_same(
    journey: Journey, tmp_path: Path, number: signal.Signals
) -> None:
    home = researched(journey, tmp_path / "home")
    command = [sys.executable, "-m", "aura_lib", "demo", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as demo:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and len(done_slots(home)) < 4:
            time.sleep(0.05)
        os.kill(demo.pid, number)
        code = demo.wait(60)
    assert code == (130 if number is signal.SIGINT else -signal.SIGKILL)
    assert 4 <= len(done_slots(home)) < 12
    again = aura(home, "demo", "--json")
    assert again.returncode == 0, again.stderr[-2000:]
    assert traded(home) == traded(journey.home)
    with ledger_of(home) as ledger:
        assert audit(ledger).ok
        good = [r.slot for r in ledger.runs("momentum_paper") if r.status == "succeeded"]
    assert len(good) == len(set(good)) == 12


def done_slots(home: Path) -> list[str]:
    try:
        with sqlite3.connect(f"file:{home / 'ledger.db'}?mode=ro", uri=True) as database:
            return [row[0] for row in database.execute("SELECT slot FROM slots WHERE status = 'succeeded'")]
    except sqlite3.OperationalError:
        return []
