"""`aura data load`, and a new strategy on a file of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset
from typer.testing import CliRunner, Result

from aura_lib.cli import app
from aura_lib.data.store import Store
from aura_lib.execution import account_terms
from aura_lib.ledger import Ledger

GERMAN = "Tag;Kurs\n30.12.2021;1.234,50\n31.12.2021;1.240,00\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "aura.toml").touch()
    monkeypatch.chdir(root)
    return root


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_file_is_shown_checked_and_kept(project: Path, aura_home: Path) -> None:
    (project / "DAX.csv").write_text(GERMAN, encoding="utf-8")
    shown = aura(
        "data", "load", "DAX.csv", "--column", "date=Tag", "--set", "decimal=,", "--set", "currency=EUR", "--json"
    )
    assert shown.exit_code == 0, shown.stderr
    found = json.loads(shown.output)
    assert found["columns"] == {"Tag": "date", "Kurs": "close"} and found["bars"] == 2
    assert Store(aura_home).get(found["snapshot"]).instruments["DAX"].currency == "EUR"
    text = aura("data", "load", "DAX.csv", "-c", "date=Tag").output
    assert "DAX.csv: 1 symbol(s), 2 bars of 1d, 2021-12-30 to 2021-12-31" in text
    assert "Tag = date, Kurs = close" in text and "the checks found nothing" in text


@pytest.mark.parametrize(
    ("content", "arguments", "code", "message"),
    [
        (GERMAN, (), 2, "no column for date recognised. It has 'Tag', 'Kurs'"),
        (GERMAN, ("-c", "date"), 2, "'date' is no option: write name=value"),
        (GERMAN, ("-s", "decimals=,"), 2, "did you mean decimal=?"),
        ("date,close\n2021-12-31,1\n2022-01-01,2\n", (), 3, "accept=['unexpected bar']"),
        ("date,close\n2021-12-31,1,9\n", (), 3, "line 2 has 3"),
    ],
)
def test_a_bad_file_ends_with_a_sentence_and_the_right_code(
    project: Path, aura_home: Path, content: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    (project / "bad.csv").write_text(content, encoding="utf-8")
    shown = aura("data", "load", "bad.csv", *arguments)
    assert shown.exit_code == code
    assert message in shown.stderr.replace("\n", " ")
    assert Store(aura_home).snapshots() == ()


def test_what_is_accepted_is_a_list_of_checks(project: Path) -> None:
    (project / "mine.csv").write_text("date,close\n2021-12-30,-1\n2021-12-31,1\n2022-01-01,2\n", encoding="utf-8")
    shown = aura("data", "load", "mine.csv", "-s", "accept=unexpected bar, not positive")
    assert shown.exit_code == 0, shown.stderr
    assert "are left out" in shown.output and "count as missing" in shown.output


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_strategy_runs_at_once_on_a_file_of_ones_own(project: Path, aura_home: Path) -> None:
    """The template, its source set to a CSV that lies in the project, through the real runner."""
    prices = load_sp500_dataset().loc["2018-01-02":"2021-11-30", ["JNJ", "KO", "XOM"]]
    prices.rename_axis("Datum").to_csv(project / "prices.csv", sep=";", decimal=",", date_format="%d.%m.%Y")
    aura("new", "strategy", "mine")
    tested = aura(
        "backtest", "notebooks/strategies/mine.ipynb", "--set", "source=prices.csv", "--set", "max_weight=0.5", "--json"
    )
    assert tested.exit_code == 0, tested.stderr[-1500:]
    found = json.loads(tested.output)
    months = pd.DatetimeIndex(prices.index).to_period("M").nunique()
    # decided at each month-end from the 200th session (October 2018) on; the last has no later close to fill at
    assert months - 12 <= found["statistics"]["n_slots"] <= months - 8
    _on_paper(project)
    kept = Store(aura_home)
    (version,) = kept.versions("prices.csv")
    assert (
        kept.get(version.snapshot).close.to_numpy().tobytes() == prices.to_numpy(dtype="float64", copy=True).tobytes()
    )


def _on_paper(project: Path) -> None:
    """The desk trades on the same file; on an account with other prices the job is refused."""
    aura("new", "job", "mine", "--notebook", "notebooks/strategies/mine.ipynb")
    job, file = project / "jobs" / "mine.yaml", "notebooks/strategies/mine.ipynb"
    text = job.read_text(encoding="utf-8").replace(
        "parameters: {}", "parameters: {source: prices.csv, max_weight: 0.5}"
    )
    job.write_text(text, encoding="utf-8")
    assert aura("promote", file, "--set", "source=prices.csv", "--set", "max_weight=0.5").exit_code == 0
    done = aura("job", "run", "mine", "--from", "2021-09-30", "--to", "2021-10-29", "--json")
    assert done.exit_code == 0, done.stderr[-1500:]
    with Ledger.open() as ledger:
        assert account_terms(ledger, "paper").source == "prices.csv"
        view = ledger.account("paper")
        prices = {fill.symbol for fill in view.fills}
        assert prices and prices <= {"JNJ", "KO", "XOM"}
    assert aura("parity", "mine").exit_code == 0
    job.write_text(text.replace("source: prices.csv, ", ""), encoding="utf-8")
    refused = aura("job", "run", "mine", "--from", "2021-09-30", "--to", "2021-09-30")
    assert refused.exit_code == 2
    assert "account paper trades on the prices of prices.csv, not of sample" in refused.stderr.replace("\n", " ")
