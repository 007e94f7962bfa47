"""A ledger of every version that ever landed opens, is brought up to date, and has lost nothing."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.core import LedgerError
from aura_lib.ledger import Ledger, migrations, schema
from aura_lib.ui import magic

FIRST = Path(__file__).with_name("schema_1.sql")


def landed(file: Path) -> Path:
    """The ledger that the first landed version wrote."""
    with sqlite3.connect(file) as database:
        database.executescript(FIRST.read_text(encoding="utf-8"))
        database.execute("PRAGMA journal_mode=WAL")
    database.close()
    return file


def rows(file: Path) -> dict[str, list[Any]]:
    """Every row of every table, but for the schema's version."""
    with sqlite3.connect(file) as database:
        names = [n for (n,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {n: sorted(database.execute(f'SELECT * FROM "{n}"').fetchall()) for n in names if n != "meta"}
    database.close()
    return found


def shape(file: Path) -> dict[str, Any]:
    """Tables with their columns, indices with their columns, triggers."""
    with sqlite3.connect(file) as database:
        objects = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        found = {
            (kind, name): database.execute(f"PRAGMA {kind}_info('{name}')").fetchall() if kind != "trigger" else sql
            for kind, name, sql in objects
        }
    database.close()
    return found


def version(file: Path) -> str:
    with sqlite3.connect(file) as database:
        (told,) = database.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    database.close()
    return str(told)


def made_step_by_step(url: str) -> None:
    """A ledger of this version, made by every revision since the first."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection, 0)
        connection.execute(schema.meta.insert().values(key=schema.KEY, value=str(schema.VERSION)))
    engine.dispose()


def test_all_revisions_one_after_the_other_make_what_a_fresh_ledger_is(tmp_path: Path) -> None:
    made_step_by_step(f"sqlite:///{tmp_path / 'steps.db'}")
    Ledger(f"sqlite:///{tmp_path / 'fresh.db'}").close()
    assert shape(tmp_path / "steps.db") == shape(tmp_path / "fresh.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'steps.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == [], "Alembic sees no change"
        assert MigrationContext.configure(connection).get_current_heads() == (migrations.revision(schema.VERSION),)
    engine.dispose()


def test_the_first_landed_ledger_opens_and_nothing_is_lost(tmp_path: Path) -> None:
    file = landed(tmp_path / "ledger.db")
    before = rows(file)
    with Ledger(f"sqlite:///{file}") as ledger:
        assert ledger.version == schema.VERSION
        assert ledger.journal.verify().ok and ledger.journal.verify().entries == 32
        view = ledger.account("paper")
        assert {s: str(q) for s, q in view.account("m").holdings.items()} == {"AAA": "6", "BBB": "20"}
        assert [r.status for r in ledger.runs("job")] == ["succeeded", "succeeded"]
        assert ledger.control.claim("job", view.verdicts[min(view.verdicts)].basket.slot, "again") is None, "done"
        last = before["heads"][0][1]
        assert ledger.journal.append("paper", "reconciled", {"at": "2021-03-01T21:00:00Z"}).n == last + 1
    after = rows(file)
    assert after["journal"][:32] == before["journal"]
    assert after.pop("alembic_version") == [(migrations.revision(schema.VERSION),)]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"journal", "heads"}, "by the entry that was appended"


def test_a_migrated_ledger_has_the_shape_of_a_fresh_one(tmp_path: Path) -> None:
    Ledger(f"sqlite:///{landed(tmp_path / 'old.db')}").close()
    Ledger(f"sqlite:///{tmp_path / 'fresh.db'}").close()
    assert shape(tmp_path / "old.db") == shape(tmp_path / "fresh.db")


def test_a_copy_of_the_file_is_kept_from_before(tmp_path: Path) -> None:
    file = landed(tmp_path / "ledger.db")
    before = rows(file)
    Ledger(f"sqlite:///{file}").close()
    Ledger(f"sqlite:///{file}").close()
    copy = tmp_path / "ledger.db.schema-1"
    assert (rows(copy), version(copy)) == (before, "1")
    assert sorted(p.name for p in tmp_path.iterdir() if "-wal" not in p.name and "-shm" not in p.name) == [
        "ledger.db", "ledger.db.schema-1",
    ]  # fmt: skip


KILLED = """
import os, signal, sys
from aura_lib.ledger import Ledger, copies, migrations, schema
point = sys.argv[2]
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
def after(call):
    def both(*arguments):
        call(*arguments)
        die()
    return both
if point == "before the copy": copies.copy = die
if point == "after the copy": copies.copy = after(copies.copy)
if point == "after the steps": migrations.upgrade = after(migrations.upgrade)
Ledger(f"sqlite:///{sys.argv[1]}")
"""


@pytest.mark.parametrize("point", ["before the copy", "after the copy", "after the steps"])
def test_killed_in_the_middle_it_is_the_old_one_and_opens_again(tmp_path: Path, point: str) -> None:
    file = landed(tmp_path / "ledger.db")
    before = rows(file)
    done = subprocess.run([sys.executable, "-c", KILLED, str(file), point], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (rows(file), version(file)) == (before, "1")
    with Ledger(f"sqlite:///{file}") as ledger:
        assert ledger.version == schema.VERSION and ledger.journal.verify().ok
    assert version(tmp_path / "ledger.db.schema-1") == "1"


def test_many_processes_at_once_migrate_once(tmp_path: Path) -> None:
    file, go = landed(tmp_path / "ledger.db"), tmp_path / "go"
    code = (
        "import sys, time; from pathlib import Path; from aura_lib.ledger import Ledger\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "Ledger(f'sqlite:///{sys.argv[1]}').close()"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(file), str(go)]) for _ in range(4)]
    time.sleep(1)
    go.touch()
    assert [other.wait(60) for other in others] == [0] * 4
    assert version(file) == str(schema.VERSION) and version(tmp_path / "ledger.db.schema-1") == "1"


# ---- what cannot be opened -----------------------------------------------------------------------------------------
def newer(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("UPDATE meta SET value = '99'")
    database.close()


def test_a_ledger_of_a_newer_version_is_refused_everywhere_and_nothing_is_written(aura_home: Path) -> None:
    aura_home.mkdir()
    file = landed(aura_home / "ledger.db")
    newer(file)
    before = file.read_bytes()
    for arguments in (["runs", "list"], ["account", "show"], ["ledger", "verify"], ["halt", "ALL"], ["job", "list"]):
        shown = CliRunner().invoke(app, arguments)
        if arguments != ["job", "list"]:  # which asks no ledger
            assert shown.exit_code == 9 and "schema 99" in shown.stderr and "upgrade Aura" in shown.stderr, arguments
    card = magic.answer("status")
    assert "schema 99" in card.title and "upgrade Aura" in card.title
    with pytest.raises(LedgerError, match="Nothing was written"):
        Ledger.open()
    assert file.read_bytes() == before and list(aura_home.glob("*.schema-*")) == []


def test_an_old_ledger_that_may_only_be_read_is_a_clear_error(tmp_path: Path) -> None:
    file = landed(tmp_path / "ledger.db")
    before = rows(file)
    with pytest.raises(LedgerError, match=r"readonly database.*Nothing was written"):
        Ledger(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert (rows(file), version(file)) == (before, "1")


def test_a_version_that_is_no_number_is_damage(tmp_path: Path) -> None:
    file = landed(tmp_path / "ledger.db")
    with sqlite3.connect(file) as database:
        database.execute("UPDATE meta SET value = 'one'")
    database.close()
    with pytest.raises(LedgerError, match="its schema version reads 'one'"):
        Ledger(f"sqlite:///{file}")


def test_a_disk_without_room_for_the_copy_leaves_the_old_one(tmp_path: Path) -> None:
    file = landed(tmp_path / "ledger.db")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "from aura_lib.core import LedgerError; from aura_lib.ledger import Ledger\n"
        "try: Ledger(f'sqlite:///{sys.argv[1]}')\nexcept LedgerError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert "cannot be copied" in done.stdout
    assert version(file) == "1" and [p.name for p in tmp_path.iterdir() if "schema" in p.name] == []
