"""`aura backup` and `aura restore`: the whole of AURA_HOME in one archive, and back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command

FILE = Annotated[
    Path | None, typer.Argument(help="The archive to write (default: aura-backup-<time>.tar.gz in this folder).")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @command(app)
    def backup(
        file: FILE = None,
        without_ledger: Annotated[bool, typer.Option("--without-ledger", help="Leave the ledger out.")] = False,
    ) -> Answer:
        """Write the whole AURA_HOME to one archive, while desks and runs go on.

        The archive holds the vault's key: it is written for its owner only (mode 0600), keep it like a key.
        """
        from aura_lib import ledger
        from aura_lib.cli.progress import cells
        from aura_lib.core import Settings

        target = file or Path(f"aura-backup-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
        with cells("backup", "files") as on_file:
            made = ledger.backup(Settings.load(), target, without_ledger=without_ledger, on_file=on_file)
        what = f"with the ledger ({_chains(made.heads)})" if made.schema else "WITHOUT the ledger"
        lines = (
            f"{made.files} files, {made.size / 1e6:,.1f} MB, {what}: {made.file}",
            "It holds the key that signs promotions: only you can read it (mode 0600), keep it like a key.",
        )
        return Answer(_plain(made), lines)

    @command(app)
    def restore(
        file: Annotated[Path, typer.Argument(help="An archive that `aura backup` wrote.")],
        force: Annotated[
            bool, typer.Option("--force", help="Move a home that holds something aside; it is never deleted.")
        ] = False,
    ) -> Answer:
        """Put an archive in place of AURA_HOME, once every file and every chain in it was verified.

        A restored home is a copy. If the original still exists, only one of the two may trade: at a broker both
        are the same account, and neither knows what the other does.
        """
        from aura_lib import ledger
        from aura_lib.cli.progress import cells
        from aura_lib.core import Settings

        settings = Settings.load()
        with cells("restore", "files") as on_file:
            done = ledger.restore(settings, file, force=force, on_file=on_file)
        verified = f"{done.entries} journal entries verified" if done.archive.schema else "it holds NO ledger"
        lines = [f"{done.archive.files} files of {done.archive.made[:19]}Z restored to {settings.home}; {verified}."]
        if done.aside:
            lines.append(f"What was there is now {done.aside}")
        lines.append("If the home that this is a copy of still exists, only one of the two may trade.")
        found = {**_plain(done.archive), "entries": done.entries, "home": settings.home, "aside": done.aside}
        return Answer(found, ("\n".join(lines),))


def _chains(heads: Any) -> str:
    return f"{len(heads)} chain{'s' if len(heads) != 1 else ''}"


def _plain(found: Any) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(found).items()}
