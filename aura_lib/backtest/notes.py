"""Notes of trials at work: what a killed process, or a ledger that was locked, leaves for the next to count."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aura_lib.core import AuraError, Settings
from aura_lib.ledger import surely_dead, this_process


@dataclass
class Note:
    """A file in AURA_HOME/trials/open: what is to be counted if nobody comes back to say how it went."""

    file: Path | None
    entry: Mapping[str, Any]
    owed: bool = False

    @staticmethod
    def open(entry: Mapping[str, Any]) -> Note:
        """Note that this is at work. Where nothing can be written it goes on without."""
        note = Note(None, entry)
        with suppress(AuraError, OSError):
            note.file = _folder() / f"{uuid.uuid4().hex}.json"
            note.file.parent.mkdir(parents=True, exist_ok=True)
            note._write()
        return note

    def owe(self, entry: Mapping[str, Any]) -> bool:
        """Note how it went, for the next count to write down; False when not even that is possible."""
        self.entry = entry
        try:
            self.owed = True
            self._write()
        except OSError:
            self.owed = False
        return self.owed and self.file is not None

    def set_aside(self) -> None:
        """It cannot be read: keep it for whoever wants to know, and ask it no more."""
        if self.file is not None:
            with suppress(OSError):
                self.file.rename(self.file.with_suffix(".unreadable"))

    def close(self) -> None:
        """It is counted, or nothing to count: the note goes, unless it is owed."""
        if not self.owed and self.file is not None:
            with suppress(OSError):
                self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        if self.file is not None:
            aside = self.file.with_suffix(".tmp")
            aside.write_text(json.dumps({"holder": this_process(), "owed": self.owed, "entry": self.entry}))
            aside.replace(self.file)


def left() -> Iterator[Note]:
    """The notes that nobody will come back to: owed ones, and those of processes that are gone."""
    folder = _folder()
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            found = json.loads(file.read_text())
            if found["owed"] or surely_dead(found["holder"]):
                yield Note(file, found["entry"])
        except (OSError, ValueError, KeyError):
            continue  # another count was faster, or it was never whole


def _folder() -> Path:
    return Settings.load().home / "trials" / "open"
