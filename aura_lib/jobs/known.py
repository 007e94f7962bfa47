"""Up to when bars are known of a source: what the store or the file has, asked again when a session has closed."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from aura_lib import data
from aura_lib.core import AuraError, Calendar, Settings
from aura_lib.data import store
from aura_lib.execution import Terms

log = logging.getLogger(__name__)


class Known:
    """The last bar of the source of an account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ends: dict[tuple[str, str], datetime] = {}

    def refresh(self, terms: Terms, now: datetime) -> datetime:
        """Up to when bars are known, after asking the source if a session has closed that the store does not have."""
        end, closed = self.end(terms), Calendar.of(terms.calendar).last_close(now)
        if end < closed and not data.files.is_file(terms.source):  # a file is as new as it is
            try:
                data.fetch(terms.source, settings=self._settings)
            except AuraError as error:
                log.warning("no newer bars from %s: %s", terms.source, error)
            end = self.end(terms)
        return min(end, closed)  # a bar of a session that is still open is not known

    def end(self, terms: Terms) -> datetime:
        """The last bar of an account's source; read again when the store has another snapshot, or the file changed."""
        version = self._version(terms.source)
        if not version or (terms.source, version) not in self._ends:
            end = data.load(source=terms.source, calendar=terms.calendar, settings=self._settings).end
            version = version or self._version(terms.source)
            self._ends[terms.source, version] = end
        return self._ends[terms.source, version]

    def _version(self, source: str) -> str:
        """What changes when the bars of a source do; empty when the store has none yet."""
        if data.files.is_file(source):
            return str(Path(source).expanduser().stat().st_mtime_ns)
        versions = store.at(self._settings).versions(source, "1d")
        return versions[-1].snapshot if versions else ""
