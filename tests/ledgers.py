"""Each kind of database that a ledger may live in: a test that takes `ledger_url` runs once on each."""

from __future__ import annotations

from pathlib import Path

import pytest

KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("database")
    return url
