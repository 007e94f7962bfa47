"""`aura check`: does a notebook's strategy know the future, and how much history does it need?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from aura_lib.cli.answer import Answer, command, table
from aura_lib.cli.research import NOTEBOOK, PARAMETERS, parsed

if TYPE_CHECKING:
    from aura_lib.backtest.causality import Finding


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def check(notebook: NOTEBOOK, parameters: PARAMETERS = None) -> Answer:
        """Look for leaks of the future in a notebook: its source, its decisions, its warm-up. Exit code 1: found.

        A universe typed into the notebook is a warning (survivorship): it is told, and refuses nothing.
        """
        from rich.console import Console

        from aura_lib.backtest import causality
        from aura_lib.backtest.causality.notebook import warmup_of

        given = parsed(parameters or [])
        with Console(stderr=True).status(f"Checking {notebook.name}: its cells, again in other worlds"):
            read = causality.scan(notebook)
            found = causality.check_notebook(notebook, parameters=given)
            needed = warmup_of(notebook, parameters=given)
        findings = [*_rows("source", read), *_rows("decisions", list(found.findings))]
        leaks = [one for one in findings if not one["warning"]]
        data = {
            "notebook": str(notebook), "clean": not leaks, "findings": findings,
            "compared": dict(found.compared), "unverified": list(found.unverified),
            "warmup": {"bars": needed.bars, "settled": needed.settled, "recursive": needed.recursive},
        }  # fmt: skip
        return Answer(data, _shown(notebook, findings, str(found), str(needed)), code=1 if leaks else 0)


def _rows(by: str, findings: list[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "by": by, "kind": f"{f.kind} (warning)" if f.warning else f.kind, "where": f.where, "what": f.what,
            "why": f.why, "instead": f.instead,
            "cell": f.cell, "line": f.line, "warning": f.warning,
        }
        for f in findings
    ]  # fmt: skip


def _shown(notebook: Path, findings: list[dict[str, Any]], found: str, needed: str) -> tuple[Any, ...]:
    columns = {"by": "by", "kind": "kind", "where": "where", "what": "what", "instead": "do instead"}
    title = f"{notebook.name}: what looks ahead"
    said = f"Decisions: {found.split(' findings: ')[0]}" + (" findings" if " findings: " in found else "")
    return table(title, columns, findings, empty="nothing"), said, f"Warm-up: {needed}"
