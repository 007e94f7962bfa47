"""`aura preview`, `aura job`, `aura runs`, `aura parity`: scheduled notebooks, what became of them, and the proof."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli import new
from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.backtest import Parity
    from aura_lib.core import Run
    from aura_lib.jobs.job import Job
    from aura_lib.jobs.live import Ran
    from aura_lib.jobs.preview import Leg, Previewed
    from aura_lib.jobs.runner import Runner
    from aura_lib.jobs.scheduler import Scheduler

NAME = Annotated[str, typer.Argument(help="A job, by its name in jobs/ or as a path.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Scheduled notebooks.", no_args_is_help=True)
    app.add_typer(group, name="job")
    command(group, "new")(new.job)

    @command(group, "list")
    def listing() -> Answer:
        """The jobs of this project."""
        from pathlib import Path

        from aura_lib.core import project_root
        from aura_lib.jobs.job import load

        root = project_root() or Path.cwd()
        jobs = [load(str(file)) for file in sorted((root / "jobs").glob("*.yaml"))]
        places = _places(jobs)
        rows = [
            {
                "job": j.name,
                "mode": j.mode.value,
                "account": j.account,
                "at": places[j.account],
                "book": j.book,
                "notebook": str(j.notebook.relative_to(root)),
            }
            for j in jobs
        ]
        return Answer(
            rows, (table("Jobs", {n: n for n in ("job", "mode", "account", "at", "book", "notebook")}, rows),)
        )

    @command(group)
    def run(
        name: NAME,
        start: Annotated[str, typer.Option("--from", help="First slot to replay: a session date.")] = "",
        end: Annotated[str, typer.Option("--to", help="Last slot to replay: a session date.")] = "",
        until: Annotated[
            str | None, typer.Option(help="Follow the venue until this session (default: the next close).")
        ] = None,
    ) -> Answer:
        """Run a job now: on its simulated account replay past slots, at a real broker run the slot that is due, once.

        Slots that are done are left alone. At a real broker orders are sent, on a live account with real money: the
        market orders of a close wait there for the next open.
        """
        from aura_lib.cli.progress import cells
        from aura_lib.core import InputError, Settings
        from aura_lib.execution import find_terms
        from aura_lib.jobs.job import load
        from aura_lib.jobs.live import run_now
        from aura_lib.jobs.replay import replay
        from aura_lib.jobs.retention import prune
        from aura_lib.jobs.runner import Runner
        from aura_lib.ledger import Ledger

        settings, job = Settings.load(), load(name)
        with Ledger.open(settings) as ledger, Runner(settings, ledger) as runner:
            terms = find_terms(ledger, job.account)
            if terms is not None and not terms.simulated and not (start or end or until):
                return ran_answer(run_now(runner, job), job.account)
            if not (start and end):
                raise InputError(f"job {job.name} replays on account {job.account}: give --from and --to, its slots")
            with cells(name) as progress:
                done = replay(runner, job, start, end, until=until, on_slot=lambda n, total, _: progress(n, total))
            prune(settings, ledger)
        return runs_answer(list(done.runs), f"Runs of {done.job}")

    @command(group)
    def schedule(
        names: Annotated[
            list[str] | None, typer.Argument(help="Jobs, by name (default: all on accounts with a wall clock).")
        ] = None,
        grace: Annotated[
            str, typer.Option(help="How late a slot still counts as on time; data may take as long.")
        ] = "1h",
    ) -> Answer:
        """Run jobs at their slots by the wall clock, until stopped.

        A slot that passed while nothing ran (a switched-off machine, a laptop asleep) follows the job's on_missed:
        skip records it as missed, once_within runs the newest one if it is not older than that, all runs each in order.
        """
        from contextlib import ExitStack
        from datetime import UTC, datetime, timedelta

        from aura_lib.core import Settings, iso
        from aura_lib.jobs.job import seconds
        from aura_lib.jobs.runner import Runner
        from aura_lib.jobs.scheduler import Scheduler
        from aura_lib.ledger import Ledger

        settings, late = Settings.load(), timedelta(seconds=seconds(grace))
        with ExitStack() as stack:
            runner = Runner(settings, stack.enter_context(Ledger.open(settings)))
            chosen, left_out = (names, []) if names else _on_wall_clocks(runner)
            scheduler = Scheduler(runner, chosen, grace=late)
            planned = scheduler.planned(datetime.now(UTC))
            held = stack.pop_all()
        rows = [
            {"job": p.job.name, "account": p.job.account, "schedule": str(p.schedule), "next": iso(p.next)[:16] + "Z",
             "bars to": iso(scheduler.bars_to(p.job))[:10], "desk": scheduler.desk_of(p.job)}
            for p in planned
        ]  # fmt: skip

        def serve() -> None:
            with held:
                _serve(scheduler)

        told = (table("Scheduled", {n: n for n in rows[0]}, rows), *(f"NOT scheduled: {why}" for why in left_out))
        return Answer(rows, (*told, "Ctrl-C stops it."), then=serve)

    runs = typer.Typer(help="What became of the runs.", invoke_without_command=True)
    app.add_typer(runs, name="runs")

    @runs.callback()
    def _runs(context: typer.Context) -> None:
        """What became of the runs; without a command, all of them."""
        if context.invoked_subcommand is None:
            listed()

    @command(runs, "list")
    def listed(job: Annotated[str | None, typer.Option(help="Only the runs of this job.")] = None) -> Answer:
        """All runs, oldest first."""
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            return runs_answer(ledger.runs(job), "Runs")

    @command(runs)
    def show(run: Annotated[str, typer.Argument(help="Id of a run.")]) -> Answer:
        """Everything that was kept of one run."""
        from aura_lib.core import InputError, Settings, encode
        from aura_lib.jobs.retention import output_of
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        with Ledger.open(settings) as ledger:
            found = next((r for r in ledger.runs() if r.id == run), None)
            if found is None:
                raise InputError(f"no run {run!r}: `aura runs list` shows them")
            removed, output = ledger.control.removed(run), output_of(settings, found)
        told = {**encode(found), "output": str(output or ""), "output_removed": str(removed or "")}
        lines = (f"Its output was removed on {removed:%Y-%m-%d} by retention.",) if removed and not output else ()
        return Answer(told, (json.dumps(told, indent=2), *lines))

    @command(runs)
    def prune(
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    ) -> Answer:
        """Remove outputs of runs that are not kept any longer; what the ledger says of a run stays.

        Kept are the outputs of a job for 90 days (AURA_KEEP_DAYS) and its latest 20 (AURA_KEEP_LATEST), previews and
        the like for 7 days (AURA_KEEP_ASIDE_DAYS), live runs and those that a promotion stands on for ever.
        """
        from aura_lib.core import Settings
        from aura_lib.jobs import retention
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        with Ledger.open(settings) as ledger:
            gone = retention.prune(settings, ledger, dry_run=dry_run)
        rows = [{"run": one.run, "size": one.size, "days": round(one.days, 1)} for one in gone]
        size = sum(one.size for one in gone) / 1e6
        last = f"{len(rows)} outputs, {size:,.1f} MB, {'would be' if dry_run else 'were'} removed."
        data = {"dry_run": dry_run, "removed": rows}
        return Answer(
            data, (table("Outputs", {"run": "run", "days": ">days old", "size": ">bytes"}, rows, "none"), last)
        )

    @command(app)
    def preview(
        name: NAME,
        at: Annotated[
            str | None, typer.Option(help="A slot: a session date (default: the latest that the data reaches).")
        ] = None,
    ) -> Answer:
        """What a job would do now: its notebook decides for one slot on the current book. Nothing is sent."""
        from aura_lib.cli.progress import cells
        from aura_lib.core import Settings
        from aura_lib.jobs import preview as previews
        from aura_lib.jobs.job import load
        from aura_lib.jobs.runner import Runner
        from aura_lib.ledger import Ledger

        settings, job = Settings.load(), load(name)
        with Ledger.open(settings) as ledger, Runner(settings, ledger) as runner, cells(name) as on_cell:
            found = previews.preview(runner, job, at, on_cell=on_cell)
        return preview_answer(found, previews.rows(found))

    @command(app)
    def parity(name: NAME) -> Answer:
        """Compare what a job's runs decided and traded with one pass over the same slots."""
        from aura_lib.core import Settings
        from aura_lib.jobs.job import load
        from aura_lib.jobs.parity import job_parity
        from aura_lib.jobs.runner import Runner
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        with Ledger.open(settings) as ledger, Runner(settings, ledger) as runner:
            found = job_parity(runner, load(name))
        return parity_answer(name, found)


def _places(jobs: list[Job]) -> dict[str, str]:
    """Account → where it is: simulated here, at a broker, or not open yet."""
    from aura_lib.execution import find_terms
    from aura_lib.ledger import Ledger

    found = {job.account: "not open" for job in jobs}
    if (ledger := Ledger.find()) is None:
        return found
    with ledger:
        for name in found:
            if (terms := find_terms(ledger, name)) is not None:
                kind = "simulated" if terms.simulated else f"{terms.broker} {terms.account_class.value}"
                found[name] = f"{kind}, {terms.clock} clock" if terms.simulated else kind
    return found


def ran_answer(ran: Ran, account: str) -> Answer:
    """One slot at a real broker: its run, what became of its orders, and who follows them."""
    from aura_lib.core import iso

    rows = [
        {"symbol": o.intent.symbol, "side": o.intent.side.value, "quantity": f"{o.intent.quantity:,}",
         "status": o.status.value, "reason": o.reason}
        for o in ran.orders
    ]  # fmt: skip
    told = runs_answer([ran.run], f"Run of {ran.run.job}")
    last = (
        f"What is open at the broker can trade until {iso(ran.until)}. Fills are booked by the desk of {account}: "
        f"`aura job schedule`, `aura up` and `aura desk {account}` keep one."
    )
    data = {"run": told.data[0], "slot": iso(ran.slot), "until": iso(ran.until), "orders": rows}
    shown = table("Orders", {n: n for n in ("symbol", "side", "quantity", "status", "reason")}, rows, "none")
    return Answer(data, (*told.show, shown, last))


def _on_wall_clocks(runner: Runner) -> tuple[list[str], list[str]]:
    """The jobs of the project that the scheduler can run, and why others that are meant for it may not trade.

    Without any that can, an error says why.
    """
    from aura_lib.core import AuraError, InputError
    from aura_lib.jobs.scheduler import check

    good: list[str] = []
    bad: list[AuraError] = []
    for file in sorted((runner.root / "jobs").glob("*.yaml")):
        try:
            check(runner, str(file))
            good.append(str(file))
        except AuraError as error:
            bad.append(error)
    if not good:
        told = " · ".join(map(str, bad))
        raise InputError(f"there is no job to schedule in {runner.root / 'jobs'}. {told}".strip())
    return good, [str(error) for error in bad if not isinstance(error, InputError)]


def _serve(scheduler: Scheduler) -> None:
    """Run until SIGTERM (the run at work comes to its end) or Ctrl-C (it is interrupted)."""
    import logging
    import signal
    from contextlib import suppress

    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    with suppress(KeyboardInterrupt):
        scheduler.serve(going=lambda: not stopped)


def run_row(run: Run) -> dict[str, Any]:
    """One run as a row of a table."""
    took = f"{(run.ended - run.started).total_seconds():.1f} s" if run.ended else ""
    return {
        "run": run.id,
        "job": run.job,
        "slot": run.slot[:10],
        "mode": run.mode.value,
        "status": run.status.value,
        "attempt": run.attempt,
        "approved": run.results.get("approved", ""),
        "rejected": run.results.get("rejected", ""),
        "took": took,
        "error": run.error[:60],
    }


def runs_answer(runs: list[Run], title: str) -> Answer:
    """Runs as a table."""
    from aura_lib.core import encode

    columns = {"run": "run", "slot": "slot", "status": "status", "approved": ">orders", "rejected": ">refused"}
    columns |= {"took": ">took"} | ({"error": "error"} if any(run.error for run in runs) else {})
    return Answer([encode(r) for r in runs], (table(title, columns, [run_row(r) for r in runs]),))


def preview_answer(found: Previewed, rows: list[Any]) -> Answer:
    """A preview as a table of its legs, what they cost together, and what stands between it and a run."""
    from aura_lib.core import iso

    data = {
        "job": found.job,
        "slot": iso(found.slot),
        "book": found.book.name,
        "cash": found.book.cash,
        "equity": found.equity,
        "currency": found.book.currency,
        "legs": rows,
        "approved": len(found.approved),
        "cost": found.cost,
        "turnover": found.turnover,
        "promoted": not found.not_promoted,
        "not_promoted": found.not_promoted,
        "missing": found.missing,
        "notes": found.notes,
    }
    columns = {
        "symbol": "symbol", "side": "side", "quantity": ">quantity", "price": ">price", "value": ">value",
        "before": ">weight before", "after": ">after", "verdict": "verdict",
    }  # fmt: skip
    title = f"{found.job} at {iso(found.slot)[:16]}Z would"
    shown = table(title, columns, [_preview_row(leg) for leg in found.legs], "trade nothing")
    return Answer(data, (shown, "\n".join(_preview_lines(found))))


def _preview_row(leg: Leg) -> dict[str, str]:
    def told(amount: Any, form: str) -> str:
        return "–" if amount is None else format(amount, form)

    return {
        "symbol": leg.intent.symbol,
        "side": leg.intent.side.value,
        "quantity": f"{leg.intent.quantity:,}",
        "price": told(leg.price, ",.2f"),
        "value": told(leg.value, ",.0f"),
        "before": told(leg.before, ".1%"),
        "after": told(leg.after, ".1%"),
        "verdict": "approved" if leg.decision.approved else str(leg.decision),
    }


def _preview_lines(found: Previewed) -> list[str]:
    money = found.book.currency
    summary = (
        f"Book {found.book.name}: equity {found.equity:,.2f} {money}, cash {found.book.cash:,.2f}. "
        f"{len(found.approved)} of {len(found.legs)} legs would pass the limits, "
        f"turnover {found.turnover:.1%}, costs about {found.cost:,.2f} {money}."
    )
    lines = [
        summary,
        *(f"Note: {note}." for note in found.notes),
        *(f"MISSING: {why}." for why in found.missing),
        *_promotion_lines(found),
    ]
    return [*lines, "Nothing was sent."]


def _promotion_lines(found: Previewed) -> list[str]:
    if found.not_promoted:
        return [f"NOT promoted: {found.not_promoted}"]
    return ["Promoted."] if found.missing else ["Promoted: a run may trade like this."]


def parity_answer(name: str, found: Parity) -> Answer:
    """A parity as a sentence, and its differences as a table."""
    rows = [
        {
            "slot": str(d.slot)[:10],
            "kind": d.kind,
            "what": d.what,
            "recorded": str(d.recorded),
            "replayed": str(d.replayed),
        }
        for d in found.differences
    ]
    data = {"job": name, "compared": dict(found.compared), "differences": rows, "differ": len(rows)}
    shown: tuple[Any, ...] = (f"Parity: {found}.",)
    if rows:
        shown += (table("Differences", {n: n for n in ("slot", "kind", "what", "recorded", "replayed")}, rows),)
    return Answer(data, shown, code=1 if rows else 0)
