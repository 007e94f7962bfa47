"""The venue's own memory on disk: what it knows survives its process, whole after every request."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aura_lib.core import canonical

_TABLES = """
CREATE TABLE IF NOT EXISTS venue (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, client_order_id TEXT UNIQUE NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS working (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS activities (n INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS equity (minute INTEGER PRIMARY KEY, value TEXT NOT NULL);
"""


class Files:
    """A SQLite file (or memory, when there is no path)."""

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False)
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_TABLES}")

    def state(self) -> Any:
        """What was kept last, or None."""
        row = self._database.execute("SELECT state FROM venue").fetchone()
        return None if row is None else json.loads(row[0])

    def orders(self) -> list[Any]:
        """Every order."""
        return [json.loads(body) for (body,) in self._database.execute("SELECT body FROM orders")]

    def working(self) -> list[Any]:
        """The open orders of the engine."""
        return [json.loads(body) for (body,) in self._database.execute("SELECT body FROM working")]

    def activities(self) -> list[Any]:
        """Every activity, in order."""
        return [json.loads(body) for (body,) in self._database.execute("SELECT body FROM activities ORDER BY n")]

    def equity(self) -> dict[int, str]:
        """Minute (seconds since 1970) → equity."""
        return dict(self._database.execute("SELECT minute, value FROM equity ORDER BY minute").fetchall())

    def keep(
        self,
        state: Mapping[str, Any],
        orders: Iterable[tuple[str, str, Mapping[str, Any]]],
        activities: Iterable[tuple[int, Mapping[str, Any]]],
        equity: Mapping[int, str],
        working: Mapping[str, Mapping[str, Any] | None],
    ) -> None:
        """Write down what changed, all of it or nothing; of the engine's open orders None for one that is gone."""
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        try:
            run("INSERT OR REPLACE INTO venue VALUES (1, ?)", (canonical(state),))
            for row in orders:
                run("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", (row[0], row[1], canonical(row[2])))
            for n, body in activities:
                run("INSERT OR REPLACE INTO activities VALUES (?, ?)", (n, canonical(body)))
            for name, told in working.items():
                if told is None:
                    run("DELETE FROM working WHERE name = ?", (name,))
                else:
                    run("INSERT OR REPLACE INTO working VALUES (?, ?)", (name, canonical(told)))
            for minute, value in equity.items():
                run("INSERT OR REPLACE INTO equity VALUES (?, ?)", (minute, value))
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file."""
        self._database.close()
