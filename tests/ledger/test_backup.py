"""Backup and restore: what comes back is what was there, at one moment, or nothing is touched."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aura_lib.access import Vault
from aura_lib.core import AuraError, InputError, LedgerError, Settings
from aura_lib.ledger import SYSTEM, Archive, Ledger, Token, backup, restore
from tests.postgres import Cluster

SLOT = datetime(2021, 12, 31, 21, tzinfo=UTC)
ENTRIES = 30


def settings_of(home: Path) -> Settings:
    return Settings.load({"AURA_HOME": str(home)})


def fill(home: Path, entries: int = ENTRIES) -> Settings:
    """A home with a ledger, a venue, a key, an output and a file on its way."""
    settings = settings_of(home)
    with Ledger.open(settings) as ledger:
        for number in range(entries):
            ledger.journal.append("paper" if number % 2 else SYSTEM, "note", {"number": number})
    assert Vault(home).public_key
    for name, text in (
        ("runs/r1/output.ipynb", "{}"),
        ("logs/desk.log", "début\n"),
        ("runs/r1/.output.ipynb.part", "{"),
        ("data/writing/0", "x"),
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    (home / "brokers").mkdir()
    with sqlite3.connect(home / "brokers" / "paper.db") as venue:
        venue.executescript("PRAGMA journal_mode=WAL; CREATE TABLE last (n); INSERT INTO last VALUES (0)")
    venue.close()
    return settings


def contents(home: Path) -> dict[str, str]:
    """Every entry of the journal, and the hash of every other file."""
    found = {
        p.relative_to(home).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in home.rglob("*")
        if p.is_file()
        and ".db" not in p.name
        and not p.name.endswith((".part", ".unfinished"))
        and "writing" not in p.parts
    }
    with sqlite3.connect(home / "ledger.db") as database:
        found["journal"] = str(database.execute("SELECT chain, n, hash FROM journal ORDER BY seq").fetchall())
    database.close()
    with sqlite3.connect(home / "brokers" / "paper.db") as database:
        found["venue"] = str(database.execute("SELECT n FROM last").fetchall())
    database.close()
    return found


@pytest.fixture
def saved(tmp_path: Path) -> Archive:
    return backup(fill(tmp_path / "old"), tmp_path / "b.tar.gz")


def test_a_restored_home_holds_what_was_there_and_its_chains_verify(saved: Archive, tmp_path: Path) -> None:
    done = restore(settings_of(tmp_path / "new"), saved.file)
    assert contents(tmp_path / "new") == contents(tmp_path / "old")
    assert (done.entries, done.aside, set(done.archive.heads)) == (ENTRIES, None, {"paper", SYSTEM})
    with Ledger.open(settings_of(tmp_path / "new")) as ledger:
        assert ledger.journal.verify().ok
    assert not list((tmp_path / "new").rglob("*.part")) and not (tmp_path / "new" / "data").exists()


def test_the_archive_and_the_key_in_it_are_for_their_owner_only(saved: Archive, tmp_path: Path) -> None:
    assert stat.S_IMODE(saved.file.stat().st_mode) == 0o600
    restore(settings_of(tmp_path / "new"), saved.file)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert Vault(tmp_path / "new").public_key == Vault(tmp_path / "old").public_key


def test_any_other_program_can_read_the_archive_and_check_it_against_its_manifest(saved: Archive) -> None:
    with tarfile.open(saved.file) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        for name, told in manifest["files"].items():
            assert hashlib.sha256(tar.extractfile(f"home/{name}").read()).hexdigest() == told  # type: ignore[union-attr]
    assert names[-1] == "manifest.json" and len(names) == len(manifest["files"]) + 1
    assert manifest["heads"] == dict(saved.heads) and manifest["schema"] == saved.schema


# ---- while others write --------------------------------------------------------------------------------------------
def _write_both(home: str, over: Any) -> None:
    """A desk in small: the venue first, then the ledger; at no moment is the ledger ahead."""
    venue = sqlite3.connect(Path(home) / "brokers" / "paper.db", timeout=30, isolation_level=None)
    with Ledger.open(settings_of(Path(home))) as ledger:
        number = 0
        while not over.is_set():
            number += 1
            venue.execute("UPDATE last SET n = ?", (number,))
            ledger.journal.append("paper", "note", {"number": number})


def test_a_backup_under_writers_is_of_one_moment(tmp_path: Path) -> None:
    settings = fill(tmp_path / "old", entries=0)
    spawn = multiprocessing.get_context("spawn")
    over = spawn.Event()
    writer = spawn.Process(target=_write_both, args=(str(tmp_path / "old"), over))
    writer.start()
    taken = []
    with Ledger.open(settings) as ledger:
        for wanted in (1, 20, 40, 60):  # each backup is of a later moment
            while ledger.journal.last() < wanted:
                assert writer.is_alive()
                time.sleep(0.01)
            taken.append(backup(settings, tmp_path / f"{wanted}.tar.gz"))
    over.set()
    writer.join(60)
    assert writer.exitcode == 0
    moments = []
    for number, archive in enumerate(taken):
        home = tmp_path / f"home-{number}"
        restore(settings_of(home), archive.file)
        with sqlite3.connect(home / "brokers" / "paper.db") as venue, sqlite3.connect(home / "ledger.db") as ledger:
            (at_venue,) = venue.execute("SELECT n FROM last").fetchone()
            (written,) = ledger.execute("SELECT count(*) FROM journal").fetchone()
        venue.close()
        ledger.close()
        assert at_venue - written in (0, 1), "a crash at that instant would have left the same two files"
        moments.append(written)
    assert moments == sorted(moments) and moments[-1] > moments[0]


def test_a_restored_copy_thinks_no_dead_desk_alive_and_gives_out_new_epochs(tmp_path: Path) -> None:
    settings = fill(tmp_path / "old")
    with Ledger.open(settings) as ledger:
        held = ledger.control.acquire("paper", 3600)
        ledger.control.beat("desk:paper")
        ledger.control.claim("job", SLOT, "r1")
        secret = ledger.control.issue(Token("r1", "job", "s", "paper", "m", "b"), 3600)
        saved = backup(settings, tmp_path / "b.tar.gz")
    assert held is not None and secret
    restore(settings_of(tmp_path / "new"), saved.file)
    with Ledger.open(settings_of(tmp_path / "new")) as copy:
        assert copy.control.holder("paper") == "" and copy.control.age("desk:paper") is None
        fresh = copy.control.acquire("paper", 60, holder="another:1:1")
        assert fresh is not None and fresh.epoch == held.epoch + 1
        assert copy.control.claim("job", SLOT, "r2").attempt == 2, "the run that had the slot is not in this home"
    with sqlite3.connect(tmp_path / "new" / "ledger.db") as database:
        assert database.execute("SELECT max(expires) FROM tokens").fetchone() == (0.0,)
    database.close()


# ---- refusals ------------------------------------------------------------------------------------------------------
def test_a_home_that_holds_something_is_left_alone_unless_forced_and_then_moved_aside(
    saved: Archive, tmp_path: Path
) -> None:
    fill(tmp_path / "new", entries=4)
    before = contents(tmp_path / "new")
    with pytest.raises(InputError, match="--force"):
        restore(settings_of(tmp_path / "new"), saved.file)
    assert contents(tmp_path / "new") == before
    done = restore(settings_of(tmp_path / "new"), saved.file, force=True)
    assert done.aside is not None and contents(done.aside) == before
    assert contents(tmp_path / "new") == contents(tmp_path / "old")


def test_nothing_is_replaced_under_a_desk_or_a_run_at_work(saved: Archive, tmp_path: Path) -> None:
    settings = fill(tmp_path / "new", entries=4)
    with Ledger.open(settings) as ledger:
        lease = ledger.control.acquire("paper", 3600)
        with pytest.raises(InputError, match=r"the desk of account paper \(process \d+\)"):
            restore(settings, saved.file, force=True)
        ledger.control.release(lease)
        ledger.control.claim("job", SLOT, "r7")
        ledger.control.beat("scheduler:j")
        with (tmp_path / "new" / "demo.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(InputError, match=r"run r7 \(process \d+\), the scheduler:j .*, `aura demo`"):
                restore(settings, saved.file, force=True)
    assert len(list(tmp_path.iterdir())) == 3, "old, new and the archive"


def rewritten(saved: Archive, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """The archive again with each member changed, or (None) left out."""
    with tarfile.open(saved.file) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            found = change(member.name, old.extractfile(member).read())  # type: ignore[union-attr]
            if found is not None:
                info = tarfile.TarInfo(found[0])
                info.size, info.mode = len(found[1]), member.mode
                new.addfile(info, io.BytesIO(found[1]))
    return target


def manifest_with(**values: Any) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(name: str, data: bytes) -> tuple[str, bytes]:
        return (name, json.dumps({**json.loads(data), **values}).encode()) if name == "manifest.json" else (name, data)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n, d: ("../../evil", d) if n.endswith("desk.log") else (n, d), "leads out of the home"),
        (lambda n, d: ("home/../../evil", d) if n.endswith("desk.log") else (n, d), "leads out of the home"),
        (lambda n, d: ("/tmp/evil", d) if n.endswith("desk.log") else (n, d), "leads out of the home"),
        (lambda n, d: (n, d + b"x") if n.endswith("desk.log") else (n, d), "logs/desk.log is not what its manifest"),
        (lambda n, d: None if n.endswith("desk.log") else (n, d), "logs/desk.log is not what its manifest"),
        (lambda n, d: None if n == "manifest.json" else (n, d), "does not end with its manifest"),
        (lambda n, d: (n, b"[]") if n == "manifest.json" else (n, d), "its manifest cannot be read"),
        (manifest_with(format=99), "format 99.*upgrade Aura"),
        (manifest_with(heads={"paper": "0" * 64}), "do not end as its manifest says"),
    ],
)
def test_an_archive_that_was_changed_is_refused_and_nothing_is_there(
    saved: Archive, tmp_path: Path, change: Any, message: str
) -> None:
    bad = rewritten(saved, tmp_path / "bad.tar.gz", change)
    with pytest.raises(AuraError, match=message):
        restore(settings_of(tmp_path / "new"), bad)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar.gz", "bad.tar.gz", "old"]


def test_a_link_in_an_archive_is_refused(saved: Archive, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tar.gz"
    with tarfile.open(bad, "w:gz") as tar:
        link = tarfile.TarInfo("home/vault")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    with pytest.raises(InputError, match="is no backup that Aura made"):
        restore(settings_of(tmp_path / "new"), bad)


def test_an_archive_cut_off_anywhere_is_refused(saved: Archive, tmp_path: Path) -> None:
    whole, cut = saved.file.read_bytes(), tmp_path / "cut.tar.gz"
    for part in (0, 1, 20, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        cut.write_bytes(whole[:part])
        with pytest.raises(InputError, match=r"damaged|cut off"):
            restore(settings_of(tmp_path / "new"), cut)
    assert not (tmp_path / "new").exists() and len(list(tmp_path.iterdir())) == 3


def with_ledger(saved: Archive, target: Path, *statements: str) -> Path:
    """The archive with another ledger in it, and a manifest that fits it."""
    file = target.with_suffix(".db")
    hashes: dict[str, str] = {}

    def change(name: str, data: bytes) -> tuple[str, bytes]:
        if name == "home/ledger.db":
            file.write_bytes(data)
            with sqlite3.connect(file) as database:
                for statement in statements:
                    database.execute(statement)
                database.execute("PRAGMA journal_mode=DELETE")
            database.close()
            hashes["ledger.db"], data = hashlib.sha256(file.read_bytes()).hexdigest(), file.read_bytes()
            file.unlink()
        if name == "manifest.json":
            told = json.loads(data)
            data = json.dumps({**told, "files": {**told["files"], **hashes}}).encode()
        return name, data

    return rewritten(saved, target, change)


def test_a_ledger_whose_chain_does_not_hold_is_refused(saved: Archive, tmp_path: Path) -> None:
    tampered = with_ledger(
        saved, tmp_path / "bad", "DROP TRIGGER journal_no_update", "UPDATE journal SET body = '{}' WHERE n = 7"
    )
    with pytest.raises(LedgerError, match=r"entry 7.*Nothing was replaced"):
        restore(settings_of(tmp_path / "new"), tampered)
    newer = with_ledger(saved, tmp_path / "newer", "UPDATE meta SET value = '99'")
    with pytest.raises(LedgerError, match=r"schema 99.*upgrade"):
        restore(settings_of(tmp_path / "new"), newer)
    assert not (tmp_path / "new").exists() and not list(tmp_path.glob("*.restoring"))


def on_server(home: Path, url: str) -> Settings:
    return Settings.load({"AURA_HOME": str(home), "AURA_DATABASE_URL": url})


def test_a_ledger_on_a_server_is_in_the_archive_and_comes_back_in_either_kind_of_database(
    tmp_path: Path, database: str, cluster: Cluster
) -> None:
    remote = on_server(tmp_path / "old", database)
    fill(tmp_path / "old")
    with Ledger.open(remote) as ledger:
        for number in range(ENTRIES):
            ledger.journal.append("paper", "note", {"number": number}, key=f"k{number}")
        ledger.inbox.ask("paper", "cash", {"amount": "5"}, "wish")
        ledger.control.switch("ALL", True, "test", "me")
        heads = ledger.journal.heads()
    saved = backup(remote, tmp_path / "b.tar.gz")
    assert saved.heads == heads
    with Ledger.open(remote) as ledger:
        ledger.journal.append("paper", "note", {"number": "one more"})
    with pytest.raises(LedgerError, match="holds another ledger, and a restore replaces none"):
        restore(on_server(tmp_path / "refused", database), saved.file)
    assert not (tmp_path / "refused").exists()
    cluster.run("DROP DATABASE IF EXISTS restored_here")
    cluster.run("CREATE DATABASE restored_here")
    for place, settings in enumerate(
        (settings_of(tmp_path / "file"), on_server(tmp_path / "server", cluster.url("restored_here")))
    ):
        for _ in range(1 + place):  # into a server twice: the second time, as after a crash between it and the home
            found = restore(settings, saved.file, force=True)
        assert found.entries == ENTRIES + 1
        assert (settings.home / "ledger.db").exists() is (place == 0)
        with Ledger.open(settings) as ledger:
            assert (ledger.journal.heads(), ledger.journal.verify().ok) == (heads, True)
            assert ledger.control.halted("paper") and [r.key for r in ledger.inbox.asked("paper")] == ["wish"]
            ledger.journal.append("paper", "note", {"number": "next"})
            ledger.inbox.ask("paper", "cash", {"amount": "6"}, "another")
            assert [r.n for r in ledger.inbox.asked("paper")] == [1, 2] and ledger.journal.verify().ok


def test_a_server_that_does_not_answer_is_said_and_all_else_can_be_saved(tmp_path: Path) -> None:
    fill(tmp_path / "old")
    remote = on_server(tmp_path / "old", "postgresql://me:pw@127.0.0.1:9/aura")
    with pytest.raises(LedgerError, match="--without-ledger") as refused:
        backup(remote, tmp_path / "b.tar.gz")
    assert "pw" not in str(refused.value) and not (tmp_path / "b.tar.gz").exists()
    rest = backup(remote, tmp_path / "b.tar.gz", without_ledger=True)
    assert rest.schema == 0
    restore(settings_of(tmp_path / "new"), rest.file)
    assert (tmp_path / "new" / "vault").is_dir() and not (tmp_path / "new" / "ledger.db").exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [("b.tar.gz", "overwrites nothing"), ("old/b.tar.gz", "lies in AURA_HOME"), ("gone/b.tar.gz", "no folder")],
)
def test_where_a_backup_may_not_go(saved: Archive, tmp_path: Path, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        backup(settings_of(tmp_path / "old"), tmp_path / target)


def test_what_lies_behind_a_link_is_kept_too(tmp_path: Path) -> None:
    settings = fill(tmp_path / "old")
    (tmp_path / "big disk").mkdir()
    (tmp_path / "big disk" / "prices").write_text("1")
    (tmp_path / "old" / "data" / "objects").symlink_to(tmp_path / "big disk")
    (tmp_path / "big disk" / "round").symlink_to(tmp_path / "old")  # a circle
    restore(settings_of(tmp_path / "new"), backup(settings, tmp_path / "b.tar.gz").file)
    assert (tmp_path / "new" / "data" / "objects" / "prices").read_text() == "1"


# ---- the disk, and being killed ------------------------------------------------------------------------------------
def limited(code: str, size: int) -> subprocess.CompletedProcess[str]:
    """Run Python where no file may grow beyond a size: the error a full disk gives, from the system itself."""
    return subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_disk_that_fills_up_is_a_clear_error_and_leaves_nothing(saved: Archive, tmp_path: Path) -> None:
    (tmp_path / "old" / "runs" / "big").write_bytes(os.urandom(600_000))
    big = backup(settings_of(tmp_path / "old"), tmp_path / "big.tar.gz")
    before = sorted(tmp_path.iterdir())
    code = (
        "import sys; from pathlib import Path; from aura_lib.core import *; from aura_lib import ledger\n"
        "settings = Settings.load({'AURA_HOME': sys.argv[1]} if sys.argv[1:] else {'AURA_HOME': %r})\n"
        "try: %s\nexcept AuraError as error: print(error)"
    )
    for home, call in (
        ("old", f"ledger.backup(settings, Path({str(tmp_path / 'full.tar.gz')!r}))"),
        ("new", f"ledger.restore(settings, Path({str(big.file)!r}))"),
    ):
        done = limited(code % (str(tmp_path / home), call), 400_000)
        assert done.returncode == 0 and "File too large" in done.stdout, done.stderr
        assert sorted(tmp_path.iterdir()) == before


KILLED = """
import os, sys, signal
from pathlib import Path
from aura_lib.core import Settings
from aura_lib.ledger import folders, restore
settings, file = Settings.load({"AURA_HOME": sys.argv[1]}), Path(sys.argv[2])
last = count = 0
def stepping(original):
    def call(*arguments, **options):
        global count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)
    return call
for name in ("rename", "fsync", "unlink", "mkdir", "fchmod"):
    setattr(os, name, stepping(getattr(os, name)))
folders.swap = stepping(folders.swap)
while True:
    last += 1
    pid = os.fork()
    if not pid:
        restore(settings, file, force=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    input()
"""


@pytest.mark.slow
def test_killed_at_any_step_the_home_is_the_old_one_or_the_new_one(saved: Archive, tmp_path: Path) -> None:
    """One interpreter forks a restore again and again, each is killed one step later, until one comes through."""
    home, new = tmp_path / "home", contents(tmp_path / "old")
    fill(home, entries=4)
    old, codes, swapped = contents(home), [], 0
    command = [sys.executable, "-c", KILLED, str(home), str(saved.file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        for line in child.stdout:
            codes.append(int(line))
            found = contents(home)
            assert found in (old, new), "never half"
            aside = [p for p in tmp_path.glob("home.*") if not (p / ".unfinished").exists()]
            assert [contents(p) for p in aside if (p / "ledger.db").exists()] == ([old] if found == new else [])
            for left in tmp_path.glob("home.*"):
                shutil.rmtree(left)
            if found == new:
                swapped += 1
                shutil.rmtree(home)
                fill(home, entries=4)
                old = contents(home)
            if not codes[-1]:
                child.kill()
                break
            child.stdin.write("\n")
            child.stdin.flush()
    assert codes[-1] == 0 and set(codes[:-1]) == {-signal.SIGKILL} and len(codes) > 20
    assert swapped > 2, "killed after the swap too"


def test_what_a_killed_restore_left_is_swept_up_and_a_home_never(saved: Archive, tmp_path: Path) -> None:
    for name in ("new.1.restoring", "new.2.restoring", "new.3.replaced"):
        (tmp_path / name / "vault").mkdir(parents=True)
    (tmp_path / "new.1.restoring" / ".unfinished").touch()
    restore(settings_of(tmp_path / "new"), saved.file)
    assert not (tmp_path / "new" / ".unfinished").exists()
    assert sorted(p.name for p in tmp_path.glob("new.*")) == ["new.2.restoring", "new.3.replaced"]
