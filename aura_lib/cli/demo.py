"""`aura demo`: the whole journey on the sample data, from prices to a proof."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from aura_lib.cli.answer import Answer, command

if TYPE_CHECKING:
    from aura_lib.backtest import Backtest, Parity
    from aura_lib.core import Promotion, Run, Settings
    from aura_lib.jobs.audit import Audit
    from aura_lib.jobs.job import Job
    from aura_lib.jobs.runner import Runner
    from aura_lib.ledger import Ledger

JOB, FIRST, LAST, UNTIL = "momentum_paper", "2021-12-31", "2022-11-30", "2022-12-28"


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def demo() -> Answer:
        """The whole journey: data, research, promotion, twelve paper runs, the proof, a report. Under a minute."""
        from aura_lib.core import Settings, project_root
        from aura_lib.jobs import job as jobs
        from aura_lib.jobs.runner import Runner
        from aura_lib.ledger import Ledger

        started = time.monotonic()
        root = project_root() or Path.cwd()
        print(
            "The journey of one strategy: data, research, promotion, paper runs, proof. A minute or two.",
            file=sys.stderr,
        )
        job = jobs.load(JOB, root)
        settings = Settings.load()
        settings.ensure_home()
        with ExitStack() as stack:
            stack.enter_context(alone(settings.home))
            ledger = stack.enter_context(Ledger.open(settings))
            journey = Journey(settings, ledger, stack.enter_context(Runner(settings, ledger, root)), job)
            return journey.travel(started)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Only one demo at a time in one AURA_HOME; the lock ends with the process."""
    import fcntl

    from aura_lib.core import InputError

    with (home / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another `aura demo` is at work in {home}: wait for it, or set another AURA_HOME"
            ) from None
        yield


@dataclass
class Journey:
    """The steps of the demo. Each says what it does while it does it, and what came of it."""

    settings: Settings
    ledger: Ledger
    runner: Runner
    job: Job

    def travel(self, started: float) -> Answer:
        """All steps, in order."""
        from aura_lib.execution import DeskProcess, paper_account

        threading.Thread(target=_warm_up_statistics, daemon=True).start()
        self._step("Data", self._data)
        paper_account(self.ledger, self.job.account)
        with DeskProcess(self.settings, self.job.account) as desk:
            self._step("Research", self._research)
            self._step("Promotion", self._promotion)
            runs = self._step("Paper runs", lambda say: self._runs(say, desk))
        parity = self._step("Parity", self._parity)
        audit = self._step("Ledger", self._audit)
        traded, file = self._step("Report", lambda say: self._report(say, runs, parity, audit))
        return self._answer(traded, runs, parity, audit, file, time.monotonic() - started)

    def _step(self, name: str, work: Callable[[Callable[[str], None]], Any]) -> Any:
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
        began = time.monotonic()
        with console.status(f"{name} …") as status:
            found, told = work(lambda text: status.update(f"{name}: {text}"))
        console.print(
            f"[green]✓[/] [bold]{name:<11}[/] {told} [dim]{time.monotonic() - began:.1f} s[/]", soft_wrap=True
        )
        return found

    # ---- the steps -------------------------------------------------------------------------------------------------
    def _data(self, say: Callable[[str], None]) -> tuple[None, str]:
        from aura_lib import data

        say("20 US large caps and the S&P 500, 1990 to 2022, checked against the exchange calendar")
        panel = data.load([*data.universe("sample"), "SP500"], source="sample", settings=self.settings)
        data.quality.check(panel).raise_if_bad()
        span = f"{panel.start:%Y-%m-%d} to {panel.end:%Y-%m-%d}"
        return None, f"{len(panel.symbols)} symbols, {len(panel):,} sessions, {span}; snapshot {panel.snapshot[:12]}."

    def _research(self, say: Callable[[str], None]) -> tuple[None, str]:
        from aura_lib.jobs.promotion import candidate

        now = candidate(self.job.notebook, self.job.parameters, self.runner.root)
        known = [e for e in self.ledger.evidence() if e.binding.id == now.bound.binding.id]
        if known:
            return None, f"{now.path} was tested before, in run {known[-1].run}; its evidence stands."
        say(f"{now.path}, 1990 to November 2021")
        run = self.runner.research(
            self.job.notebook, self.job.parameters, on_cell=lambda n, of: say(f"{now.path}, cell {n} of {of}")
        )
        found = run.results["statistics"]
        sentence = (
            f"{found['annual_return']:.1%} a year at {found['volatility']:.1%} volatility, Sharpe {found['sharpe']:.2f}"
        )
        told = f"{now.path} tested to November 2021: {sentence}, after costs."
        return None, f"{told} Evidence recorded: {self.ledger.evidence()[-1].verdict}"

    def _promotion(self, say: Callable[[str], None]) -> tuple[Promotion, str]:
        from aura_lib.jobs.promotion import promote

        made = promote(self.ledger, self.settings, self.job.notebook, self.job.parameters, "paper", self.runner.root)
        return made, f"exactly this notebook may trade on paper: binding {made.binding.id[:12]}, signed by {made.who}."

    def _runs(self, say: Callable[[str], None], desk: Any) -> tuple[tuple[Run, ...], str]:
        from aura_lib.jobs.replay import replay

        say(f"12 month-ends from {FIRST}")
        done = replay(
            self.runner,
            self.job,
            FIRST,
            LAST,
            until=UNTIL,
            desk=desk,
            on_slot=lambda n, of, run: say(f"{n} of {of}, {run.slot[:10]}: {run.results.get('approved', 0)} orders"),
        )
        orders = sum(int(run.results.get("approved", 0)) for run in done.runs)
        return done.runs, f"{len(done.runs)} runs of the same notebook, {orders} orders, {FIRST} to {LAST}."

    def _parity(self, say: Callable[[str], None]) -> tuple[Parity, str]:
        from aura_lib.jobs.parity import job_parity

        say("one pass over the same slots, compared with what was recorded")
        found = job_parity(self.runner, self.job)
        return found, f"{found}."

    def _audit(self, say: Callable[[str], None]) -> tuple[Audit, str]:
        from aura_lib.jobs.audit import audit

        found = audit(self.ledger)
        return found, found.line().removeprefix("Ledger: ")

    def _report(
        self, say: Callable[[str], None], runs: tuple[Run, ...], parity: Parity, audit: Audit
    ) -> tuple[tuple[Backtest, Path], str]:
        from aura_lib.cli.report import book_report
        from aura_lib.jobs.performance import recorded

        traded = recorded(self.ledger, self.job, self.settings)
        file = book_report(traded, runs, parity, audit, self.settings)
        return (traded, file), f"{file}"

    # ---- the end ---------------------------------------------------------------------------------------------------
    def _answer(
        self, traded: Backtest, runs: tuple[Run, ...], parity: Parity, audit: Audit, file: Path, seconds: float
    ) -> Answer:
        from aura_lib.cli.report import comparison
        from aura_lib.reports import tables

        summary = comparison(traded, self.settings, runs)
        ok = parity.holds and audit.ok
        found = {
            "runs": len(runs),
            "statistics": summary.to_dict("index"),
            "parity": dict(parity.compared),
            "differences": [str(d) for d in parity.differences],
            "ledger": audit.data(),
            "report": str(file),
            "seconds": round(seconds, 1),
            "ok": ok,
        }
        shown = (
            "",
            tables.as_text(tables.against(summary), title=f"Paper trading, {FIRST} to {UNTIL}"),
            "",
            f"Parity: {parity}.",
            audit.line(),
            f"Report: {file}",
            f"Done in {seconds:.0f} s. Next: `make up` (or `aura up`): the portfolio as a live page, and JupyterLab;",
            f"change {self.job.notebook.name} there, and see `aura promote` refuse it.",
        )
        return Answer(found, shown, code=0 if ok else 1)


def _warm_up_statistics() -> None:
    """The first figures take seconds (an import); let them pass while notebooks run in other processes."""
    import pandas as pd

    from aura_lib.backtest import statistics

    statistics(pd.Series([1.0, 1.01, 1.0], index=pd.date_range("2022-01-03", periods=3, tz="UTC")))
