"""Version 3: the first that PostgreSQL has, and that Alembic's own table knows (Alembic makes it)."""

from __future__ import annotations

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Nothing of ours changes."""
