"""`aura data`: fetch, status, verify."""

from __future__ import annotations

from typing import Annotated

import typer

from aura_lib.cli.answer import Answer, command, table

SOURCE = Annotated[str, typer.Option(help="Where the data comes from.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Market data: fetch it, see what is stored, check it.", no_args_is_help=True)
    app.add_typer(group, name="data")

    @command(group)
    def fetch(source: SOURCE = "sample") -> Answer:
        """Fetch a source into the store and check it against the exchange calendar."""
        from aura_lib import data

        bars = data.load(source=source, snapshot=data.fetch(source))
        report = data.quality.check(bars)
        found = {
            "source": source,
            "snapshot": bars.snapshot,
            "symbols": len(bars.symbols),
            "bars": len(bars),
            "start": bars.start.isoformat(),
            "end": bars.end.isoformat(),
            "ok": report.ok,
        }
        return Answer(found, (_facts(found),), code=0 if report.ok else 3)

    @command(group)
    def status() -> Answer:
        """What is in the store."""
        from aura_lib.core import Settings
        from aura_lib.data.store import Store

        store = Store(Settings.load().home)
        rows = [
            {
                "source": bars.source,
                "frequency": bars.frequency,
                "snapshot": bars.snapshot,
                "symbols": len(bars.symbols),
                "bars": len(bars),
                "start": f"{bars.start:%Y-%m-%d}",
                "end": f"{bars.end:%Y-%m-%d}",
            }
            for bars in map(store.get, store.snapshots())
        ]
        columns = {
            "source": "source",
            "frequency": "frequency",
            "snapshot": "snapshot",
            "symbols": ">symbols",
            "start": "from",
            "end": "to",
        }
        return Answer(rows, (table("Store", columns, rows, "empty: `aura data fetch`"),))

    @command(group)
    def verify(source: SOURCE = "sample") -> Answer:
        """Check stored data: content hashes, then sessions, gaps, jumps and stale prices."""
        from aura_lib import data
        from aura_lib.core import DataError, Settings
        from aura_lib.data.store import Store

        damaged = Store(Settings.load().home).verify()
        if damaged:
            raise DataError("; ".join(damaged))
        report = data.quality.check(data.load(source=source))
        found = report.table().astype(str)
        rows = [{str(k): v for k, v in row.items()} for row in found.to_dict("records")]
        columns = {str(name): str(name) for name in (rows[0] if rows else {})}
        shown = table(f"Quality of {source}", columns, rows, "no finding")
        return Answer({"ok": report.ok, "findings": rows}, (shown,), code=0 if report.ok else 3)


def _facts(found: dict[str, object]) -> str:
    return "\n".join(f"{name:>10}  {value}" for name, value in found.items())
