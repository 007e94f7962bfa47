"""`aura data`: fetch, load, status, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

SOURCE = Annotated[str, typer.Option(help="Where the data comes from.")]

OPTIONS = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="How to read it, as name=value: decimal=, dayfirst=true, tz=…, calendar=XLON."),
]
COLUMNS = Annotated[
    list[str] | None, typer.Option("--column", "-c", help="Which column is what, as role=name: close=Schlusskurs.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Market data: fetch it, see what is stored, check it.", no_args_is_help=True)
    app.add_typer(group, name="data")

    @command(group)
    def fetch(
        source: SOURCE = "sample",
        symbols: Annotated[
            str | None, typer.Option(help="Of a vendor: which, such as AAPL,MSFT; those it gave last when left out.")
        ] = None,
    ) -> Answer:
        """Fetch a source into the store and check it against the exchange calendar."""
        from aura_lib import data
        from aura_lib.cli.progress import cells

        named = None if symbols is None else [symbol.strip() for symbol in symbols.split(",") if symbol.strip()]
        with cells(f"fetch {source}", "symbols") as progress:
            snapshot = data.fetch(source, symbols=named, progress=progress)
        bars = data.load(source=source, snapshot=snapshot)
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
    def load(
        file: Annotated[Path, typer.Argument(help="A CSV (packed too), Parquet or Excel file of prices.")],
        options: OPTIONS = None,
        column: COLUMNS = None,
    ) -> Answer:
        """Read a file of your own, show what was recognised in it, check it, keep it in the store."""
        from rich.markup import escape

        from aura_lib import data

        given: dict[str, Any] = {name: _value(name, text) for name, text in _pairs(options)}
        given |= {"columns": dict(_pairs(column))} if column else {}
        found = data.read(file, **given)
        kept = data.keep(found.bars)
        facts = {
            "source": kept.source,
            "snapshot": kept.snapshot,
            "symbols": len(kept.symbols),
            "bars": len(kept),
            "start": kept.start.isoformat(),
            "end": kept.end.isoformat(),
            "columns": dict(found.recognised),
            "remarks": list(found.remarks),
            "findings": [str(f) for f in found.quality.findings],
        }
        use = f"aura.data.load({str(file)!r})" + ("" if not given else ", with the same options")
        return Answer(facts, (escape(str(found)), f"Kept as snapshot {kept.snapshot}. In a notebook: {use}"))

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


def _pairs(texts: list[str] | None) -> list[tuple[str, str]]:
    from aura_lib.core import InputError

    split = [text.partition("=") for text in texts or []]
    for name, found, value in split:
        if not (name and found and value):
            raise InputError(f"{name + found + value!r} is no option: write name=value")
    return [(name, value) for name, _, value in split]


def _value(name: str, text: str) -> str | bool | int | list[str]:
    """An option of `data.files.Dialect` from its text."""
    if name == "accept":
        return [check.strip() for check in text.split(",")]
    if name == "sheet" and text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _facts(found: dict[str, object]) -> str:
    return "\n".join(f"{name:>10}  {value}" for name, value in found.items())
