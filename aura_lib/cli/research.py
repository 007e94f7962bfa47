"""`aura backtest`, `aura evidence` and `aura promote`: test a notebook, see what it showed, give it leave to trade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command

NOTEBOOK = Annotated[Path, typer.Argument(help="A strategy notebook.")]
PARAMETERS = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="A parameter as name=value; repeat for more.")
]


def parsed(pairs: list[str]) -> dict[str, Any]:
    """`name=value` pairs; values are YAML scalars, so 5 is a number and true a truth value."""
    import yaml

    from aura_lib.core import InputError

    values = {}
    for pair in pairs:
        name, found, text = pair.partition("=")
        if not found:
            raise InputError(f"{pair!r} is no parameter: write name=value")
        values[name] = yaml.safe_load(text)
    return values


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app)
    def backtest(notebook: NOTEBOOK, parameters: PARAMETERS = None) -> Answer:
        """Run a notebook in research mode and record its evidence."""
        from aura_lib.cli.progress import cells
        from aura_lib.core import Settings
        from aura_lib.jobs.runner import Runner
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        with Ledger.open(settings) as ledger, Runner(settings, ledger) as runner, cells(notebook.name) as on_cell:
            run = runner.research(notebook, parsed(parameters or []), on_cell=on_cell)
            ledger_evidence = ledger.evidence()
        from aura_lib.reports import tables

        statistics = run.results["statistics"]
        found = {"run": run.id, "binding": run.binding.id, "output": run.output, "statistics": statistics}
        shown = tables.as_text(tables.against(tables.summary({notebook.stem: statistics})))
        judged = next((e for e in reversed(ledger_evidence) if e.run == run.id), None)
        line = judged.verdict if judged else ""
        return Answer(
            {**found, "verdict": line},
            (shown, line, f"Evidence recorded by run {run.id}: `aura evidence`", f"Output: {run.output}"),
        )

    @command(app)
    def evidence(
        notebook: Annotated[
            Path | None, typer.Argument(help="A strategy notebook; without it the last one tested.")
        ] = None,
        html: Annotated[Path | None, typer.Option(help="Also write it as one offline page.")] = None,
    ) -> Answer:
        """What a notebook showed when it was last tested: every finding against its threshold, and the verdict."""
        from aura_lib.core import InputError, Settings, encode, project_root
        from aura_lib.jobs.promotion import relative
        from aura_lib.ledger import Ledger
        from aura_lib.reports import evidence_page, evidence_table, tables

        with Ledger.open(Settings.load()) as ledger:
            known = ledger.evidence()
        root = (project_root() or Path.cwd()).resolve()
        asked = relative(notebook, root) if notebook else ""
        last = next((e for e in reversed(known) if not asked or e.notebook == asked), None)
        if last is None:
            raise InputError(
                f"no evidence was recorded{f' for {asked}' if asked else ''}: run `aura backtest NOTEBOOK`"
            )
        told = [f"{last.notebook}, run {last.run}, {last.time:%Y-%m-%d %H:%M} UTC", last.verdict]
        if last.findings:
            told.insert(1, tables.as_text(evidence_table(last)))
        if html is not None:
            told.append(f"Page: {evidence_page(last, html)}")
        return Answer({**encode(last), "passed": last.passed, "verdict": last.verdict}, tuple(told))

    @command(app)
    def promote(
        notebook: NOTEBOOK,
        to: Annotated[str, typer.Option(help="The class of account: paper or live.")] = "paper",
        parameters: PARAMETERS = None,
    ) -> Answer:
        """Let exactly this notebook, with these parameters, trade on a class of account."""
        from aura_lib.core import InputError, Settings, project_root
        from aura_lib.jobs.promotion import promote
        from aura_lib.ledger import Ledger

        if not notebook.is_file():
            raise InputError(f"no notebook at {notebook}")
        settings = Settings.load()
        root = (project_root() or Path.cwd()).resolve()
        with Ledger.open(settings) as ledger:
            made = promote(ledger, settings, notebook.resolve(), parsed(parameters or []), to, root)
        found = {
            "notebook": made.notebook,
            "to": made.account_class.value,
            "binding": made.binding.id,
            "evidence": made.evidence,
            "who": made.who,
        }
        return Answer(
            found,
            (f"{made.notebook} may trade on {made.account_class.value} accounts, as tested in run {made.evidence}.",),
        )
