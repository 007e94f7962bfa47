"""`aura ledger`: verify, anchor, who did what, and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aura_lib.cli.answer import Answer, command, table

ANCHORS = Annotated[Path | None, typer.Option("--anchors", help="The folder of anchors, if not that of AURA_ANCHORS.")]

if TYPE_CHECKING:
    from aura_lib.core import Settings
    from aura_lib.jobs.anchor import Anchor

KEYS = Annotated[list[str], typer.Option("--key", help="A public key of anchors to trust besides this vault's own.")]
ACTS = ("who", "account", "kind", "what", "reason")
ROWS = 40  # on screen; a file has them all


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The ledger: is it whole, and take it out.", no_args_is_help=True)
    app.add_typer(group, name="ledger")

    @command(group)
    def verify(anchors: ANCHORS = None, key: KEYS = []) -> Answer:  # noqa: B006 (typer reads it, nobody writes it)
        """Recompute every hash, cash + positions = equity for every account, and compare with what was anchored."""
        from aura_lib.core import Settings
        from aura_lib.jobs import anchor
        from aura_lib.jobs.audit import audit
        from aura_lib.ledger import Ledger

        settings = Settings.load()
        where = anchors or anchor.folder_of(settings)
        with Ledger.open(settings) as ledger:
            found = audit(ledger)
            problem, kept = anchor.contradiction(ledger, settings, where, keys=key), anchor.read(where)
        told = f"CONTRADICTED. {problem}" if problem else _agree(list(kept.values()), where, settings)
        data = {**found.data(), "anchors": len(kept), "anchor_problem": problem, "ok": found.ok and not problem}
        return Answer(data, (found.line(), f"Anchors: {told}."), code=0 if data["ok"] else 9)

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
    def log(
        who: Annotated[str, typer.Option(help="What one person did.")] = "",
        account: Annotated[str, typer.Option(help="What was done on one account; ALL for what meant every one.")] = "",
        kind: Annotated[str, typer.Option(help="One kind: halt, resume, limits, promotion, cash, mended, …")] = "",
        to: Annotated[Path | None, typer.Option("--to", help="A new file to write: .csv or .parquet.")] = None,
    ) -> Answer:
        """Who did what, and why: halts, limits, promotions, money, tickets, cancels, protection, mending, refusals."""
        from aura_lib.ledger import Ledger
        from aura_lib.ledger.views import acts

        with Ledger.open() as ledger:
            told = acts(ledger.journal, who=who, account=account, kind=kind)
        rows = [{name: getattr(act, name) for name in ("time", *ACTS)} for act in told]
        more: tuple[str, ...] = ()
        if to is not None:
            import pandas as pd

            from aura_lib.reports import write_table

            write_table(pd.DataFrame(rows, columns=["time", *ACTS]), to)
            more = (f"{len(rows)} rows written to {to}",)
        elif len(rows) > ROWS:
            more = (f"{len(rows) - ROWS} older ones: --to FILE writes them all",)
        shown = [{**row, "time": f"{row['time']:%Y-%m-%d %H:%M:%S}"} for row in rows[-ROWS:]]
        data = {"acts": [{**row, "time": row["time"].isoformat()} for row in rows]}
        lines = table("Who did what (UTC)", {name: name for name in ("time", *ACTS)}, shown, "nothing was done yet")
        return Answer(data, (lines, *more))

    @command(group)
    def export(to: Annotated[Path, typer.Argument(help="A file to write, one JSON entry a line.")]) -> Answer:
        """Write the whole journal to a file, one entry a line."""
        import json

        from aura_lib.core import InputError
        from aura_lib.ledger import Ledger

        if to.exists():
            raise InputError(f"{to} exists: choose a new name, an export overwrites nothing")
        with Ledger.open() as ledger:
            count = 0
            with to.open("x", encoding="utf-8") as file:
                for chain in ledger.journal.chains():
                    for entry in ledger.journal.each(chain):
                        told = {name: getattr(entry, name) for name in type(entry).__slots__}
                        file.write(f"{json.dumps(told, sort_keys=True)}\n")
                        count += 1
        return Answer({"entries": count, "file": str(to)}, (f"{count} entries written to {to}",))


def _agree(kept: list[Anchor], where: Path, settings: Settings) -> str:
    """What anchors say that contradict nothing: how many, since when, and how far they can be trusted."""
    if not kept:
        return f"none in {where}; `aura ledger anchor` writes one, and `aura job schedule` one a day"
    within = " (in AURA_HOME, which finds mistakes only: set AURA_ANCHORS to a folder out of reach)"
    inside = where.resolve().is_relative_to(settings.home.resolve())
    return f"{len(kept)} agree, the newest of {kept[-1].time:%Y-%m-%d %H:%M} UTC{within if inside else ''}"
