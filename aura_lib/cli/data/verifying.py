"""`aura data verify`: are stored data what they were, and are they any good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table
from aura_lib.cli.data import words

if TYPE_CHECKING:
    from aura_lib.data.quality import Quality
    from aura_lib.data.store import Keeper, Version

Rows = list[dict[str, Any]]
UNFIT = 3  # exit code: the data are not fit for use
COLUMNS = {
    "severity": "severity", "source": "source", "check": "check", "symbol": "symbol", "count": ">count",
    "detail": "detail",
}  # fmt: skip
CHECKED = {
    "source": "source", "frequency": "frequency", "bars": ">bars", "symbols": ">symbols", "errors": ">errors",
    "warnings": ">warnings", "set_aside": ">set aside", "snapshot": "snapshot",
}  # fmt: skip


def register(group: typer.Typer) -> None:
    """Add the command."""

    @command(group)
    def verify(
        source: words.SOURCE = None,
        option: words.OPTION = None,
        snapshot: Annotated[str | None, typer.Option(help="One version by its id.")] = None,
        figure: Annotated[Path | None, typer.Option(help="Draw the findings over time, into an HTML file.")] = None,
    ) -> Answer:
        """Check what is stored: content hashes first, then sessions, prices, jumps, volumes of each newest version."""
        from aura_lib.cli.progress import cells
        from aura_lib.core import DataError, Settings
        from aura_lib.data import store

        settings = Settings.load()
        keeper = store.at(settings)
        versions = _asked(keeper, words.chosen(source, option), snapshot)
        damaged, reports = list(keeper.verify()), []
        with cells("verify", "series") as progress:
            for done, version in enumerate(versions):
                progress(done, len(versions))
                try:
                    reports.append((version, _report(keeper, version, settings.home)))
                except DataError as error:
                    damaged += [str(error)] if str(error) not in damaged else []
        findings = [row for version, report in reports for row in _findings(version, report)]
        checked = [_checked(version, report) for version, report in reports]
        ok = not damaged and all(report.ok for _, report in reports)
        told = {"ok": ok, "damaged": damaged, "checked": checked, "findings": findings}
        return Answer(told, _shown(damaged, checked, findings, _drawn(figure, reports)), code=0 if ok else UNFIT)


def _asked(keeper: Keeper, source: str | None, snapshot: str | None) -> list[Version]:
    """The versions to check: one by its id, the newest of each series of a source, or of all."""
    from aura_lib.core import InputError
    from aura_lib.data import sources
    from aura_lib.data.answering import newest

    if snapshot is not None:
        return [keeper.version(snapshot)]
    name = None if source is None else sources.get(source).name
    found = list(newest(keeper.versions(name)).values())
    if source is not None and not found:
        raise InputError(f"nothing of {source} is kept: `aura data fetch {source}`")
    return found


def _report(keeper: Keeper, version: Version, home: Path) -> Quality:
    from aura_lib.data import quality
    from aura_lib.data.quality.set_aside import ROWS

    report = quality.check(keeper.get(version.snapshot), actions=keeper.actions(version.snapshot))
    aside = quality.quarantined(home, version.series.source, version.series.frequency)
    held = aside[aside["symbol"].isin(list(version.held))]
    return replace(report, quarantine=quality.Quarantine(held[list(ROWS)].reset_index(drop=True)))


def _findings(version: Version, report: Quality) -> Iterator[dict[str, Any]]:
    for row in report.table().astype(str).to_dict("records"):
        yield {"source": version.series.source, "snapshot": version.snapshot, **{str(k): v for k, v in row.items()}}


def _checked(version: Version, report: Quality) -> dict[str, Any]:
    series = version.series
    named = {"source": series.source, "frequency": series.frequency, "snapshot": version.snapshot}
    return {**named, "bars": report.bars, "symbols": report.symbols, **report.summary()}


def _shown(damaged: list[str], checked: Rows, findings: Rows, drawn: str) -> tuple[Any, ...]:
    from rich.markup import escape

    hashes = [f"[bold red]damaged[/] {escape(line)}" for line in damaged] or ["Every file is what its name says."]
    return (
        *hashes,
        table("Checked", CHECKED, checked, "the store is empty: `aura data fetch`"),
        *([table("Findings", COLUMNS, findings, "none")] if checked else []),
        *([drawn] if drawn else []),
    )


def _drawn(target: Path | None, reports: list[tuple[Version, Quality]]) -> str:
    """Where the figure was written; empty when none was wanted."""
    if target is None:
        return ""
    from aura_lib.reports.data_quality import quality_page

    return f"Figure: {quality_page([report for _, report in reports], target)}"
