"""Retention: what may go goes, what counts stays, and the ledger remembers both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.core import Binding, Evidence, InputError, Mode, Promotion, Run, RunStatus, Settings, encode, iso
from aura_lib.jobs.retention import prune
from aura_lib.ledger import SYSTEM, Ledger

BINDING = Binding("cells", "parameters", "sources")
START = datetime(2021, 1, 1, 21, tzinfo=UTC)


@pytest.fixture
def settings(aura_home: Path) -> Settings:
    return replace(Settings.load(), keep_latest=2)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.open(settings) as opened:
        yield opened


def output(settings: Settings, name: str, days: float) -> Path:
    """A run's folder that was last touched so many days ago."""
    folder = settings.home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "output.ipynb").write_text("{}")
    touch(folder, days)
    return folder


def touch(folder: Path, days: float) -> None:
    then = time.time() - days * 86_400
    for path in (*folder.iterdir(), folder):
        os.utime(path, (then, then))


def run(
    ledger: Ledger,
    name: str,
    job: str = "",
    mode: Mode = Mode.PAPER,
    status: RunStatus = RunStatus.SUCCEEDED,
) -> None:
    noted = Run(name, job, iso(START), 1, mode, "n.ipynb", BINDING, {}, status, datetime.now(UTC))
    ledger.journal.append(SYSTEM, "run", encode(noted))


def left(settings: Settings) -> set[str]:
    return {path.name for path in (settings.home / "runs").iterdir() if not path.name.startswith(".")}


def test_previews_and_failed_research_go_after_a_week_and_runs_of_a_job_after_ninety_days(
    settings: Settings, ledger: Ledger
) -> None:
    for name, days in (("preview-j-1", 6.9), ("preview-j-2", 7.1), ("parity-j-1", 400)):
        output(settings, name, days)
    for name, days in (("failed-1", 7.1), ("failed-2", 6.9)):
        run(ledger, name, mode=Mode.RESEARCH, status=RunStatus.FAILED)
        output(settings, name, days)
    for number, days in enumerate((120, 91, 89, 10, 8)):
        run(ledger, f"j-{number}", job="j")
        output(settings, f"j-{number}", days)
    told = prune(settings, ledger, dry_run=True)
    assert left(settings) >= {one.run for one in told}, "a dry run removes nothing"
    assert [one.run for one in prune(settings, ledger)] == [one.run for one in told]
    assert left(settings) == {"preview-j-1", "failed-2", "j-2", "j-3", "j-4"}
    assert ledger.control.removed("j-0") is not None and ledger.control.removed("j-2") is None
    assert [r.id for r in ledger.runs("j")] == [f"j-{n}" for n in range(5)], "the journal forgets nothing"


def test_the_latest_of_each_job_stay_however_old_they_are(settings: Settings, ledger: Ledger) -> None:
    for job in ("a", "b"):
        for number in range(4):
            run(ledger, f"{job}-{number}", job=job)
            output(settings, f"{job}-{number}", 1000 - number)
    prune(settings, ledger)
    assert left(settings) == {"a-2", "a-3", "b-2", "b-3"}
    prune(replace(settings, keep_latest=0), ledger)
    assert left(settings) == set()


def test_live_runs_and_what_a_promotion_stands_on_stay_for_ever(settings: Settings, ledger: Ledger) -> None:
    for name in ("tested", "promoted"):
        run(ledger, name, mode=Mode.RESEARCH)
        evidence = Evidence(name, BINDING, "n.ipynb", {}, {}, "s", {}, START)
        ledger.journal.append(SYSTEM, "evidence", encode(evidence))
    ledger.journal.append(
        SYSTEM, "promotion", encode(Promotion(BINDING, Mode.PAPER, "n.ipynb", "promoted", "me", START))
    )
    run(ledger, "live", job="j", mode=Mode.LIVE)
    for number in range(3):
        run(ledger, f"later-{number}", job="j")
    for name in ("tested", "promoted", "live"):
        output(settings, name, 80)
    prune(settings, ledger)
    assert left(settings) == {"tested", "promoted", "live"}
    for name in ("tested", "promoted", "live"):
        touch(settings.home / "runs" / name, 4000)
    prune(settings, ledger)
    assert left(settings) == {"promoted", "live"}


def test_what_a_run_at_work_uses_stays(settings: Settings, ledger: Ledger) -> None:
    ledger.control.claim("j", START, "at-work")
    run(ledger, "at-work", job="j", status=RunStatus.RUNNING)
    output(settings, "at-work", 500)
    writing = output(settings, "research-at-work", 500)
    run(ledger, "research-at-work", mode=Mode.RESEARCH, status=RunStatus.RUNNING)
    (writing / ".output.ipynb.part").write_text("{")  # as a run does every few seconds
    for number in range(3):
        run(ledger, f"later-{number}", job="j")
    assert prune(settings, ledger) == ()
    assert left(settings) == {"at-work", "research-at-work"}


def test_two_prunes_at_once_remove_everything_once_and_neither_stumbles(settings: Settings, ledger: Ledger) -> None:
    for number in range(150):
        output(settings, f"preview-{number}", 30)
    code = (
        "from aura_lib.core import Settings; from aura_lib.jobs.retention import prune\n"
        "from aura_lib.ledger import Ledger\n"
        "settings = Settings.load()\nwith Ledger.open(settings) as ledger: print(len(prune(settings, ledger)))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    counts = [int(one.communicate(timeout=60)[0]) for one in both]
    assert [one.returncode for one in both] == [0, 0]
    prune(settings, ledger)
    assert left(settings) == set() and sum(counts) <= 150


def test_what_a_killed_prune_left_is_taken_away_by_the_next(settings: Settings, ledger: Ledger) -> None:
    (settings.home / "runs" / ".removing" / "preview-1").mkdir(parents=True)
    prune(settings, ledger)
    assert not (settings.home / "runs" / ".removing").exists()


def test_the_command_tells_what_went_and_show_tells_when(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURA_KEEP_LATEST", "0")
    run(ledger, "j-1", job="j")
    output(settings, "j-1", 100)

    def aura(*arguments: str) -> dict[str, object]:
        return json.loads(CliRunner().invoke(app, ["runs", *arguments, "--json"]).output)

    assert aura("show", "j-1")["output"] == str(settings.home / "runs" / "j-1" / "output.ipynb")
    assert [row["run"] for row in aura("prune", "--dry-run")["removed"]] == ["j-1"]
    assert [row["run"] for row in aura("prune")["removed"]] == ["j-1"]
    shown = aura("show", "j-1")
    today = datetime.now(UTC)
    assert shown["output"] == "" and str(shown["output_removed"])[:10] in {
        f"{today:%Y-%m-%d}",
        f"{today - timedelta(1):%Y-%m-%d}",
    }
    assert "removed on" in CliRunner().invoke(app, ["runs", "show", "j-1"]).output


def test_how_long_is_set_by_the_environment_and_nonsense_is_refused() -> None:
    given = {"AURA_HOME": "/x", "AURA_KEEP_DAYS": "3", "AURA_KEEP_LATEST": "0", "AURA_KEEP_ASIDE_DAYS": "1"}
    found = Settings.load(given)
    assert (found.keep_days, found.keep_latest, found.keep_aside_days) == (3, 0, 1)
    with pytest.raises(InputError, match=r"AURA_KEEP_DAYS='-3' must be a whole number"):
        Settings.load({**given, "AURA_KEEP_DAYS": "-3"})
