"""`aura ledger`: verify and export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_lib.cli.answer import Answer, command

ANCHORS = Annotated[Path | None, typer.Option("--anchors", help="The folder of anchors, if not that of AURA_ANCHORS.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The ledger: is it whole, and take it out.", no_args_is_help=True)
    app.add_typer(group, name="ledger")

    @command(group)
    def verify(anchors: ANCHORS = None) -> Answer:
        """Recompute every hash, cash + positions = equity for every account, and compare with what was anchored."""
        from aura_lib.core import Settings
        from aura_lib.jobs import anchor
        from aura_lib.jobs.audit import audit
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        where = anchors or anchor.folder_of(settings)
        with Ledger.open(settings) as ledger:
            found = audit(ledger)
            problem, kept = anchor.contradiction(ledger, settings, where), len(anchor.read(where))
        told = f"Anchors: CONTRADICTED. {problem}" if problem else f"Anchors: {kept} agree" if kept else "Anchors: none"
        data = {**found.data(), "anchors": kept, "anchor_problem": problem, "ok": found.ok and not problem}
        return Answer(data, (found.line(), f"{told}."), code=0 if data["ok"] else 9)

    @command(group)
    def anchor(to: ANCHORS = None) -> Answer:
        """Sign the last hash of every chain and keep it in a folder: then a ledger written anew is found out."""
        from aura_lib.core import Settings
        from aura_lib.jobs import anchor as anchors
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        with Ledger.open(settings) as ledger:
            file = anchors.write(ledger, settings, to)
            heads = ledger.journal.tops()
        line = f"{len(heads)} chains anchored in {file}"
        return Answer({"file": str(file), "heads": {chain: list(top) for chain, top in heads.items()}}, (line,))

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
