"""`%load_ext aura_lib` in a real IPython: nouns show themselves, `%aura` answers, and loading costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell

from aura_lib import backtest, plan
from aura_lib.backtest.sweep import Grid, Job, Kept
from aura_lib.core import (
    Account,
    Bars,
    Basket,
    Binding,
    Decision,
    Fill,
    Instrument,
    Intent,
    Mandate,
    Mode,
    Order,
    Run,
    RunStatus,
    Settings,
    Side,
    TargetWeights,
    encode,
)
from aura_lib.data import files, quality
from aura_lib.execution import Proposal, Terms, open_account
from aura_lib.ledger import ALL, SYSTEM, Ledger
from aura_lib.reports import picture
from aura_lib.ui import extension, nouns
from tests.backtest.scenarios import hold, market_of
from tests.project.readme_tree import ROOT

NOW = datetime(2022, 11, 30, 21, tzinfo=UTC)
PICTURED = {
    "Bars", "Backtest", "Sweep", "TargetWeights", "Plan", "Order", "Run", "Account", "Quality", "Trials",
}  # fmt: skip
EVIL = "<script>alert(1)</script>"


def show(shell: InteractiveShell, noun: Any) -> tuple[BeautifulSoup, str]:
    found, _ = shell.display_formatter.format(noun)
    return BeautifulSoup(found["text/html"], "html.parser"), found["text/plain"]


def instrument(symbol: str = "AAA") -> Instrument:
    return Instrument(symbol)


def intents() -> tuple[Intent, ...]:
    return (Intent(instrument("BBB"), Side.SELL, Decimal(5)), Intent(instrument(), Side.BUY, Decimal(10), reason=EVIL))


def account() -> Account:
    fill = Fill(
        "x#1", "x", "paper", "momentum", instrument(), Side.BUY, Decimal(10), Decimal("12.5"), Decimal("0.13"), NOW
    )
    return Account("momentum", Decimal(1000)).after(fill)


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {
        "id": "r1", "job": "momentum_paper", "slot": NOW.isoformat(), "attempt": 1, "mode": Mode.PAPER,
        "notebook": "n.ipynb", "binding": Binding("a", "b", "c"), "parameters": {}, "status": RunStatus.SUCCEEDED,
        "started": NOW, "ended": NOW + timedelta(seconds=2.5), "results": {"approved": 3, "rejected": 1},
    }  # fmt: skip
    return Run(**given | changes)


def prices_file(bars: Bars) -> Path:
    """The closes as somebody would have them in a file, in a folder of this test session."""
    file = Settings.load().home / "prices.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    days = bars.times.tz_convert("America/New_York").strftime("%Y-%m-%d")
    pd.DataFrame({"date": days, "close": bars.close["S00"].to_numpy()}).to_csv(file, index=False)
    return file


def a_sweep(bars: Bars) -> backtest.Sweep:
    """A sweep whose numbers come from no kernel: it would have to be compiled for every test."""
    job = Job.of(backtest.rules.sma_crossover, bars.select(["S00"]))
    grid = Grid.of(job.rule, {"fast": [2, 3, 4], "slow": [5, 10]})
    kept = Kept.of(job, 6)
    for rows in grid.chunks():
        kept.add(rows, np.repeat((rows[:, :1] - rows[:, 1:] / 5)[:, None], len(job.metrics), axis=2))
    return backtest.Sweep(job, grid, kept)


def examples() -> dict[str, Any]:
    """One of every noun that the extension names."""
    bars = market_of(np.random.default_rng(1), 60, 3)
    targets = TargetWeights({"AAA": 0.5, "BBB": 0.25}, NOW)
    prices = {"AAA": Decimal(10), "BBB": Decimal(20)}
    known = {name: instrument(name) for name in prices}
    basket = Basket("momentum_paper", NOW, "paper", "momentum", NOW, intents())
    verdicts = (Decision(0, "BBB", True, "limits"), Decision(1, "AAA", False, "buying_power", "100.00", "50.00"))
    mandate = Mandate(tuple(known), capital=Decimal(10_000))
    everything = [
        bars,
        targets,
        Order("c1", "paper", "momentum", "b", 0, 1, intents()[1], NOW),
        account(),
        a_run(),
        plan.rebalance(targets, Account("momentum", Decimal(10_000)), prices, mandate, known),
        backtest.run(hold({"S00": 0.5}), bars, Mandate(bars.symbols), schedule="XNYS month-end close"),
        a_sweep(bars),
        Proposal(basket, verdicts),
        quality.check(Bars({"close": bars.close.drop(bars.times[7])}, "with a hole")),
        files.read(prices_file(bars.select(["S00"]))),
        backtest.trials(hold({"S00": 0.5})),
    ]
    return {type(one).__name__: one for one in everything}


def test_every_noun_of_the_extension_shows_itself_in_a_notebook_and_in_a_terminal(shell: InteractiveShell) -> None:
    given = examples()
    assert {name for _, name in extension.NOUNS} == set(given) == set(nouns.SHOW)
    assert set(extension.NOUNS) == {(type(one).__module__, name) for name, one in given.items()}
    for name, noun in given.items():
        html, text = show(shell, noun)
        assert html.find("table").find("td") and html.strong.text in text, name
        assert bool(html.svg) == (name in PICTURED) and "<svg" not in text, name
        assert not html.find_all(["script", "link", "img"]) and "<" not in text.replace(EVIL, ""), name


def test_a_sweep_shows_its_best_and_where_they_lie(shell: InteractiveShell) -> None:
    html, text = show(shell, examples()["Sweep"])
    words = [word.text for word in html.svg.find_all("text")]
    assert words[0] == "Sharpe ratio" and words[-1] == "fast to the right, slow upwards"
    assert len(html.svg.find_all("rect")) == 6 + 1  # the cells, and the ring around the best
    first = [cell.text for cell in html.find("tbody").find("tr").find_all("td")]
    assert first[:2] == ["4", "5"] and "6 combinations of fast, slow, each counted as a trial" in text
    assert "nothing here is out of sample" in text


def test_what_a_noun_says_is_escaped(shell: InteractiveShell) -> None:
    html, _ = show(shell, examples()["Order"])
    assert EVIL in html.text and not html.find("script")


def test_a_backtest_shows_its_curve(shell: InteractiveShell) -> None:
    noun = examples()["Backtest"]
    html, text = show(shell, noun)
    words = [word.text for word in html.svg.find_all("text")]
    assert words[0] == "Equity of the strategy, USD, logarithmic" and words[1].startswith("Source: random · as of")
    assert f"{noun.equity.max():,.0f}" in words and "Sharpe ratio" in text and "<svg" not in text
    assert "N slots" not in text  # figures for machines stay in .stats


def test_an_account_shows_cash_and_holdings(shell: InteractiveShell) -> None:
    html, text = show(shell, account())
    assert "Cash USD 874.87; fees paid USD 0.13" in html.text and "AAA" in text
    assert [cell.text for cell in html.find_all("td")] == ["AAA", "10", "12.5", "0.00"]
    assert [text.text for text in html.svg.find_all("text")][1:] == ["AAA", "12.5%", "cash", "87.5%"]


def test_a_plan_shows_weights_before_and_after(shell: InteractiveShell) -> None:
    html, _ = show(shell, examples()["Plan"])
    before, after, *_ = (float(bar["width"]) for bar in html.svg.find_all("rect"))
    assert before == 0.5 and after > 100, "from nothing (half a pixel) to a holding"


def test_a_run_shows_what_the_desk_said_and_one_that_asked_for_nothing_shows_no_picture(
    shell: InteractiveShell,
) -> None:
    html, text = show(shell, a_run())
    assert [word.text for word in html.svg.find_all("text")][1:] == ["approved", "75.0%", "rejected", "25.0%"]
    assert "3 approved, 1 rejected" in text
    assert show(shell, a_run(results={}))[0].svg is None


def test_an_account_without_holdings_or_worth_has_no_picture(shell: InteractiveShell) -> None:
    for poor in (Account("paper", Decimal(0)), replace(account(), cash=Decimal(-125))):
        assert show(shell, poor)[0].svg is None


def test_a_proposal_tells_what_the_desk_refused_and_why(shell: InteractiveShell) -> None:
    html, _ = show(shell, examples()["Proposal"])
    assert html.strong.text == "Proposal: 2 orders, 1 to sell and 1 to buy"
    assert "1 approved, 1 rejected" in html.text and "buying_power" in html.text


def test_weights_are_shown_largest_first_with_what_is_left_in_cash(shell: InteractiveShell) -> None:
    html, _ = show(shell, TargetWeights({"A": 0.1, "B": 0.6}, NOW))
    assert [cell.text for cell in html.find_all("td")] == ["B", "60.0%", "A", "10.0%"]
    assert "30.0% cash" in html.text


def test_many_symbols_are_cut_and_counted(shell: InteractiveShell) -> None:
    html, text = show(shell, market_of(np.random.default_rng(1), 5, 25))
    assert len(html.tbody.find_all("tr")) == 20 and "5 more rows are not shown" in text


def test_nouns_inside_a_list_stay_on_one_line(shell: InteractiveShell) -> None:
    found, _ = shell.display_formatter.format([a_run()])
    assert found["text/plain"].startswith("[Run(id='r1'") and "text/html" not in found


def test_an_empty_curve_says_so() -> None:
    assert "nothing yet" in picture.curve(pd.Series(dtype="float64"))


# ── %aura ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask(shell: InteractiveShell, line: str) -> tuple[str, str]:
    found = shell.run_line_magic("aura", line)
    return found.text(), found._repr_html_()


def test_status_of_a_home_without_a_ledger_says_what_to_do_and_makes_no_file(
    shell: InteractiveShell, aura_home: Path
) -> None:
    text, _ = ask(shell, "status")
    assert "nothing yet" in text and "`aura demo`" in text and not aura_home.exists()
    assert "nothing yet" in ask(shell, "runs")[0] and not aura_home.exists()


def test_status_shows_every_account_with_its_cash_and_whether_it_may_trade(shell: InteractiveShell) -> None:
    with Ledger.open() as ledger:
        for name in ("paper", "second"):
            open_account(ledger, Terms(name))
        ledger.journal.append("paper", "cash", {"book": "momentum", "amount": "1000", "request": 1})
        ledger.control.switch("second", True, "fat finger", "me")
    text, html = ask(shell, "status")
    rows = [
        [cell.text for cell in row.find_all("td")] for row in BeautifulSoup(html, "html.parser").tbody.find_all("tr")
    ]
    assert rows[0][:8] == ["paper", "paper", "USD", "1,000.00", "0", "0", "yes", "none"]
    assert rows[1][0] == "second" and rows[1][6] == "second halted: fat finger"
    assert "fat finger" in text


def test_status_tells_that_everything_is_halted(shell: InteractiveShell) -> None:
    with Ledger.open() as ledger:
        open_account(ledger, Terms("paper"))
        ledger.control.switch(ALL, True, "drill", "me")
    assert "ALL halted: drill" in ask(shell, "status")[0]


def test_status_shows_drift(shell: InteractiveShell) -> None:
    with Ledger.open() as ledger:
        open_account(ledger, Terms("paper"))
        ledger.journal.append("paper", "drift", {"what": "AAA: 5 here, 4 there"})
    assert "AAA: 5 here, 4 there" in ask(shell, "status")[0]


def test_runs_are_shown_newest_first_and_by_job(shell: InteractiveShell) -> None:
    with Ledger.open() as ledger:
        for number in range(22):
            made = a_run(id=f"r{number}", job="even" if number % 2 == 0 else "odd", error=EVIL)
            ledger.journal.append(SYSTEM, "run", encode(made), key=f"run:{made.id}")
    text, html = ask(shell, "runs")
    cells = [row.td.text for row in BeautifulSoup(html, "html.parser").tbody.find_all("tr")]
    assert cells == [f"r{n}" for n in range(21, 1, -1)] and "2 more rows are not shown" in text
    assert EVIL not in html
    assert "r21" in ask(shell, "runs odd")[0] and "r20" not in ask(shell, "runs odd")[0]
    assert "none; jobs that ran: even, odd" in ask(shell, "runs nobody")[0]


@pytest.mark.parametrize("line", ["", "help"])
def test_help_names_what_can_be_asked(shell: InteractiveShell, line: str) -> None:
    text, html = ask(shell, line)
    assert all(question in text and question in html for question in ("%aura status", "%aura runs [JOB]"))


@pytest.mark.parametrize("line", ["statsu", "runs a b", "status now", 'runs "open', EVIL])
def test_what_is_not_understood_gets_a_sentence(shell: InteractiveShell, line: str) -> None:
    text, html = ask(shell, line)
    assert text.startswith(f"%aura does not understand {line!r}") and "%aura status" in text and EVIL not in html


def test_unloading_takes_everything_back(shell: InteractiveShell) -> None:
    shell.run_line_magic("unload_ext", "aura_lib")
    assert "text/html" not in shell.display_formatter.format(a_run())[0]
    assert shell.find_line_magic("aura") is None
    shell.run_line_magic("load_ext", "aura_lib")
    assert "text/html" in shell.display_formatter.format(replace(a_run(), id="r2"))[0]


def test_loading_the_extension_imports_no_room_and_no_library(tmp_path: Path) -> None:
    code = (
        "import sys, pandas, IPython; from IPython.core.interactiveshell import InteractiveShell as Shell\n"
        "shell = Shell.instance(); before = set(sys.modules); shell.run_line_magic('load_ext', 'aura_lib')\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    home = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=home, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    ours = {name for name in done.stdout.split() if not name.startswith("IPython.")}  # its own %load_ext
    assert ours == {"aura_lib", "aura_lib._version", "aura_lib.ui", "aura_lib.ui.extension"}
