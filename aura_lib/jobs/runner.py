"""The runner: executes a notebook, keeps the Run whatever happens, and is the only one to write Evidence.

The life of a run, one method a step:

    research(notebook)     bind → execute in research mode → Run and Evidence
    slot(job, slot)        claim → bind → gate → token → execute → Run
    missed(job, slot)      record that nobody ran it
    rehearse(job, slots)   execute once more over past slots, for parity; leaves no Run and no trial
    preview(job, slot)     decide once for a slot, send nothing; leaves no Run, no trial and no claim
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from aura_lib.access import who
from aura_lib.core import (
    Evidence,
    Examination,
    InputError,
    Mode,
    NotPromoted,
    PermissionDenied,
    Run,
    RunFailed,
    RunStatus,
    Settings,
    decode,
    digest,
    encode,
    iso,
    project_root,
)
from aura_lib.execution import account_terms, acts
from aura_lib.execution.gate import run_key
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.context import Context, Preview, Rehearsal, read_results
from aura_lib.jobs.execute import Execution, execute
from aura_lib.jobs.job import Job
from aura_lib.jobs.kernels import Zygote
from aura_lib.jobs.notebook import Bound
from aura_lib.jobs.promotion import Candidate, relative, require
from aura_lib.ledger import SYSTEM, Ledger, Slot, Token

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "SYSTEMROOT", "VIRTUAL_ENV")
OnCell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One execution: the bytes of a notebook, the parameters given, and who asks."""

    run: str
    path: Path
    data: bytes
    bound: Bound
    given: Mapping[str, Any]
    timeout: float


class Runner:
    """Executes notebooks in fresh kernels forked from one warm parent."""

    def __init__(
        self, settings: Settings, ledger: Ledger, root: Path | None = None, zygote: Zygote | None = None
    ) -> None:
        self.settings, self.ledger = settings, ledger
        self.root = (root or project_root() or Path.cwd()).resolve()
        self._zygote, self._lent = zygote, zygote is not None

    def __enter__(self) -> Runner:
        self.warm_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm parent and every kernel of it, unless it was lent."""
        if self._zygote is not None and not self._lent:
            self._zygote.close()
            self._zygote = None

    def warm_up(self) -> Zygote:
        """The warm parent, started in the background when there is none."""
        if self._zygote is None:
            self._zygote = Zygote()
        return self._zygote

    # ---- research --------------------------------------------------------------------------------------------------
    def research(
        self,
        path: Path,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float = 3600,
        on_cell: OnCell | None = None,
    ) -> Run:
        """Execute a notebook in research mode and record what it showed as Evidence. Raises RunFailed."""
        path = _existing(path)
        data, given = path.read_bytes(), {**(parameters or {}), "mode": "research"}
        bound = notebooks.bind(path, data, given, self.root)
        task = Task(_new_id(path.stem), path, data, bound, given, timeout)
        run = self._begin(task, job="", slot="", attempt=1, mode=Mode.RESEARCH)
        context = self._context(task)
        run = self._finish(run, task, self._execute(task, context, "", on_cell), context)
        if "statistics" not in run.results:
            raise RunFailed(f"{run.notebook} ended without calling aura.run: nothing was tested, nothing is recorded")
        examined = read_results(context.results).get("examination")
        evidence = Evidence(
            run.id, run.binding, run.notebook, bound.parameters, bound.sources, run.snapshot,
            run.results["statistics"], datetime.now(UTC),
            decode(Examination, examined) if examined else None, int(run.results.get("warmup_bars", 0)),
        )  # fmt: skip
        self.ledger.journal.append(SYSTEM, "evidence", encode(evidence), key=f"evidence:{run.id}")
        return run

    # ---- one slot of a job -----------------------------------------------------------------------------------------
    def slot(self, job: Job, slot: datetime, *, on_cell: OnCell | None = None) -> Run | None:
        """Run a job for one of its slots; None when the slot is done or a living run has it.

        Raises NotPromoted and PermissionDenied before any kernel starts, RunFailed when the notebook does not reach
        its end.
        """
        data = job.notebook.read_bytes()
        given = {**job.parameters, "mode": job.mode.value, "as_of": iso(slot), "book": job.book}
        bound = notebooks.bind(job.notebook, data, given, self.root)
        check_schedule(job, bound)
        task = Task(_new_id(f"{job.name}-{slot:%Y%m%d}"), job.notebook, data, bound, given, job.timeout)
        before = self.ledger.control.slot(job.name, slot)
        claim = self.ledger.control.claim(job.name, slot, task.run)
        if claim is None:
            return None
        if before is not None:
            self._bury(before)
        run = self._begin(task, job=job.name, slot=claim.slot, attempt=claim.attempt, mode=job.mode)
        try:
            self._admit(job, Candidate(run.notebook, bound), run.who)
        except (NotPromoted, PermissionDenied) as error:
            self._write(replace(run, status=RunStatus.REFUSED, ended=datetime.now(UTC), error=str(error)), claim)
            raise
        token = Token(run.id, job.name, claim.slot, job.account, job.book, bound.binding.id)
        secret = self.ledger.control.issue(token, job.timeout + 60)
        context = self._context(task, **_of(job, slot))
        try:
            execution = self._execute(task, context, secret, on_cell)
        finally:
            self.ledger.control.revoke(run.id)
        return self._finish(run, task, execution, context, claim)

    def _admit(self, job: Job, candidate: Candidate, who: str) -> None:
        """Raise NotPromoted or PermissionDenied where a job may not trade on its account."""
        terms = account_terms(self.ledger, job.account)
        if absent := acts.missing(job.mode, terms, who, self.settings):
            raise PermissionDenied(f"job {job.name} may not trade: {'; '.join(one.why for one in absent)}")
        require(self.ledger, self.settings, candidate, terms.account_class)

    def missed(self, job: Job, slot: datetime, why: str, at: datetime) -> Run | None:
        """Record that a slot passed and nobody ran it, and why; None when it was run or recorded meanwhile."""
        given = {**job.parameters, "mode": job.mode.value, "as_of": iso(slot), "book": job.book}
        bound = notebooks.bind(job.notebook, job.notebook.read_bytes(), given, self.root)
        run = Run(
            _new_id(f"{job.name}-{slot:%Y%m%d}"), job.name, iso(slot), 0, job.mode, relative(job.notebook, self.root),
            bound.binding, bound.resolved, RunStatus.MISSED, at, at, ledger_seq=self.ledger.journal.last(), error=why,
        )  # fmt: skip
        with self.ledger.write() as connection:
            if not self.ledger.control.miss(connection, job.name, slot, run.id, at):
                return None
            self.ledger.journal.append_in(connection, SYSTEM, "run", encode(run))
        return run

    def _bury(self, before: Slot) -> None:
        """The run that had the slot is over: its token ends, and if it never told its end it is LOST."""
        self.ledger.control.revoke(before.run)
        lost = next((r for r in self.ledger.runs(before.job) if r.id == before.run), None)
        if lost is not None and lost.status is RunStatus.RUNNING:
            self._write(replace(lost, status=RunStatus.LOST, ended=datetime.now(UTC), error="its runner died"))

    # ---- parity and preview ----------------------------------------------------------------------------------------
    def rehearse(self, job: Job, as_of: datetime, rehearsal: Rehearsal) -> dict[str, Any]:
        """Replay slots through the job's notebook as it is now. What it decided, as the kernel reported it."""
        return self._aside("parity", job, Mode.RESEARCH, as_of, {"book": job.book, "rehearsal": rehearsal})

    def preview(self, job: Job, slot: datetime, asked: Preview, *, on_cell: OnCell | None = None) -> dict[str, Any]:
        """Let the job's notebook as it is now decide for one slot. What it would propose, as the kernel reported it."""
        return self._aside("preview", job, job.mode, slot, {**_of(job, slot), "preview": asked}, on_cell)

    def _aside(
        self, what: str, job: Job, mode: Mode, as_of: datetime, of_job: Mapping[str, Any],
        on_cell: OnCell | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Execute a job's notebook without a Run, a claim or a token. Raises RunFailed."""
        data = job.notebook.read_bytes()
        given = {**job.parameters, "mode": mode.value, "as_of": iso(as_of), "book": job.book}
        bound = notebooks.bind(job.notebook, data, given, self.root)
        task = Task(_new_id(f"{what}-{job.name}"), job.notebook, data, bound, given, job.timeout)
        self._lay_out(task)
        context = self._context(task, **of_job)
        execution = self._execute(task, context, "", on_cell)
        results = read_results(context.results)
        if error := self._error(task, execution, results):
            raise RunFailed(f"the {what} of {job.name} failed: {error}")
        return results

    # ---- the steps -------------------------------------------------------------------------------------------------
    def _directory(self, run: str) -> Path:
        return self.settings.home / "runs" / run

    def _lay_out(self, task: Task) -> None:
        directory = self._directory(task.run)
        directory.mkdir(parents=True)
        (directory / "input.ipynb").write_bytes(task.data)

    def _begin(self, task: Task, *, job: str, slot: str, attempt: int, mode: Mode) -> Run:
        self._lay_out(task)
        run = Run(
            task.run, job, slot, attempt, mode, relative(task.path, self.root), task.bound.binding, task.bound.resolved,
            RunStatus.RUNNING, datetime.now(UTC), ledger_seq=self.ledger.journal.last(), lock=self._lock(),
            output=str(self._directory(task.run) / "output.ipynb"), who=who(),
        )  # fmt: skip
        self.ledger.journal.append(SYSTEM, "run", encode(run), key=run_key(run.id))
        return run

    def _lock(self) -> str:
        lock = self.root / "requirements.lock"
        return digest(lock.read_bytes()) if lock.is_file() else ""

    def _context(self, task: Task, **of_job: Any) -> Context:
        results = self._directory(task.run) / "results.json"
        binding = task.bound.binding.id
        needed = self._warm_up_of(binding) if of_job.get("job") else 0
        return Context(task.run, relative(task.path, self.root), binding, results, warmup=needed, **of_job)

    def _warm_up_of(self, binding: str) -> int:
        """The shortest history, in bars, that was measured for exactly this binding; 0 when none was."""
        return next((e.warmup_bars for e in reversed(self.ledger.evidence()) if e.binding.id == binding), 0)

    def _execute(self, task: Task, context: Context, secret: str, on_cell: OnCell | None) -> Execution:
        directory = self._directory(task.run)
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment = {**kept, **self.settings.child_environment(), **context.environment(secret)}
        environment["PYTHONPATH"] = os.pathsep.join([str(task.path.parent), str(self.root)])
        return execute(
            directory / "input.ipynb", directory / "output.ipynb", dict(task.given), zygote=self.warm_up(),
            env=environment, cwd=self.root, timeout=task.timeout, on_cell=on_cell,
        )  # fmt: skip

    def _finish(self, run: Run, task: Task, execution: Execution, context: Context, claim: Slot | None = None) -> Run:
        results = read_results(context.results)
        results.pop("examination", None)  # it belongs to the Evidence
        error = self._error(task, execution, results)
        run = replace(
            run,
            status=RunStatus.FAILED if error else RunStatus.SUCCEEDED,
            ended=datetime.now(UTC),
            error=error,
            results=results,
            snapshot=results.get("snapshot", ""),
            basket=results.get("basket", ""),
        )
        self._write(run, claim)
        if error:
            raise RunFailed(f"run {run.id} of {run.notebook} failed: {error}. Its output: {run.output}")
        return run

    def _error(self, task: Task, execution: Execution, results: Mapping[str, Any]) -> str:
        """Why a run counts as failed; empty when it does not."""
        if execution.status is not RunStatus.SUCCEEDED:
            return f"cell {execution.cell}: {execution.error}" if execution.cell is not None else execution.error
        if not results:
            return "the notebook ended without calling aura.run"
        now = notebooks.bind(task.path, task.data, task.given, self.root)
        if now.binding != task.bound.binding:
            names = sorted({*now.sources, *task.bound.sources})
            changed = [n for n in names if now.sources.get(n) != task.bound.sources.get(n)]
            return f"sources changed while it ran, nobody can say which decided: {', '.join(changed)}"
        return ""

    def _write(self, run: Run, claim: Slot | None = None) -> None:
        with self.ledger.write() as connection:
            self.ledger.journal.append_in(connection, SYSTEM, "run", encode(run))
            if claim is not None:
                self.ledger.control.finish(connection, claim, run.status.value)


def _of(job: Job, slot: datetime) -> dict[str, Any]:
    """What a run of a job is told of it."""
    return {"job": job.name, "slot": slot, "account": job.account, "book": job.book, "quality": job.policy}


def check_schedule(job: Job, bound: Bound) -> str:
    """The schedule of a job's notebook. A job file may repeat it, never change it."""
    schedule = bound.resolved.get("schedule")
    if not isinstance(schedule, str):
        raise InputError(f"{job.notebook} has no parameter `schedule`: add it to its parameters cell")
    if job.schedule and job.schedule != schedule:
        raise InputError(
            f"job {job.name} says schedule {job.schedule!r}, its notebook {schedule!r}: the notebook counts"
        )
    return schedule


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"no notebook at {path}")
    return path.resolve()


def _new_id(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}"
