"""`aura doctor`: is everything in order, and if not, what to do. One small function a check."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.core import Settings
    from aura_lib.execution import Terms
    from aura_lib.ledger import Ledger

PYTHONS = ((3, 11), (3, 15))  # from, and below: as pyproject.toml says
LEFT_OUT = frozenset({"rfc3987-syntax"})  # locked, but `make` takes it away again: DECISIONS.md
LITTLE, TOO_LITTLE = 2_000_000_000, 200_000_000  # bytes free
SOON, TOO_SOON = 90, 30  # days of calendar left
SILENT = 25.0  # seconds without a sign of life after which a desk counts as hung
ADDRESS = "127.0.0.1"  # where `aura up` listens
SLACK = timedelta(seconds=5)  # that a clock may be set back without harm


class Status(StrEnum):
    """OK; NOTE: good to know; FIX: something will not work until it is fixed."""

    OK = "ok"
    NOTE = "note"
    FIX = "fix"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it."""

    status: Status
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `ledger` is None when it does not open, and `trouble` says why."""

    settings: Settings
    root: Path
    now: datetime
    ledger: Ledger | None = None
    trouble: str = ""


Check = Callable[[Patient], Finding]


# ---- the machine ---------------------------------------------------------------------------------------------------
def python(patient: Patient) -> Finding:
    """The version of Python."""
    (low, high), now = PYTHONS, sys.version_info[:2]
    found = f"{sys.version.split()[0]} in {sys.prefix}"
    if low <= now < high:
        return Finding(Status.OK, found)
    wanted = f"Python {low[0]}.{low[1]} to {high[0]}.{high[1] - 1}"
    return Finding(Status.FIX, found, f"install {wanted}, then `make clean` and `make demo`")


def packages(patient: Patient) -> Finding:
    """What is installed, against requirements.lock."""
    lock = next((f for f in _locks(patient.root) if f.is_file()), None)
    if lock is None:
        return Finding(Status.NOTE, "no requirements.lock here to compare with")
    return compared(pinned(lock.read_text(encoding="utf-8")), installed(), needed())


def _locks(root: Path) -> tuple[Path, ...]:
    return root / "requirements.lock", Path(__file__).parents[2] / "requirements.lock"


def pinned(lock: str) -> dict[str, str]:
    """Package → version, of a lock's lines that are meant for this Python and system."""
    from packaging.markers import Marker

    lines = re.findall(r"^([a-z0-9-]+)==([^\s;]+)(?: ; (.*?))? *\\?$", lock, re.MULTILINE)
    return {name: version for name, version, marker in lines if not marker or Marker(marker).evaluate()}


def installed() -> dict[str, str]:
    """Package → version, as installed."""
    from importlib import metadata

    from packaging.utils import canonicalize_name

    names = ((d.metadata["Name"], d.version) for d in metadata.distributions())
    return {canonicalize_name(name): version for name, version in names if name}


def needed() -> frozenset[str]:
    """The packages that Aura itself asks for, whatever extras were chosen."""
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    try:
        asked = [Requirement(line) for line in metadata.requires("aura-lib") or ()]
    except metadata.PackageNotFoundError:
        return frozenset()
    return frozenset(canonicalize_name(r.name) for r in asked if r.marker is None or r.marker.evaluate({"extra": ""}))


def compared(pins: Mapping[str, str], there: Mapping[str, str], must: frozenset[str]) -> Finding:
    """Missing and other versions. A missing package that Aura itself asks for must be fixed; the rest is a note."""
    missing = sorted(name for name in pins.keys() - there.keys() if name not in LEFT_OUT)
    other = sorted(f"{n} {there[n]} for {v}" for n, v in pins.items() if there.get(n, v) != v)
    told = [f"{kind}: {_few(names)}" for kind, names in (("missing", missing), ("other version", other)) if names]
    if not told:
        return Finding(Status.OK, f"{len(pins)} packages, each in its locked version")
    status = Status.FIX if must & set(missing) else Status.NOTE
    return Finding(status, "; ".join(told), "`make demo` installs what requirements.lock names")


def _few(names: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def home(patient: Patient) -> Finding:
    """AURA_HOME: writable, with room on its disk."""
    free = shutil.disk_usage(patient.settings.ensure_home()).free
    found = f"{patient.settings.home} is writable, {free / 1e9:,.1f} GB free"
    if free >= LITTLE:
        return Finding(Status.OK, found)
    todo = "free the disk, or move AURA_HOME; `aura runs prune` removes old outputs, AURA_KEEP_DAYS=30 more of them"
    return Finding(Status.FIX if free < TOO_LITTLE else Status.NOTE, found, todo)


# ---- what is kept --------------------------------------------------------------------------------------------------
def ledger(patient: Patient) -> Finding:
    """Whether the ledger opens, and with which schema."""
    if patient.ledger is None:
        todo = "as it says, or `aura restore BACKUP --force`, or set AURA_HOME to another directory"
        return Finding(Status.FIX, patient.trouble, todo)
    return Finding(Status.OK, f"opens, schema {patient.ledger.version}, {patient.ledger.journal.last()} entries")


def chain(patient: Patient) -> Finding:
    """Whether every hash of the journal holds."""
    seen = _opened(patient).journal.verify()
    if seen.ok:
        return Finding(Status.OK, f"{seen.entries} entries in {seen.chains} chains verified")
    return Finding(Status.FIX, seen.problem, "trust nothing after that entry: `aura restore BACKUP --force`")


def store(patient: Patient) -> Finding:
    """Whether stored market data are what they were."""
    from aura_lib.data.store import at

    kept = at(patient.settings)
    damaged = kept.verify()
    if damaged:
        return Finding(Status.FIX, _few(damaged, 2), "`aura data fetch` of its source writes it anew")
    count = len(kept.versions())
    told = f"{count} version{'s' * (count != 1)} verified"
    return Finding(Status.OK, told if count else "empty; the first use fetches the sample")


def calendar(patient: Patient) -> Finding:
    """How many days the exchange calendars still reach."""
    from aura_lib.core import Calendar

    names = {"XNYS", *(str(terms["calendar"]) for terms in _accounts(patient))}
    left = {name: (Calendar.of(name).closes[-1].to_pydatetime() - patient.now).days for name in sorted(names)}
    found = ", ".join(f"{name}: {days} days left" for name, days in left.items())
    if min(left.values()) >= SOON:
        return Finding(Status.OK, found)
    status = Status.FIX if min(left.values()) < TOO_SOON else Status.NOTE
    return Finding(status, found, "upgrade exchange-calendars: slots beyond its end are unknown")


# ---- what is at work -----------------------------------------------------------------------------------------------
def desks(patient: Patient) -> Finding:
    """Signs of life, leases, kill switches and drift, by account."""
    seen = [_desk(_opened(patient), str(terms["name"])) for terms in _accounts(patient)]
    if not seen:
        return Finding(Status.OK, "no account is open yet; the first job opens one")
    worst = max((f.status for f in seen), key=list(Status).index)
    todo = "; ".join(dict.fromkeys(f.todo for f in seen if f.todo))
    return Finding(worst, "; ".join(f.found for f in seen), todo)


def _desk(ledger: Ledger, account: str) -> Finding:
    if drift := ledger.account(account).drift:
        todo = f"`aura account show {account}` against the broker: nothing is sent until they agree"
        return Finding(Status.FIX, f"{account}: ledger and broker differ, {drift}", todo)
    if halted := ledger.control.halted(account):
        return Finding(Status.NOTE, f"{account}: {halted}", f"`aura resume {halted.split()[0]}` once that is over")
    age, holder = ledger.control.age(f"desk:{account}"), ledger.control.holder(account)
    if age is not None and age > SILENT:
        todo = f"stop it and start `aura desk {account}`, if it should be at work"
        return Finding(Status.NOTE, f"{account}: its desk last gave a sign of life {age:,.0f} s ago", todo)
    if holder:
        return Finding(Status.OK, f"{account}: a desk is at work (process {holder.rsplit(':', 2)[1]})")
    if waiting := _left_alone(ledger, account):
        todo = f"`aura job schedule`, `aura up` or `aura desk {account}` keeps one"
        return Finding(
            Status.NOTE, f"{account}: {waiting} orders are at its broker, and no desk books their fills", todo
        )
    return Finding(Status.OK, f"{account}: no desk at work; commands start their own")


def _left_alone(ledger: Ledger, account: str) -> int:
    """How many orders of an account a real broker has, that fill whether or not a desk is there."""
    from aura_lib.execution import account_terms

    return 0 if account_terms(ledger, account).simulated else len(ledger.account(account).live)


def scheduler(patient: Patient) -> Finding:
    """Whether somebody fires the jobs that live by the wall clock."""
    from aura_lib.ledger import surely_dead

    ledger = _opened(patient)
    if not any(terms["clock"] == "wall" for terms in _accounts(patient)):
        return Finding(Status.OK, "none needed: no account lives by the wall clock")
    alive = [beat for beat in ledger.control.beats("scheduler:") if not surely_dead(beat.holder)]
    if not alive:
        return Finding(Status.NOTE, "none at work", "`aura job schedule`, or `aura service install scheduler`")
    return Finding(Status.OK, "; ".join(f"{beat.name.removeprefix('scheduler:')}: {beat.note}" for beat in alive))


def port(patient: Patient) -> Finding:
    """The port that `aura up` takes: free, or who has it."""
    from aura_lib.cli.up import PORT
    from aura_lib.server.instance import running

    if up := running(patient.settings.home):
        address = str(up["url"]).partition("?")[0]
        return Finding(Status.OK, f"`aura up` is at work at {address} (process {up['pid']})")
    if _free(PORT):
        return Finding(Status.OK, f"{PORT} is free for `aura up`")
    other = next((number for number in range(PORT + 1, PORT + 100) if _free(number)), 0)
    found = f"{PORT} of {ADDRESS} is taken, by another program or by `aura up` of another home"
    return Finding(Status.NOTE, found, f"stop that, or take another one: `aura up --port {other}`")


def _free(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just given up is free
        try:
            probe.bind((ADDRESS, number))
        except OSError:
            return False
    return True


def cluster(patient: Patient) -> Finding:
    """Whether the Dask scheduler that sweeps may be sent to answers, and how many workers it has."""
    address = patient.settings.dask_address
    if address in ("", "local"):
        return Finding(Status.OK, "none: sweeps run on this machine")
    from aura_lib.backtest.search.dask import knock
    from aura_lib.core import InputError

    try:
        workers = len(knock(address)["workers"])
    except InputError as error:
        return Finding(Status.NOTE, str(error), "start `dask scheduler`, or correct or unset AURA_DASK_ADDRESS")
    found = f"a scheduler answers at {address}, {workers} worker{'s' * (workers != 1)}"
    return Finding(Status.OK, found) if workers else Finding(Status.NOTE, found, f"start `dask worker {address}`")


def clock(patient: Patient) -> Finding:
    """Whether the clock has gone back behind what was written."""
    newest = _opened(patient).journal.newest()
    told = f"{patient.now:%Y-%m-%d %H:%M:%S} UTC"
    if newest is None or newest <= patient.now + SLACK:
        return Finding(Status.OK, told)
    found = f"it is {told}, but the journal was last written at {newest:%Y-%m-%d %H:%M:%S} UTC"
    return Finding(Status.FIX, found, "set the clock, and let it follow a time server")


# ---- secrets -------------------------------------------------------------------------------------------------------
def signing_key(patient: Patient) -> Finding:
    """The key that signs promotions: there, readable by its owner only, and the one they were signed with."""
    from aura_lib.access import Vault

    vault = Vault(patient.settings.home)
    signed = [e.body["public_key"] for e in _opened(patient).journal.entries("system", kinds=("promotion",))]
    if not vault.exists:
        todo = "restore `vault/signing.key` from a backup, or promote again" if signed else ""
        found = "gone, and promotions were signed with it" if signed else "none yet; the first promotion makes it"
        return Finding(Status.FIX if signed else Status.OK, found, todo)
    own = vault.public_key
    strange = sum(key != own for key in signed)
    if strange:
        return Finding(Status.NOTE, f"{strange} promotions bear the signature of another key", "promote those again")
    return Finding(Status.OK, f"there, for its owner only; signed {len(signed)} promotions")


def permissions(patient: Patient) -> Finding:
    """Whether the file of permissions says something clear, and for whom."""
    from aura_lib.access import Permissions

    known = Permissions.of(patient.settings.home)  # what it cannot read is an error with its line
    if known.grants is None:
        return Finding(
            Status.OK, f"no permissions.yaml: {known.owner} may do all where no real money is, others nothing"
        )
    return Finding(Status.OK, f"permissions.yaml names {', '.join(sorted(known.grants)) or 'nobody'}")


def sources(patient: Patient) -> Finding:
    """Where data can come from: the package of each source, and its keys by name, never their values."""
    from aura_lib.data import sources as room

    return Finding(Status.OK, "; ".join(f"{name}: {_standing(name)}" for name in room.names()))


def _standing(name: str) -> str:
    """Whether a source's package is installed, and which of its keys are set."""
    from aura_lib.data.sources import needs

    need = needs(name)
    there = "ready" if need.installed else f"needs `pip install 'aura-lib[{name}]'`"
    said = [f"{key} {'missing' if key in need.missing else 'set'}" for key in need.keys]
    said += [f"{key} {'set' if os.environ.get(key) else 'not set'} (optional)" for key in need.optional]
    return ", ".join([there, *said])


def brokers(patient: Patient) -> Finding:
    """Whether the accounts at real brokers have their keys and package, by name, and may trade for real at all."""
    from importlib.util import find_spec

    from aura_lib.core import Mode, decode
    from aura_lib.execution import Terms

    real = [t for t in (decode(Terms, body) for body in _accounts(patient)) if not t.simulated and not t.shadow_of]
    if not real:
        return Finding(Status.OK, "none: every account is simulated")
    lacking = {t.name: [key for key in t.keys if not os.environ.get(key, "").strip()] for t in real}
    found = [
        f"{t.name} at {t.broker}, {t.account_class.value}: {_lacking(lacking[t.name])}{_rehearsed(t)}" for t in real
    ]
    todo = [f"set {', '.join(names)} in the environment" for names in lacking.values() if names]
    if find_spec("alpaca") is None:
        todo.append("`pip install 'aura-lib[alpaca]'`")
    shut = [t.name for t in real if t.account_class is Mode.LIVE and not patient.settings.allow_live]
    if shut:
        found.append(f"{', '.join(shut)} trades nothing: AURA_ALLOW_LIVE is not 1")
    status = Status.FIX if todo else Status.NOTE if shut else Status.OK
    return Finding(status, "; ".join(found), "; ".join(dict.fromkeys(todo)))


def _lacking(names: list[str]) -> str:
    return f"{', '.join(names)} is not set" if names else "its keys are set"


def _rehearsed(terms: Terms) -> str:
    """Says so where an account is not at its broker, but at another address in its place."""
    url = os.environ.get(terms.addresses[0], "").strip() if terms.addresses else ""
    return f", at {url} in place of {terms.broker} ({terms.addresses[0]})" if url else ""


def keys(patient: Patient) -> Finding:
    """Whether the sources that accounts and jobs use have their packages and keys."""
    from aura_lib.data.sources import needs

    used = sorted({str(terms["source"]) for terms in _accounts(patient)} | _of_jobs(patient))
    lacking = {name: needs(name).missing for name in used if needs(name).missing}
    absent = [name.partition(":")[0] for name in used if not needs(name).installed]
    if not lacking and not absent:
        return Finding(
            Status.OK, f"in use: {', '.join(used)}; nothing is missing" if used else "no source is in use yet"
        )
    found = [f"{name} is in use and {', '.join(missing)} is not set" for name, missing in lacking.items()]
    found += [f"{name} is in use and its package is not installed" for name in absent]
    todo = [f"set {', '.join(missing)} in the environment" for missing in lacking.values()]
    todo += [f"`pip install 'aura-lib[{name}]'`" for name in absent]
    return Finding(Status.FIX, "; ".join(found), "; ".join(dict.fromkeys(todo)))


def _of_jobs(patient: Patient) -> set[str]:
    """The sources that the parameters of job files name."""
    from aura_lib.jobs import job

    jobs = (job.load(str(file), patient.root) for file in sorted((patient.root / "jobs").glob("*.yaml")))
    return {str(one.parameters["source"]) for one in jobs if one.parameters.get("source")}


CHECKS: tuple[Check, ...] = (
    python, packages, home, ledger, chain, store, calendar, desks, scheduler, port, cluster, clock, signing_key,
    permissions, sources, keys, brokers,
)  # fmt: skip


def examine(patient: Patient) -> dict[str, Finding]:
    """Every check by its name. One that cannot be made says why instead."""
    return {check.__name__.replace("_", " "): _made(check, patient) for check in CHECKS}


def _made(check: Check, patient: Patient) -> Finding:
    from aura_lib.core import AuraError

    try:
        return check(patient)
    except Unopened:
        return Finding(Status.NOTE, "not looked at: the ledger does not open")
    except AuraError as error:
        return Finding(Status.FIX, str(error), "as it says")
    except OSError as error:
        what = f"{error.filename or check.__name__}: {error.strerror or error}"
        return Finding(Status.FIX, what, "see to it that you may read it")


class Unopened(Exception):
    """A check needs the ledger, and it does not open."""


def _opened(patient: Patient) -> Ledger:
    if patient.ledger is None:
        raise Unopened
    return patient.ledger


def _accounts(patient: Patient) -> list[Mapping[str, object]]:
    """The terms of every open account; none when the ledger does not open."""
    if patient.ledger is None:
        return []
    return [entry.body for entry in patient.ledger.journal.entries("system", kinds=("account.opened",))]


@contextmanager
def admitted() -> Iterator[Patient]:
    """This installation, with its ledger open where it opens."""
    from aura_lib.core import AuraError, Settings, project_root
    from aura_lib.ledger import Ledger

    settings, root, opened, trouble = Settings.load(), project_root() or Path.cwd(), None, ""
    try:
        opened = Ledger.open(settings)
    except AuraError as error:
        trouble = str(error)
    try:
        yield Patient(settings, root, datetime.now(UTC), opened, trouble)
    finally:
        if opened is not None:
            opened.close()


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def doctor() -> Answer:
        """Check Python, packages, disk, ledger, data, calendar, desks, scheduler, port, clock, permissions and keys."""
        with admitted() as patient:
            return told(examine(patient))


def told(findings: Mapping[str, Finding]) -> Answer:
    """The findings as a table; the exit code is 1 when something must be fixed."""
    from rich.markup import escape

    marks = {Status.OK: "[green]✓ ok[/]", Status.NOTE: "[yellow]! note[/]", Status.FIX: "[bold red]✗ fix[/]"}
    rows = [
        {"check": name, "status": marks[f.status], "found": escape(f.found), "todo": escape(f.todo)}
        for name, f in findings.items()
    ]
    wrong = [name for name, f in findings.items() if f.status is Status.FIX]
    last = f"To fix: {', '.join(wrong)}." if wrong else "Nothing has to be fixed."
    checks = [{"check": n, "status": f.status.value, "found": f.found, "todo": f.todo} for n, f in findings.items()]
    columns = {"check": "check", "status": "", "found": "found", "todo": "what to do"}
    return Answer({"ok": not wrong, "checks": checks}, (table("Doctor", columns, rows), last), code=int(bool(wrong)))
