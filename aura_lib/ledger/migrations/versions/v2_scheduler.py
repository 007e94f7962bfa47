"""Version 2: from when on a job's slots count, and whose outputs are gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Make two tables."""
    op.create_table(
        "watches", sa.Column("job", sa.String, primary_key=True), sa.Column("since", sa.String, nullable=False)
    )
    op.create_table(
        "removed", sa.Column("run", sa.String, primary_key=True), sa.Column("at", sa.String, nullable=False)
    )
