"""`aura doctor`: every fault is made for real, found, and comes with what to do."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aura_lib import data
from aura_lib.access import Vault
from aura_lib.cli import app, doctor, up
from aura_lib.cli.doctor import CHECKS, Finding, Patient, Status, admitted, compared, examine, pinned
from aura_lib.core import Mode
from aura_lib.data import sources
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import SYSTEM
from aura_lib.server import instance
from tests.project import dependencies

ROOT = Path(__file__).parents[2]


@pytest.fixture
def patient(aura_home: Path) -> Iterator[Patient]:
    with admitted() as healthy:
        yield healthy


def asked() -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and what was found, by check."""
    shown = CliRunner().invoke(app, ["doctor", "--json"])
    answer = json.loads(shown.output)
    assert answer["ok"] is (shown.exit_code == 0)
    return shown.exit_code, {check["check"]: check for check in answer["checks"]}


def test_a_fresh_installation_is_in_order(aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, found = asked()
    assert code == 0, found
    assert set(found) == {check.__name__.replace("_", " ") for check in CHECKS}
    machine = {found.pop(name)["status"] for name in ("home", "port")}  # its disk, and what else runs on it
    assert machine <= {"ok", "note"} and {check["status"] for check in found.values()} == {"ok"}
    shown = CliRunner().invoke(app, ["doctor"])
    assert "Nothing has to be fixed" in shown.output and all(name in shown.output for name in found)


def test_what_is_not_in_order_comes_with_what_to_do(patient: Patient) -> None:
    sick = replace(patient, ledger=None, trouble="it does not open", now=patient.now + timedelta(days=900))
    findings = examine(sick)
    assert findings["ledger"].status is findings["calendar"].status is Status.FIX
    assert all(f.todo for f in findings.values() if f.status is Status.FIX)
    assert findings["chain"] == Finding(Status.NOTE, "not looked at: the ledger does not open")
    answer = doctor.told(findings)
    assert answer.code == 1 and answer.data["ok"] is False


# ---- packages ------------------------------------------------------------------------------------------------------
def test_the_doctor_knows_the_pythons_and_the_packages_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (low, high) = doctor.PYTHONS
    assert project["requires-python"] == f">={low[0]}.{low[1]},<{high[0]}.{high[1]}"
    assert doctor.LEFT_OUT == dependencies.LEFT_OUT
    pins = pinned(dependencies.lock_text())
    assert {name: version for name, (version, _) in dependencies.locked().items() if name in pins} == pins
    assert {"pandas", "vectorbt", "packaging"} <= pins.keys()


def test_a_pin_for_another_python_is_not_asked_for() -> None:
    old, new = "old==1.0 ; python_full_version < '3.0' \\", "new==2.0 ; python_version > '3' \\"
    lock = "\n".join([old, "    --hash=sha256:aa", new, "    --hash=sha256:bb", "plain==3", ""])
    assert pinned(lock) == {"new": "2.0", "plain": "3"}


@pytest.mark.parametrize(
    ("there", "status", "told"),
    [
        ({"core": "1", "extra": "1"}, Status.OK, "3 packages"),
        ({"core": "1"}, Status.NOTE, "missing: extra"),
        ({"extra": "1"}, Status.FIX, "missing: core"),
        ({"core": "2", "extra": "1"}, Status.NOTE, "other version: core 2 for 1"),
    ],
)
def test_missing_and_other_packages_are_named(there: dict[str, str], status: Status, told: str) -> None:
    pins = {"core": "1", "extra": "1", "rfc3987-syntax": "1"}
    found = compared(pins, there, frozenset({"core"}))
    assert found.status is status and told in found.found


# ---- what is kept --------------------------------------------------------------------------------------------------
def test_a_home_that_cannot_be_written_must_be_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AURA_HOME", str(tmp_path / "file" / "home"))
    code, found = asked()
    assert code == 1 and "cannot be written" in found["home"]["found"]
    assert found["ledger"]["status"] == "fix"


@pytest.mark.parametrize(("free", "status"), [(10**12, Status.OK), (10**9, Status.NOTE), (10**8, Status.FIX)])
def test_a_disk_that_fills_up_is_told_in_time(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, status: Status
) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert doctor.home(patient).status is status


def not_a_database(home: Path) -> None:
    (home / "ledger.db").write_text("this is no database, but it is long enough to be read as one" * 20)


def newer(home: Path) -> None:
    change(home, "UPDATE meta SET value = '99'")


def change(home: Path, *statements: str) -> None:
    with sqlite3.connect(home / "ledger.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.parametrize(("break_it", "told"), [(not_a_database, "cannot be used"), (newer, "upgrade Aura")])
def test_a_ledger_that_does_not_open_must_be_fixed_and_the_rest_is_still_looked_at(
    aura_home: Path, break_it: Callable[[Path], None], told: str
) -> None:
    asked()
    for left in aura_home.glob("ledger.db-*"):
        left.unlink()
    break_it(aura_home)
    code, found = asked()
    assert code == 1 and told in found["ledger"]["found"]
    assert found["clock"]["found"].startswith("not looked at")
    assert found["python"]["status"] == found["store"]["status"] == "ok"


@pytest.mark.parametrize("url", ["nonsense", "postgresql+nodriver://me:secret@db/aura", "moon://me:secret@db"])
def test_an_address_of_no_database_is_told_without_its_password(
    aura_home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AURA_DATABASE_URL", url)
    code, found = asked()
    assert code == 1 and "AURA_DATABASE_URL" in found["ledger"]["found"]
    assert "secret" not in json.dumps(found)


def test_a_changed_journal_must_be_fixed(patient: Patient, aura_home: Path) -> None:
    assert patient.ledger is not None
    patient.ledger.journal.append(SYSTEM, "trial", {"n": 1})
    assert doctor.chain(patient).status is Status.OK
    change(aura_home, "DROP TRIGGER journal_no_update", "UPDATE journal SET body = '{\"n\":2}'")
    found = doctor.chain(patient)
    assert found.status is Status.FIX and "was changed after it was written" in found.found


def test_damaged_data_are_found_and_fetching_mends_them(patient: Patient, aura_home: Path) -> None:
    data.fetch("sample")
    assert doctor.store(patient) == Finding(Status.OK, "1 version verified")
    victim = next((aura_home / "data" / "parts").iterdir())
    victim.write_bytes(b"not a column")
    found = doctor.store(patient)
    assert found.status is Status.FIX and victim.name in found.found and "aura data fetch" in found.todo
    assert CliRunner().invoke(app, ["data", "fetch"]).exit_code == 0
    assert doctor.store(patient).status is Status.OK


@pytest.mark.parametrize(("days", "status"), [(0, Status.OK), (900, Status.FIX)])
def test_a_calendar_that_runs_out_is_told(patient: Patient, days: int, status: Status) -> None:
    found = doctor.calendar(replace(patient, now=patient.now + timedelta(days=days)))
    assert found.status is status and found.found.startswith("XNYS")


# ---- what is at work -----------------------------------------------------------------------------------------------
@pytest.fixture
def opened(patient: Patient) -> Any:
    assert patient.ledger is not None
    open_account(patient.ledger, Terms("paper"))
    return patient.ledger


def test_a_desk_at_work_and_none_are_both_in_order(patient: Patient, opened: Any) -> None:
    assert "no desk at work" in doctor.desks(patient).found
    lease = opened.control.acquire("paper", 60.0)
    opened.control.beat("desk:paper")
    found = doctor.desks(patient)
    assert found.status is Status.OK and "a desk is at work" in found.found
    opened.control.release(lease)
    assert "no desk at work" in doctor.desks(patient).found


def test_a_silent_desk_a_halt_and_drift_are_told(patient: Patient, opened: Any, aura_home: Path) -> None:
    opened.control.beat("desk:paper")
    change(aura_home, "UPDATE heartbeats SET at = at - 300")
    silent = doctor.desks(patient)
    assert silent.status is Status.NOTE and "300 s ago" in silent.found
    opened.control.switch("ALL", True, "storm", "me")
    halted = doctor.desks(patient)
    assert halted.status is Status.NOTE and "storm" in halted.found and "`aura resume ALL`" in halted.todo
    opened.journal.append("paper", "drift", {"what": "KO: ledger 1, broker 2", "at": "2022-01-31T21:00:00+00:00"})
    drift = doctor.desks(patient)
    assert drift.status is Status.FIX and "KO: ledger 1, broker 2" in drift.found


def test_jobs_by_the_wall_clock_need_a_scheduler(patient: Patient, opened: Any) -> None:
    assert doctor.scheduler(patient).found.startswith("none needed")
    open_account(opened, Terms("clocked", clock="wall"))
    none = doctor.scheduler(patient)
    assert none.status is Status.NOTE and "aura job schedule" in none.todo
    opened.control.beat("scheduler:j", note="next slot 2022-01-31")
    assert doctor.scheduler(patient) == Finding(Status.OK, "j: next slot 2022-01-31")
    opened.control.beat("scheduler:j", holder=f"{socket.gethostname()}:999999999:1")
    assert doctor.scheduler(patient).status is Status.NOTE, "a dead one is none"


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    monkeypatch.setattr(up, "PORT", number)
    return int(number)


def test_a_port_that_is_free_or_taken_by_another_program(patient: Patient, free_port: int) -> None:
    assert doctor.port(patient) == Finding(Status.OK, f"{free_port} is free for `aura up`")
    with socket.create_server(("127.0.0.1", free_port)):
        taken = doctor.port(patient)
        assert taken.status is Status.NOTE and f"{free_port} of 127.0.0.1 is taken" in taken.found
        other = int(taken.todo.rpartition("--port ")[2].strip("`"))
        socket.create_server(("127.0.0.1", other)).close()
    assert doctor.port(patient).status is Status.OK


def test_a_port_that_aura_up_of_this_home_has_is_in_order_and_its_token_is_not_shown(
    patient: Patient, free_port: int
) -> None:
    home = patient.settings.home
    with instance.only_one(home) as place, socket.create_server(("127.0.0.1", free_port)):
        instance.tell(place, {"url": f"http://127.0.0.1:{free_port}/?token=hush", "pid": 7})
        found = doctor.port(patient)
    assert found == Finding(Status.OK, f"`aura up` is at work at http://127.0.0.1:{free_port}/ (process 7)")
    assert doctor.port(patient).found.endswith("free for `aura up`")


def test_a_clock_behind_the_journal_must_be_fixed(patient: Patient, opened: Any) -> None:
    assert doctor.clock(patient).status is Status.OK
    found = doctor.clock(replace(patient, now=patient.now - timedelta(hours=1)))
    assert found.status is Status.FIX and "set the clock" in found.todo


# ---- secrets -------------------------------------------------------------------------------------------------------
def test_a_key_that_others_can_read_or_that_is_gone_must_be_fixed(patient: Patient, aura_home: Path) -> None:
    assert patient.ledger is not None
    assert doctor.signing_key(patient).found.startswith("none yet")
    assert not (aura_home / "vault").exists(), "the doctor makes no key"
    patient.ledger.journal.append(SYSTEM, "promotion", {"public_key": Vault(aura_home).public_key})
    assert doctor.signing_key(patient) == Finding(Status.OK, "there, for its owner only; signed 1 promotions")
    key = aura_home / "vault" / "signing.key"
    key.chmod(0o644)
    code, found = asked()
    assert code == 1 and "chmod 600" in found["signing key"]["found"]
    key.unlink()
    assert doctor.signing_key(patient).status is Status.FIX
    assert Vault(aura_home).public_key
    assert doctor.signing_key(patient).status is Status.NOTE, "another key has come in its place"


# ---- sources and their keys ----------------------------------------------------------------------------------------
@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source `dear` that needs two keys, knows an optional one, and whose package is there."""
    text = 'KEYS = ("DEAR_KEY", "DEAR_SECRET")\nOPTIONAL_KEYS = ("DEAR_PLAN",)\nPACKAGE = "json"\nclass Source: ...\n'
    (tmp_path / "dear.py").write_text(text)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "aura_lib.data.sources.dear", raising=False)


@pytest.mark.usefixtures("vendor")
def test_every_source_is_listed_with_its_keys_by_name_and_never_their_values(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEAR_KEY", "s3cret")
    monkeypatch.delenv("DEAR_SECRET", raising=False)
    found = doctor.sources(patient)
    assert found.status is Status.OK  # nobody uses it
    assert all(f"{name}: " in found.found for name in sources.names())
    assert "dear: ready, DEAR_KEY set, DEAR_SECRET missing, DEAR_PLAN not set (optional)" in found.found
    assert "s3cret" not in str(examine(patient))


@pytest.mark.usefixtures("vendor")
def test_a_key_that_an_account_needs_and_nobody_set_must_be_fixed(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patient.ledger is not None
    open_account(patient.ledger, Terms("dear", source="dear"))
    monkeypatch.setenv("DEAR_KEY", "s3cret")
    found = doctor.keys(patient)
    assert found == Finding(
        Status.FIX, "dear is in use and DEAR_SECRET is not set", "set DEAR_SECRET in the environment"
    )
    monkeypatch.setenv("DEAR_SECRET", "t0o")
    assert doctor.keys(patient).status is Status.OK


@pytest.mark.usefixtures("vendor")
def test_a_key_that_a_job_needs_and_nobody_set_must_be_fixed(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "n.ipynb").write_text("{}")
    job = "notebook: n.ipynb\nmode: paper\nbook: b\nparameters: {source: dear}\n"
    (tmp_path / "jobs" / "one.yaml").write_text(job)
    found = doctor.keys(replace(patient, root=tmp_path))
    assert found.status is Status.FIX and "DEAR_KEY, DEAR_SECRET is not set" in found.found


def test_a_package_that_is_in_use_and_not_installed_must_be_fixed(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patient.ledger is not None
    open_account(patient.ledger, Terms("world", source="yfinance"))
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    found = doctor.keys(patient)
    assert found.status is Status.FIX and found.todo == "`pip install 'aura-lib[yfinance]'`"


def test_an_account_at_a_real_broker_needs_its_keys_by_name_and_the_word_that_allows_real_trading(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patient.ledger is not None
    assert doctor.brokers(patient) == Finding(Status.OK, "none: every account is simulated")
    open_account(patient.ledger, Terms("try", broker="alpaca", clock="wall"))
    monkeypatch.setenv("ALPACA_API_KEY", "s3cret")
    monkeypatch.delenv("ALPACA_SECRET_KEY", raising=False)
    found = doctor.brokers(patient)
    assert found.status is Status.FIX and found.todo == "set ALPACA_SECRET_KEY in the environment"
    assert found.found == "try at alpaca, paper: ALPACA_SECRET_KEY is not set" and "s3cret" not in str(found)
    monkeypatch.setenv("ALPACA_SECRET_KEY", "t0o")
    assert doctor.brokers(patient).status is Status.OK
    open_account(patient.ledger, Terms("real", Mode.LIVE, broker="alpaca", clock="wall"))
    for name in ("ALPACA_LIVE_API_KEY", "ALPACA_LIVE_SECRET_KEY"):
        assert name in doctor.brokers(patient).todo, "the keys of a paper account are not those of a live one"
        monkeypatch.setenv(name, "k")
    found = doctor.brokers(patient)
    assert found.status is Status.NOTE and "real trades nothing: AURA_ALLOW_LIVE is not 1" in found.found
    allowed = replace(patient, settings=replace(patient.settings, allow_live=True))
    assert doctor.brokers(allowed).status is Status.OK


def test_a_cluster_that_is_not_named_is_not_asked_for_and_one_that_is_silent_is_told(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.cluster(patient) == Finding(Status.OK, "none: sweeps run on this machine")
    from aura_lib.backtest.search import dask

    monkeypatch.setattr(dask, "ANSWER", 0.2)
    named = replace(patient, settings=replace(patient.settings, dask_address="tcp://127.0.0.1:9"))
    silent = doctor.cluster(named)
    assert (
        silent.status is Status.NOTE
        and "no Dask scheduler answers at AURA_DASK_ADDRESS=tcp://127.0.0.1:9" in silent.found
    )
    assert "dask scheduler" in silent.todo


def test_permissions_are_read_and_a_bad_file_is_named_with_its_line(patient: Patient) -> None:
    assert doctor.permissions(patient).found.startswith("no permissions.yaml: ")
    file = patient.settings.home / "permissions.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("users:\n  ada:\n    - {do: view, on: all}\n")
    file.chmod(0o600)
    assert doctor.permissions(patient) == Finding(Status.OK, "permissions.yaml names ada")
    file.write_text("users:\n  ada: all\n")
    found = doctor.examine(patient)["permissions"]
    assert found.status is Status.FIX and found.found.startswith("permissions.yaml, line 2: ")
