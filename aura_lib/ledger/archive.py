"""Backup and restore of a whole AURA_HOME: one archive with a manifest, checked before anything is replaced.

    manifest.json      the last member: versions, and SHA-256 of every other one; without it the archive is cut off
    home/...           the files of AURA_HOME; databases as copies of one moment

The archive holds the vault's key, and so it is written for its owner only.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from aura_lib._version import __version__
from aura_lib.core import InputError, LedgerError, Settings, iso
from aura_lib.ledger import copies, folders, moving
from aura_lib.ledger.control import surely_alive, surely_dead
from aura_lib.ledger.ledger import Ledger

FORMAT = 1
LEDGER, SQLITE = "ledger.db", "sqlite:///"
MANIFEST, HOME = "manifest.json", "home"
SKIPPED = (
    ".unfinished",
    ".part",
    ".tmp",
    ".lock",
    "-wal",
    "-shm",
    "-journal",
)  # files on their way, locks, SQLite's own
LEFT_OUT = (
    "data/derived",
    "data/writing",
    "runs/.removing",
    "server",
)  # made again; on its way in or out; of a process
LOCKS = {"server/lock": "`aura up`", "demo.lock": "`aura demo`"}  # locked while that is at work
UNFINISHED = ".unfinished"  # a folder that is being restored holds it, locked
OnFile = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup holds. `heads` is the last hash of each chain; `schema` is 0 when the ledger is not in it."""

    file: Path
    files: int
    size: int
    schema: int
    heads: Mapping[str, str]
    made: str
    aura: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, how many journal entries were verified, and where the home that was there before is now."""

    archive: Archive
    entries: int
    aside: Path | None


# ---- backup --------------------------------------------------------------------------------------------------------
def backup(settings: Settings, to: Path, *, without_ledger: bool = False, on_file: OnFile | None = None) -> Archive:
    """Write the whole AURA_HOME to one archive (.tar.gz), while desks and runs go on.

    The ledger, wherever it is, and the venues' databases are copies of one moment; one in a database server is written
    as a file that any database can be restored from. Raises InputError when the archive exists, lies in the home, or
    cannot be written (nothing is left then), LedgerError when the ledger cannot be read.
    """
    to, home = to.absolute(), settings.home.resolve()
    if to.exists():
        raise InputError(f"{to} exists: choose a new name, a backup overwrites nothing")
    if to.resolve().is_relative_to(home):
        raise InputError(f"{to} lies in AURA_HOME={home}: a backup there is lost with it, choose another folder")
    if not home.is_dir():
        raise InputError(f"AURA_HOME={home} is not there: nothing to back up")
    if not to.parent.is_dir():
        raise InputError(f"no folder {to.parent}: make it, or choose another one")
    ledger = None if without_ledger else settings.database_url
    aside = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with tempfile.TemporaryDirectory(prefix=".aura-backup-", dir=to.parent) as folder, _private(aside) as file:
            copied = _copies(home, ledger, Path(folder))
            archive = _write(file, to, dict(_files(home, copied)), _head(settings, copied.get(LEDGER)), on_file)
        os.link(aside, to)  # unlike a rename, it never replaces what somebody else wrote meanwhile
    except OSError as error:
        raise InputError(f"{to} cannot be written ({error.strerror or error}): nothing was left there") from error
    finally:
        aside.unlink(missing_ok=True)
    return archive


@contextmanager
def _private(file: Path) -> Iterator[IO[bytes]]:
    """A new file that only its owner can read, on the disk when it is closed."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        yield opened
        opened.flush()
        os.fsync(opened.fileno())


def _copies(home: Path, ledger: str | None, folder: Path) -> dict[str, Path]:
    """Copies of all databases at one moment, by their name in the home. The venues are held still meanwhile."""
    others = {name: file for name, file in _walk(home) if name != LEDGER and copies.is_sqlite(file)}
    made = {}
    with copies.held(others.values()):
        if ledger is not None and _is_there(ledger):
            made[LEDGER] = folder / LEDGER
            _copy_ledger(ledger, made[LEDGER])
        for number, (name, file) in enumerate(others.items()):
            made[name] = folder / f"{number}.db"
            copies.copy(file, made[name])
    return made


def _is_there(url: str) -> bool:
    return not url.startswith(SQLITE) or Path(url.removeprefix(SQLITE)).exists()


def _copy_ledger(url: str, file: Path) -> None:
    if url.startswith(SQLITE):
        copies.copy(Path(url.removeprefix(SQLITE)), file)
        return
    try:
        moving.to_file(url, file)
    except LedgerError as error:
        raise LedgerError(f"{error}. All but the ledger is backed up with --without-ledger") from None


def _walk(home: Path) -> Iterator[tuple[str, Path]]:
    """Every file worth keeping, by its name in the home. Links are followed, each folder once."""
    seen = set()
    for folder, below, names in os.walk(home, followlinks=True):
        here, real = Path(folder), os.path.realpath(folder)
        relative = here.relative_to(home).as_posix()
        if real in seen or relative in LEFT_OUT:
            below.clear()
            continue
        seen.add(real)
        below.sort()
        for name in sorted(names):
            file = here / name
            if file.is_file() and not name.endswith(SKIPPED) and not name.startswith(".write-"):
                yield file.relative_to(home).as_posix(), file


def _files(home: Path, copied: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """What goes into the archive: copies of databases, and the other files as they are."""
    yield from copied.items()
    yield from ((name, file) for name, file in _walk(home) if name != LEDGER and name not in copied)


def _head(settings: Settings, ledger: Path | None) -> dict[str, Any]:
    head = {"format": FORMAT, "aura": __version__, "made": iso(datetime.now(UTC)), "home": str(settings.home)}
    if ledger is None:
        return {**head, "schema": 0, "heads": {}}
    with Ledger(f"sqlite:///{ledger}") as opened:
        return {**head, "schema": opened.version, "heads": opened.journal.heads()}


def _write(
    to: IO[bytes], name: Path, files: Mapping[str, Path], head: Mapping[str, Any], on_file: OnFile | None
) -> Archive:
    hashes: dict[str, str] = {}
    with tarfile.open(fileobj=to, mode="w:gz", compresslevel=3, format=tarfile.PAX_FORMAT) as tar:
        for number, (member, file) in enumerate(files.items(), start=1):
            try:
                hashes[member] = _add(tar, f"{HOME}/{member}", file)
            except FileNotFoundError:  # an output that was pruned meanwhile
                continue
            if on_file:
                on_file(number, len(files))
        text = json.dumps({**head, "files": hashes}, indent=1, sort_keys=True).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode, info.mtime = len(text), 0o600, time.time()
        tar.addfile(info, io.BytesIO(text))
    to.flush()
    size = os.fstat(to.fileno()).st_size
    return Archive(name, len(hashes), size, head["schema"], head["heads"], head["made"], head["aura"])


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sha = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        part = self._file.read(size)
        self.sha.update(part)
        return part


def _add(tar: tarfile.TarFile, member: str, file: Path) -> str:
    """One file as it is when it is opened: outputs are replaced whole, logs only grow. Its SHA-256."""
    with file.open("rb") as opened:
        now, info = os.fstat(opened.fileno()), tarfile.TarInfo(member)
        info.size, info.mode, info.mtime = now.st_size, now.st_mode & 0o777, now.st_mtime
        hashing = _Hashing(opened)
        tar.addfile(info, hashing)
    return hashing.sha.hexdigest()


# ---- restore -------------------------------------------------------------------------------------------------------
def restore(settings: Settings, file: Path, *, force: bool = False, on_file: OnFile | None = None) -> Restored:
    """Put an archive in place of AURA_HOME, after every hash and every chain in it was verified.

    The home that is there is moved aside, never deleted. Killed at any moment, the home is the old one or the new
    one. Raises InputError when the archive is damaged or no backup, when the home holds something and `force` is not
    said, and while a desk or a run is at work in it; LedgerError when the chains do not hold or the schema is newer.
    """
    if not file.is_file():
        raise InputError(f"no backup at {file}")
    home = settings.home.resolve() if settings.home.exists() else settings.home
    full = home.is_dir() and any(home.iterdir())
    if full and not force:
        raise InputError(
            f"AURA_HOME={home} is not empty: with --force it is moved aside, or set AURA_HOME to a new folder"
        )
    if busy := [*_at_work(home / LEDGER), *_locked(home)]:
        raise InputError(f"at work in {home}: {', '.join(busy)}. Stop that first")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    fresh, aside = (home.with_name(f"{home.name}.{stamp}-{os.getpid()}.{what}") for what in ("restoring", "replaced"))
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        with _unfinished(fresh):
            archive = _unpack(file, fresh, on_file)
            entries = _verified(fresh, archive, settings)
            folders.settle(fresh)
            _swap(fresh, home, aside if full else None)
        (home / UNFINISHED).unlink()
    except OSError as error:
        raise InputError(f"{home} cannot be written ({error.strerror or error}); it is as it was") from error
    return Restored(archive, entries, aside if full else None)


def _at_work(file: Path) -> list[str]:
    """Who is at work on a ledger's file: desks that hold a lease, runs that have a slot; looks, and changes nothing.

    A file that is no ledger, or a damaged one, has nobody.
    """
    try:
        with closing(copies.reading(file)) as connection:
            leases = connection.execute(
                "SELECT account, holder FROM leases WHERE expires > ?", (time.time(),)
            ).fetchall()
            slots = connection.execute("SELECT run, holder FROM slots WHERE status = 'running'").fetchall()
            beats = connection.execute("SELECT name, holder FROM heartbeats WHERE name LIKE 'scheduler:%'").fetchall()
    except sqlite3.Error:
        return []
    found = [("the desk of account", *row) for row in leases if not surely_dead(row[1])]
    found += [("run", *row) for row in slots if surely_alive(row[1])]
    found += [("the", *row) for row in beats if surely_alive(row[1])]
    return [f"{what} {name} (process {who.rsplit(':', 2)[1]})" for what, name, who in found]


def _locked(home: Path) -> list[str]:
    """The commands that hold a lock in a home."""
    found = []
    for name, what in LOCKS.items():
        if (home / name).is_file():
            with (home / name).open("a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(what)
    return found


def _sweep(home: Path) -> None:
    """Take away what a restore that was killed left behind. Without its mark a folder is a home: it is left alone."""
    for left in home.parent.glob(f"{home.name}.*.restoring"):
        try:
            with (left / UNFINISHED).open("r") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue


@contextmanager
def _unfinished(folder: Path) -> Iterator[None]:
    """A new folder, marked until it is in place, gone when that fails. Only what bears the mark is ever removed."""
    folder.mkdir(mode=0o700)
    try:
        with (folder / UNFINISHED).open("w") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX)
            yield
    except BaseException:
        if (folder / UNFINISHED).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(file: Path, folder: Path, on_file: OnFile | None) -> Archive:
    """Write every member below the folder; the archive as its manifest tells it. What does not match is refused."""
    hashes: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with gzip.open(file) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for number, member in enumerate(tar, start=1):
                content = tar.extractfile(member) if member.isfile() else None
                if content is None or manifest is not None:
                    raise InputError(f"{file} is no backup that Aura made: {member.name!r} is not expected there")
                if member.name == MANIFEST:
                    manifest = _manifest(file, content.read())
                    continue
                name = _safe(file, member.name)
                if name in hashes:
                    raise InputError(f"{file} is no backup that Aura made: {name} is in it twice")
                hashes[name] = _extract(content, folder / name, member.mode & 0o700)
                if on_file:
                    on_file(number, 0)
            while stream.read(1 << 20):  # to the end, where gzip keeps its own checksum
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise InputError(f"{file} is damaged or cut off ({error}): take another backup") from None
    if manifest is None:
        raise InputError(f"{file} is cut off, or no backup: it does not end with its manifest")
    told = manifest["files"]
    wrong = sorted(name for name in {*told, *hashes} if told.get(name) != hashes.get(name))
    if wrong:
        raise InputError(f"{file} is damaged: {wrong[0]} is not what its manifest says ({len(wrong)} such files)")
    size = file.stat().st_size
    return Archive(file, len(hashes), size, manifest["schema"], manifest["heads"], manifest["made"], manifest["aura"])


def _safe(file: Path, member: str) -> str:
    """The name of a member in the home; one that would lead out of it is refused."""
    path = PurePosixPath(member)
    inside = path.parts[:1] == (HOME,) and len(path.parts) > 1 and ".." not in path.parts
    if not inside or "\\" in member or path.name == UNFINISHED:
        raise InputError(f"{file} is refused: its member {member!r} leads out of the home")
    return PurePosixPath(*path.parts[1:]).as_posix()


def _extract(content: IO[bytes], target: Path, mode: int) -> str:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashing = _Hashing(content)
    with target.open("xb") as file:
        shutil.copyfileobj(hashing, file)
        os.fchmod(file.fileno(), mode | 0o600)
        file.flush()
        os.fsync(file.fileno())
    return hashing.sha.hexdigest()


def _manifest(file: Path, text: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(text)
        number = int(manifest["format"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file} is no backup that Aura made: its manifest cannot be read") from None
    if number > FORMAT:
        raise InputError(f"{file} has format {number}; this Aura reads {FORMAT}: upgrade Aura")
    return manifest


def _verified(home: Path, archive: Archive, settings: Settings) -> int:
    """Open the restored ledger, verify its chains against the manifest, and let go of dead processes. Entries."""
    if not archive.schema:
        return 0
    inside = settings.database_url == f"{SQLITE}{settings.home / LEDGER}"
    if not inside and settings.database_url.startswith(SQLITE):
        raise InputError("the archive holds a ledger, but AURA_DATABASE_URL names another file for it: unset it")
    with Ledger(f"sqlite:///{home / LEDGER}") as ledger:
        found, heads = ledger.journal.verify(), ledger.journal.heads()
        if not found.ok:
            raise LedgerError(f"the ledger in {archive.file} is not whole: {found.problem}. Nothing was replaced")
        if heads != archive.heads:
            raise LedgerError(f"the chains in {archive.file} do not end as its manifest says. Nothing was replaced")
        ledger.control.let_go()
    if not inside:  # into the database server, and the file goes
        moving.from_file(home / LEDGER, settings.database_url)
        for left in home.glob(f"{LEDGER}*"):
            left.unlink()
    return found.entries


def _swap(fresh: Path, home: Path, aside: Path | None) -> None:
    """Put the new home in place, the old one aside: in one step where the system can, so that there is always one."""
    if aside is None:
        os.rename(fresh, home)  # over nothing, or over an empty folder
    elif folders.swap(fresh, home):
        os.rename(fresh, aside)
    else:
        os.rename(home, aside)
        os.rename(fresh, home)
    folders.settle_names(home.parent)
