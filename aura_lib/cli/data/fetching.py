"""`aura data fetch` and `aura data load`: get data of a source or a file, check them, keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command
from aura_lib.cli.data import words

OPTIONS = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="How to read it, as name=value: decimal=, dayfirst=true, tz=…, calendar=XLON."),
]
COLUMNS = Annotated[
    list[str] | None, typer.Option("--column", "-c", help="Which column is what, as role=name: close=Schlusskurs.")
]


def register(group: typer.Typer) -> None:
    """Add the commands."""

    @command(group)
    def fetch(
        source: words.SOURCE = None,
        option: words.OPTION = None,
        symbols: Annotated[
            str | None, typer.Option(help="Of a vendor: which, such as AAPL,MSFT; those it gave last when left out.")
        ] = None,
        frequency: words.FREQUENCY = None,
        full: Annotated[
            bool, typer.Option("--full", help="Of a vendor: the whole history again, not only what is missing.")
        ] = False,
    ) -> Answer:
        """Fetch a source into the store and check it against the exchange calendar. Bad rows are set aside."""
        from rich.markup import escape

        from aura_lib import data
        from aura_lib.cli.progress import cells
        from aura_lib.core import Settings

        name = words.chosen(source, option, "sample") or "sample"
        named = words.listed(symbols)
        with words.remarked() as remarks, cells(f"fetch {name}", "symbols") as progress:
            snapshot = data.fetch(name, symbols=named, frequency=frequency, full=full, progress=progress)
        keeper = data.store.at(Settings.load())
        version, bars = keeper.version(snapshot), keeper.get(snapshot)
        report = data.quality.check(bars, actions=keeper.actions(snapshot))
        found: dict[str, Any] = {
            "source": name,
            "frequency": version.series.frequency,
            "snapshot": snapshot,
            "version": version.number,
            "symbols": len(bars.symbols),
            "bars": len(bars),
            "start": bars.start.isoformat(),
            "end": bars.end.isoformat(),
            "ok": report.ok,
            "warnings": len(report.findings) - len(report.errors),
        }
        told = [escape(remark) for remark in remarks]
        more = ("The findings: `aura data verify " + name + "`",) if report.findings else ()
        return Answer({**found, "remarks": remarks}, (words.facts(found), *told, *more), code=0 if report.ok else 3)

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
