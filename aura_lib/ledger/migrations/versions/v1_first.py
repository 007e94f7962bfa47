"""Version 1: the journal, the inbox and control, as they first landed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

KEY, TEXT, NUMBER, SECONDS = sa.String(), sa.Text(), sa.Integer(), sa.Float()


def _named(text: str, kind: Any, **options: Any) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, **options) for name in text.split()]


def upgrade() -> None:
    """Make the tables."""
    must = {"nullable": False}
    op.create_table("meta", sa.Column("key", KEY, primary_key=True), sa.Column("value", KEY))
    op.create_table(
        "journal",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("chain", KEY, nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        *_named("time kind", KEY, **must),
        sa.Column("key", KEY),
        sa.Column("body", TEXT, nullable=False),
        *_named("prev hash", KEY, **must),
        sa.UniqueConstraint("chain", "n"),
        sa.UniqueConstraint("chain", "key"),
    )
    op.create_index("journal_kind", "journal", ["chain", "kind"])
    op.create_table(
        "heads",
        sa.Column("chain", KEY, primary_key=True),
        sa.Column("n", NUMBER, nullable=False),
        sa.Column("hash", KEY, nullable=False),
    )
    op.create_table(
        "baskets",
        sa.Column("n", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", KEY, nullable=False, unique=True),
        sa.Column("account", KEY, nullable=False),
        *_named("token time", KEY, **must),
        sa.Column("body", TEXT, nullable=False),
    )
    op.create_index("ix_baskets_account", "baskets", ["account"])
    op.create_table(
        "requests",
        sa.Column("n", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("key", KEY, nullable=False, unique=True),
        *_named("account kind", KEY, **must),
        sa.Column("body", TEXT, nullable=False),
    )
    op.create_index("ix_requests_account", "requests", ["account"])
    op.create_table(
        "leases",
        sa.Column("account", KEY, primary_key=True),
        sa.Column("holder", KEY, nullable=False),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("expires", SECONDS, nullable=False),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", KEY, primary_key=True),
        sa.Column("holder", KEY, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("note", KEY, nullable=False),
    )
    op.create_table("clocks", sa.Column("account", KEY, primary_key=True), *_named("target done", KEY, **must))
    op.create_table(
        "slots",
        *_named("job slot", KEY, primary_key=True),
        sa.Column("run", KEY, nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        *_named("holder status", KEY, **must),
        sa.Column("at", SECONDS, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("hash", KEY, primary_key=True),
        *_named("run origin slot account book binding", KEY, **must),
        sa.Column("expires", SECONDS, nullable=False),
    )
    op.create_table(
        "switches",
        sa.Column("scope", KEY, primary_key=True),
        sa.Column("halted", sa.Boolean(), nullable=False),
        sa.Column("reason", KEY, nullable=False),
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER IF NOT EXISTS journal_no_{verb.lower()} BEFORE {verb} ON journal "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
