"""`aura ledger`: verify and export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_lib.cli.answer import Answer, command


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The ledger: is it whole, and take it out.", no_args_is_help=True)
    app.add_typer(group, name="ledger")

    @command(group)
    def verify() -> Answer:
        """Recompute every hash, and cash + positions = equity for every account."""
        from aura_lib.jobs.audit import audit
        from aura_lib.ledger import Ledger

        with Ledger.open() as ledger:
            found = audit(ledger)
        return Answer(found.data(), (found.line(),), code=0 if found.ok else 9)

    @command(group)
    def export(to: Annotated[Path, typer.Argument(help="A file to write, one JSON entry a line.")]) -> Answer:
        """Write the whole journal to a file, one entry a line."""
        import json

        from aura_lib.core import InputError
        from aura_lib.ledger import Ledger

        if to.exists():
            raise InputError(f"{to} exists: choose a new name, an export overwrites nothing")
        with Ledger.open() as ledger:
            entries = [e for chain in ledger.journal.chains() for e in ledger.journal.entries(chain)]
        lines = [json.dumps({n: getattr(e, n) for n in type(e).__slots__}, sort_keys=True) for e in entries]
        to.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return Answer({"entries": len(entries), "file": str(to)}, (f"{len(entries)} entries written to {to}",))
