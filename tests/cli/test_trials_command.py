"""`aura trials`: the list of families, one of them, and both for machines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner, Result

from aura_lib.cli import app
from aura_lib.ledger import Ledger, trials


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trials", *arguments], env={"COLUMNS": "240"})


def tried() -> None:
    shared = {"code": "c", "snapshot": "s", "window": ("2001-01-02", "2020-12-31"), "schedule": "monthly"}
    with Ledger.open() as ledger:
        for top, sharpe in ((3, 0.05), (4, None)):
            trials.count(
                ledger, family="idea.ipynb", parameters={"top": top}, sharpe=sharpe, periods=252, who="ada",
                outcome="completed" if sharpe else "raised", **shared,
            )  # fmt: skip
        trials.count_sweep(
            ledger, family="rules.cross", space={"a": list(range(1_500))}, count=1_500, sharpe_mean=0.01,
            sharpe_variance=0.0004, sharpe_best=0.09, periods=252, who="bob", paths=np.full((5, 2), 0.01),
            times=pd.date_range("2020-01-01", periods=5, tz="UTC"), **shared,
        )  # fmt: skip


def test_the_list_says_of_every_family_what_was_tried(aura_home: Path) -> None:
    tried()
    shown = aura()
    assert shown.exit_code == 0
    first, second = (line.split() for line in shown.output.splitlines() if line.startswith(("rules", "idea")))
    assert first[:5] == ["rules.cross", "1,500", "1", "1.43", "0.10"] and first[-1] == "bob"
    assert second[:5] == ["idea.ipynb", "2", "0", "0.79", "–"] and second[-1] == "ada"
    rows = json.loads(aura("--json").stdout)
    assert [(row["family"], row["trials"], row["who"]) for row in rows] == [
        ("rules.cross", 1_500, ["bob"]), ("idea.ipynb", 2, ["ada"]),
    ]  # fmt: skip
    assert rows[0]["best"] == 0.09 * 252**0.5 and rows[1]["variance"] is None


def test_one_family_lists_its_entries_and_what_is_missing(aura_home: Path) -> None:
    tried()
    shown = aura("idea.ipynb")
    assert "raised" in shown.output and "1 abandoned" in shown.output and '{"top":4}' in shown.output
    for file in (aura_home / "trials").glob("*.parquet"):
        file.unlink()
    told = aura("rules.cross")
    assert told.exit_code == 0 and "is missing" in told.output and "…" in told.output
    data = json.loads(aura("rules.cross", "--json").stdout)
    assert data["trials"] == 1_500 and len(data["entries"]) == 1 and len(data["problems"]) == 1


def test_nothing_tried_is_said_and_makes_no_files(aura_home: Path) -> None:
    assert "nothing was tried yet" in aura().output
    assert json.loads(aura("--json").stdout) == []
    gone = aura("gone.ipynb")
    assert gone.exit_code == 2 and "no trials of 'gone.ipynb'" in gone.stderr.replace("\n", " ")
    assert not aura_home.exists()
