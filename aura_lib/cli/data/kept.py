"""What is kept: `aura data status`, and what changed between two versions: `aura data diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table
from aura_lib.cli.data import words

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.core import Settings
    from aura_lib.data.store import Version

COLUMNS = {
    "source": "source", "frequency": "of", "versions": ">versions", "symbols": ">symbols", "bars": ">bars",
    "start": "from", "end": "to", "age": ">age",
}  # fmt: skip
NEWEST = {
    "source": "source",
    "frequency": "of",
    "adjusted": "adjusted for",
    "quality": "quality",
    "snapshot": "snapshot",
}
SHOWN = 40  # rows of a difference on a screen


def register(group: typer.Typer) -> None:
    """Add the commands."""

    @command(group)
    def status(source: words.SOURCE = None, option: words.OPTION = None) -> Answer:
        """What is in the store: versions, symbols, span, age and quality of each series. Reads no bars."""
        from aura_lib import data
        from aura_lib.core import Settings, WallClock

        settings, now = Settings.load(), WallClock().now()
        versions = data.versions(words.chosen(source, option), settings=settings)
        series: dict[Any, list[Version]] = {}
        for version in versions:
            series.setdefault(version.series, []).append(version)
        rows = [{**_row(of), "age": words.age(of[-1].end, now)} for of in series.values()]
        place, count = _place(settings), _bytes(settings)
        told = {"store": place, "bytes": count, "series": rows}
        title = f"Store ({place}" + (f", {words.size(count)})" if count else ")")
        newest = (table("Newest versions", NEWEST, rows),) if rows else ()
        return Answer(told, (table(title, COLUMNS, rows, "empty: `aura data fetch`"), *newest))

    @command(group)
    def diff(
        old: Annotated[str, typer.Argument(help="A snapshot id; or a source, whose last two versions are compared.")],
        new: Annotated[str | None, typer.Argument(help="The later snapshot id.")] = None,
        frequency: words.FREQUENCY = None,
    ) -> Answer:
        """What changed between two snapshots: bars that came or went, values and actions that were revised."""
        from rich.markup import escape

        from aura_lib import data

        old, new = (old, new) if new is not None else _last_two(old, frequency or "1d")
        found = data.diff(old, new)
        rows, revised, actions = (_records(part) for part in (found.table(), found.revised, found.actions))
        told = {
            "old": old, "new": new, "same": found.empty, "changes": rows, "revised": revised, "actions": actions,
            "instruments": list(found.instruments),
        }  # fmt: skip
        columns = {name: name if name == "symbol" else f">{name}" for name in (rows[0] if rows else {})}
        more = (f"and {len(rows) - SHOWN} more symbols: --json has all",) if len(rows) > SHOWN else ()
        listed = (table("By symbol", columns, rows[:SHOWN]),) if rows else ()
        return Answer(told, (escape(str(found)), *listed, *more))


def _records(found: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def _row(versions: list[Version]) -> dict[str, Any]:
    newest = versions[-1]
    held = newest.held.values()
    return {
        "source": newest.series.source,
        "frequency": newest.series.frequency,
        "calendar": newest.series.calendar,
        "adjusted": newest.series.adjustment or "nothing",
        "versions": len(versions),
        "symbols": len(newest.held),
        "bars": sum(one.rows for one in held),
        "start": f"{min(one.first for one in held):%Y-%m-%d}",
        "end": f"{newest.end:%Y-%m-%d}",
        "recorded": newest.recorded.isoformat(),
        "quality": _quality(newest.notes.get("quality")),
        "snapshot": newest.snapshot,
    }


def _quality(noted: Any) -> str:
    """What was noted when it was fetched, if anything was."""
    if not isinstance(noted, dict):
        return "aura data verify"
    told = [f"{noted.get(name, 0)} {what}" for name, what in NOTED.items() if noted.get(name)]
    return ", ".join(told) or "no finding"


NOTED = {"errors": "error(s)", "warnings": "warning(s)", "set_aside": "row(s) set aside"}


def _place(settings: Settings) -> str:
    """Which kind of place; an address may hold a password, and is not shown."""
    return settings.data_url.partition(":")[0] or "AURA_HOME/data"


def _bytes(settings: Settings) -> int | None:
    """Bytes on this disk; None when the store is elsewhere."""
    if settings.data_url:
        return None
    folder = Path(settings.home) / "data"
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _last_two(source: str, frequency: str) -> tuple[str, str]:
    """The last two versions of a source that differ; InputError when there are not two."""
    from aura_lib import data
    from aura_lib.core import InputError

    if source not in data.sources.names() and len(source) == 24:
        raise InputError(f"diff {source}: name the later snapshot too, or a source instead of a snapshot")
    kept = data.versions(source, frequency)
    of = [version for version in kept if version.series == kept[-1].series]
    if len(of) < 2:
        raise InputError(f"{source} {frequency} has {len(of)} version(s), two are compared: `aura data fetch {source}`")
    return of[-2].snapshot, of[-1].snapshot
